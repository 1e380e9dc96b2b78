"""Learning from raw text: pieces on disk, the order of reading, a loop that can be stopped.

Modules: pretraining.loop, pretraining.recipe, pretraining.shards
"""

from __future__ import annotations

import lzma
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import srsly
import torch
from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import Pipeline
from pipekit.cli import main
from pipekit.encoders.bert.encoder import Bert
from pipekit.encoders.causal import Causal
from pipekit.errors import ConfigError, DataError, ProcessingError
from pipekit.pretraining import loop
from pipekit.pretraining.recipe import PretrainingRecipe, read_pretraining_recipe
from pipekit.pretraining.shards import LINE, NUMBER, SENTENCE, WORD, Corpus, TextSource, cut
from pipekit.storage import store
from pipekit.subwords.cutter import Subwords
from pipekit.subwords.learning import learn_subwords, text_of
from pipekit.words.chars import from_strings, normalize
from pipekit.words.lexicon import short

LINES = [
    "Мама мыла раму. Кот ел рыбу!",
    "Пил ли чай человек, что жил в доме?",
    "",
    "Кот спал. Мама пела.",
]
NLP = Pipeline({"lang": "ru"})


@pytest.fixture(scope="module")
def subwords() -> Subwords:
    return learn_subwords(map(text_of, NLP.tokenize(LINES * 3)), "wordpiece", 60)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "proza.txt.xz"
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(LINES * 60))
    return path


@pytest.fixture
def recipe(tmp_path: Path, text: Path, subwords: Subwords) -> Path:
    (tmp_path / "subwords.json").write_bytes(subwords.table.tobytes())
    path = tmp_path / "small.toml"
    path.write_text(
        """
[pretraining]
steps = 12
rows = 4
length = 16
learning_rate = 3e-3
evaluate_every = 5

[objectives.masked]
share = 0.3

[encoder]
type = "bert"
subwords = "subwords.json"
network = { width = 16, layers = 2, heads = 2, positions = 16 }

[[text]]
path = "proza*.txt.xz"
""",
        encoding="utf-8",
    )
    return path


def bert(subwords: Subwords) -> Bert:
    return Bert(network={"width": 16, "layers": 1, "heads": 2}, tables={"subwords": subwords.table})


def changed(recipe: Path, *overrides: str) -> PretrainingRecipe:
    return read_pretraining_recipe(recipe, overrides)


def test_the_pieces_on_disk_spell_the_text_and_tell_where_words_sentences_and_lines_begin(
    text: Path, subwords: Subwords, tmp_path: Path
) -> None:
    pieces = cut(text, bert(subwords), NLP.tokenize, tmp_path / "pieces")
    docs = NLP.tokenize([line for line in LINES * 60 if line])
    spelled = "".join(subwords.spell((pieces & NUMBER).tolist())).replace("##", "")
    assert spelled == "".join(word for doc in docs for word in doc.words)
    assert (pieces & WORD > 0).sum() == sum(map(len, docs))
    assert (pieces & SENTENCE > 0).sum() == sum(len(list(doc.sents)) for doc in docs)
    assert (pieces & LINE > 0).sum() == len(docs)


def test_a_text_is_cut_once_for_each_vocabulary(
    text: Path, subwords: Subwords, tmp_path: Path
) -> None:
    folder = tmp_path / "pieces"
    cut(text, bert(subwords), NLP.tokenize, folder)
    cut(text, bert(subwords), lambda texts: pytest.fail("cut again"), folder)
    other = learn_subwords(map(text_of, NLP.tokenize(LINES)), "bpe", 40)
    cut(text, bert(other), NLP.tokenize, folder)
    assert len(list(folder.iterdir())) == 2


