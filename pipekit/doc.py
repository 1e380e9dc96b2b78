"""Doc: a text, its tokens, and what has been said of them.

A Doc needs numpy only: no pipeline, no shared vocabulary, no tensors. Whatever no one has written reads as None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipekit.errors import AlignmentError, DocError, DocTooLargeError, near
from pipekit.layer import REQUIRED, Kind, Layer, join, span_layer
from pipekit.similarity import Comparable
from pipekit.views import Relation, Sentiment, Span, SpanGroups, Token, sentiment

if TYPE_CHECKING:
    from pipekit.vectors import Vectors

_MAX_LENGTH = 2**31 - 1
_SURROGATES = re.compile("[\ud800-\udfff]")
QUESTIONS = "questions"  # the layer of questions about a document, which are no annotation but asked of it
ALIGNMENT_MODES = ("strict", "expand", "contract")


def clean(text: str) -> str:
    """The text with each lone surrogate, which no UTF-8 file can hold, replaced by U+FFFD: offsets stay as they are."""
    return _SURROGATES.sub("�", text)


class Doc(Comparable):
    """A text and its tokens, with layers of annotation.

    Args:
        words: the tokens as strings, none of them empty.
        spaces: for each word, whether a space follows it, or the white space itself; one space by default, none after the last.
        text: instead of words, the text whose tokens `starts` and `ends` delimit.
        starts, ends: character offsets, ascending, not overlapping; only white space may lie between tokens.

    Lone surrogates become U+FFFD. Errors: `DocError` names the first word or offset that does not fit.
    """

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
                raise DocError("give either words (and spaces) or a text with starts and ends, not both")
            text, starts, ends = _from_words(words, spaces)
        if text is None or starts is None or ends is None:
            raise DocError("a Doc is made of words, or of a text with starts and ends of its tokens; to tokenize a text, call nlp(text)")
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
        self.vectors: Vectors | None = None  # what a pipeline with embeddings lends; it is never saved

    @classmethod
    def trusted(cls, text: str, starts: NDArray[Any], ends: NDArray[Any]) -> Doc:
        """A Doc of a clean text and offsets known to be right: nothing is checked, and int32 arrays are kept. For tokenizers."""
        doc = cls.__new__(cls)
        doc._fill(text, starts, ends)
        return doc

    # -- the text and its tokens

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

    def _tokens(self) -> tuple[Doc, Iterator[Token]]:
        return self, iter(self)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[Token]:
        return (Token(self, i) for i in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Token: ...
    @overload
    def __getitem__(self, index: slice) -> Span: ...
    def __getitem__(self, index: int | slice) -> Token | Span:
        if isinstance(index, slice):
            if index.step not in (None, 1):
                raise DocError("a span has no gaps: slice a document without a step")
            start, end, _ = index.indices(len(self))
            return Span(self, start, max(start, end))
        if not -len(self) <= index < len(self):
            raise IndexError(f"no token {index}: the document has {len(self)} tokens")
        return Token(self, index % len(self))

    def char_span(self, start: int, end: int, label: str | None = None, alignment_mode: str = "strict") -> Span | None:
        """The span of the characters from start up to end.

        Args:
            alignment_mode: where an offset falls inside a token, "strict" gives None, "expand" takes the whole token in, "contract"
                leaves it out. A mode of another name is an error, and so are offsets outside the text.
        """
        if alignment_mode not in ALIGNMENT_MODES:
            raise AlignmentError(f"unknown alignment_mode {alignment_mode!r}.{near(alignment_mode, ALIGNMENT_MODES)}")
        if not 0 <= start <= end <= len(self._text):
            raise AlignmentError(f"[{start}, {end}) is no part of a text of {len(self._text)} characters")
        if alignment_mode == "expand":
            first, last = np.searchsorted(self._ends, start, "right"), np.searchsorted(self._starts, end, "left")
        else:
            first, last = np.searchsorted(self._starts, start, "left"), np.searchsorted(self._ends, end, "right")
        if first >= last or (alignment_mode == "strict" and (self._starts[first] != start or self._ends[last - 1] != end)):
            return None
        layer = None if label is None else span_layer([int(first)], [int(last)], [label])
        return Span(self, int(first), int(last), layer, -1 if layer is None else 0)

    # -- what has been said of them

    def has_annotation(self, name: str) -> bool:
        """Whether anyone has written the token column, the layer, "sents", or, as "ents.sentiment", a column of a layer.

        A column that stands for several, "sentiment.negative" and so on, is there where one of them is.
        """
        if name in self.layers or {"sents": "sent_start"}.get(name, name) in self.tokens:
            return True
        layer, _, column = name.partition(".")
        return bool(column) and any(f"{found}.".startswith(f"{column}.") for found in self.layers.get(layer, ()))

    @property
    def sents(self) -> tuple[Span, ...] | None:
        """The sentences; None where no one has split them."""
        borders = self.sent_borders()
        return None if borders is None else tuple(Span(self, start, end) for start, end in pairwise(borders.tolist()))

    def sent_borders(self) -> NDArray[np.int64] | None:
        """Token rows where sentences begin, and the number of tokens, int64[sentences + 1]; None where no one has split them."""
        column = self.tokens.get("sent_start")
        if column is None:
            return None
        firsts = np.flatnonzero(column.values).tolist()
        lead = [0] if len(self) and (not firsts or firsts[0]) else []
        return np.array([*lead, *firsts, len(self)], np.int64)

    @property
    def ents(self) -> tuple[Span, ...] | None:
        """The entities, those of the span group "ents"; None where no one has looked for any."""
        return self.spans["ents"] if self.has_annotation("ents") else None

    @property
    def spans(self) -> SpanGroups:
        """Named groups of spans."""
        return SpanGroups(self)

    def set_spans(self, name: str, spans: Sequence[Span]) -> None:
        """Write a group of spans, with their labels and scores."""
        for span in spans:
            if span.doc is not self:
                raise DocError(f"{span!r} belongs to another document: make it from this one, doc[{span.start}:{span.end}]")
        scored = not spans or any(span.score is not None for span in spans)
        scores = [np.nan if s.score is None else s.score for s in spans] if scored else None
        self.layers[name] = span_layer([s.start for s in spans], [s.end for s in spans], [s.label for s in spans], scores)

    @property
    def relations(self) -> tuple[Relation, ...] | None:
        """The links of the layer "relations"; None where no one has looked for any."""
        layer = self.layers.get("relations")
        if layer is None:
            return None
        spans = self.spans[layer.target or "ents"]
        label, score = layer.get("label"), layer.get("score")
        ends = zip(layer["head"].values.tolist(), layer["tail"].values.tolist(), strict=True)
        return tuple(
            Relation(spans[h], spans[t], None if label is None else label[i], None if score is None else score[i])
            for i, (h, t) in enumerate(ends)
        )

    @property
    def cats(self) -> dict[str, float] | None:
        """Scores of the document's classes; None where no one has classified it, or it has no words."""
        layer = self.layers.get("cats")
        return None if layer is None or not layer.size else {name: layer[name][0] for name in layer}

    @property
    def sentiment(self) -> Sentiment | None:
        """The sentiment of the whole text; None where no one has judged it, or it has no words."""
        layer = self.layers.get("sentiment")
        return None if layer is None or not layer.size else sentiment({name: layer[name][0] for name in layer})

    def add_layer(self, name: str, kind: Kind, size: int, *, target: str | None = None) -> Layer:
        """A new empty layer under a name of the caller's own, in place of one that was there."""
        if name == "tokens":
            raise DocError("the layer 'tokens' is the document's own; add columns to it with doc.tokens.set(...)")
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
        numbers: dict[str, NDArray[Any]] = {"i": np.arange(len(self)), "start": self._starts, "end": self._ends}
        if name in numbers:
            return numbers[name]
        if name == "text":
            return _objects(self.words)
        if name == "whitespace":
            return _objects([token.whitespace for token in self])
        column = self.tokens.get(name)
        if column is None:
            raise DocError(f"no one has written the token column {name!r}.{near(name, [*numbers, 'text', 'whitespace', *self.tokens])}")
        return column.values if column.labels is None else _objects(column.strings())

    # -- parts and wholes

    def copy(self, *, bare: bool = False) -> Doc:
        """A copy with layers of its own; bare: text, tokens, sentence borders and questions only."""
        doc = Doc.trusted(self._text, self._starts, self._ends)
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

    def part(self, start: int, end: int) -> Doc:
        """The tokens from start up to end as a document: token columns, span groups as far as they lie within, links whose ends both do."""
        first = int(self._starts[start]) if start < end else 0
        stop = (int(self._starts[end]) if end < len(self) else len(self._text)) if start < end else 0
        doc = Doc.trusted(self._text[first:stop], self._starts[start:end] - first, self._ends[start:end] - first)
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
            elif layer.kind == "link" and (target := self.layers.get(layer.target or "ents")) is not None:
                doc.layers[name] = _followed(layer, _within(target, start, end))
        return doc

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, as for JSON; `Doc.from_dict` reads them."""
        from pipekit.codec import doc_to_dict

        return doc_to_dict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Doc:
        """The Doc of `to_dict`. Errors: `PipekitFormatError` names the key that does not fit."""
        from pipekit.codec import doc_from_dict

        return doc_from_dict(data)

    def to_bytes(self) -> bytes:
        """The Doc as msgpack."""
        from pipekit.codec import doc_to_bytes

        return doc_to_bytes(self)

    @staticmethod
    def from_bytes(data: bytes) -> Doc:
        """The Doc of `to_bytes`. Errors: `PipekitFormatError` where the bytes are not what it wrote."""
        from pipekit.codec import doc_from_bytes

        return doc_from_bytes(data)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        shown = self._text if len(self._text) <= 60 else self._text[:59] + "…"
        return f"<Doc, {len(self)} tokens: {shown!r}>"


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


def concatenate(parts: Sequence[Doc]) -> Doc:
    """Parts of one document, in order and without gaps, as the whole again; span layers are shifted, links follow their spans.

    Of layers of one row of numbers for each part, such as "cats", the whole has the mean, each part weighted by its tokens; of other layers
    of kind "doc" that of the first part.
    """
    lengths, sizes = [len(p) for p in parts], [len(p.text) for p in parts]
    char_shift, token_shift = np.cumsum([0, *sizes]), np.cumsum([0, *lengths])
    starts = np.concatenate([p.starts + s for p, s in zip(parts, char_shift[:-1], strict=True)])
    ends = np.concatenate([p.ends + s for p, s in zip(parts, char_shift[:-1], strict=True)])
    whole = Doc.trusted("".join(p.text for p in parts), starts, ends)
    whole.name = parts[0].name
    for name in dict.fromkeys(name for p in parts for name in p.layers):
        shifts = {"span": token_shift, "link": np.cumsum([0, *(_size(p, p.layers.get(name)) for p in parts)])}
        layers = [_shifted(p.layers[name], shifts, i) for i, p in enumerate(parts) if name in p.layers]
        weights = [length for length, p in zip(lengths, parts, strict=True) if name in p.layers]
        whole.layers[name] = _mean(layers, weights) if layers[0].kind == "doc" else join(layers)
    return whole


def _mean(layers: Sequence[Layer], weights: Sequence[int]) -> Layer:
    """The mean of layers that have the same columns of floats and a row each; the first layer where they are of another shape."""
    first = layers[0]
    alike = all(layer.size == 1 and list(layer) == list(first) for layer in layers)
    if not alike or not sum(weights) or any(first[name].values.dtype.kind != "f" for name in first):
        return first
    whole = Layer("doc", 1)
    for name in first:
        values = np.concatenate([layer[name].values for layer in layers])
        whole.set(name, np.average(values, weights=weights)[None].astype(values.dtype))
    return whole


def _size(part: Doc, link: Layer | None) -> int:
    target = part.layers.get((link.target if link is not None else None) or "ents")
    return 0 if target is None else target.size


def _shifted(layer: Layer, shifts: Mapping[str, NDArray[Any]], i: int) -> Layer:
    moved = layer.rows(0, layer.size)
    for edge in REQUIRED[layer.kind]:
        moved.set(edge, moved[edge].values + shifts[layer.kind][i])
    return moved


def _from_words(words: Sequence[str], spaces: Sequence[bool | str] | None) -> tuple[str, NDArray[np.int64], NDArray[np.int64]]:
    gaps = [" "] * (len(words) - 1) + [""] if spaces is None else [s if isinstance(s, str) else " " * bool(s) for s in spaces]
    if spaces is not None and len(spaces) != len(words):
        raise DocError(f"{len(words)} words but {len(spaces)} spaces: give one for each word")
    for i, (word, gap) in enumerate(zip(words, gaps, strict=False)):
        if not isinstance(word, str) or not word:
            raise DocError(f"word {i} is {word!r}: each word is a string of at least one character")
        if gap.strip():
            raise DocError(f"the space after word {i} is {gap!r}: only white space may stand between words")
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    steps = lengths + np.fromiter(map(len, gaps), dtype=np.int64, count=len(words))
    starts = np.cumsum(steps) - steps
    return "".join(part for pair in zip(words, gaps, strict=False) for part in pair), starts, starts + lengths


def _check_offsets(text: str, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
    if len(text) > _MAX_LENGTH:
        raise DocTooLargeError(f"a text of {len(text)} characters: offsets count up to {_MAX_LENGTH}; split it into documents")
    if starts.ndim != 1 or starts.shape != ends.shape:
        raise DocError(f"starts and ends must be lists of one length, not of shapes {starts.shape} and {ends.shape}")
    borders = np.stack([starts, ends], axis=1).ravel()
    if borders.size and (borders[0] < 0 or borders[-1] > len(text) or (np.diff(borders) < 0).any() or (starts >= ends).any()):
        wrong = np.flatnonzero((starts >= ends) | (starts < 0) | (ends > len(text)) | (np.concatenate([[0], ends[:-1]]) > starts))[0]
        raise DocError(f"token {wrong} is [{starts[wrong]}, {ends[wrong]}): tokens ascend, do not overlap, are not empty, lie in the text")
    lead = int(starts[0]) if starts.size else len(text)
    if lead:
        raise DocError(f"the first {lead} characters lie before the first token: white space there is a token of its own")
    for i in np.flatnonzero(np.append(starts[1:], len(text)) > ends).tolist():
        gap = text[ends[i] : starts[i + 1] if i + 1 < len(starts) else len(text)]
        if gap.strip():
            raise DocError(f"{gap.strip()!r} after token {i} lies in no token: only white space may")
