"""FactRuEval-2016 (https://github.com/dialogue-evaluation/factRuEval-2016): X.txt with X.spans and X.objects beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.spans import Aligner, CharSpan, Misaligned, Tokenize
from pipekit.doc import Doc

SUFFIXES = (".txt", ".spans", ".objects")
FACTRUEVAL_PARTS = {
    "Person": ("name", "surname", "patronymic", "nickname"),
    "Location": ("loc_name", "geo_adj", "loc_descr"),
    "LocOrg": ("loc_name", "geo_adj", "loc_descr"),
}  # an object's spans also tell a person's job and the like


def read_factrueval(
    path: StrPath,
    *,
    tokenize: Tokenize,
    misaligned: Misaligned = "expand",
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs with the objects (Person, Org, Location, LocOrg, Project, …) as the layer "ents", each from its first span to its last.

    Args:
        tokenize: texts to Docs.
        misaligned: what becomes of objects that do not fall on token borders, as in `read_brat`.
        on_problem: is told each `Problem`, and reading goes on.
    """
    with corpus(path, SUFFIXES, on_problem) as files:
        for name, file in files.items():
            if not name.endswith(".txt"):
                continue
            beside = [
                files.get(name.removesuffix(".txt") + ending) for ending in (".spans", ".objects")
            ]
            if beside[0] is None or beside[1] is None:
                file.fail(None, "file", "has no .spans and .objects beside it")
                continue
            [doc] = tokenize([file.text()])
            doc.name = PurePosixPath(name).stem
            Aligner(beside[1], misaligned).write(doc, _objects(beside[1], _spans(beside[0])))
            doc.add_layer("meta", "doc", 1).set("file", [name])
            yield doc


def _spans(file: CorpusFile) -> dict[str, tuple[str, int, int]]:
    """By id the type of a span, its start and its end."""
    found = {}
    for number, line in enumerate(file.lines(), 1):
        try:
            if line.strip():
                key, kind, start, length = line.split()[:4]
                found[key] = (kind, int(start), int(start) + int(length))
        except ValueError:
            file.fail(number, "columns", f"{line[:60]!r} is no span: write id, type, start, length")
    return found


def _objects(file: CorpusFile, spans: dict[str, tuple[str, int, int]]) -> list[CharSpan]:
    found = []
    for number, line in enumerate(file.lines(), 1):
        key, kind, *parts = [*line.partition("#")[0].split(), "", ""]
        chosen = [spans[part] for part in parts if part in spans]
        chosen = [
            one for one in chosen if one[0] in FACTRUEVAL_PARTS.get(kind, (one[0],))
        ] or chosen
        if chosen:
            found.append(
                CharSpan(
                    min(s for _, s, _ in chosen), max(e for _, _, e in chosen), kind, number, key
                )
            )
        elif key:
            file.fail(
                number, "columns", f"{line[:60]!r} is no object: write id, type, ids of spans"
            )
    return found
