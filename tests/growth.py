"""Growth of time with size: a log-log slope for everything that a user may call in a loop.

    python -m tests.growth                      all cases: 2**10 to 2**17 items, the fastest of five
    python -m tests.growth doc readers          cases whose name begins so
    python -m tests.growth --huge               one token of ten million letters: seconds, bytes

An exponent over 1.15 makes the exit status 1. `tests/test_growth.py` runs the same cases with fewer
sizes and a wide margin.

A case is a name and a function that prepares something of a size and returns what is to be timed.
Two kinds:

    Once    one call on something of that size; the exponent is that of its time
    Each    a call in a loop: some calls at places spread over it are timed, and the exponent is
            that of one call, plus 1 for the loop
"""

from __future__ import annotations

import argparse
import json
import string
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import pipekit
from pipekit import Doc, frames
from pipekit.corpora.check import check
from pipekit.corpora.readers.brat import read_brat
from pipekit.corpora.readers.conllu import read_conllu
from pipekit.corpora.readers.conllu_writer import write_conllu
from pipekit.corpora.readers.iob import read_iob
from pipekit.corpora.readers.jsonl import read_jsonl
from pipekit.corpora.readers.table import read_table
from pipekit.corpora.readers.text import read_text
from pipekit.doc.cutting import concatenate
from pipekit.doc.file import read_docs, write_docs
from pipekit.doc.layer import Layer, span_layer
from pipekit.evaluation.alignment import align
from pipekit.jobs.inputs import records
from pipekit.jobs.reading import Reading
from pipekit.jobs.records import Position, Source
from pipekit.tokenizers import RuleTokenizer
from pipekit.words.chars import from_strings, normalize
from pipekit.words.features import FeatureMaker
from pipekit.words.vectors import Vectors

FOLDER = tempfile.TemporaryDirectory(prefix="pipekit-growth-")
SIZES = [1 << power for power in range(10, 18)]
RUNS = 5
LIMIT = 1.15
CALLS = 200  # of a case of kind Each

Work = Callable[[], object]


class Case(NamedTuple):
    """What is timed.

    Attributes:
        name: its group and what it does.
        prepare: makes something of a size, and the work on it.
        each: whether the work is `CALLS` calls of a loop that would have as many as the size.
        most: the largest size that fits into memory and patience.
        quick: the largest size of the ordinary tests.
    """

    name: str
    prepare: Callable[[int], Work]
    each: bool = False
    most: int = SIZES[-1]
    quick: int = 1 << 12


# -- documents


@cache
def document(size: int) -> Doc:
    """So many tokens, each with a lemma of its own: sentences of 8, entities of 2, links."""
    doc = Doc(words=[f"слово{number}" for number in range(size)])
    rows = np.arange(size)
    doc.tokens.set("sent_start", rows % 8 == 0)
    doc.tokens.set("lemma", rows, [f"лемма{number:07}" for number in range(size)])
    doc.tokens.set("pos", rows % 2, ["NOUN", "VERB"])
    doc.tokens.set("morph", rows % 2, ["Case=Nom|Number=Sing", "Aspect=Imp"])
    starts = np.arange(0, size, 4)
    ents = span_layer(starts, starts + 2, ["PER"] * len(starts), np.ones(len(starts)))
    ents.set("sentiment.negative", np.full(len(starts), 0.5, np.float32))
    doc.layers["ents"] = ents
    links = doc.add_layer("relations", "link", len(starts) - 1, target="ents")
    links.set("head", np.arange(len(starts) - 1)).set("tail", np.arange(1, len(starts)))
    links.set("label", ["KNOWS"] * (len(starts) - 1))
    doc.layers["cats"] = Layer("doc", 1).set("a", [0.5]).set("b", [0.5])
    doc.vectors = vectors()
    return doc


@cache
def vectors() -> Vectors:
    """A table of one word."""
    hashes = np.array([1], np.uint32)
    return Vectors(
        {
            "hashes": hashes,
            "values": np.ones((1, 4), np.int8),
            "scale": np.ones(1, np.float32),
            "ngrams": np.ones((8, 4), np.int8),
            "ngram_scale": np.ones(1, np.float32),
        }
    )


