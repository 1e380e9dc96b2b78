"""brat standoff (https://brat.nlplab.org/standoff.html): pairs of X.txt and X.ann."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import PurePosixPath
from typing import NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.spans import Aligner, CharSpan, Link, Misaligned, Tokenize, with_docs
from pipekit.doc import Doc

SUFFIXES = (".txt", ".ann")
_IGNORED = "EAMN*#"  # kinds of lines
_LINE = re.compile(r"[TREAMN#*]\S*\t")


class Annotation(NamedTuple):
    """The content of an .ann file."""

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
    """Docs with entities as the layer "ents" and relations as the layer "relations".

    Entities nest and overlap as in the corpus. A discontinuous entity becomes the span that covers
    it; the column `fragments` of "ents" has its offsets as they stand in the file. Events,
    attributes, modifications, normalizations, equivalences and comments are ignored. The Doc's name
    is that of the file.

        docs = read_brat("nerel-1.1-brat.zip", tokenize=nlp.tokenize, part="dev")

    Args:
        path: a folder or a zip archive with files X.txt and X.ann.
        tokenize: makes Docs of texts.
        misaligned: the treatment of entities that do not fall on token borders: "expand" takes the
            whole of their tokens, "skip" leaves them out, "raise" is an error. The first two are
            counted and shown in a warning.
        part: read only the folders of that name, such as "train" or "dev".
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `DataError` for a file that cannot be read.
    """
    with corpus(path, SUFFIXES, on_problem) as files:
        pairs = _pairs(files, part)
        for (_, annotation), doc in with_docs(pairs, itemgetter(0), tokenize):
            yield _annotated(doc, annotation, misaligned)


def _pairs(
    files: Mapping[str, CorpusFile],
    part: str,
) -> Iterator[tuple[str, Annotation]]:
    """Each text with its annotation."""
    for name, file in files.items():
        if part and part not in PurePosixPath(name).parts:
            continue
        base, suffix = name[:-4], name[-4:]
        if suffix not in SUFFIXES:
            continue
        if suffix == ".ann":
            if base + ".txt" not in files:
                short_name = PurePosixPath(base).name + ".txt"
                file.fail(None, "file", f"has no {short_name} beside it: its offsets need the text")
        elif base + ".ann" in files:
            text = file.text()
            yield text, _parse(files[base + ".ann"], text)
        else:
            short_name = PurePosixPath(base).name + ".ann"
            what = f"has no {short_name} beside it: an empty one says that there is nothing to find"
            file.fail(None, "file", what)


def _annotated(
    doc: Doc,
    annotation: Annotation,
    misaligned: Misaligned,
) -> Doc:
    file = annotation.file
    doc.name = PurePosixPath(file.name).stem
    Aligner(file, misaligned).write(doc, annotation.spans, annotation.links)
    doc.add_layer("meta", "doc", 1).set("line", [1]).set("file", [file.name])
    return doc


def _parse(
    file: CorpusFile,
    text: str,
) -> Annotation:
    annotation = Annotation(file, [], [])
    lines: dict[str, int] = {}
    for number, line in _joined(file):
        kind = line[0]
        key, _, _ = line.partition("\t")
        if kind in "TR" and lines.setdefault(key, number) != number:
            what = f"{key} is there already, in line {lines[key]}: give one of them another number"
            file.fail(number, "columns", what)
        elif kind == "T":
            _add_entity(annotation, number, line, text)
        elif kind == "R":
            _add_relation(annotation, number, line)
        elif kind not in _IGNORED:
            what = (
                f"begins with {line[:12]!r}: lines of brat begin with "
                f"T, R, {', '.join(_IGNORED)} and a number"
            )
            file.fail(number, "columns", what)
    return annotation


def _joined(file: CorpusFile) -> Iterator[tuple[int, str]]:
    """Lines with their numbers. An entity with a line end in its text goes on in the next line."""
    first = 0
    joined = ""
    for number, line in enumerate(file.lines(), 1):
        if joined.startswith("T") and not _LINE.match(line):
            joined = f"{joined} {line}"
            continue
        if joined:
            yield first, joined
        first = number
        joined = line if line.strip() else ""
    if joined:
        yield first, joined


def _add_entity(
    annotation: Annotation,
    number: int,
    line: str,
    text: str,
) -> None:
    try:
        key, place, surface = line.split("\t", 2)
        label, offsets = place.split(" ", 1)
        fragments = [_fragment(part) for part in offsets.split(";")]
    except ValueError:
        what = f"{line[:60]!r} is no entity: write T1<tab>LABEL 0 5<tab>its text"
        annotation.file.fail(number, "columns", what)
        return
    start = min(first for first, _ in fragments)
    end = max(last for _, last in fragments)
    if len(fragments) > 1:
        span = CharSpan(start, end, label, number, key, offsets)
    else:
        span = CharSpan(start, end, label, number, key)
        _check_surface(annotation.file, span, text, surface)
    annotation.spans.append(span)


def _fragment(offsets: str) -> tuple[int, int]:
    """Start and end, of "0 5". Errors: `ValueError`."""
    start, end = map(int, offsets.split())
    return start, end


def _check_surface(
    file: CorpusFile,
    span: CharSpan,
    text: str,
    surface: str,
) -> None:
    """Note where the file repeats another text than that of the span. White space is ignored."""
    actual = text[span.start : span.end]
    if actual.split() == surface.split():
        return
    what = (
        f"{span.key} is {surface[:40]!r}, but the text has {actual[:40]!r} at {span.start}: "
        "mend the offsets or the text"
    )
    file.note(span.line, "offsets", what)


def _add_relation(
    annotation: Annotation,
    number: int,
    line: str,
) -> None:
    try:
        label, head, tail = line.split("\t", 2)[1].split()
        arguments = dict(argument.split(":", 1) for argument in (head, tail))
        link = Link(arguments["Arg1"], arguments["Arg2"], label, number)
    except (ValueError, KeyError, IndexError):
        what = f"{line[:60]!r} is no relation: write R1<tab>LABEL Arg1:T1 Arg2:T2"
        annotation.file.fail(number, "columns", what)
        return
    annotation.links.append(link)
