"""Token, Span, Relation, Morph: light views into a Doc; they hold nothing of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple, NoReturn, overload

import numpy as np

from pipekit.doc.layer import Layer, span_layer
from pipekit.doc.similarity import Comparable, WordKeys
from pipekit.doc.text import Text
from pipekit.errors import DocError, near
from pipekit.words.name_forms import NameWord, normal_form

SENTIMENT_OF = "sentiment."  # of a span layer, the columns that begin so are the probabilities of the classes after it


class Morph(Mapping[str, str]):
    """Features of a word as a mapping; `str` gives the UD string, "Case=Nom|Number=Sing"."""

    __slots__ = ("_features", "_string")

    def __init__(self, string: str) -> None:
        self._string = "" if string == "_" else string
        self._features = dict(pair.split("=", 1) for pair in self._string.split("|") if "=" in pair)

    def __getitem__(self, name: str) -> str:
        return self._features[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._features)

    def __len__(self) -> int:
        return len(self._features)

    def __str__(self) -> str:
        return self._string

    def __repr__(self) -> str:
        return f"Morph({self._string!r})"

    def __eq__(self, other: object) -> bool:
        return self._string == other if isinstance(other, str) else super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self._string)


class Token(Comparable):
    """The token `doc[i]`."""

    __slots__ = ("doc", "i")

    def __init__(self, doc: Text, i: int) -> None:
        self.doc = doc
        self.i = i

    @property
    def idx(self) -> int:
        """Where the token begins, in characters."""
        return int(self.doc.starts[self.i])

    @property
    def text(self) -> str:
        return self.doc.text[self.doc.starts[self.i] : self.doc.ends[self.i]]

    @property
    def whitespace(self) -> str:
        """What stands between this token and the next, often " " or ""."""
        following = (
            self.doc.starts[self.i + 1] if self.i + 1 < len(self.doc) else len(self.doc.text)
        )
        return self.doc.text[self.doc.ends[self.i] : following]

    @property
    def text_with_ws(self) -> str:
        return self.text + self.whitespace

    @property
    def is_space(self) -> bool:
        """Whether the token is white space: the tokenizer makes one of the white space that a text begins with."""
        return self.text.isspace()

    @property
    def is_sent_start(self) -> bool | None:
        return self.get("sent_start")  # type: ignore[no-any-return]

    @property
    def sent(self) -> Span | None:
        """The sentence around the token."""
        borders = self.doc.sent_borders()
        if borders is None:
            return None
        row = int(np.searchsorted(borders, self.i, "right"))
        return Span(self.doc, int(borders[row - 1]), int(borders[row]))

    @property
    def pos(self) -> str | None:
        """The part of speech, UPOS."""
        return self.get("pos")  # type: ignore[no-any-return]

    @property
    def lemma(self) -> str | None:
        return self.get("lemma")  # type: ignore[no-any-return]

    @property
    def morph(self) -> Morph | None:
        """The UD features."""
        features = self.get("morph")
        return None if features is None else Morph(features)

    def get(self, column: str) -> Any:
        """The token's value in a column of the token layer, None where unset."""
        values = self.doc.tokens.get(column)
        return None if values is None else values[self.i]

    def _word_keys(self) -> WordKeys:
        return WordKeys(self.doc.vectors, [_keys(self)])

    def nbor(self, offset: int = 1) -> Token:
        """The token so many places on."""
        if not 0 <= self.i + offset < len(self.doc):
            raise DocError(
                f"token {self.i} has no neighbour at {offset:+d}: the document has {len(self.doc)} tokens"
            )
        return Token(self.doc, self.i + offset)

    def __len__(self) -> int:
        return len(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Token {self.i}: {self.text!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self.doc is other.doc and self.i == other.i

    def __hash__(self) -> int:
        return hash((id(self.doc), self.i))

    def __getattr__(self, name: str) -> NoReturn:
        _no_attribute(self, name)


class Span(Comparable):
    """Tokens from `start` up to `end`; of a span layer, also its `label` and `score`."""

    __slots__ = ("doc", "end", "layer", "row", "start")

    def __init__(
        self, doc: Text, start: int, end: int, layer: Layer | None = None, row: int = -1
    ) -> None:
        self.doc = doc
        self.start = start
        self.end = end
        self.layer = layer
        self.row = row

    @property
    def start_char(self) -> int:
        if self.start < len(self.doc):
            return int(self.doc.starts[self.start])
        return len(self.doc.text)

    @property
    def end_char(self) -> int:
        return int(self.doc.ends[self.end - 1]) if self.end > self.start else self.start_char

    @property
    def text(self) -> str:
        return self.doc.text[self.start_char : self.end_char]

    @property
    def label(self) -> str | None:
        return self.get("label")  # type: ignore[no-any-return]

    @property
    def score(self) -> float | None:
        return self.get("score")  # type: ignore[no-any-return]

    @property
    def sentiment(self) -> Sentiment | None:
        """The sentiment toward the entity that the span names; None where no one has judged it."""
        columns = (
            []
            if self.layer is None
            else [name for name in self.layer if name.startswith(SENTIMENT_OF)]
        )
        return sentiment({name.removeprefix(SENTIMENT_OF): self.get(name) for name in columns})

    @property
    def lemma(self) -> str | None:
        """Of a span with a label the normal form of the name, «Иван Петров» for «Ивану Петрову»; of another the lemmas of its tokens,
        spaced as in the text. None where a token has no lemma.
        """
        words = [
            NameWord(token.text, token.whitespace, token.pos, token.morph or {}, token.lemma or "")
            for token in self
        ]
        if not all(word.lemma for word in words):
            return None
        if self.label is not None:
            return normal_form(words, self.label)
        return "".join(word.lemma + word.space for word in words).strip()

    def get(self, column: str) -> Any:
        """The span's value in a column of its layer, None where unset."""
        values = None if self.layer is None else self.layer.get(column)
        return None if values is None else values[self.row]

    def _word_keys(self) -> WordKeys:
        return WordKeys(self.doc.vectors, map(_keys, self))

    def as_doc(self) -> Text:
        """The tokens as a document of their own, with their token columns and the spans that lie within."""
        return self.doc.part(self.start, self.end)

    @overload
    def __getitem__(self, index: int) -> Token: ...
    @overload
    def __getitem__(self, index: slice) -> Span: ...
    def __getitem__(self, index: int | slice) -> Token | Span:
        rows = range(self.start, self.end)[index]
        return (
            Token(self.doc, rows)
            if isinstance(rows, int)
            else Span(self.doc, rows.start, max(rows.start, rows.stop))
        )

    def __iter__(self) -> Iterator[Token]:
        return (Token(self.doc, i) for i in range(self.start, self.end))

    def __len__(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        label = f" {self.label}" if self.label is not None else ""
        return f"<Span {self.start}:{self.end}{label}: {self.text!r}>"

    def _key(self) -> tuple[int, int, int, str | None]:
        return (id(self.doc), self.start, self.end, self.label)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __getattr__(self, name: str) -> NoReturn:
        _no_attribute(self, name)


def word_keys(doc: Text) -> WordKeys:
    """The words of a whole document."""
    return WordKeys(doc.vectors, (_keys(Token(doc, i)) for i in range(len(doc))))


def _keys(token: Token) -> tuple[str, ...]:
    """What the vector of a token is looked up by."""
    if token.lemma:
        return token.lemma, token.text
    return (token.text,)


class Sentiment(NamedTuple):
    """What is felt in a text, or toward an entity: the most probable class, its probability, and those of all classes."""

    label: str
    score: float
    probabilities: dict[str, float]


def sentiment(probabilities: Mapping[str, float | None]) -> Sentiment | None:
    """The sentiment of probabilities by class; None where none is set."""
    known = {name: value for name, value in probabilities.items() if value is not None}
    if not known:
        return None
    best = max(known, key=known.__getitem__)
    return Sentiment(best, known[best], known)


class Relation(NamedTuple):
    """A typed, directed link between two spans."""

    head: Span
    tail: Span
    label: str | None
    score: float | None

    def __str__(self) -> str:
        return f"{self.head.text} → {self.label or '-'} → {self.tail.text}"

    def __repr__(self) -> str:
        return f"<Relation {self}>"


def _no_attribute(view: Token | Span, name: str) -> NoReturn:
    known = [n for n in dir(type(view)) if not n.startswith("_")]
    kind = type(view).__name__
    if name.endswith("_") and name.rstrip("_") in known:
        raise AttributeError(
            f"{kind} has no {name!r}: attributes are plain strings here, use {kind.lower()}.{name.rstrip('_')}"
        )
    raise AttributeError(
        f"{kind} has no attribute {name!r}; columns of plugins are read by .get({name!r}).{near(name, known)}"
    )


class SpanGroups(MutableMapping[str, Sequence[Span]]):
    """`doc.spans`: named groups of spans, each a layer; groups may overlap themselves and each other."""

    def __init__(self, doc: Text) -> None:
        self._doc = doc

    def __getitem__(self, name: str) -> tuple[Span, ...]:
        layer = self._doc.layers.get(name)
        if layer is None or layer.kind != "span":
            raise KeyError(f"the document has no span group {name!r}.{near(name, self)}")
        starts, ends = layer["start"].values.tolist(), layer["end"].values.tolist()
        return tuple(
            Span(self._doc, start, end, layer, row)
            for row, (start, end) in enumerate(zip(starts, ends, strict=True))
        )

    def __setitem__(self, name: str, spans: Sequence[Span]) -> None:
        for span in spans:
            if span.doc is not self._doc:
                cure = f"make it from this one, doc[{span.start}:{span.end}]"
                raise DocError(f"{span!r} belongs to another document: {cure}")
        starts = [span.start for span in spans]
        ends = [span.end for span in spans]
        labels = [span.label for span in spans]
        scores = [span.score for span in spans]
        if spans and all(score is None for score in scores):
            self._doc.layers[name] = span_layer(starts, ends, labels)
        else:
            numbers = [np.nan if score is None else score for score in scores]
            self._doc.layers[name] = span_layer(starts, ends, labels, numbers)

    def __delitem__(self, name: str) -> None:
        self[name]
        del self._doc.layers[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, layer in self._doc.layers.items() if layer.kind == "span")

    def __len__(self) -> int:
        return sum(1 for _ in self)
