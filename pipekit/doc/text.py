"""Text: a text, its tokens, and the layers of annotation that they bear. What is below the views of a Doc."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipekit.doc.layer import REQUIRED, Layer, LayerKind
from pipekit.errors import DocError, DocTooLargeError, near

if TYPE_CHECKING:
    from pipekit.words.vectors import Vectors

_MAX_LENGTH = 2**31 - 1
_SURROGATES = re.compile("[\ud800-\udfff]")
QUESTIONS = (
    "questions"  # the layer of questions about a document, which are no annotation but asked of it
)


def clean(text: str) -> str:
    """The text with each lone surrogate, which no UTF-8 file can hold, replaced by U+FFFD: offsets stay as they are."""
    return _SURROGATES.sub("�", text)


class Text:
    """A text and its tokens, with layers of annotation: a `Doc` without its views."""

    __slots__ = ("__weakref__", "_ends", "_starts", "_text", "error", "layers", "name", "vectors")

    def __init__(
        self,
        text: str | None = None,
        *,
        words: Sequence[str] | None = None,
        spaces: Sequence[bool | str] | None = None,
        starts: ArrayLike | None = None,
        ends: ArrayLike | None = None,
    ) -> None:
        if words is not None:
            if text is not None or starts is not None or ends is not None:
                raise DocError(
                    "give either words (and spaces) or a text with starts and ends, not both"
                )
            text, starts, ends = _from_words(words, spaces)
        if text is None or starts is None or ends is None:
            raise DocError(
                "a Doc is made of words, or of a text with starts and ends of its tokens; to tokenize a text, call nlp(text)"
            )
        offsets = np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64)
        text = clean(text)
        _check_offsets(text, *offsets)
        self._fill(text, *offsets)

    def _fill(self, text: str, starts: NDArray[Any], ends: NDArray[Any]) -> None:
        self._text = text
        self._starts = starts.astype(np.int32, copy=False)
        self._ends = ends.astype(np.int32, copy=False)
        self._starts.flags.writeable = self._ends.flags.writeable = False
        self.layers: dict[str, Layer] = {"tokens": Layer("token", len(starts))}
        self.name: str | None = None
        self.error: str | None = None
        self.vectors: Vectors | None = (
            None  # what a pipeline with embeddings lends; it is never saved
        )

    @classmethod
    def trusted(cls, text: str, starts: NDArray[Any], ends: NDArray[Any]) -> Self:
        """A Doc of a clean text and offsets known to be right: nothing is checked, and int32 arrays are kept. For tokenizers."""
        doc = cls.__new__(cls)
        doc._fill(text, starts, ends)
        return doc

    @property
    def text(self) -> str:
        return self._text

    @property
    def starts(self) -> NDArray[np.int32]:
        """Where each token begins, int32[tokens], read-only."""
        return self._starts

    @property
    def ends(self) -> NDArray[np.int32]:
        """Where each token ends, int32[tokens], read-only."""
        return self._ends

    @property
    def tokens(self) -> Layer:
        """The token layer: `pos`, `morph`, `lemma`, `sent_start` and whatever plugins add."""
        return self.layers["tokens"]

    @property
    def words(self) -> list[str]:
        """The texts of the tokens."""
        text = self._text
        return [text[s:e] for s, e in zip(self._starts.tolist(), self._ends.tolist(), strict=True)]

    def __len__(self) -> int:
        return len(self._starts)

    def has_annotation(self, name: str) -> bool:
        """Whether anyone has written the token column, the layer, "sents", or, as "ents.sentiment", a column of a layer.

        A column that stands for several, "sentiment.negative" and so on, is there where one of them is.
        """
        if name in self.layers or {"sents": "sent_start"}.get(name, name) in self.tokens:
            return True
        layer, _, column = name.partition(".")
        return bool(column) and any(
            f"{found}.".startswith(f"{column}.") for found in self.layers.get(layer, ())
        )

    def sent_borders(self) -> NDArray[np.int64] | None:
        """Token rows where sentences begin, and the number of tokens, int64[sentences + 1]; None where no one has split them."""
        column = self.tokens.get("sent_start")
        if column is None:
            return None
        firsts = np.flatnonzero(column.values).tolist()
        lead = [0] if len(self) and (not firsts or firsts[0]) else []
        return np.array([*lead, *firsts, len(self)], np.int64)

    def add_layer(
        self, name: str, kind: LayerKind, size: int, *, target: str | None = None
    ) -> Layer:
        """A new empty layer under a name of the caller's own, in place of one that was there."""
        if name == "tokens":
            raise DocError(
                "the layer 'tokens' is the document's own; add columns to it with doc.tokens.set(...)"
            )
        self.layers[name] = Layer(kind, size, target=target)
        return self.layers[name]

    def to_array(self, columns: str | Sequence[str]) -> NDArray[Any]:
        """Token columns as an array: [tokens] for a name, [tokens, names] for several.

        Numbers stay numbers; `text`, `whitespace`, `pos`, `morph`, `lemma` and other labelled columns are strings (dtype object, None
        where unset). `i`, `start` and `end` are there on every document.
        """
        if isinstance(columns, str):
            return self._array(columns)
        arrays = [self._array(name) for name in columns]
        return np.stack(arrays, axis=1) if arrays else np.zeros((len(self), 0))

    def _array(self, name: str) -> NDArray[Any]:
        numbers: dict[str, NDArray[Any]] = {
            "i": np.arange(len(self)),
            "start": self._starts,
            "end": self._ends,
        }
        if name in numbers:
            return numbers[name]
        if name == "text":
            return _objects(self.words)
        if name == "whitespace":
            following = [*self._starts[1:].tolist(), len(self._text)]
            gaps = zip(self._ends.tolist(), following, strict=True)
            return _objects([self._text[end:start] for end, start in gaps])
        column = self.tokens.get(name)
        if column is None:
            raise DocError(
                f"no one has written the token column {name!r}.{near(name, [*numbers, 'text', 'whitespace', *self.tokens])}"
            )
        return column.values if column.labels is None else _objects(column.strings())

    def copy(self, *, bare: bool = False) -> Self:
        """A copy with layers of its own; bare: text, tokens, sentence borders and questions only."""
        doc = self.trusted(self._text, self._starts, self._ends)
        doc.name, doc.vectors = self.name, self.vectors
        if bare:
            borders = self.tokens.get("sent_start")
            if borders is not None:
                doc.tokens.set("sent_start", borders.values.copy(), borders.labels)
            if QUESTIONS in self.layers:
                doc.layers[QUESTIONS] = self.layers[QUESTIONS].copy()
        else:
            doc.layers = {name: layer.copy() for name, layer in self.layers.items()}
        return doc

    def part(self, start: int, end: int) -> Self:
        """The tokens from start up to end as a document: token columns, span groups as far as they lie within, links whose ends both do."""
        first = int(self._starts[start]) if start < end else 0
        stop = (
            (int(self._starts[end]) if end < len(self) else len(self._text)) if start < end else 0
        )
        doc = self.trusted(
            self._text[first:stop], self._starts[start:end] - first, self._ends[start:end] - first
        )
        doc.name, doc.vectors = self.name, self.vectors
        doc.layers["tokens"] = self.tokens.rows(start, max(start, end))
        for name, layer in self.layers.items():
            if name == QUESTIONS:
                doc.layers[name] = layer
            elif layer.kind == "span":
                inside = layer.take(_within(layer, start, end))
                for edge in REQUIRED["span"]:
                    inside.set(edge, inside[edge].values - start)
                doc.layers[name] = inside
            elif (
                layer.kind == "link"
                and (target := self.layers.get(layer.target or "ents")) is not None
            ):
                doc.layers[name] = _followed(layer, _within(target, start, end))
        return doc

    def __str__(self) -> str:
        return self._text


