"""A pipeline: its parts in order, documents through it as a stream, and a document that fails.

Modules: pipeline.assembly, pipeline.built, pipeline.config, pipeline.loading, pipeline.order,
    pipeline.pipeline, pipeline.profiling, pipeline.questions, pipeline.representations,
    pipeline.running, pipeline.saving
"""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from helpers.strategies import hostile_text
from helpers.tiny import gold, learn, recipe, ten
from hypothesis import given, settings
from hypothesis import strategies as st

import pipekit
from pipekit import Batch, Doc, Pipeline, registry
from pipekit.errors import (
    ConfigError,
    CorruptModelError,
    DocError,
    PipekitError,
    PluginMissingError,
    ProcessingError,
    UnknownComponentError,
    UnknownNameError,
)
from pipekit.parts.protocols import Segments
from pipekit.storage import store

HOSTILE_NAMES = [
    "..",
    "../a",
    "/abs",
    "a/b",
    "C:\\a",
    "a\x00b",
    "x" * 300,
    "CON",
    "nul.txt",
    "имя",
    "\u202ea",
]


class Mark:
    """Writes a token column; fails on a word."""

    requires: ClassVar[tuple[str, ...]] = ()

    def __init__(self, column: str = "mark", poison: str = "яд", reads: str = "") -> None:
        self.assigns = (column,)
        self.poison = poison
        self.requires = (reads,) if reads else ()

    def __call__(self, batch: Batch) -> None:
        for doc in batch.docs:
            if self.poison in doc.words:
                raise ValueError(f"cannot digest {self.poison!r}")
            doc.tokens.set(self.assigns[0], np.arange(len(doc)))


@pytest.fixture(scope="module", autouse=True)
def mark() -> Iterator[None]:
    registry.components.register("mark", Mark)
    yield
    registry.components.unregister("mark")


@pytest.fixture
def nlp() -> Pipeline:
    made = pipekit.blank("ru")
    made.add_pipe("mark")
    return made


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return learn(recipe({"type": "bilstm", "width": 32}), tmp_path_factory.mktemp("run"))


def marks(doc: Doc) -> list[Any]:
    return [token.get("mark") for token in doc]


def said(doc: Doc) -> list[tuple[str, Any, Any]]:
    return [(token.text, token.pos, token.lemma) for token in doc]


# -- parts


def test_a_blank_pipeline_has_a_tokenizer_and_nothing_else() -> None:
    nlp = pipekit.blank("ru")
    assert (nlp.pipe_names, nlp.lang, repr(nlp)) == ([], "ru", "<Pipeline blank ru: no components>")
    assert nlp("Мама мыла. Ура!").words == ["Мама", "мыла", ".", "Ура", "!"]


def test_a_language_that_is_not_there_is_an_error_that_lists_those_that_are() -> None:
    with pytest.raises(UnknownNameError, match=r"no tokenizer is called 'xx'.* Known: .*ru"):
        pipekit.blank("xx")


def test_components_stand_in_the_order_in_which_they_were_asked_for() -> None:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("mark", name="b")
    nlp.add_pipe("mark", name="d", column="d")
    nlp.add_pipe("mark", name="a", before="b", column="a")
    nlp.add_pipe("mark", name="c", after="b", column="c")
    assert nlp.pipe_names == ["a", "b", "c", "d"] == list(nlp.config["components"])
    assert nlp.config["components"]["c"] == {"type": "mark", "column": "c"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"type": "mark"}, "there is a component 'mark' already"),
        (
            {"type": "mark", "name": "a", "before": "nark"},
            r"no component 'nark'. Did you mean 'mark'\?",
        ),
        ({"type": "mark", "name": "a", "after": "x"}, "no component 'x'. Known: mark"),
        ({"type": "mark", "name": "a", "before": "mark", "after": "mark"}, "not both"),
        (
            {"type": "mark", "name": "a", "colum": "x"},
            r"\[components.a\] \(type 'mark'\) takes no 'colum'. Did you mean 'column'\?",
        ),
        (
            {"type": "tagger"},
            r"\[components.tagger\] \(type 'tagger'\) needs 'encoder'. It takes: encoder, tags",
        ),
        ({"type": "tagger", "encoder": "mian"}, "reads the encoder 'mian'"),
        (
            {"type": "mark", "name": "a", "reads": "lemma"},
            "'a' reads 'lemma', which nothing before it writes",
        ),
    ],
)
def test_a_component_that_cannot_be_added_is_an_error_and_leaves_no_trace(
    nlp: Pipeline, arguments: dict[str, Any], message: str
) -> None:
    before = nlp.config
    with pytest.raises(ConfigError, match=message):
        nlp.add_pipe(**arguments)
    assert (nlp.pipe_names, nlp.config) == (["mark"], before)


