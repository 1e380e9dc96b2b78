"""FactRuEval-2016 (https://github.com/dialogue-evaluation/factRuEval-2016).

Beside each X.txt stand X.spans, the pieces of entities, and X.objects, the entities made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.spans import Aligner, CharSpan, Misaligned, Tokenize, tokenized
from pipekit.doc import Doc

SUFFIXES = (".txt", ".spans", ".objects")
FACTRUEVAL_PARTS = {
    "Person": ("name", "surname", "patronymic", "nickname"),
    "Location": ("loc_name", "geo_adj", "loc_descr"),
    "LocOrg": ("loc_name", "geo_adj", "loc_descr"),
}  # the types of spans that name an object; its other spans are a person's job and the like


class _Piece(NamedTuple):
    """A typed span of the characters [start, end)."""

    type: str
    start: int
    end: int


def read_factrueval(
    path: StrPath,
    *,
    tokenize: Tokenize,
    misaligned: Misaligned = "expand",
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs with the objects (Person, Org, Location, LocOrg, Project, …) as the layer "ents".

    An object reaches from its first span to its last.

    Args:
        tokenize: makes Docs of texts.
        misaligned: the treatment of objects that do not fall on token borders, as in `read_brat`.
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `DataError` for a file that cannot be read.
    """
    with corpus(path, SUFFIXES, on_problem) as files:
        for name, file in files.items():
            if not name.endswith(".txt"):
                continue
            pieces_file = files.get(name.removesuffix(".txt") + ".spans")
            objects_file = files.get(name.removesuffix(".txt") + ".objects")
            if pieces_file is None or objects_file is None:
                file.fail(None, "file", "has no .spans and .objects beside it")
                continue
            aligner = Aligner(objects_file, misaligned)
            [doc] = tokenized(tokenize, [file.text()])
            doc.name = PurePosixPath(name).stem
            aligner.write(doc, _objects(objects_file, _pieces(pieces_file)))
            doc.add_layer("meta", "doc", 1).set("file", [name])
            yield doc


def _pieces(file: CorpusFile) -> dict[str, _Piece]:
    """The spans of a .spans file by id."""
    pieces = {}
    for number, line in enumerate(file.lines(), 1):
        if not line.strip():
            continue
        try:
            key, type_name, start, length = line.split()[:4]
            pieces[key] = _Piece(
                type_name,
                int(start),
                int(start) + int(length),
            )
        except ValueError:
            file.fail(number, "columns", f"{line[:60]!r} is no span: write id, type, start, length")
    return pieces


def _objects(
    file: CorpusFile,
    pieces: Mapping[str, _Piece],
) -> list[CharSpan]:
    """The objects of an .objects file."""
    objects = []
    for number, line in enumerate(file.lines(), 1):
        key, label, *piece_keys = [*line.partition("#")[0].split(), "", ""]
        parts = [pieces[piece_key] for piece_key in piece_keys if piece_key in pieces]
        if parts:
            parts = _naming(parts, label)
            start = min(part.start for part in parts)
            end = max(part.end for part in parts)
            objects.append(CharSpan(start, end, label, number, key))
        elif key:
            what = f"{line[:60]!r} is no object: write id, type, ids of spans"
            file.fail(number, "columns", what)
    return objects


def _naming(
    parts: list[_Piece],
    label: str,
) -> list[_Piece]:
    """The parts that name an object with this label; all parts where none does."""
    types = FACTRUEVAL_PARTS.get(label)
    if types is None:
        return parts
    return [part for part in parts if part.type in types] or parts