def test_a_text_that_breaks_off_leaves_no_pieces(
    text: Path, subwords: Subwords, tmp_path: Path
) -> None:
    text.write_bytes(text.read_bytes()[:-20])
    with pytest.raises(DataError, match="proza"):
        cut(text, bert(subwords), NLP.tokenize, tmp_path / "pieces")
    assert not list((tmp_path / "pieces").iterdir())


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=3),
    st.integers(2, 9),
    st.integers(1, 5),
    st.integers(0, 3),
)
def test_an_epoch_reads_every_slice_once_and_never_what_is_held_out(
    sizes: list[int], length: int, rows: int, epoch: int
) -> None:
    borders = np.cumsum([0, *sizes])
    shards = [np.arange(begin, end, dtype=np.uint32) for begin, end in pairwise(borders)]
    try:
        corpus = Corpus([TextSource(shard, 1.0) for shard in shards], length, seed=1)
    except DataError:
        assert all(size < 3 * length for size in sizes)
        return
    steps = max(len(corpus.train) // rows, 1)
    read = np.concatenate(
        [corpus.batch(epoch * steps + step, rows).ravel() for step in range(steps)]
    )
    assert len(read) == len(set(read.tolist())) >= (len(corpus.train) // rows) * rows * length
    assert not set(read.tolist()) & set(corpus.read(corpus.held_out).ravel().tolist())


def test_every_epoch_has_an_order_of_its_own() -> None:
    corpus = Corpus([TextSource(np.arange(4000, dtype=np.uint32), 1.0)], 10, seed=1)
    steps = len(corpus.train) // 8
    first, second = (
        np.concatenate([corpus.batch(epoch * steps + step, 8) for step in range(steps)])
        for epoch in (0, 1)
    )
    assert not np.array_equal(first, second)


def test_what_it_learns_lowers_the_loss_on_texts_that_are_held_out(
    recipe: Path, tmp_path: Path
) -> None:
    nlp = loop.pretrain(
        changed(recipe, "pretraining.steps=60", "pretraining.evaluate_every=20"),
        tmp_path / "run",
        device="cpu",
    )

    rows: list[Any] = list(srsly.read_jsonl(tmp_path / "run" / loop.LOG))
    assert [row["step"] for row in rows] == [20, 40, 60]
    assert rows[-1]["held_out"]["masked"] < rows[0]["held_out"]["masked"]
    assert isinstance(nlp.encoders["main"], Bert)


def causal_recipe(recipe: Path, *settings: str) -> PretrainingRecipe:
    """The recipe for a causal encoder."""
    text = recipe.read_text(encoding="utf-8")
    begin, end = text.index("[objectives"), text.index("[[text]]")
    encoder = """
[encoder]
type = "causal"
subwords = "spaces.json"
decoder = { type = "causal", width = 16, layers = 2, heads = 2, most = 16 }

"""
    pieces = recipe.with_name("spaces.json")
    if not pieces.exists():
        vocabulary = learn_subwords(map(text_of, NLP.tokenize(LINES * 3)), "bpe", 60)
        pieces.write_bytes(vocabulary.table.tobytes())
    path = recipe.with_name("causal.toml")
    path.write_text(text[:begin] + encoder + text[end:], encoding="utf-8")
    return changed(path, *settings)


@pytest.mark.parametrize("changed", [changed, causal_recipe], ids=["bert", "causal"])
def test_a_run_that_was_interrupted_ends_with_the_same_bytes(
    changed: Callable[[Path], PretrainingRecipe],
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = loop.pretrain(changed(recipe), tmp_path / "whole", device="cpu")
    steps = loop.Pretrainer.step

    def breaks(self: loop.Pretrainer) -> None:
        steps(self)
        if self.progress.step in (3, 7):
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.Pretrainer, "step", breaks)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            loop.pretrain(changed(recipe), tmp_path / "parts", device="cpu", resume=True)
        torch.rand(3)  # another process has other random numbers
    resumed = loop.pretrain(changed(recipe), tmp_path / "parts", device="cpu", resume=True)
    assert (tmp_path / "parts" / loop.RESULT).read_bytes() == (
        tmp_path / "whole" / loop.RESULT
    ).read_bytes()
    assert resumed.to_bytes() == whole.to_bytes()


def test_the_first_loss_that_is_no_number_stops_a_pretraining(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = loop.Pretrainer.losses

    def breaks(self: loop.Pretrainer, *arguments: Any) -> dict[str, torch.Tensor]:
        found = losses(self, *arguments)
        if self.progress.step == 6:
            found["masked"] = found["masked"] * torch.inf
        return found

    monkeypatch.setattr(loop.Pretrainer, "losses", breaks)
    with pytest.raises(ProcessingError) as caught:
        loop.pretrain(changed(recipe), tmp_path / "run", device="cpu")
    message = str(caught.value)
    assert message.startswith("step 7: the loss of objectives.masked is inf")
    assert "Мама" in message
    assert "a lower learning_rate" in message
    assert not (tmp_path / "run" / loop.RESULT).exists()
    assert store.load_container(tmp_path / "run" / loop.LAST).header["progress"]["step"] == 5


def test_a_pretraining_is_guarded_as_a_training_is(
    recipe: Path, text: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    loop.pretrain(changed(recipe), run, device="cpu")
    before = (run / loop.RESULT).read_bytes()
    with pytest.raises(ConfigError, match=r"run holds a training.*--resume.*--overwrite"):
        loop.pretrain(changed(recipe), run, device="cpu")
    rate = "pretraining.learning_rate=1e-3"
    message = r"settings: pretraining.learning_rate was 0.003 and is 0.001"
    with pytest.raises(ConfigError, match=message):
        loop.pretrain(changed(recipe, rate), run, device="cpu", resume=True)
    with lzma.open(text, "wt", encoding="utf-8") as file:
        file.write("\n".join(LINES * 61))
    with pytest.raises(ConfigError, match=r"input proza.txt.xz was changed"):
        loop.pretrain(changed(recipe), run, device="cpu", resume=True)
    assert (run / loop.RESULT).read_bytes() == before
    loop.pretrain(changed(recipe, rate), run, device="cpu", overwrite=True)
    assert (run / loop.RESULT).read_bytes() != before


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("pretraining.stepps=3", "did you mean 'steps'"),
        ("pretraining.length=17", "the network has 16 positions"),
        ("objectives.maskd={}", "did you mean 'masked'"),
        ("objectives.masked.shares=0.1", "takes no 'shares'"),
        ("encoder.type='gru'", "does not learn from raw text"),
        ("encoder.type='brt'", "did you mean 'bert'"),
        ("encoder.subwords={}", "a vocabulary such as"),
        ("text.0.path='nothing.txt'", "no file is there"),
        ("text.0.part=2.0", "a number from 1e-09 to 1"),
        ("text.0.part='all'", "a number is needed"),
        ("pretraining.warmup=5", "a number from 0 to 1"),
        ("pretraining.steps=2.5", "an integer from 1 to"),
        ("pretraining.rows=0", "an integer from 1 to"),
    ],
)
def test_a_wrong_setting_is_named(
    recipe: Path, tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loop.pretrain(changed(recipe, override), tmp_path / "run", device="cpu")
    assert message.lower() in str(caught.value).lower()


def test_an_encoder_goes_on_learning_from_other_texts(recipe: Path, tmp_path: Path) -> None:
    first = loop.pretrain(changed(recipe), tmp_path / "first", device="cpu")
    path = tmp_path / "more.toml"
    path.write_text(
        '[encoder]\nsource = "first/encoder.pipekit"\n[[text]]\npath = "proza*.txt.xz"\n',
        encoding="utf-8",
    )
    steps = (
        "pretraining.steps=2",
        "pretraining.length=16",
        "pretraining.learning_rate=0.0",
        "pretraining.half=false",
    )
    more = loop.pretrain(read_pretraining_recipe(path, steps), tmp_path / "more", device="cpu")
    saved = pipekit.load(tmp_path / "first" / loop.RESULT)
    assert more.config == first.config
    assert all(
        torch.equal(mine, theirs)
        for mine, theirs in zip(weights(more), weights(saved), strict=True)
    )


def test_what_was_hidden_is_guessed_afterwards(recipe: Path, tmp_path: Path) -> None:
    loop.pretrain(changed(recipe), tmp_path / "run", device="cpu")
    nlp = pipekit.load(tmp_path / "run" / loop.RESULT, device="cpu")
    guesses = nlp.predict("Мама [MASK] раму.", top=3)
    assert len(guesses) == 3
    assert guesses[0].score >= guesses[1].score >= guesses[2].score > 0


def test_a_causal_encoder_learns_from_raw_text_and_writes(recipe: Path, tmp_path: Path) -> None:
    settings = ("pretraining.steps=60", "pretraining.learning_rate=0.01", "pretraining.half=false")
    loop.pretrain(causal_recipe(recipe, *settings), tmp_path / "run", device="cpu")
    rows: list[Any] = list(srsly.read_jsonl(tmp_path / "run" / loop.LOG))
    assert rows[-1]["held_out"]["causal"] < rows[0]["held_out"]["causal"]
    nlp = pipekit.load(tmp_path / "run" / loop.RESULT, device="cpu")
    text = nlp.generate("Мама", most=8).text
    assert text and nlp.predict("Мама", top=1)[0].score > 0.05
    assert nlp.encode("Мама мыла раму.").shape == (4, 16)


def test_documents_of_a_causal_corpus_end_and_begin(
    text: Path, subwords: Subwords, tmp_path: Path
) -> None:
    encoder = Causal({"type": "rnn", "width": 8}, tables={"subwords": subwords.table})
    pieces = cut(text, encoder, NLP.tokenize, tmp_path / "pieces") & NUMBER
    ends = pieces == encoder.vocabulary.end
    assert ends.sum() == len([line for line in LINES * 60 if line])
    assert (pieces[1:][ends[:-1]] == encoder.vocabulary.start).all()
    cut(text, bert(subwords), NLP.tokenize, tmp_path / "pieces")
    assert len(list((tmp_path / "pieces").iterdir())) == 2  # those of a BERT have no ends


def test_a_language_model_needs_a_vocabulary_that_keeps_spaces(
    recipe: Path, tmp_path: Path
) -> None:
    words = 'encoder.subwords="subwords.json"'  # a vocabulary of WordPiece
    with pytest.raises(ConfigError, match=r"does not tell where spaces stand.*--algorithm bpe"):
        loop.pretrain(causal_recipe(recipe, words), tmp_path / "run", device="cpu")


def test_vectors_of_words_begin_a_bert_alone(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="begin the pieces of a bert alone"):
        loop.build_encoder(causal_recipe(recipe, 'pretraining.vectors=["other.vec"]'))


def weights(nlp: Pipeline) -> list[torch.Tensor]:
    return list(nlp.encoders["main"].state_dict().values())


def test_texts_too_short_for_a_slice_are_refused(recipe: Path, text: Path, tmp_path: Path) -> None:
    with lzma.open(text, "wt", encoding="utf-8") as file:
        file.write("Мама мыла раму.")
    with pytest.raises(DataError, match="one after another"):
        loop.pretrain(changed(recipe), tmp_path / "run", device="cpu")


def test_the_command_line_goes_from_texts_to_an_encoder(
    recipe: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vocabulary = tmp_path / "own.json"
    assert (
        main(["subwords", str(text), "-o", str(vocabulary), "--algorithm", "bpe", "--size", "50"])
        == 0
    )
    assert main(["pieces", str(vocabulary), "Мама мыла кота"]) == 0
    shown = capsys.readouterr().out
    assert "Мама  ▁Мама" in shown
    assert "3 words" in shown
    assert (
        main(
            [
                "pretrain",
                str(recipe),
                "-o",
                str(tmp_path / "run"),
                "--set",
                f"encoder.subwords={vocabulary}",
                "--device",
                "cpu",
            ]
        )
        == 0
    )
    result = tmp_path / "run" / loop.RESULT
    assert str(result) in capsys.readouterr().out
    assert main(["pieces", str(result), "Мама"]) == 0
    assert "▁Мама" in capsys.readouterr().out
    nlp = pipekit.load(result)
    assert nlp.encode("Мама мыла раму").shape[-1] == 16


def test_pieces_that_are_words_begin_with_what_static_vectors_say_of_them(
    recipe: Path, tmp_path: Path
) -> None:
    words = ["кот", "мама", "чай"]
    values = np.array([[100, 0, 0, 0], [100, 0, 0, 0], [0, 0, 100, 0]], np.int8)
    plain = normalize(from_strings(words))
    hashes = short(plain.hashes(plain.starts, plain.ends))
    order = np.argsort(hashes)
    tables = {
        "hashes": hashes[order],
        "values": values[order],
        "scale": np.array([0.01], np.float32),
    }
    store.save(tmp_path / "vectors.pipekit", {}, tables)
    vocabulary = tmp_path / "words.json"
    vocabulary.write_bytes(
        learn_subwords(
            ["\x1f".join(f" {word}" for word in words * 9)], "wordpiece", 60
        ).table.tobytes()
    )
    settings = (
        f"encoder.subwords={vocabulary}",
        "encoder.network.width=64",
        'pretraining.vectors=["vectors.pipekit"]',
    )
    encoder = loop.build_encoder(changed(recipe, *settings)).encoders["main"]
    assert isinstance(encoder, Bert)
    number = {word: n for n, word in encoder.subwords.words().items()}
    rows = torch.nn.functional.normalize(encoder.network.embed.pieces.weight.detach())
    like, unlike = (float(rows[number["кот"]] @ rows[number[other]]) for other in ("мама", "чай"))
    assert like > 0.3 > unlike