def test_an_unknown_component_is_told_what_is_near(nlp: Pipeline) -> None:
    with pytest.raises(UnknownComponentError, match=r"Did you mean 'tagger'\?"):
        nlp.add_pipe("tager")


def test_a_reader_must_stand_after_its_writer(nlp: Pipeline) -> None:
    nlp.add_pipe("mark", name="reader", column="x", reads="mark")
    assert nlp.pipe_names == ["mark", "reader"]
    with pytest.raises(
        ConfigError,
        match="'early' reads 'x', which nothing before it writes: put it after 'reader'",
    ):
        nlp.add_pipe("mark", name="early", column="y", reads="x", before="reader")
    nlp.add_pipe("mark", name="by sentences".replace(" ", "_"), column="z", reads="sents")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lagn": "ru"}, r"no 'lagn'. Did you mean 'lang'\?"),
        ({"encoders": {"main": {"width": 8}}}, r"\[encoders.main\] needs a type"),
        (
            {"encoders": {"main": {"type": "gru", "name": "x"}}},
            r"\[encoders.main\] \(type 'gru'\) takes no 'name'",
        ),
        ({"components": {"a": {}}}, r"\[components.a\] needs a type"),
        ({"tokenizer": {"type": "ru", "x": 1}}, r"\[tokenizer\] \(type 'ru'\) takes no 'x'"),
    ],
)
def test_a_config_that_does_not_fit_is_an_error_with_the_place(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Pipeline(config)


def test_two_encoders_cannot_have_one_name() -> None:
    nlp = pipekit.blank("ru")
    nlp.add_encoder("main", "gru", width=8)
    with pytest.raises(ConfigError, match="there is an encoder 'main' already"):
        nlp.add_encoder("main", "bilstm", width=8)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_could_be_a_path_is_refused_when_it_is_added_and_when_it_is_loaded(
    name: str,
) -> None:
    nlp = pipekit.blank("ru")
    for add in (lambda: nlp.add_pipe("mark", name=name), lambda: nlp.add_encoder(name, "gru")):
        with pytest.raises(ConfigError, match="cannot name"):
            add()
    with pytest.raises(ConfigError):
        nlp.add_pipe(name)
    for kind, part in (("components", {"type": "mark"}), ("encoders", {"type": "gru", "width": 8})):
        config = {
            "lang": "ru",
            "tokenizer": {"type": "ru"},
            "encoders": {},
            "components": {},
            kind: {name: part},
        }
        with pytest.raises(ConfigError, match="cannot name"):
            pipekit.from_bytes(store.to_bytes({"config": config}, {}))


def test_a_view_with_fewer_components_shares_the_weights_and_leaves_the_whole_as_it_is(
    tagger: Pipeline,
) -> None:
    config = tagger.config
    view = tagger.select_pipes(disable=["tagger"])
    assert view.pipe_names == []
    assert view.encoders["main"] is tagger.encoders["main"]
    view.add_pipe("mark")
    view.add_encoder("other", "gru", width=8)
    view.with_precision("bfloat16")
    assert (tagger.pipe_names, tagger.config, list(tagger.encoders), tagger.precision) == (
        ["tagger"],
        config,
        ["main"],
        "float32",
    )
    assert view("Мама")[0].pos is None
    assert tagger("Мама")[0].pos == "NOUN"


def test_a_view_may_name_what_it_wants_or_what_it_does_not() -> None:
    nlp = pipekit.blank("ru")
    for name in "abc":
        nlp.add_pipe("mark", name=name, column=name)
    assert nlp.select_pipes(enable=["c", "a"]).pipe_names == ["a", "c"]
    assert nlp.select_pipes(enable=["a", "c"], disable=["c"]).pipe_names == ["a"]
    with pytest.raises(ConfigError, match=r"no component 'd'. Known: a, b, c"):
        nlp.select_pipes(disable=["d"])


@pytest.fixture(scope="module")
def chain() -> Pipeline:
    """Components that read each other: a, then b of a, c of b, and d of none."""
    made = pipekit.blank("ru")
    for name, reads in (("a", ""), ("b", "a"), ("c", "b"), ("d", "")):
        made.add_pipe("mark", name=name, column=name, reads=reads)
    return made


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"disable": ["a"]}, r"'b' reads 'a', which 'a' writes .*disable=['a', 'b', 'c'], or keep"),
        ({"disable": "b"}, r"'c' reads 'b', which 'b' writes .*disable=['b', 'c'], or keep"),
        ({"disable": ("d", "b")}, "disable=['b', 'c', 'd']"),
        ({"enable": ["c", "d"]}, "'c' reads 'b', which 'b' writes .*enable=['a', 'b', 'c', 'd']"),
        ({"enable": "b"}, "enable=['a', 'b']"),
        ({"enable": ["a", "b"], "disable": ["a"]}, "disable=['a', 'b']"),
    ],
)
def test_what_stays_or_goes_together_is_told_at_once(
    chain: Pipeline, selection: dict[str, Any], message: str
) -> None:
    message = message.replace("[", r"\[").replace("]", r"\]")
    words = {"enable": "include", "disable": "exclude"}
    of_load = {words[key]: value for key, value in selection.items()}
    with pytest.raises(ConfigError, match=message):
        chain.select_pipes(**selection)
    for word, other in words.items():
        message = message.replace(word, other)
    with pytest.raises(ConfigError, match=message):
        pipekit.from_bytes(chain.to_bytes(), **of_load)


