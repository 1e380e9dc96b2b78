"""A look at a corpus before it is trained on: all of its faults, with file and line."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pipekit.corpora.readers.files import Problem, StrPath
from pipekit.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.errors import DataError, near
from pipekit.registry import check_arguments, readers

UPOS = frozenset(
    {
        "ADJ",
        "ADP",
        "ADV",
        "AUX",
        "CCONJ",
        "DET",
        "INTJ",
        "NOUN",
        "NUM",
        "PART",
        "PRON",
        "PROPN",
        "PUNCT",
        "SCONJ",
        "SYM",
        "VERB",
        "X",
    }
)
WARNINGS = frozenset({"duplicate", "rare", "unseen", "overlap", "text", "relations"})
_FEATURE = r"[A-Z][A-Za-z0-9]*(\[[a-z0-9]+\])?=(\?|[A-Z0-9][A-Za-z0-9]*(,[A-Z0-9][A-Za-z0-9]*)*)"  # ? is masked
_FEATURES = re.compile(rf"({_FEATURE}(\|{_FEATURE})*)?")
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "conllu": {"columns": ("pos", "morph", "lemma", "head", "dep", "line")}
}
_LABELLED = ("pos", "dep")


@dataclass
class CorpusPart:
    """What was counted in one part of a corpus; `labels` by what they are labels of; `texts` with the place of the first that has it."""

    name: str
    documents: int = 0
    tokens: int = 0
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    texts: dict[str, Problem] = field(default_factory=dict)

    def count(self, doc: Doc, where: Problem) -> None:
        self.documents += 1
        self.tokens += len(doc)
        self.texts.setdefault(" ".join(doc.text.split()), where)
        for kind, labels in _labels(doc):
            self.labels.setdefault(kind, Counter()).update(labels)

    def to_dict(self) -> dict[str, Any]:
        labels = {kind: dict(counter) for kind, counter in self.labels.items()}
        return {
            "name": self.name,
            "documents": self.documents,
            "tokens": self.tokens,
            "labels": labels,
        }


@dataclass
class CheckReport:
    """What is wrong with a corpus, and how much there is of it."""

    problems: list[Problem]
    parts: list[CorpusPart]

    @property
    def errors(self) -> list[Problem]:
        """The problems that are more than warnings."""
        return [problem for problem in self.problems if problem.kind not in WARNINGS]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, as for JSON."""
        problems = [problem.to_dict() for problem in self.problems]
        return {
            "errors": len(self.errors),
            "problems": problems,
            "parts": [part.to_dict() for part in self.parts],
        }

    def table(self, limit: int = 10) -> str:
        """For people: the parts, then the problems by kind, at most `limit` of each."""
        lines = [
            f"{part.name}: {part.documents} documents, {part.tokens} tokens" for part in self.parts
        ]
        for part in self.parts[:1]:
            lines += [f"  {kind}: {_listed(counter)}" for kind, counter in part.labels.items()]
        kinds = Counter(problem.kind for problem in self.problems)
        for kind, count in kinds.most_common():
            lines.append(f"{'warning' if kind in WARNINGS else 'error'}: {kind} ({count})")
            lines += [f"  {problem}" for problem in self.problems if problem.kind == kind][:limit]
            lines += [f"  and {count - limit} more"] if count > limit else []
        return "\n".join(lines if kinds else [*lines, "no problems"])


def check(
    path: StrPath, format: str, *, dev: StrPath | None = None, fewest: int = 3, **options: Any
) -> CheckReport:
    """Read a corpus to its end and report whatever is wrong with it.

    Args:
        format: the name of a reader.
        dev: another part of the corpus, held against the first: texts that stand in both, labels that only it has.
        fewest: labels that are seen less often are reported.
        options: of the reader.

    Errors: `ConfigError` for an unknown format, or an option that its reader does not take.
    """
    problems: list[Problem] = []
    train = _read(path, format, options, problems)
    problems += _rare(train, fewest)
    if dev is None:
        return CheckReport(problems, [train])
    other = _read(dev, format, options, problems)
    return CheckReport(
        [*problems, *_duplicates(train, other), *_unseen(train, other)], [train, other]
    )


def _read(
    path: StrPath, format: str, options: Mapping[str, Any], problems: list[Problem]
) -> CorpusPart:
    part = CorpusPart(str(path))
    names: dict[str, str] = {}
    try:
        for doc in _docs(path, format, options, problems.append):
            part.count(doc, _place(doc, part.name, None))
            problems += _doc_problems(doc, part.name, names)
    except DataError as error:
        problems.append(Problem(part.name, None, "file", str(error)))
    if not part.documents:
        problems.append(
            Problem(part.name, None, "empty", "holds no document: check the path and the format")
        )
    return part


def _docs(
    path: StrPath, format: str, options: Mapping[str, Any], listen: Callable[[Problem], None]
) -> Iterator[Doc]:
    """The reader's documents; a reader that takes no `on_problem` stops at its first."""
    reader = readers.get(format)
    arguments = {**_OPTIONS.get(format, {}), **options, "on_problem": listen}
    if "on_problem" not in inspect.signature(reader).parameters:
        del arguments["on_problem"]
    check_arguments(reader, {"path", *arguments}, f"the reader {format!r}")
    yield from reader(path, **arguments)


