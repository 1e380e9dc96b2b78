"""brat standoff (https://brat.nlplab.org/standoff.html): X.txt with X.ann beside it, in a folder or a zip archive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import PurePosixPath
from typing import NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.spans import Aligner, CharSpan, Link, Misaligned, Tokenize
from pipekit.doc import Doc

SUFFIXES = (".txt", ".ann")
_OTHER = "EAMN*#"
_LINE = re.compile(r"[TREAMN#*]\S*\t")
_BATCH = 32


class Annotation(NamedTuple):
    """What an .ann file says; `file` is where."""

    file: CorpusFile
    spans: list[CharSpan]
    links: list[Link]


def read_brat(
    path: StrPath,
    *,
    tokenize: Tokenize,
    misaligned: Misaligned = "expand",
    part: str = "",
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs with entities as the layer "ents", nested and overlapping as they are, and relations as the layer "relations".

    A discontinuous entity becomes the span that covers it; the column `fragments` of "ents" keeps its offsets as they stand in the file.
    Events, attributes, modifications, normalizations, equivalences and comments are passed over. The Doc's name is that of the file.

    Args:
        tokenize: texts to Docs.
        misaligned: entities that do not fall on token borders are taken with the whole of their tokens ("expand"), left out ("skip"), or
            an error ("raise"). The first two are counted and shown in a warning.
        part: read only what lies in a folder of that name, such as "train" or "dev".
        on_problem: is told each `Problem`, and reading goes on.
    """
    with corpus(path, SUFFIXES, on_problem) as files:
        texts = [
            file
            for name, file in files.items()
            if name.endswith(".txt") and (not part or part in PurePosixPath(name).parts)
        ]
        pairs = (pair for file in texts if (pair := _read(file, files)) is not None)
        while batch := list(islice(pairs, _BATCH)):
            docs = tokenize([text for text, _ in batch])
            for doc, (_, annotation) in zip(docs, batch, strict=True):
                yield _annotated(doc, annotation, misaligned)


def _read(file: CorpusFile, files: Mapping[str, CorpusFile]) -> tuple[str, Annotation] | None:
    beside = file.name.removesuffix(".txt") + ".ann"
    if beside not in files:
        file.fail(
            None,
            "file",
            f"has no {PurePosixPath(beside).name} beside it: an empty one says that there is nothing to find",
        )
        return None
    text = file.text()
    return text, _parse(files[beside], text)


def _annotated(doc: Doc, annotation: Annotation, misaligned: Misaligned) -> Doc:
    doc.name = PurePosixPath(annotation.file.name).stem
    Aligner(annotation.file, misaligned).write(doc, annotation.spans, annotation.links)
    doc.add_layer("meta", "doc", 1).set("line", [1]).set("file", [annotation.file.name])
    return doc


def _parse(file: CorpusFile, text: str) -> Annotation:
    annotation = Annotation(file, [], [])
    for number, line in _joined(file):
        kind = line[0]
        if kind == "T":
            _entity(annotation, number, line, text)
        elif kind == "R":
            _relation(annotation, number, line)
        elif kind not in _OTHER:
            file.fail(
                number,
                "columns",
                f"begins with {line[:12]!r}: lines of brat begin with T, R, {', '.join(_OTHER)} and a number",
            )
    return annotation


def _joined(file: CorpusFile) -> Iterator[tuple[int, str]]:
    """Lines with their numbers. An entity whose text has a line end in it goes on in the next line."""
    held: tuple[int, str] | None = None
    for number, line in enumerate(file.lines(), 1):
        if held and held[1][0] == "T" and not _LINE.match(line):
            held = (held[0], f"{held[1]} {line}")
        else:
            if held:
                yield held
            held = (number, line) if line.strip() else None
    if held:
        yield held


def _entity(annotation: Annotation, number: int, line: str, text: str) -> None:
    try:
        key, middle, surface = line.split("\t", 2)
        label, offsets = middle.split(" ", 1)
        fragments = [tuple(map(int, fragment.split())) for fragment in offsets.split(";")]
        start, end = min(s for s, _ in fragments), max(e for _, e in fragments)
    except ValueError:
        annotation.file.fail(
            number, "columns", f"{line[:60]!r} is no entity: write T1<tab>LABEL 0 5<tab>its text"
        )
        return
    if len(fragments) == 1 and text[start:end].split() != surface.split():
        what = f"{key} is {surface[:40]!r}, but the text has {text[start:end][:40]!r} at {start}: mend the offsets or the text"
        annotation.file.note(number, "offsets", what)
    annotation.spans.append(
        CharSpan(start, end, label, number, key, offsets if len(fragments) > 1 else None)
    )


def _relation(annotation: Annotation, number: int, line: str) -> None:
    try:
        label, head, tail = line.split("\t", 2)[1].split()
        ends = dict(argument.split(":", 1) for argument in (head, tail))
        link = Link(ends["Arg1"], ends["Arg2"], label, number)
    except (ValueError, KeyError, IndexError):
        annotation.file.fail(
            number, "columns", f"{line[:60]!r} is no relation: write R1<tab>LABEL Arg1:T1 Arg2:T2"
        )
        return
    annotation.links.append(link)
