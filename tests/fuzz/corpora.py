"""Targets: every reader of corpora.

A reader without `on_problem` raises errors of pipekit's own and no others. With it, the reader goes
on to the end, and what it gives is a Doc that can be written.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from helpers.doc_strategies import content

from fuzz import places
from fuzz.harness import Target
from fuzz.mutations import changed_bytes, of_json, of_lines
from pipekit import Doc, Pipeline
from pipekit.corpora.readers import (
    Problem,
    read_brat,
    read_conllu,
    read_iob,
    read_jsonl,
    read_text,
    write_conllu,
)
from pipekit.corpora.readers.factrueval import read_factrueval
from pipekit.corpora.readers.squad import read_squad
from pipekit.corpora.readers.table import read_table
from pipekit.corpora.token_rules import TokenRules
from pipekit.errors import PipekitError

SEPARATOR = b"\n=====\n"  # between the files of an input
_PIPELINE = Pipeline({"tokenizer": {"type": "whitespace"}})
_EVERYTHING = TokenRules([{"upos": ["NOUN"], "set": "X", "mask": ["LEMMA"]}])

Reader = Callable[..., Any]


def tokenize(texts: Any) -> list[Doc]:
    return _PIPELINE.tokenize(texts)


def read(reader: Reader, path: Path) -> list[Doc]:
    """The Docs of a corpus, faults or not."""
    with contextlib.suppress(PipekitError):
        list(reader(path))
    problems: list[Problem] = []
    docs = list(reader(path, on_problem=problems.append))
    for problem in problems:
        assert str(problem)
        assert problem.line is None or problem.line >= 1
    for doc in docs:
        again = Doc.from_bytes(doc.to_bytes())
        assert repr(content(again)) == repr(content(doc))
        doc.to_dict()
    return docs


def one_file(name: str, *readers: Reader) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        path = places.file(name, data)
        for reader in readers:
            read(reader, path)

    return check


def several_files(names: tuple[str, ...], reader: Reader) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        path = places.file(names[0], b"")
        for name, part in zip(names, data.split(SEPARATOR), strict=False):
            (path.parent / name).write_bytes(part)
        read(reader, path.parent)

    return check


def check_conllu(data: bytes) -> None:
    """What is read is written, and reads the same again."""
    path = places.file("a.conllu", data)
    columns = ("pos", "xpos", "morph", "lemma", "head", "dep", "line")
    docs = read(partial(read_conllu, columns=columns), path)
    read(partial(read_conllu, group="document"), path)
    out = io.StringIO()
    write_conllu(docs, out)
    path = places.file("b.conllu", out.getvalue().encode("utf-8", "surrogatepass"))
    again = list(read_conllu(path, on_problem=lambda problem: None))
    assert [doc.words for doc in again] == [doc.words for doc in docs]
    for doc in docs:
        for name in ("pos", "lemma", "morph"):
            if name not in doc.tokens:
                doc.tokens.set(name, [None] * len(doc))
    _EVERYTHING(docs)


def check_archive(data: bytes) -> None:
    """A file in each kind of compression, damaged or not."""
    for name in ("a.txt.gz", "a.txt.xz", "a.txt.bz2", "a.zip"):
        read(partial(read_text, tokenize=tokenize), places.file(name, data))


def mutate_archive(data: bytes, chance: Random) -> bytes:
    if chance.random() < 0.3:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name in chance.sample(
                ("a.txt", "b/c.txt", "../d.txt", "/e.txt", "f.ann", "f.txt"), 3
            ):
                archive.writestr(name, data[:500])
        data = out.getvalue()
    return changed_bytes(data, chance)


with_texts = partial(partial, tokenize=tokenize)
TARGETS = {
    "conllu": Target(check_conllu, of_lines()),
    "iob": Target(
        one_file(
            "a.iob",
            read_iob,
            partial(read_iob, scheme="bioes", columns={"pos": 1}),
            partial(read_iob, scheme="iob2", separator="\t", group="document"),
        ),
        of_lines(),
    ),
    "jsonl": Target(
        one_file("a.jsonl", *(with_texts(read_jsonl, misaligned=m) for m in ("expand", "skip"))),
        of_json,
    ),
    "squad": Target(one_file("a.json", with_texts(read_squad)), of_json),
    "table": Target(
        one_file(
            "a.csv",
            with_texts(read_table),
            with_texts(read_table, exclusive=False, classes={"0": "нет", "1": "да"}),
            with_texts(read_table, span=("start", "end", "kind"), rows=(0.0, 0.9)),
        ),
        of_lines(","),
    ),
    "text": Target(
        one_file("a.txt", *(with_texts(read_text, unit=u) for u in ("line", "paragraph", "file"))),
        of_lines(" "),
    ),
    "brat": Target(
        several_files(("a.txt", "a.ann"), with_texts(read_brat, misaligned="skip")),
        of_lines(" "),
    ),
    "factrueval": Target(
        several_files(("a.txt", "a.spans", "a.objects"), with_texts(read_factrueval)),
        of_lines(" "),
    ),
    "archive": Target(check_archive, mutate_archive),
}
