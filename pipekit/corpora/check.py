"""A check of a corpus before training: all of its faults, with file and line."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np

from pipekit.corpora.readers.files import Problem, StrPath
from pipekit.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.errors import DataError, near
from pipekit.parts.spans import within
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
WARNINGS = frozenset({"border", "duplicate", "rare", "unseen", "overlap", "text", "relations"})
_NAME = r"[A-Z][A-Za-z0-9]*(\[[a-z0-9]+\])?"
_VALUE = r"[A-Z0-9][A-Za-z0-9]*"
_FEATURE = rf"{_NAME}=(\?|{_VALUE}(,{_VALUE})*)"  # ? is masked
_FEATURES = re.compile(rf"({_FEATURE}(\|{_FEATURE})*)?")
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "conllu": {"columns": ("pos", "morph", "lemma", "head", "dep", "line")}
}
_LABELLED = ("pos", "dep")
_LISTED = 12  # labels shown of each kind
_SHOWN = 40  # characters shown of a text


@dataclass
class CorpusPart:
    """The counts of one part of a corpus.

    `labels` are counted by kind, such as "pos" or "ents"; `texts` lead to the place of the first
    document with each text.
    """

    name: str
    documents: int = 0
    tokens: int = 0
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    texts: dict[str, Problem] = field(default_factory=dict)

    def count(
        self,
        doc: Doc,
        where: Problem,
    ) -> None:
        """Add a document that stands at a place."""
        self.documents += 1
        self.tokens += len(doc)
        text = " ".join(doc.text.split())
        self.texts.setdefault(text, where)
        for kind, labels in _labels(doc):
            self.labels.setdefault(kind, Counter()).update(labels)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, as for JSON."""
        return {
            "name": self.name,
            "documents": self.documents,
            "tokens": self.tokens,
            "labels": {kind: dict(counter) for kind, counter in self.labels.items()},
        }


@dataclass
class CheckReport:
    """The problems of a corpus, and its size."""

    problems: list[Problem]
    parts: list[CorpusPart]

    @property
    def errors(self) -> list[Problem]:
        """The problems that are more than warnings."""
        return [problem for problem in self.problems if problem.kind not in WARNINGS]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, as for JSON."""
        return {
            "errors": len(self.errors),
            "problems": [problem.to_dict() for problem in self.problems],
            "parts": [part.to_dict() for part in self.parts],
        }

    def table(self, limit: int = 10) -> str:
        """For people: the parts, then the problems by kind, at most `limit` of each."""
        lines = []
        for part in self.parts:
            lines.append(f"{part.name}: {part.documents} documents, {part.tokens} tokens")
        for part in self.parts[:1]:
            lines += [
                f"  {kind}: {_listed(counter)}" for kind, counter in part.labels.items() if counter
            ]
        if not self.problems:
            lines.append("no problems")
        counts = Counter(problem.kind for problem in self.problems)
        for kind, count in counts.most_common():
            severity = "warning" if kind in WARNINGS else "error"
            lines.append(f"{severity}: {kind} ({count})")
            problems = [problem for problem in self.problems if problem.kind == kind]
            lines += [f"  {problem}" for problem in problems[:limit]]
            if count > limit:
                lines.append(f"  and {count - limit} more")
        return "\n".join(lines)


def _listed(counter: Counter[str]) -> str:
    """The most frequent labels with their counts."""
    entries = [f"{label} {count}" for label, count in counter.most_common(_LISTED)]
    if len(counter) > _LISTED:
        entries.append("…")
    return ", ".join(entries)


def check(
    path: StrPath,
    format: str,
    *,
    dev: StrPath | None = None,
    fewest: int = 3,
    **options: Any,
) -> CheckReport:
    """Read a corpus to its end and report all faults.

        print(check("train.conllu", "conllu", dev="dev.conllu").table())

    Args:
        format: the name of a reader.
        dev: another part of the corpus. Texts that stand in both parts are reported, and labels
            that only this one has.
        fewest: labels with fewer occurrences are reported.
        options: of the reader.

    Errors: `ConfigError` for an unknown format or an option that its reader does not take.
    """
    problems: list[Problem] = []
    train_part = _read(path, format, options, problems)
    parts = [train_part]
    problems += _rare(train_part, fewest)
    if dev is not None:
        dev_part = _read(dev, format, options, problems)
        parts.append(dev_part)
        problems += _duplicates(train_part, dev_part)
        problems += _unseen(train_part, dev_part)
    return CheckReport(problems, parts)


def _read(
    path: StrPath,
    format: str,
    options: Mapping[str, Any],
    problems: list[Problem],
) -> CorpusPart:
    """The counts of a part; its problems are appended."""
    part = CorpusPart(str(path))
    places_of_names: dict[str, str] = {}
    try:
        for doc in _docs(path, format, options, problems.append):
            part.count(doc, _place(doc, part.name))
            problems += _doc_problems(doc, part.name, places_of_names)
    except DataError as error:
        problems.append(Problem(part.name, None, "file", str(error)))
    if not part.documents:
        what = "holds no document: check the path and the format"
        problems.append(Problem(part.name, None, "empty", what))
    return part


def _docs(
    path: StrPath,
    format: str,
    options: Mapping[str, Any],
    on_problem: Callable[[Problem], None],
) -> Iterator[Doc]:
    """The reader's documents; a reader without `on_problem` stops at its first problem."""
    reader = readers.get(format)
    arguments = {**_OPTIONS.get(format, {}), **options}
    if "on_problem" in inspect.signature(reader).parameters:
        arguments["on_problem"] = on_problem
    check_arguments(reader, {"path": path, **arguments}, f"the reader {format!r}")
    yield from reader(path, **arguments)