def _place(doc: Doc, file: str, row: int | None, kind: str = "", what: str = "") -> Problem:
    """A problem of a document, at the line of a token where lines are known."""
    meta, lines = doc.layers.get("meta"), doc.tokens.get("line")
    named = meta.get("file") if meta is not None else None
    line = None
    if row is not None and lines is not None:
        line = lines[row]
    elif meta is not None and "line" in meta and meta.size:
        line = meta["line"][0]
    return Problem(named[0] if named is not None else file, line, kind, what)


def _doc_problems(doc: Doc, file: str, names: dict[str, str]) -> Iterator[Problem]:
    if not doc.text.strip():
        yield _place(doc, file, None, "empty", "the document is empty: leave it out")
    for row, kind, what in (*_bad_pos(doc), *_bad_features(doc), *_overlaps(doc)):
        yield _place(doc, file, row, kind, f"{doc[row].text!r}: {what}")
    meta = doc.layers.get("meta")
    if meta is not None and "sent_id" in meta:
        yield from _repeated_names(meta, file, names)


def _repeated_names(meta: Layer, file: str, names: dict[str, str]) -> Iterator[Problem]:
    for name, line in zip(meta["sent_id"].strings(), meta["line"].values.tolist(), strict=True):
        here = Problem(
            file,
            line,
            "ids",
            f"the sent_id {name!r} stands at {names.get(name or '')} too: give each sentence its own",
        )
        if name is not None and names.setdefault(name, here.where) != here.where:
            yield here


def _bad_pos(doc: Doc) -> Iterator[tuple[int, str, str]]:
    for row, value in _wrong(doc, "pos", UPOS.__contains__):
        yield row, "upos", f"{value!r} is no part of speech of UD.{near(value, UPOS)}"


def _bad_features(doc: Doc) -> Iterator[tuple[int, str, str]]:
    for row, value in _wrong(doc, "morph", lambda value: _FEATURES.fullmatch(value) is not None):
        yield row, "feats", f"the features {value!r} are not Name=Value|Name=Value"
    for row, value in _wrong(doc, "morph", _names_each_once):
        yield row, "feats", f"the features {value!r} name one thing twice: write Name=Value1,Value2"


def _names_each_once(features: str) -> bool:
    names = [pair.partition("=")[0] for pair in features.split("|")]
    return len(set(names)) == len(names)


def _wrong(doc: Doc, name: str, right: Callable[[str], bool]) -> Iterator[tuple[int, str]]:
    """The rows of a token column whose value is not right; each value is looked at once."""
    column = doc.tokens.get(name)
    if column is not None:
        wrong = [code for code, label in enumerate(column.labels or ()) if not right(label)]
        yield from (
            (row, column[row]) for row in np.flatnonzero(np.isin(column.values, wrong)).tolist()
        )


def _overlaps(doc: Doc) -> Iterator[tuple[int, str, str]]:
    layer = doc.layers.get("ents")
    if layer is None:
        return
    starts, ends = layer["start"].values, layer["end"].values
    order = np.lexsort((-ends, starts))
    reach = np.maximum.accumulate(ends[order])[:-1] if layer.size else ends
    for i in np.flatnonzero(starts[order][1:] < reach).tolist():
        row = int(starts[order[i + 1]])
        yield (
            row,
            "overlap",
            "an entity overlaps or repeats another: a tagger of plain entities keeps only one of them",
        )


def _labels(doc: Doc) -> Iterator[tuple[str, Iterable[str]]]:
    for name in _LABELLED:
        if name in doc.tokens:
            yield name, _present(doc.tokens[name].strings())
    if "morph" in doc.tokens:
        yield (
            "morph",
            (pair for value in doc.tokens["morph"].strings() if value for pair in value.split("|")),
        )
    for name, layer in doc.layers.items():
        if layer.kind in ("span", "link") and "label" in layer:
            yield name, _present(layer["label"].strings())


def _present(values: Iterable[str | None]) -> Iterator[str]:
    return (value for value in values if value is not None)


def _rare(part: CorpusPart, fewest: int) -> Iterator[Problem]:
    for kind, counter in part.labels.items():
        for label, count in sorted(counter.items()):
            if count < fewest:
                yield Problem(
                    part.name,
                    None,
                    "rare",
                    f"{kind} {label!r} is seen {count} times: too few to learn it from",
                )


def _duplicates(train: CorpusPart, dev: CorpusPart) -> Iterator[Problem]:
    for text, place in dev.texts.items():
        if text in train.texts:
            shown = text if len(text) <= 40 else text[:39] + "…"
            what = (
                f"{shown!r} stands at {train.texts[text].where} too: figures on it will be too good"
            )
            yield replace(place, kind="duplicate", what=what)


def _unseen(train: CorpusPart, dev: CorpusPart) -> Iterator[Problem]:
    for kind, counter in dev.labels.items():
        for label in sorted(counter.keys() - train.labels.get(kind, Counter()).keys()):
            yield Problem(
                dev.name,
                None,
                "unseen",
                f"{kind} {label!r} ({counter[label]} times) is not in {train.name}",
            )


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{label} {count}" for label, count in counter.most_common(12)) + (
        ", …" if len(counter) > 12 else ""
    )