def _objects(values: Sequence[str | None]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _within(layer: Layer, start: int, end: int) -> NDArray[np.bool_]:
    """Which spans lie within the tokens from start up to end."""
    inside: NDArray[np.bool_] = (layer["start"].values >= start) & (layer["end"].values <= end)
    return inside


def _followed(links: Layer, kept: NDArray[np.bool_]) -> Layer:
    """The links whose ends are both kept, in the rows of the spans that are kept."""
    rows = np.cumsum(kept) - 1
    found = links.take(kept[links["head"].values] & kept[links["tail"].values])
    for edge in REQUIRED["link"]:
        found.set(edge, rows[found[edge].values].astype(np.int32))
    return found


def _from_words(
    words: Sequence[str], spaces: Sequence[bool | str] | None
) -> tuple[str, NDArray[np.int64], NDArray[np.int64]]:
    gaps = (
        [" "] * (len(words) - 1) + [""]
        if spaces is None
        else [s if isinstance(s, str) else " " * bool(s) for s in spaces]
    )
    if spaces is not None and len(spaces) != len(words):
        raise DocError(f"{len(words)} words but {len(spaces)} spaces: give one for each word")
    for i, (word, gap) in enumerate(zip(words, gaps, strict=False)):
        if not isinstance(word, str) or not word:
            raise DocError(f"word {i} is {word!r}: each word is a string of at least one character")
        if gap.strip():
            raise DocError(
                f"the space after word {i} is {gap!r}: only white space may stand between words"
            )
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    steps = lengths + np.fromiter(map(len, gaps), dtype=np.int64, count=len(words))
    starts = np.cumsum(steps) - steps
    return (
        "".join(part for pair in zip(words, gaps, strict=False) for part in pair),
        starts,
        starts + lengths,
    )


def _check_offsets(text: str, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
    if len(text) > _MAX_LENGTH:
        raise DocTooLargeError(
            f"a text of {len(text)} characters: offsets count up to {_MAX_LENGTH}; split it into documents"
        )
    if starts.ndim != 1 or starts.shape != ends.shape:
        raise DocError(
            f"starts and ends must be lists of one length, not of shapes {starts.shape} and {ends.shape}"
        )
    borders = np.stack([starts, ends], axis=1).ravel()
    if borders.size and (
        borders[0] < 0
        or borders[-1] > len(text)
        or (np.diff(borders) < 0).any()
        or (starts >= ends).any()
    ):
        wrong = np.flatnonzero(
            (starts >= ends)
            | (starts < 0)
            | (ends > len(text))
            | (np.concatenate([[0], ends[:-1]]) > starts)
        )[0]
        raise DocError(
            f"token {wrong} is [{starts[wrong]}, {ends[wrong]}): tokens ascend, do not overlap, are not empty, lie in the text"
        )
    lead = int(starts[0]) if starts.size else len(text)
    if lead:
        raise DocError(
            f"the first {lead} characters lie before the first token: white space there is a token of its own"
        )
    for i in np.flatnonzero(np.append(starts[1:], len(text)) > ends).tolist():
        gap = text[ends[i] : starts[i + 1] if i + 1 < len(starts) else len(text)]
        if gap.strip():
            raise DocError(
                f"{gap.strip()!r} after token {i} lies in no token: only white space may"
            )