# -- faults of a document


class _Fault(NamedTuple):
    """A fault of a token; `row` is that of the token."""

    row: int
    kind: str
    what: str


def _doc_problems(
    doc: Doc,
    file: str,
    places_of_names: dict[str, str],
) -> Iterator[Problem]:
    if not doc.text.strip():
        what = "the document is empty: leave it out"
        yield replace(_place(doc, file), kind="empty", what=what)
    faults = (
        _bad_pos(doc),
        _bad_features(doc),
        _bad_trees(doc),
        _overlaps(doc),
        _crossing(doc),
    )
    for fault in chain.from_iterable(faults):
        what = f"{doc[fault.row].text!r}: {fault.what}"
        yield replace(
            _place(doc, file, fault.row),
            kind=fault.kind,
            what=what,
        )
    meta = doc.layers.get("meta")
    if meta is not None and "sent_id" in meta:
        yield from _repeated_names(meta, file, places_of_names)


def _place(
    doc: Doc,
    file: str,
    row: int | None = None,
) -> Problem:
    """The place of a document, or of its token `row` where lines are known, as an empty problem."""
    line = None
    lines = doc.tokens.get("line")
    meta = doc.layers.get("meta")
    if meta is not None and "file" in meta:
        file = meta["file"][0]
    if row is not None and lines is not None:
        line = lines[row]
    elif meta is not None and "line" in meta and meta.size:
        line = meta["line"][0]
    return Problem(file, line, "", "")


def _repeated_names(
    meta: Layer,
    file: str,
    places_of_names: dict[str, str],
) -> Iterator[Problem]:
    """Sentences whose sent_id another one has; `places_of_names` is continued."""
    names = meta["sent_id"].strings()
    lines = meta["line"].values.tolist()
    for name, line in zip(names, lines, strict=True):
        if name is None:
            continue
        here = Problem(file, line, "ids", "").where
        there = places_of_names.setdefault(name, here)
        if there != here:
            what = f"the sent_id {name!r} stands at {there} too: give each sentence its own"
            yield Problem(file, line, "ids", what)


def _bad_pos(doc: Doc) -> Iterator[_Fault]:
    for row, value in _wrong(doc, "pos", UPOS.__contains__):
        what = f"{value!r} is no part of speech of UD.{near(value, UPOS)}"
        yield _Fault(row, "upos", what)


def _bad_features(doc: Doc) -> Iterator[_Fault]:
    for row, value in _wrong(doc, "morph", _are_features):
        what = f"the features {value!r} are not Name=Value|Name=Value"
        yield _Fault(row, "feats", what)
    for row, value in _wrong(doc, "morph", _names_each_once):
        what = f"the features {value!r} name one thing twice: write Name=Value1,Value2"
        yield _Fault(row, "feats", what)


def _are_features(value: str) -> bool:
    return _FEATURES.fullmatch(value) is not None


def _names_each_once(features: str) -> bool:
    names = [pair.partition("=")[0] for pair in features.split("|")]
    return len(set(names)) == len(names)