def test_the_cure_that_is_told_works(chain: Pipeline) -> None:
    assert chain.select_pipes(disable=["a", "b", "c"]).pipe_names == ["d"]
    assert chain.select_pipes(enable=["a", "b"]).pipe_names == ["a", "b"]
    assert chain.select_pipes(disable="d").pipe_names == ["a", "b", "c"]
    assert pipekit.from_bytes(chain.to_bytes(), include="a").pipe_names == ["a"]


def test_a_view_may_read_what_the_documents_bring(chain: Pipeline) -> None:
    view = chain.select_pipes(disable=["a"], given=["a"])
    doc = Doc(words=["Мама"])
    with pytest.raises(ProcessingError, match="needs Docs that bring the layer 'a'"):
        view(doc)
    doc.tokens.set("a", [7])
    view(doc)
    assert [doc[0].get(name) for name in "abcd"] == [7, 0, 0, 0]
    assert chain.given == ()


@pytest.mark.parametrize(
    ("device", "message"), [("gpu", "use cpu, cuda"), ("cuda", "cannot be used|^$")]
)
def test_a_device_that_is_not_there_is_an_error_with_the_reason(device: str, message: str) -> None:
    import torch

    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match=message):
        pipekit.blank("ru").to(device)


def test_an_unknown_precision_is_told_what_is_near(nlp: Pipeline) -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'bfloat16'\?"):
        nlp.with_precision("bfloat")


# -- what is put there beside the config


class Spaced:
    """A tokenizer that cuts at single spaces."""

    def segment(self, texts: Sequence[str]) -> list[Segments]:
        return [self._of(text) for text in texts]

    def _of(self, text: str) -> Segments:
        pieces = text.split(" ")
        lengths = np.array([len(piece) for piece in pieces])
        ends = np.cumsum(lengths + 1) - 1
        return Segments(ends - lengths, ends, np.arange(len(ends)) == 0)