@cache
def one_sentence(size: int) -> Doc:
    """So many tokens without any border but the first."""
    doc = Doc(words=["слово"] * size)
    doc.tokens.set("sent_start", np.arange(size) == 0)
    return doc


def places(size: int) -> list[int]:
    """Rows of `size` tokens that are spread over all of them."""
    return np.linspace(2, size - 3, CALLS).astype(int).tolist()


def on_doc(
    name: str,
    call: Callable[[Doc, int], object],
    make: Callable[[int], Doc] = document,
    quick: int = 1 << 16,
) -> Case:
    """A call on a document and the row of a token, in a loop."""

    def prepare(size: int) -> Work:
        doc = make(size)
        rows = places(size)
        return lambda: [call(doc, row) for row in rows]

    return Case(name, prepare, each=True, quick=quick)


def in_spans(
    name: str,
    call: Callable[[Doc, int], object],
) -> Case:
    """A call on a document and the row of an entity, in a loop."""
    return on_doc(name, lambda doc, row: call(doc, row // 4))


def once(
    name: str,
    call: Callable[[Doc], object],
) -> Case:
    """One call on a document."""
    return Case(name, lambda size: partial(call, document(size)), most=1 << 16, quick=1 << 11)


DOCS = [
    on_doc("doc doc[i].text", lambda doc, i: doc[i].text),
    on_doc("doc token.text_with_ws", lambda doc, i: doc[i].text_with_ws),
    on_doc("doc token.idx, is_space", lambda doc, i: (doc[i].idx, doc[i].is_space)),
    on_doc("doc token.lemma, pos", lambda doc, i: (doc[i].lemma, doc[i].pos)),
    on_doc("doc token.morph", lambda doc, i: doc[i].morph),
    on_doc("doc token.nbor", lambda doc, i: doc[i].nbor()),
    on_doc("doc token.is_sent_start", lambda doc, i: doc[i].is_sent_start),
    on_doc("doc token.sent", lambda doc, i: doc[i].sent),
    on_doc("doc token.sent, one sentence", lambda doc, i: doc[i].sent, one_sentence),
    on_doc("doc token.vector", lambda doc, i: doc[i].vector),
    on_doc("doc token.similarity(token)", lambda doc, i: doc[i].similarity(doc[0])),
    on_doc("doc token.similarity(doc)", lambda doc, i: doc[i].similarity(doc), quick=1 << 11),
    on_doc("doc hash(token), ==", lambda doc, i: (hash(doc[i]), doc[i] == doc[0])),
    on_doc("doc doc[a:b].text", lambda doc, i: doc[i : i + 2].text),
    on_doc("doc span.lemma", lambda doc, i: doc[i : i + 2].lemma),
    on_doc("doc span.vector", lambda doc, i: doc[i : i + 2].vector),
    on_doc("doc span.as_doc", lambda doc, i: doc[i : i + 2].as_doc()),
    on_doc("doc span.as_doc().to_dict", lambda doc, i: doc[i : i + 2].as_doc().to_dict()),
    on_doc("doc span.as_doc().to_bytes", lambda doc, i: doc[i : i + 2].as_doc().to_bytes()),
    on_doc("doc char_span strict", lambda doc, i: doc.char_span(i, i + 1)),
    on_doc("doc char_span expand", lambda doc, i: doc.char_span(i, i + 1, "X", "expand")),
    on_doc("doc char_span contract", lambda doc, i: doc.char_span(i, i + 9, None, "contract")),
    on_doc("doc doc.sents[i]", lambda doc, i: doc.sents[i // 8]),  # type: ignore[index]
    on_doc("doc span in doc.sents", lambda doc, i: doc[i].sent in doc.sents),  # type: ignore[operator]
    on_doc("doc len(doc.sents)", lambda doc, i: len(doc.sents)),  # type: ignore[arg-type]
    in_spans("doc doc.ents[i]", lambda doc, i: doc.ents[i]),  # type: ignore[index]
    in_spans("doc doc.ents[i].label", lambda doc, i: doc.ents[i].label),  # type: ignore[index]
    in_spans("doc ent.sentiment", lambda doc, i: doc.ents[i].sentiment),  # type: ignore[index]
    in_spans("doc ent.lemma", lambda doc, i: doc.ents[i].lemma),  # type: ignore[index]
    in_spans("doc span in doc.ents", lambda doc, i: doc[i : i + 2] in doc.ents),  # type: ignore[operator]
    in_spans("doc doc.ents.index", lambda doc, i: doc.ents.index(doc.ents[i])),  # type: ignore[union-attr, index]
    in_spans("doc doc.spans[name][i]", lambda doc, i: doc.spans["ents"][i]),
    in_spans("doc name in doc.spans", lambda doc, i: "ents" in doc.spans),
    in_spans("doc doc.relations[i]", lambda doc, i: doc.relations[i - 1]),  # type: ignore[index]
    in_spans(
        "doc relation in doc.relations",
        lambda doc, i: doc.relations[i - 1] in doc.relations,  # type: ignore[index, operator]
    ),
    in_spans("doc layer[name][i]", lambda doc, i: doc.layers["ents"]["label"][i]),
    on_doc("doc doc.cats, has_annotation", lambda doc, i: (doc.cats, doc.has_annotation("ents"))),
    on_doc("doc doc.vector", lambda doc, i: doc.vector),
    once("doc all tokens", lambda doc: [(token.text, token.lemma) for token in doc]),
    once("doc all sentences", lambda doc: [sent.text for sent in doc.sents or ()]),
    once("doc all entities", lambda doc: [ent.label for ent in doc.ents or ()]),
    once("doc all relations", lambda doc: [str(link) for link in doc.relations or ()]),
    once("doc parts", lambda doc: [sent.as_doc() for sent in doc.sents or ()]),
    once("doc Doc(words)", lambda doc: Doc(words=doc.words)),
    once("doc copy", lambda doc: doc.copy()),
    once("doc set_spans", lambda doc: doc.set_spans("again", doc.ents or ())),
    once("doc span.lemma of all", lambda doc: doc[:].lemma),
    once("doc to_array", lambda doc: doc.to_array(["text", "lemma"])),
    once("doc to_dict, from_dict", lambda doc: Doc.from_dict(doc.to_dict())),
    once("doc to_bytes, from_bytes", lambda doc: Doc.from_bytes(doc.to_bytes()).to_bytes()),
    once("doc concatenate", lambda doc: concatenate([doc, doc])),
    once("doc align", lambda doc: align(doc, doc)),
    once("doc write_conllu", lambda doc: write_conllu([doc], path("written.conllu", ""))),
]


def path(
    name: str,
    text: str | bytes,
) -> Path:
    """A file with this content."""
    file = Path(FOLDER.name) / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def _docs_file(size: int) -> Work:
    docs = [Doc(words=["а", "б"])] * size
    file = Path(FOLDER.name) / "many.docs"

    def work() -> None:
        write_docs(docs, file)
        for _ in read_docs(file):
            pass

    return work


def _append(size: int) -> Work:
    """Appends of a small record behind a record of that size, and behind small ones."""
    file = Path(FOLDER.name) / "append.docs"
    write_docs([Doc(words=["слово"] * size * 4), Doc(words=["а"])], file)
    more = Doc(words=["а"])

    def work() -> None:
        for _ in range(20):
            write_docs([more], file, append=True)

    return work


def _append_large(size: int) -> Work:
    """An append behind a large record, the last of many."""
    file = Path(FOLDER.name) / "large.docs"
    large = Doc(words=["слово"] * 60_000)
    for _ in range(1 + size // SIZES[0]):
        write_docs([large], file, append=file.exists())
    small = Doc(words=["а"])
    return partial(write_docs, [large, small, large], file, append=True)


FILES = [
    Case("file write_docs, read_docs", _docs_file, most=1 << 14, quick=1 << 9),
    Case("file append", _append, each=True, quick=1 << 15),
    Case("file append behind large records", _append_large, each=True, most=1 << 15, quick=1 << 14),
]


# -- corpora


def tokenized(texts: Sequence[str]) -> list[Doc]:
    tokenizer = ru()
    docs = []
    for text, segments in zip(texts, tokenizer.segment(texts), strict=True):
        doc = Doc(text, starts=segments.starts, ends=segments.ends)
        doc.tokens.set("sent_start", segments.sentence_starts)
        docs.append(doc)
    return docs


@cache
def ru() -> RuleTokenizer:
    return RuleTokenizer("ru")


def exhaust(items: Any) -> None:
    for _ in items:
        pass


def reading(
    name: str,
    suffix: str,
    text: Callable[[int], str],
    read: Callable[[Path], object],
    most: int = 1 << 15,
    quick: int = 1 << 12,
) -> Case:
    """A file of a size, read to its end."""

    def prepare(size: int) -> Work:
        file = path(f"{name.replace(' ', '-')}-{size}{suffix}", text(size))
        return lambda: exhaust(read(file))

    return Case(f"readers {name}", prepare, most=most, quick=quick)


def row(
    number: int,
    word: str = "кот",
) -> str:
    return f"{number}\t{word}\tкот\tNOUN\t_\tCase=Nom\t{number - 1}\tdep\t_\t_\n"


def sentences(size: int) -> str:
    return "".join(f"# sent_id = {i}\n# newdoc id = {i}\n{row(1)}{row(2)}\n" for i in range(size))


def long_sentence(size: int) -> str:
    return "".join(row(number, f"кот{number}") for number in range(1, size + 1)) + "\n"


def long_document(size: int) -> str:
    return "".join(f"# sent_id = {i}\n{row(1)}{row(2)}\n" for i in range(size))


def distinct_comments(size: int) -> str:
    return "".join(f"# key{i} = {i}\n# text {i}\n{row(1)}\n" for i in range(size))


def comments_of_one(size: int) -> str:
    return "".join(f"# key{i} = {i}\n" for i in range(size)) + row(1) + "\n"


def multiwords(size: int) -> str:
    return "".join(
        f"{i}-{i + 1}\tна\t_\t_\t_\t_\t_\t_\t_\t_\n{row(i, 'н')}{row(i + 1, 'а')}"
        for i in range(1, size, 2)
    )


def misaligned(size: int) -> str:
    text = "слово " * size
    ents = [[6 * i + 1, 6 * i + 4, "PER"] for i in range(size)]
    return json.dumps({"text": text, "ents": ents}, ensure_ascii=False) + "\n"


def linked(size: int) -> str:
    text = "слово " * size
    ents = [[6 * i, 6 * i + 5, "PER"] for i in range(size)]
    relations = [[i, i + 1, "X"] for i in range(size - 1)]
    data = {"text": text, "ents": ents, "relations": relations}
    return json.dumps(data, ensure_ascii=False) + "\n"


def annotations(size: int) -> str:
    return "".join(f"T{i}\tPER {6 * i} {6 * i + 5}\tслово\n" for i in range(size))


def _brat(size: int) -> Work:
    folder = Path(FOLDER.name) / f"brat-{size}"
    folder.mkdir(exist_ok=True)
    (folder / "a.txt").write_text("слово " * size, encoding="utf-8")
    (folder / "a.ann").write_text(annotations(size), encoding="utf-8")
    return lambda: exhaust(read_brat(folder, tokenize=tokenized))


def quiet(problem: object) -> None:
    """Leave a repair unreported."""


conllu = partial(read_conllu, on_problem=quiet)
whole_conllu = partial(read_conllu, group="document", on_problem=quiet)


def all_comments(file: Path) -> Any:
    keys = [line.split()[1] for line in file.read_text(encoding="utf-8").split("\n") if "=" in line]
    return read_conllu(file, group="document", meta=[*keys, "text"], on_problem=quiet)


jsonl = partial(read_jsonl, tokenize=tokenized, on_problem=quiet)
table = partial(read_table, tokenize=tokenized)
lines = partial(read_text, tokenize=tokenized)
paragraphs = partial(read_text, tokenize=tokenized, unit="paragraph")
whole_text = partial(read_text, tokenize=tokenized, unit="file")

READERS = [
    reading("conllu sentences", ".conllu", sentences, conllu, quick=1 << 9),
    reading("conllu documents", ".conllu", sentences, whole_conllu, quick=1 << 9),
    reading("conllu one sentence", ".conllu", long_sentence, conllu, most=1 << 17),
    reading("conllu one document", ".conllu", long_document, whole_conllu, quick=1 << 11),
    reading("conllu distinct comments", ".conllu", distinct_comments, all_comments, quick=1 << 11),
    reading("conllu comments of one sentence", ".conllu", comments_of_one, conllu),
    reading("conllu multiword tokens", ".conllu", multiwords, conllu),
    reading(
        "iob lines", ".iob", lambda size: "кот B-PER\nспит O\n\n" * size, read_iob, quick=1 << 8
    ),
    reading("iob one sentence", ".iob", lambda size: "кот B-PER\n" * size, read_iob),
    reading("jsonl lines", ".jsonl", lambda size: '{"text": "кот"}\n' * size, jsonl, quick=1 << 9),
    reading("jsonl one document, misaligned", ".jsonl", misaligned, jsonl, most=1 << 14),
    reading("jsonl one document, relations", ".jsonl", linked, jsonl),
    Case("readers brat one document", _brat, most=1 << 15),
    reading(
        "table rows", ".csv", lambda size: "text,label\n" + "кот,a\n" * size, table, quick=1 << 9
    ),
    reading(
        "table labels",
        ".csv",
        lambda n: "text,label\n" + "".join(f"кот,{i}\n" for i in range(n)),
        table,
        most=1 << 12,
        quick=1 << 9,
    ),
    reading("text lines", ".txt", lambda size: "кот спит\n" * size, lines, quick=1 << 9),
    reading("text one line", ".txt", lambda size: "кот спит " * size, lines),
    reading("text paragraphs", ".txt", lambda size: "кот\n\n" * size, paragraphs, quick=1 << 9),
    reading("text one paragraph", ".txt", lambda size: "кот\n" * size, paragraphs),
    reading("text one file", ".txt", lambda size: "кот спит.\n" * size, whole_text),
    reading("text a megabyte line", ".txt", lambda size: "кот" * 32 * size, lines),
    reading(
        "check conllu",
        ".conllu",
        sentences,
        lambda file: check(file, "conllu").problems,
        most=1 << 13,
        quick=1 << 8,
    ),
]


# -- jobs


def job(
    name: str,
    suffix: str,
    text: Callable[[int], str],
    unit: str | None = None,
    most: int = 1 << 15,
    quick: int = 1 << 12,
) -> Case:
    """The records of an input of a job."""

    def prepare(size: int) -> Work:
        file = path(f"job-{name.replace(' ', '-')}-{size}{suffix}", text(size))
        way = Reading(unit=unit)
        return lambda: exhaust(records([Source.of(file)], way, Position(0, 0, 0, 0)))

    return Case(f"jobs {name}", prepare, most=most, quick=quick)


JOBS = [
    job("lines", ".txt", lambda size: "кот\n" * size),
    job("one line", ".txt", lambda size: "кот спит " * size * 8, quick=1 << 16),
    job("one line without an end", ".txt", lambda size: "кот" * 32 * size, quick=1 << 16),
    job("one file", ".txt", lambda size: "кот\n" * size, "file"),
    job("paragraphs", ".txt", lambda size: "кот\n\n" * size, "paragraph"),
    job("one paragraph", ".txt", lambda size: "кот\n" * size, "paragraph"),
    job("jsonl", ".jsonl", lambda size: '{"text": "кот"}\n' * size, quick=1 << 11),
    job("csv", ".csv", lambda size: "text\n" + "кот\n" * size, quick=1 << 11),
    job(
        "csv one quoted cell",
        ".csv",
        lambda size: 'text\n"' + "кот\n" * size + '"\n',
        quick=1 << 15,
    ),
    job(
        "csv quotes in a cell",
        ".csv",
        lambda size: 'text\n"' + '""\n' * size + '"\n',
        quick=1 << 15,
    ),
    job("csv open quote", ".csv", lambda size: 'text\n"' + "кот\n" * size),
    job(
        "csv wide",
        ".csv",
        lambda n: "text," + ",".join(map(str, range(n))) + "\nкот" + "," * n,
        quick=1 << 14,
    ),
    job("conllu sentences", ".conllu", sentences, most=1 << 13, quick=1 << 7),
    job("conllu documents", ".conllu", sentences, "document", most=1 << 13, quick=1 << 7),
    job("conllu one document", ".conllu", long_document, "document", most=1 << 14, quick=1 << 11),
    job(
        "conllu distinct comments",
        ".conllu",
        distinct_comments,
        "document",
        most=1 << 14,
        quick=1 << 11,
    ),
]


# -- words


UNITS = """
а Б ё и\u0306 а\u0301 \u0301 \u00ad \u200b 7 😂 👩\u200d \ud800 一 … — №
»") а- а. А. 1- 1. 1, +7 +7- a@ @a a@- #а а# &a &a; &a- http:// www. a/ :) ))( а' т.е. кто-то а-а.
5кг 1%- да-а _- а\u0301- 1,1- 1,а- 1:1. #а-@ Ж.-
"""
SPACED = ["\u00a0", "\n", "а ", "а. ", "А! ", "😂 А"]
LETTERS = "бвгджзйклмнпрстфхцчшщъыьэюяеиоу"  # the classes are one; a few of them are tried


def run_of(unit: str) -> Case:
    """A text that is one run of some characters."""

    def prepare(size: int) -> Work:
        text = (unit * size)[:size]
        return partial(ru().segment, [text])

    return Case(f"tokenizer {unit!a}", prepare)


TOKENIZER = [run_of(unit) for unit in [*string.punctuation, *UNITS.split(), *SPACED, *LETTERS[:4]]]


def of_one_word(
    name: str,
    work: Callable[[str], object],
) -> Case:
    return Case(f"words {name}", lambda size: partial(work, "Ина" * size))


def features(word: str) -> object:
    words = from_strings([word])
    return FeatureMaker(ngrams=(3, 4, 5)).describe(words)


WORDS = [
    of_one_word("normalize", lambda word: normalize(from_strings([word]))),
    of_one_word("hash", lambda word: from_strings([word]).word_hashes()),
    of_one_word("features", features),
    of_one_word("vector", lambda word: vectors().vector(word)),
]


# -- pipelines


@cache
def blank() -> pipekit.Pipeline:
    return pipekit.blank("ru")


@cache
def parser() -> pipekit.Pipeline:
    """A parser that has learned nothing."""
    nlp = pipekit.blank("ru")
    nlp.add_encoder("main", "bilstm", width=16, features={"width": 16, "word_buckets": 100})
    nlp.add_pipe("parser", encoder="main", labels=["root", "dep"], hidden=16, context=16, arcs=16)
    return nlp


def _one_sentence(size: int) -> Work:
    doc = Doc(words=["кот"] * size)
    return lambda: parser()(doc.copy())


@cache
def with_rules() -> pipekit.Pipeline:
    """All components that work by rules: patterns, terms, tags and values."""
    nlp = pipekit.blank("ru")
    street = [{"LOWER": "ул."}, {"IS_TITLE": True, "OP": "+"}]
    rules = [{"label": "LOC", "pattern": street}, {"label": "ORG", "pattern": "Яндекс Маркет"}]
    nlp.add_pipe("entity_ruler", patterns=rules)
    mended = [{"patterns": [[{"LOWER": "стоит"}]], "attrs": {"note": "глагол"}}]
    nlp.add_pipe("attribute_ruler", rules=mended)
    nlp.add_pipe("values")
    return nlp


def by_rules(name: str, text: str) -> Case:
    """A text of so many tokens through all rules; its pieces have no sentence borders."""

    def prepare(size: int) -> Work:
        words = (text.split() * size)[:size]
        doc = Doc(words=words)
        return lambda: with_rules()(doc.copy())

    return Case(name, prepare, most=1 << 15, quick=1 << 12)


@cache
def frame_tables(size: int) -> dict[str, Any]:
    doc = document(size)
    return {rows: frames.to_arrow([doc], rows) for rows in frames.ROWS}


RULES = [
    by_rules("rules spans and values", "На ул. Льва стоит Яндекс Маркет за 1500 ₽ с 3 по 5 мая"),
    by_rules("rules numbers alone", "3 по 5 12.05.2021 1 500 000 ₽ %"),
    by_rules("rules capitals alone", "ул. Льва Толстого Яндекс"),
]
TABLES = [
    *(
        once(f"frames {rows}", lambda doc, rows=rows: frames.to_arrow([doc], rows))  # type: ignore[misc]
        for rows in frames.ROWS
    ),
    Case(
        "frames back",
        lambda size: lambda: frames.to_docs(**frame_tables(size)),
        most=1 << 16,
        quick=1 << 11,
    ),
]
STREAMS = [
    Case("parser one sentence", _one_sentence, most=1 << 14, quick=1 << 12),
    Case(
        "stream tiny texts",
        lambda n: lambda: exhaust(blank().pipe(["кот"] * n)),
        most=1 << 14,
        quick=1 << 9,
    ),
    Case("stream one text", lambda n: lambda: exhaust(blank().pipe(["Кот спит. " * n]))),
    Case(
        "stream Docs",
        lambda n: lambda: exhaust(blank().pipe([document(8)] * n)),
        most=1 << 13,
        quick=1 << 8,
    ),
]

CASES = [*DOCS, *FILES, *READERS, *JOBS, *TOKENIZER, *WORDS, *RULES, *TABLES, *STREAMS]


# -- measuring


def exponent(
    case: Case,
    sizes: Sequence[int],
    runs: int = RUNS,
) -> tuple[float, float]:
    """The exponent of a case, and the seconds of its work at the largest size."""
    seconds = [fastest(case.prepare(size), runs) for size in sizes]
    slope = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
    return slope + case.each, seconds[-1]


def fastest(
    work: Work,
    runs: int,
) -> float:
    """The least of some times, in seconds of the processor; a short work is repeated in each.

    What is made once, at the first call, is left out.
    """
    times = []
    work()
    repeats = 1
    while len(times) < runs:
        begin = time.process_time()
        for _ in range(repeats):
            work()
        spent = time.process_time() - begin
        if spent < 2e-3:
            repeats *= 4
            continue
        times.append(spent / repeats)
    return min(times)


def huge(letters: int = 10_000_000) -> bool:
    """One token of so many letters through ru_core: seconds, and bytes for a letter."""
    nlp = pipekit.load("ru_core", device="cpu")
    nlp("Мама мыла раму. Иван Петров живёт в Москве.")
    good = True
    for unit in ("а", "Иа", "а\u0301", "😂", "7"):
        text = unit * (letters // len(unit))
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
        before = peak()
        begin = time.perf_counter()
        [doc] = nlp.pipe([text])
        seconds = time.perf_counter() - begin
        bytes_each = (peak() - before) / letters
        good &= bytes_each <= 40
        print(
            f"{unit!a:>14}  {len(doc)} tokens  {seconds:6.1f} s  {bytes_each:5.1f} bytes a letter"
        )
    return good


def peak() -> int:
    """The most memory that this process has held, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) << 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="beginnings of names of cases")
    parser.add_argument("--largest", type=int, default=17, help="the power of two of the size")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--huge", action="store_true", help="one token of ten million letters")
    options = parser.parse_args()
    if options.huge:
        return 0 if huge() else 1
    bad = 0
    for case in CASES:
        if options.names and not case.name.startswith(tuple(options.names)):
            continue
        sizes = [size for size in SIZES if size <= min(case.most, 1 << options.largest)]
        slope, seconds = exponent(case, sizes, options.runs)
        bad += slope > LIMIT
        mark = "  !" if slope > LIMIT else ""
        print(
            f"{case.name:<40} {slope:6.2f}  {seconds:9.4f} s at {sizes[-1]:>7,}{mark}", flush=True
        )
    print(f"{bad} over {LIMIT}")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