def _bad_trees(doc: Doc) -> Iterator[_Fault]:
    """Sentences whose heads are all there, and have another number of roots than one, or a circle.

    A circle is named at its first word, or at one that leads to it.
    """
    borders = doc.sent_borders()
    if borders is None or "head" not in doc.tokens:
        return
    heads = doc.tokens["head"].values
    words = np.arange(len(doc))
    is_root = heads == words
    reached = np.where(heads < 0, words, heads)
    for _ in range(len(doc).bit_length()):  # twice as far each time, and a circle leads nowhere
        reached = reached[reached]
    for start, end in pairwise(borders.tolist()):
        if heads[start:end].min(initial=0) < 0:
            continue
        roots = np.flatnonzero(is_root[start:end])
        lost = np.flatnonzero(~is_root[reached[start:end]])
        if len(lost):
            what = "its head, the head of that and so on lead to no root: mend the circle"
            yield _Fault(start + int(lost[0]), "tree", what)
        if len(roots) != 1:
            what = f"a sentence has {len(roots)} roots: it has one"
            yield _Fault(start, "tree", what)


def _wrong(
    doc: Doc,
    name: str,
    is_right: Callable[[str], bool],
) -> Iterator[tuple[int, str]]:
    """The rows of a token column with a wrong value; each distinct value is tested once."""
    column = doc.tokens.get(name)
    if column is None:
        return
    wrong_codes = [code for code, label in enumerate(column.labels or ()) if not is_right(label)]
    for row in np.flatnonzero(np.isin(column.values, wrong_codes)).tolist():
        yield row, column[row]


def _overlaps(doc: Doc) -> Iterator[_Fault]:
    """Entities that begin before the end of one before them."""
    layer = doc.layers.get("ents")
    if layer is None or not layer.size:
        return
    order = np.lexsort((-layer["end"].values, layer["start"].values))
    starts = layer["start"].values[order]
    ends = layer["end"].values[order]
    furthest_ends = np.maximum.accumulate(ends)
    cure = "a tagger of plain entities keeps only one of them"
    for start in starts[1:][starts[1:] < furthest_ends[:-1]].tolist():
        yield _Fault(start, "overlap", f"an entity overlaps or repeats another: {cure}")


def _crossing(doc: Doc) -> Iterator[_Fault]:
    """Spans that lie in two sentences, in any layer."""
    borders = doc.sent_borders()
    if borders is None:
        return
    cure = "a recognizer of names leaves it out; mend the span, or the sentences"
    for name, layer in doc.layers.items():
        if layer.kind != "span" or not layer.size:
            continue
        starts = layer["start"].values
        is_inside = within(borders, starts, layer["end"].values)
        for start in starts[~is_inside].tolist():
            what = f"a span of {name} crosses the border of a sentence: {cure}"
            yield _Fault(start, "border", what)


# -- labels


def _labels(doc: Doc) -> Iterator[tuple[str, Iterable[str]]]:
    """The labels of a document by kind: token columns, features, span and link layers."""
    for name in _LABELLED:
        if name in doc.tokens:
            yield name, _present(doc.tokens[name].strings())
    if "morph" in doc.tokens:
        yield "morph", _pairs(doc.tokens["morph"].strings())
    for name, layer in doc.layers.items():
        if layer.kind in ("span", "link") and "label" in layer:
            yield name, _present(layer["label"].strings())


def _present(values: Iterable[str | None]) -> Iterator[str]:
    return (value for value in values if value is not None)


def _pairs(values: Iterable[str | None]) -> Iterator[str]:
    """The pairs Name=Value of features."""
    for value in values:
        if value:
            yield from value.split("|")


def _rare(
    part: CorpusPart,
    fewest: int,
) -> Iterator[Problem]:
    for kind, counter in part.labels.items():
        for label, count in sorted(counter.items()):
            if count < fewest:
                what = f"{kind} {label!r} is seen {count} times: too few to learn it from"
                yield Problem(part.name, None, "rare", what)


def _duplicates(
    train: CorpusPart,
    dev: CorpusPart,
) -> Iterator[Problem]:
    for text, place in dev.texts.items():
        if text not in train.texts:
            continue
        shown = text
        if len(text) > _SHOWN:
            shown = text[: _SHOWN - 1] + "…"
        where = train.texts[text].where
        what = f"{shown!r} stands at {where} too: figures on it will be too good"
        yield replace(place, kind="duplicate", what=what)


def _unseen(
    train: CorpusPart,
    dev: CorpusPart,
) -> Iterator[Problem]:
    for kind, counter in dev.labels.items():
        train_labels = train.labels.get(kind, Counter())
        for label in sorted(counter.keys() - train_labels.keys()):
            what = f"{kind} {label!r} ({counter[label]} times) is not in {train.name}"
            yield Problem(dev.name, None, "unseen", what)