@pytest.mark.parametrize(
    ("change", "cure"),
    [
        (lambda nlp: setattr(nlp, "tokenizer", Spaced()), r"nlp\.set_tokenizer\(\"mine\"\)"),
        (lambda nlp: setattr(nlp, "components", {}), "nlp.add_pipe"),
        (lambda nlp: nlp.components.update(mine=Mark()), "nlp.add_pipe"),
        (lambda nlp: nlp.components.pop("mark"), "nlp.select_pipes"),
        (lambda nlp: nlp.components.clear(), "nlp.select_pipes"),
        (lambda nlp: nlp.components.__delitem__("mark"), "nlp.select_pipes"),
        (lambda nlp: nlp.components.__ior__({"mine": Mark()}), "nlp.add_pipe"),
        (lambda nlp: nlp.encoders.setdefault("main", None), "nlp.add_encoder"),
        (lambda nlp: setattr(nlp, "encoders", {}), "nlp.add_encoder"),
        (lambda nlp: setattr(nlp, "configs", {}), "nlp.add_pipe"),
        (lambda nlp: setattr(nlp, "tokenizer_config", {}), "nlp.set_tokenizer"),
    ],
)
def test_a_part_that_the_config_does_not_know_is_refused(
    nlp: Pipeline, change: Callable[[Pipeline], object], cure: str
) -> None:
    before = nlp.to_bytes()
    for each in (nlp, nlp.select_pipes()):
        with pytest.raises(ConfigError, match=f"is built from the pipeline's config.*{cure}"):
            change(each)
    assert (nlp.to_bytes(), nlp.pipe_names) == (before, ["mark"])


def test_a_tokenizer_that_is_taken_instead_is_in_the_file_too(nlp: Pipeline) -> None:
    registry.tokenizers.register("spaced", Spaced)
    try:
        nlp.set_tokenizer("spaced")
        again = pipekit.from_bytes(nlp.to_bytes())
    finally:
        registry.tokenizers.unregister("spaced")
    for each in (nlp, again):
        assert each("Мама мыла раму.").words == ["Мама", "мыла", "раму."]
    with pytest.raises(ConfigError, match="no tokenizer is called 'nosuch'"):
        nlp.set_tokenizer("nosuch")
    assert nlp("Ура!").words == ["Ура!"]


# -- documents


@pytest.mark.parametrize(
    "text", ["", " ", "\n\t ", "а", ".", "\x00", "\u0301", "😂", "\ufeff", "\r\n", "\u200b"]
)
def test_the_shortest_texts_are_documents(tagger: Pipeline, text: str) -> None:
    doc = tagger(text)
    assert doc.text == "".join(token.text_with_ws for token in doc) == text
    assert all(token.pos is None if token.is_space else token.pos for token in doc)
    assert Doc.from_bytes(doc.to_bytes()).text == text


@given(text=hostile_text())
def test_any_text_goes_through_and_can_be_saved(tagger: Pipeline, text: str) -> None:
    doc = tagger(text)
    assert len(doc.text) == len(text)
    assert Doc.from_bytes(doc.to_bytes()).words == doc.words
    assert Doc.from_dict(doc.to_dict()).words == doc.words
    doc.text.encode("utf-8")


def test_lone_surrogates_become_replacement_characters(nlp: Pipeline) -> None:
    assert nlp("a\ud800b \udfff").text == "a\ufffdb \ufffd"


@pytest.mark.parametrize("given", [5, None, b"bytes", ["a"], object()])
def test_what_is_no_text_is_an_error_that_names_its_type_and_place(
    nlp: Pipeline, given: object
) -> None:
    with pytest.raises(
        ProcessingError, match=rf"document 0 is of type {type(given).__name__}: give texts or Docs"
    ):
        nlp(given)
    docs: list[Any] = list(nlp.pipe(["раз", given, "три"], on_error="record"))
    assert [doc.text for doc in docs] == ["раз", "", "три"]
    assert "document 1 is of type" in docs[1].error


