"""Token, Span, Relation, Morph: views into a Doc. They point to it and hold no annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, overload

from pipekit.doc.columns import MaybeNone
from pipekit.doc.in_context import span_in_context
from pipekit.doc.layer import Layer, span_layer
from pipekit.doc.limits import LINKED
from pipekit.doc.lookup import rows_within
from pipekit.doc.similarity import Comparable, WordKeys
from pipekit.doc.text import Text
from pipekit.doc.trees import (
    ancestors_of,
    children_of,
    head_of,
    noun_phrases,
    root_of,
    subtree_of,
)
from pipekit.doc.values import SENTIMENT_OF, Morph, Sentiment, scores_by_class, sentiment
from pipekit.errors import DocError
from pipekit.words.chars import normal_spellings
from pipekit.words.name_forms import NameWord, normal_form


class Token(Comparable):
    """The token `doc[i]`."""

    __slots__ = ("doc", "i")

    def __init__(
        self,
        doc: Text,
        i: int,
    ) -> None:
        self.doc = doc
        self.i = i

    @property
    def idx(self) -> int:
        """Where the token begins, in characters."""
        return int(self.doc.starts[self.i])

    @property
    def text(self) -> str:
        doc = self.doc
        return doc.text[doc.starts[self.i] : doc.ends[self.i]]

    @property
    def norm(self) -> str:
        """The spelling that components see: small letters of one alphabet, ё as е, no stress marks.

        «Мoсквa» with Latin o and a is «москва».
        """
        return normal_spellings([self.text])[0]

    @property
    def whitespace(self) -> str:
        """The characters between this token and the next, often " " or ""."""
        doc = self.doc
        end = doc.ends[self.i]
        if self.i + 1 >= len(doc):
            return doc.text[end:]
        return doc.text[end : doc.starts[self.i + 1]]

    @property
    def text_with_ws(self) -> str:
        return self.text + self.whitespace

    @property
    def is_space(self) -> bool:
        """Whether the token is white space, as at the beginning of a text that begins with some."""
        return self.text.isspace()

    @property
    def is_sent_start(self) -> bool | MaybeNone:
        """Whether the token begins a sentence; None where nobody has split the text."""
        is_start: bool | None = self.get("sent_start")
        return is_start

    @property
    def sent(self) -> Span | MaybeNone:
        """The sentence of the token; None where nobody has split the text."""
        return _sentence_of(self.doc, self.i)

    @property
    def pos(self) -> str | MaybeNone:
        """The part of speech, UPOS of Universal Dependencies."""
        pos: str | None = self.get("pos")
        return pos

    @property
    def pos_score(self) -> float | MaybeNone:
        """The probability of the part of speech, 0 to 1; None where the tagger writes none.

        A tagger writes it, and `morph_score`, with the setting confidence = true.
        """
        score: float | None = self.get("pos_score")
        return score

    @property
    def morph_score(self) -> float | MaybeNone:
        """The probability of the features, 0 to 1; None where the tagger writes none."""
        score: float | None = self.get("morph_score")
        return score

    @property
    def lemma(self) -> str | MaybeNone:
        """The dictionary form."""
        lemma: str | None = self.get("lemma")
        return lemma

    @property
    def morph(self) -> Morph | MaybeNone:
        """The features of Universal Dependencies."""
        features = self.get("morph")
        if features is None:
            return None
        return Morph(features)

    @property
    def head(self) -> Token | MaybeNone:
        """The token that governs this one; the root of a sentence is its own head.

        None where nobody has parsed the text, and for white space, which is no word.
        """
        row = head_of(self.doc.tokens, self.i)
        return None if row is None else Token(self.doc, row)

    @property
    def dep(self) -> str | MaybeNone:
        """How the token depends on its head, a relation of Universal Dependencies: "nsubj"."""
        label: str | None = self.get("dep")
        return label

    @property
    def children(self) -> tuple[Token, ...] | MaybeNone:
        """The tokens that depend on this one, in the order of the text.

        None where nobody has parsed the text, as for `subtree` and `ancestors`.
        """
        return _tokens(self.doc, children_of(self.doc.tokens, self.i))

    @property
    def subtree(self) -> tuple[Token, ...] | MaybeNone:
        """The token and all that depends on it, near or far, in the order of the text."""
        return _tokens(self.doc, subtree_of(self.doc.tokens, self.i))

    @property
    def ancestors(self) -> tuple[Token, ...] | MaybeNone:
        """The head of the token, the head of that, and so on up to the root."""
        return _tokens(self.doc, ancestors_of(self.doc.tokens, self.i))

    def get(self, column: str) -> Any:
        """The token's value in a column of the token layer, None where unset."""
        values = self.doc.tokens.get(column)
        if values is None:
            return None
        return values[self.i]

    def _word_keys(self) -> WordKeys:
        return WordKeys(self.doc.vectors, [_keys(self)])

    def nbor(self, offset: int = 1) -> Token:
        """The token `offset` places behind this one, or before it where negative.

        Errors: `DocError` where the document has none there.
        """
        i = self.i + offset
        if not 0 <= i < len(self.doc):
            raise DocError(
                f"token {self.i} has no neighbour at {offset:+d}: "
                f"the document has {len(self.doc)} tokens"
            )
        return Token(self.doc, i)

    def __len__(self) -> int:
        """The number of characters."""
        return len(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Token {self.i}: {self.text!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self.doc is other.doc and self.i == other.i

    def __hash__(self) -> int:
        return hash((id(self.doc), self.i))


class Span(Comparable):
    """The tokens from `start` up to `end`.

    Args:
        doc: the document.
        start, end: token rows, the end exclusive.
        label: of a span that stands in no layer yet, such as "PER".
        layer, row: of an annotated span, its span layer and its row there, which give `label`,
            `score` and other columns.

    Errors: `DocError` for a label that is no string, and for one of tokens that are not there.

        doc.spans["people"] = [Span(doc, 0, 2, "PER")]
    """

    __slots__ = ("doc", "end", "layer", "row", "start")

    def __init__(
        self,
        doc: Text,
        start: int,
        end: int,
        label: str | None = None,
        layer: Layer | None = None,
        row: int = -1,
    ) -> None:
        if label is not None:
            layer = _labelled(doc, start, end, label)
            row = 0
        self.doc = doc
        self.start = start
        self.end = end
        self.layer = layer
        self.row = row

    @property
    def start_char(self) -> int:
        """Where the span begins, in characters."""
        if self.start < len(self.doc):
            return int(self.doc.starts[self.start])
        return len(self.doc.text)

    @property
    def end_char(self) -> int:
        """Where the span ends, in characters."""
        if self.end > self.start:
            return int(self.doc.ends[self.end - 1])
        return self.start_char

    @property
    def text(self) -> str:
        return self.doc.text[self.start_char : self.end_char]

    @property
    def label(self) -> str | MaybeNone:
        """The label, such as "PER"; None where unset."""
        label: str | None = self.get("label")
        return label

    @property
    def score(self) -> float | MaybeNone:
        """The probability, 0 to 1; None where unset."""
        score: float | None = self.get("score")
        return score

    @property
    def value(self) -> str | MaybeNone:
        """What a span of the layer "values" amounts to: "2021-05-12", "2500000"; None elsewhere."""
        value: str | None = self.get("value")
        return value

    @property
    def sentiment(self) -> Sentiment | MaybeNone:
        """The sentiment toward the entity that the span names; None where nobody has judged it."""
        if self.layer is None:
            return None
        probabilities = {}
        for name in self.layer:
            if name.startswith(SENTIMENT_OF):
                probabilities[name.removeprefix(SENTIMENT_OF)] = self.get(name)
        return sentiment(scores_by_class(probabilities, "a span's sentiment"))

    @property
    def lemma(self) -> str | MaybeNone:
        """The normal form: «Иван Петров» for «Ивану Петрову».

        A span without a label is no name: it has the lemmas of its tokens, spaced as in the text.
        None where a token has no lemma.
        """
        words = [
            NameWord(
                token.text,
                token.whitespace,
                token.pos,
                token.morph or {},
                token.lemma or "",
            )
            for token in self
        ]
        if not all(word.lemma for word in words):
            return None
        if self.label is not None:
            return normal_form(words, self.label)
        return "".join(word.lemma + word.space for word in words).strip()

    def get(self, column: str) -> Any:
        """The span's value in a column of its layer, None where unset."""
        if self.layer is None:
            return None
        values = self.layer.get(column)
        if values is None:
            return None
        return values[self.row]

    @property
    def root(self) -> Token | MaybeNone:
        """The token that is highest in its tree, the first of several.

        None where nobody has parsed the text, and for a span without words.
        """
        row = root_of(self.doc.tokens, self.start, self.end)
        return None if row is None else Token(self.doc, row)

    @property
    def sent(self) -> Span | MaybeNone:
        """The sentence in which the span begins; None where nobody has split the text."""
        return _sentence_of(self.doc, self.start)

    @property
    def sents(self) -> tuple[Span, ...] | MaybeNone:
        """The sentences that the span touches; None where nobody has split the text."""
        borders = self.doc.sent_borders()
        if borders is None:
            return None
        first = max(1, int(borders.searchsorted(self.start, "right")))
        last = int(borders.searchsorted(self.end, "left"))
        edges = pairwise(borders[first - 1 : last + 1].tolist())
        return tuple(Span(self.doc, start, end) for start, end in edges)

    @property
    def ents(self) -> tuple[Span, ...] | MaybeNone:
        """The entities that lie within the span; None where nobody has looked for any."""
        layer = self.doc.layers.get(LINKED)
        if layer is None:
            return None
        rows = rows_within(layer, self.start, self.end).tolist()
        return tuple(span_of_row(self.doc, layer, row) for row in rows)

    @property
    def noun_chunks(self) -> tuple[Span, ...] | MaybeNone:
        """The base noun phrases that lie within the span, see `Doc.noun_chunks`."""
        if "head" not in self.doc.tokens or "pos" not in self.doc.tokens:
            return None
        phrases = noun_phrases(self.doc.tokens)
        inside = (edges for edges in phrases if self.start <= edges[0] and edges[1] <= self.end)
        return tuple(Span(self.doc, start, end) for start, end in inside)

    def _word_keys(self) -> WordKeys:
        return WordKeys(self.doc.vectors, map(_keys, self))

    def as_doc(self) -> Text:
        """The tokens as a document of their own, with their annotations; see `Doc.part`."""
        return self.doc.part(self.start, self.end)

    @overload
    def __getitem__(self, index: int) -> Token: ...
    @overload
    def __getitem__(self, index: slice) -> Span: ...
    def __getitem__(self, index: int | slice) -> Token | Span:
        rows = range(self.start, self.end)[index]
        if isinstance(rows, int):
            return Token(self.doc, rows)
        return Span(self.doc, rows.start, max(rows.start, rows.stop))

    def __iter__(self) -> Iterator[Token]:
        return (Token(self.doc, i) for i in range(self.start, self.end))

    def __len__(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        place = f"{self.start}:{self.end}"
        if self.label is not None:
            place += f" {self.label}"
        return f"<Span {place}: {self.text!r}>"

    def _repr_html_(self) -> str:
        return span_in_context(self.doc, (self.start, self.end), self.label, self.score)

    def _key(self) -> tuple[int, int, int, str | None]:
        return (id(self.doc), self.start, self.end, self.label)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def word_keys(doc: Text) -> WordKeys:
    """The words of a whole document, for its vector."""
    return WordKeys(doc.vectors, (_keys(Token(doc, i)) for i in range(len(doc))))


def span_of_row(
    doc: Text,
    layer: Layer,
    row: int,
) -> Span:
    """The span of a row of a span layer."""
    start = int(layer["start"].values[row])
    end = int(layer["end"].values[row])
    return Span(doc, start, end, layer=layer, row=row)


def _sentence_of(
    doc: Text,
    row: int,
) -> Span | None:
    """The sentence of a token; None where nobody has split the text, and of no token."""
    borders = doc.sent_borders()
    if borders is None or row >= len(doc):
        return None
    following = int(borders.searchsorted(row, "right"))
    start, end = borders[following - 1 : following + 1].tolist()
    return Span(doc, start, end)


def _tokens(
    doc: Text,
    rows: Sequence[int] | None,
) -> tuple[Token, ...] | None:
    """Tokens by their rows."""
    if rows is None:
        return None
    return tuple(Token(doc, row) for row in rows)


def _keys(token: Token) -> tuple[str, ...]:
    """The keys of a token in a table of vectors, the best first."""
    if token.lemma:
        return token.lemma, token.text
    return (token.text,)


class Relation(NamedTuple):
    """A typed, directed link between two spans."""

    head: Span
    tail: Span
    label: str | MaybeNone
    score: float | MaybeNone

    def __str__(self) -> str:
        return f"{self.head.text} → {self.label or '-'} → {self.tail.text}"

    def __repr__(self) -> str:
        return f"<Relation {self}>"


def _labelled(
    doc: Text,
    start: int,
    end: int,
    label: str,
) -> Layer:
    """A layer of one span, with its label."""
    if not isinstance(label, str):
        raise DocError(f'the label of a span is {label!r:.60}: a string is needed, such as "PER"')
    if not 0 <= start < end <= len(doc):
        raise DocError(
            f"the document has no tokens {start} to {end}: it has {len(doc)}, "
            "and a span has a token at least"
        )
    return span_layer([start], [end], [label])