@pytest.mark.parametrize("given", ["Мама", Doc(words=["Мама"])])
def test_one_text_is_not_taken_for_many(nlp: Pipeline, given: Any) -> None:
    with pytest.raises(ConfigError, match=r"call nlp\(text\)"):
        nlp.pipe(given)


def test_given_tokens_are_kept(nlp: Pipeline) -> None:
    given = Doc(words=["Мама мыла", "ра", "му"], spaces=[True, False, False])
    assert nlp(given) is given
    assert given.words == ["Мама мыла", "ра", "му"]
    assert marks(given) == [0, 1, 2]


def test_what_is_there_already_is_not_replaced_unless_one_says_so(nlp: Pipeline) -> None:
    doc = nlp("Мама мыла раму")
    doc.tokens.set("mark", [7, 7, 7])
    with pytest.raises(
        DocError,
        match=r"document 1 has 'mark' already, which 'mark' would replace: pass overwrite=True",
    ):
        list(nlp.pipe(["раз", doc]))
    assert marks(doc) == [7, 7, 7]
    assert marks(nlp(doc.copy(bare=True))) == [0, 1, 2]
    assert marks(nlp(doc, overwrite=True)) == [0, 1, 2]


def texts(count: int) -> list[str]:
    return [f"Текст номер {i}, " + "слово " * (i % 5) + "." for i in range(count)]


def test_documents_leave_in_the_order_in_which_they_came(nlp: Pipeline) -> None:
    for words in (1, 10, 100_000):
        assert [doc.text for doc in nlp.pipe(texts(60), batch_words=words)] == texts(60)


def test_contexts_travel_with_their_documents(nlp: Pipeline) -> None:
    pairs = [(text, {"id": i}) for i, text in enumerate(texts(30))]
    found = list(nlp.pipe(iter(pairs), as_tuples=True, batch_words=20))
    assert [(doc.text, context) for doc, context in found] == pairs


def test_a_generator_is_read_as_documents_are_asked_for(nlp: Pipeline) -> None:
    read: list[int] = []

    def stream() -> Iterator[str]:
        for i in range(10_000):
            read.append(i)
            yield f"Текст {i}"

    docs = nlp.pipe(stream(), batch_words=50)
    assert read == []
    assert [next(docs).text for _ in range(3)] == ["Текст 0", "Текст 1", "Текст 2"]
    assert len(read) < 100


@pytest.mark.parametrize("batch_words", [0, -5])
def test_a_batch_of_no_words_is_refused(nlp: Pipeline, batch_words: int) -> None:
    with pytest.raises(ConfigError, match=f"batch_words is {batch_words}.* at least 1"):
        nlp.pipe(["а"], batch_words=batch_words)


@pytest.mark.parametrize("words", [1, 7, 256, 8192])
def test_the_size_of_a_batch_makes_no_difference(tagger: Pipeline, words: int) -> None:
    sentences = [doc.copy(bare=True) for doc in ten() * 3]
    alone = [said(tagger(doc.copy())) for doc in sentences]
    assert [said(doc) for doc in tagger.pipe(sentences, batch_words=words)] == alone


def test_a_list_and_a_stream_give_the_same(tagger: Pipeline) -> None:
    listed = [doc.text for doc in ten()]
    assert [said(doc) for doc in tagger.pipe(listed)] == [
        said(doc) for doc in tagger.pipe(text for text in listed)
    ]


def test_a_long_document_is_what_its_sentences_are_alone(
    tagger: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipekit.pipeline.running.CHUNK_WORDS", 12)
    sentences = [doc.text for doc in ten()] * 5
    whole = tagger(" ".join(sentences))
    alone = [token for sentence in sentences for token in said(tagger(sentence))]
    assert said(whole) == alone
    assert [span.text for span in whole.sents or ()] == sentences


def test_a_document_without_sentences_is_cut_all_the_same(
    nlp: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipekit.pipeline.running.CHUNK_WORDS", 30)
    doc = Doc(words=["слово"] * 100)
    assert nlp(doc) is doc
    assert marks(doc) == [*range(30), *range(30), *range(30), *range(10)]


def test_threads_may_share_a_pipeline(tagger: Pipeline) -> None:
    def run(_: int) -> list[Any]:
        return [said(doc) for doc in tagger.pipe([doc.text for doc in ten()] * 3, batch_words=40)]

    expected = run(0)
    with ThreadPoolExecutor(4) as pool:
        assert all(found == expected for found in pool.map(run, range(8)))


def spoiled(text: str) -> list[str]:
    """The text in other spellings that read alike."""
    hyphenated = " ".join(
        word[:2] + "\u00ad" + word[2:] if len(word) > 4 else word for word in text.split(" ")
    )
    stressed = (
        text.replace("ама", "а\u0301ма")
        .replace("ниг", "ни\u0301г")
        .replace("спит", "спи\u0301т")
        .replace("брат", "бра\u0301т")
    )
    return [unicodedata.normalize("NFD", text), hyphenated, stressed, text.replace("ё", "е")]


def test_spellings_that_read_alike_have_the_same_tags_and_lemmas(tagger: Pipeline) -> None:
    for doc in ten():
        expected = [said[1:] for said in said(tagger(doc.text))]
        for text in spoiled(unicodedata.normalize("NFC", doc.text)):
            found = tagger(text)
            assert [said[1:] for said in said(found)] == expected
            assert found.text == text


# -- errors


def test_an_error_names_the_document_the_component_and_the_reason(nlp: Pipeline) -> None:
    named = Doc(words=["тут", "яд"])
    named.name = "a.txt"
    with pytest.raises(ProcessingError) as caught:
        list(nlp.pipe(["раз", "два", named, "три"]))
    assert (
        str(caught.value)
        == "document 2 (a.txt), 'тут яд': mark failed: ValueError: cannot digest 'яд'"
    )
    assert (caught.value.document, caught.value.component) == (2, "mark")
    assert isinstance(caught.value.__cause__, ValueError)
    assert not named.has_annotation("mark")


def test_documents_before_the_one_that_fails_have_left_by_then(nlp: Pipeline) -> None:
    stream = nlp.pipe(["раз", "два", "яд", "три"])
    assert [next(stream).text, next(stream).text] == ["раз", "два"]
    with pytest.raises(ProcessingError, match="document 2"):
        next(stream)


@settings(max_examples=20)
@given(bad=st.sets(st.integers(0, 39)), words=st.sampled_from([1, 9, 50, 1000]))
def test_a_document_that_fails_costs_its_neighbours_nothing(bad: set[int], words: int) -> None:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("mark")
    given = [f"{text} яд" if i in bad else text for i, text in enumerate(texts(40))]
    docs: list[Any] = list(nlp.pipe(given, on_error="record", batch_words=words))
    assert [doc.text for doc in docs] == given
    assert {i for i, doc in enumerate(docs) if doc.error} == bad
    for i, doc in enumerate(docs):
        assert doc.words == nlp.tokenize([given[i]])[0].words
        assert doc.has_annotation("mark") == (i not in bad)
        assert i not in bad or doc.error.startswith(f"document {i}, ")
    skipped: list[Any] = list(
        nlp.pipe(
            ((text, i) for i, text in enumerate(given)),
            as_tuples=True,
            on_error="skip",
            batch_words=words,
        )
    )
    assert [i for _, i in skipped] == sorted(set(range(40)) - bad)


def test_an_unknown_way_with_errors_is_refused_at_once(nlp: Pipeline) -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'record'\?"):
        nlp.pipe([], on_error="recrod")


def test_an_error_of_the_stream_itself_goes_through(nlp: Pipeline) -> None:
    def stream() -> Iterator[str]:
        yield "раз"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(nlp.pipe(stream(), on_error="skip"))


# -- files


def test_what_is_saved_and_loaded_says_the_same(tagger: Pipeline, tmp_path: Path) -> None:
    tagger.to_disk(tmp_path / "a.pipekit")
    for again in (
        pipekit.load(tmp_path / "a.pipekit", device="cpu"),
        pipekit.load(tmp_path, device="cpu"),
    ):
        again.with_precision("float32")
        assert (again.config, again.meta, again.lang) == (tagger.config, tagger.meta, tagger.lang)
        bare = [doc.copy(bare=True) for doc in ten()]
        assert gold([again(doc) for doc in bare]) == gold(
            [tagger(doc.copy(bare=True)) for doc in bare]
        )


def test_a_pool_of_processes_takes_a_pipeline_and_gives_docs(tagger: Pipeline) -> None:
    texts = ["Мама мыла раму.", "Папа спал.", ""]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        docs = [pool.submit(tagger, text) for text in texts]
        answers = [doc.result(timeout=120) for doc in docs]
    assert [doc.to_bytes() for doc in answers] == [tagger(text).to_bytes() for text in texts]


def test_a_pickled_pipeline_is_what_it_was(tagger: Pipeline) -> None:
    data = pickle.dumps(tagger)
    assert len(data) < len(tagger.to_bytes()) + 1_000
    twins = [pickle.loads(data), pickle.loads(data), copy.deepcopy(tagger), copy.copy(tagger)]
    for twin in twins:
        assert type(twin) is Pipeline
        assert (twin.to_bytes(), twin.precision) == (tagger.to_bytes(), tagger.precision)
    one, other, deep, shallow = (twin.encoders["main"] for twin in twins)
    assert one is other and shallow is tagger.encoders["main"]
    assert len({id(part) for part in (one, deep, shallow)}) == 3
    twins[0].add_pipe("mark")
    assert [twin.pipe_names for twin in twins[1:]] == [["tagger"]] * 3


def test_a_pickled_view_is_the_view(tagger: Pipeline) -> None:
    view = tagger.select_pipes(disable=["tagger"]).with_precision("bfloat16")
    twin = pickle.loads(pickle.dumps(view))
    assert (twin.pipe_names, twin.precision) == ([], "bfloat16")


def test_saving_twice_gives_the_same_bytes(tagger: Pipeline) -> None:
    assert (
        tagger.to_bytes() == tagger.to_bytes() == pipekit.from_bytes(tagger.to_bytes()).to_bytes()
    )


def test_components_may_be_left_out_and_encoders_that_no_one_reads_go_with_them(
    tagger: Pipeline,
) -> None:
    nlp = pipekit.from_bytes(tagger.to_bytes())
    nlp.add_pipe("mark", name="first", before="tagger")
    data = nlp.to_bytes()
    for chosen in ({"exclude": ["tagger"]}, {"include": ["first"]}):
        found = pipekit.from_bytes(data, **chosen)
        assert (found.pipe_names, list(found.encoders)) == (["first"], [])
    found = pipekit.from_bytes(data, exclude=["first"])
    assert (found.pipe_names, list(found.encoders)) == (["tagger"], ["main"])
    with pytest.raises(ConfigError, match=r"no component 'tager'. Did you mean 'tagger'\?"):
        pipekit.from_bytes(data, exclude=["tager"])


@pytest.mark.parametrize("kind", [str, list, tuple, iter])
def test_one_name_is_a_name_and_not_its_letters(kind: Any) -> None:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("mark")
    nlp.add_pipe("mark", name="other", column="y")
    data = nlp.to_bytes()

    def mark() -> Any:
        return "mark" if kind is str else kind(["mark"])

    assert pipekit.from_bytes(data, include=mark()).pipe_names == ["mark"]
    assert pipekit.from_bytes(data, exclude=mark()).pipe_names == ["other"]
    assert nlp.select_pipes(enable=mark()).pipe_names == ["mark"]
    assert nlp.select_pipes(disable=mark()).pipe_names == ["other"]


@pytest.mark.parametrize("names", [3, [3], [None], [["mark"]]])
def test_what_is_no_name_is_refused(names: Any) -> None:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("mark")
    data = nlp.to_bytes()
    with pytest.raises(ConfigError, match=r"^these bytes: include = .* a name or a list of names"):
        pipekit.from_bytes(data, include=names)
    with pytest.raises(ConfigError, match=r"^disable = .* a name or a list of names is needed"):
        nlp.select_pipes(disable=names)


@pytest.mark.parametrize("name", [None, 3, b"ru_core", ""])
def test_a_pipeline_is_loaded_by_a_name_or_a_path(name: Any) -> None:
    with pytest.raises(ConfigError, match=r"^a pipeline is loaded by its name or the path of its"):
        pipekit.load(name)


def test_leaving_out_what_another_reads_is_refused() -> None:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("mark")
    nlp.add_pipe("mark", name="reader", column="x", reads="mark")
    with pytest.raises(ConfigError, match="'reader' reads 'mark', which 'mark' writes"):
        pipekit.from_bytes(nlp.to_bytes(), exclude=["mark"])


@pytest.mark.parametrize("name", ["nosuch", "no/such.pipekit", "ru_kore"])
def test_what_is_not_there_cannot_be_loaded(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"no such file or folder|no pipeline is called"):
        pipekit.load(name)


CONFIG: dict[str, Any] = {
    "lang": "ru",
    "tokenizer": {"type": "ru"},
    "encoders": {},
    "components": {},
}


@pytest.mark.parametrize(
    ("header", "tensors"),
    [
        ({}, []),
        ({"config": []}, []),
        ({"config": {**CONFIG, "encoders": []}}, []),
        ({"config": {**CONFIG, "components": {"a": "mark"}}}, []),
        ({"config": {**CONFIG, "components": {"a": {"type": 5}}}}, []),
        ({"config": CONFIG, "meta": "x"}, []),
        ({"config": CONFIG, "suppliers": ["x"]}, []),
        ({"config": CONFIG, "same": ["x"]}, []),
        ({"config": CONFIG}, ["a"]),
        ({"config": CONFIG}, ["components/a"]),
        ({"config": CONFIG, "same": {"b": "components/a/tables/x"}}, ["components/a/tables/x"]),
        ({"config": {**CONFIG, "components": {"a": {"type": "mark"}}}}, ["components/a/weights/x"]),
        ({"config": {**CONFIG, "encoders": {"a": {"type": "gru", "width": 8}}}}, []),
    ],
)
def test_a_file_that_holds_no_pipeline_is_told_as_such(
    header: dict[str, Any], tensors: list[str]
) -> None:
    data = store.to_bytes(header, {name: np.zeros(1, np.float32) for name in tensors})
    with pytest.raises(CorruptModelError, match="these bytes: "):
        pipekit.from_bytes(data)


@pytest.mark.parametrize(
    "type",
    [
        "os.system",
        "pipekit.components.tagger.tagger:Tagger",
        "evil.tagger",
        "../x",
        "builtins.eval",
        "nosuch",
    ],
)
def test_a_file_builds_nothing_but_what_installed_packages_bring(type: str) -> None:
    config = {**CONFIG, "components": {"a": {"type": type}}}
    with pytest.raises(PluginMissingError, match="which evil brought"):
        pipekit.from_bytes(
            store.to_bytes({"config": config, "suppliers": {f"components {type}": "evil"}}, {})
        )


@pytest.mark.parametrize("part", ["components", "encoders", "tokenizer"])
def test_a_module_that_a_file_names_is_not_imported(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "decoy.py").write_text("class Part: ...", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("decoy.Part", "decoy:Part", "decoy"):
        settings: dict[str, Any] = {"type": name}
        config = {**CONFIG, part: settings if part == "tokenizer" else {"a": settings}}
        store.save(tmp_path / "m.pipekit", {"config": config, "suppliers": {}}, {})
        with pytest.raises(PipekitError):
            pipekit.load(tmp_path / "m.pipekit")
        assert "decoy" not in sys.modules
