"""Text: a text, its tokens and its layers, without the views of a Doc."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipekit.doc.borders import check_borders, join_words
from pipekit.doc.columns import Column, Values
from pipekit.doc.layer import REQUIRED, Layer, LayerKind
from pipekit.doc.layers import TOKENS, Layers
from pipekit.doc.limits import LINKED
from pipekit.doc.lookup import links_between, rows_within
from pipekit.doc.trees import token_rows_of_part
from pipekit.errors import DocError, near
from pipekit.words.arrays import Floats, Ints
from pipekit.words.chars import normal_spellings

if TYPE_CHECKING:
    from pipekit.words.vectors import Vectors

# All that a document holds beside its layers: text, starts, ends, name and error.
own_of = attrgetter("_text", "_starts", "_ends", "name", "error")
_SURROGATES = re.compile("[\ud800-\udfff]")
QUESTIONS = "questions"  # the layer of questions to a document: they are input, not annotation


def clean(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which no UTF-8 file can hold.

    Offsets stay as they are.
    """
    return _SURROGATES.sub("�", text)


class Text:
    """A text, its tokens and its layers: the data of a `Doc`.

    Modules that only carry data work with `Text`: views point to it, and it is packed and unpacked.
    Users have a `Doc`, a `Text` that gives tokens, spans and relations as objects.

    Args:
        text: the text whose tokens `starts` and `ends` delimit.
        words: instead of a text, the tokens as strings, none of them empty.
        spaces: for each word, whether a space follows it, or the white space itself; by default
            one space, none after the last word.
        starts, ends: character offsets, ascending, without overlap; only white space may lie
            between tokens.

    Attributes:
        layers: the annotations, by name; "tokens" is always there. All that is written there is
            checked, see `Layers`.
        name: of a document from a file, the name of the file or record.
        error: why the document could not be processed.
        vectors: the word vectors of a pipeline with embeddings; never saved.

    Lone surrogates become U+FFFD. Errors: `DocError` names the first word or offset that does not
    fit.
    """

    __slots__ = (
        "__weakref__",
        "_ends",
        "_layers",
        "_mean",
        "_starts",
        "_text",
        "error",
        "name",
        "vectors",
    )

    def __init__(
        self,
        text: str | None = None,
        *,
        words: Iterable[str] | None = None,
        spaces: Iterable[bool | str] | None = None,
        starts: ArrayLike | None = None,
        ends: ArrayLike | None = None,
    ) -> None:
        if words is not None:
            if text is not None or starts is not None or ends is not None:
                raise DocError(
                    "give either words (and spaces) or a text with starts and ends, not both"
                )
            text, starts, ends = join_words(words, spaces)
        if text is None or starts is None or ends is None:
            raise DocError(
                "a Doc is made of words, or of a text with starts and ends of its tokens; "
                "to tokenize a text, call nlp(text)"
            )
        text = clean(text)
        first = np.asarray(starts, dtype=np.int64)
        last = np.asarray(ends, dtype=np.int64)
        check_borders(text, first, last)
        self._fill(text, first, last)

    def _fill(
        self,
        text: str,
        starts: Values,
        ends: Values,
    ) -> None:
        self._text = text
        self._starts = starts.astype(np.int32, copy=False)
        self._ends = ends.astype(np.int32, copy=False)
        self._starts.flags.writeable = False
        self._ends.flags.writeable = False
        self._layers = Layers({TOKENS: Layer("token", len(starts))})
        self.name: str | None = None
        self.error: str | None = None
        self.vectors: Vectors | None = None
        # The mean of the words' vectors, with the table and the lemmas that it is of.
        self._mean: tuple[Vectors | None, Column | None, Floats | None] = (None, None, None)

    @classmethod
    def trusted(
        cls,
        text: str,
        starts: Values,
        ends: Values,
    ) -> Self:
        """A document of a clean text and right offsets, without any check. For tokenizers.

        Arrays of int32 are kept, not copied, and become read-only.
        """
        doc = cls.__new__(cls)
        doc._fill(text, starts, ends)
        return doc

    @property
    def text(self) -> str:
        return self._text

    @property
    def starts(self) -> NDArray[np.int32]:
        """Where each token begins, in characters, int32[tokens], read-only."""
        return self._starts

    @property
    def ends(self) -> NDArray[np.int32]:
        """Where each token ends, in characters, int32[tokens], read-only."""
        return self._ends

    @property
    def tokens(self) -> Layer:
        """The token layer: `pos`, `morph`, `lemma`, `head`, `dep`, `sent_start`, and others."""
        return self._layers[TOKENS]

    @property
    def words(self) -> list[str]:
        """The texts of the tokens."""
        text = self._text
        borders = zip(self._starts.tolist(), self._ends.tolist(), strict=True)
        return [text[start:end] for start, end in borders]

    def __len__(self) -> int:
        return len(self._starts)

    # -- layers

    @property
    def layers(self) -> Layers:
        return self._layers

    @layers.setter
    def layers(self, layers: Mapping[str, Layer]) -> None:
        own = layers if type(layers) is Layers else Layers(layers)
        tokens = own[TOKENS].size
        if tokens != len(self):
            raise DocError(f"the layer {TOKENS!r} has {tokens} rows for {len(self)} tokens")
        self._layers = own

    def has_annotation(self, name: str) -> bool:
        """Whether an annotation has been written.

        Args:
            name: a token column, "pos"; a layer, "ents"; "sents"; or a column of a layer,
                "ents.label". The beginning of several columns, "ents.sentiment" for
                "sentiment.negative" and so on, is there where one of them is.
        """
        token_column = "sent_start" if name == "sents" else name
        if name in self.layers or token_column in self.tokens:
            return True
        layer, _, column = name.partition(".")
        if not column or layer not in self.layers:
            return False
        return any(f"{other}.".startswith(f"{column}.") for other in self.layers[layer])

    def sent_borders(self) -> Ints | None:
        """The first token of each sentence, then the number of tokens, int64[sentences + 1].

        None where nobody has split the text into sentences. The array is read-only, and so is the
        column `sent_start` from then on; `tokens.set` replaces it.
        """
        if "sent_start" not in self.tokens:
            return None
        return self.tokens.derived(_sentence_borders, "sent_start")

    def add_layer(
        self,
        name: str,
        kind: LayerKind,
        size: int,
        *,
        target: str | None = None,
    ) -> Layer:
        """A new layer without columns, in place of an old one of that name; see `Layer`."""
        if name == "tokens":
            raise DocError(
                "the layer 'tokens' is the document's own; "
                "add columns to it with doc.tokens.set(...)"
            )
        layer = Layer(kind, size, target=target)
        self.layers[name] = layer
        return layer

    def to_array(self, columns: str | Sequence[str]) -> Values:
        """Token columns as an array: [tokens] for a name, [tokens, names] for several.

        Numbers stay numbers. `text`, `norm`, `whitespace` and columns with labels, such as `pos`,
        `morph` and `lemma`, are strings, of dtype object, and None where unset. Every document has
        `i`, `start` and `end`.

            doc.to_array(["start", "end"]), doc.to_array("pos")
        """
        if isinstance(columns, str):
            return self._array(columns)
        arrays = [self._array(name) for name in columns]
        if not arrays:
            return np.zeros((len(self), 0))
        return np.stack(arrays, axis=1)

    def _array(self, name: str) -> Values:
        numbers: dict[str, Values] = {
            "i": np.arange(len(self)),
            "start": self._starts,
            "end": self._ends,
        }
        if name in numbers:
            return numbers[name]
        if name == "text":
            return _object_array(self.words)
        if name == "norm":
            return _object_array(normal_spellings(self.words))
        if name == "whitespace":
            return _object_array(self._gaps())
        column = self.tokens.get(name)
        if column is None:
            names = [*numbers, "text", "norm", "whitespace", *self.tokens]
            raise DocError(f"no one has written the token column {name!r}.{near(name, names)}")
        if column.labels is None:
            return column.values
        return _object_array(column.strings())

    def _gaps(self) -> list[str]:
        """The white space behind each token."""
        following = [*self._starts[1:].tolist(), len(self._text)]
        borders = zip(self._ends.tolist(), following, strict=True)
        return [self._text[end:start] for end, start in borders]

    # -- copies

    def copy(self, *, bare: bool = False) -> Self:
        """A copy with layers of its own.

        Args:
            bare: copy text, tokens, sentence borders and questions only.
        """
        doc = self._twin(self._text, self._starts, self._ends)
        if not bare:
            doc.layers = {name: layer.copy() for name, layer in self.layers.items()}
            return doc
        borders = self.tokens.get("sent_start")
        if borders is not None:
            doc.tokens.set("sent_start", borders.values.copy(), borders.labels)
        if QUESTIONS in self.layers:
            doc.layers[QUESTIONS] = self.layers[QUESTIONS].copy()
        return doc

    def part(
        self,
        start: int,
        end: int,
    ) -> Self:
        """The tokens from start up to end as a document of their own.

        It has their token columns, the spans that lie within, the links between such spans, and
        the questions. `head` counts the tokens of the part, and is unset where the head is not one
        of them.
        """
        first, stop = self._characters(start, end)
        starts = self._starts[start:end] - first
        ends = self._ends[start:end] - first
        doc = self._twin(self._text[first:stop], starts, ends)
        doc.layers["tokens"] = token_rows_of_part(self.tokens, start, max(start, end))
        for name, layer in self.layers.items():
            if name == QUESTIONS:
                doc.layers[name] = layer
            elif layer.kind == "span":
                doc.layers[name] = _spans_within(layer, start, end)
            elif layer.kind == "link":
                spans = self.layers.get(layer.target or LINKED)
                if spans is not None:
                    doc.layers[name] = links_between(layer, rows_within(spans, start, end))
        return doc

    def _twin(
        self,
        text: str,
        starts: Values,
        ends: Values,
    ) -> Self:
        doc = self.trusted(text, starts, ends)
        doc.name = self.name
        doc.vectors = self.vectors
        return doc

    def _characters(
        self,
        start: int,
        end: int,
    ) -> tuple[int, int]:
        """Where some tokens begin, and where the next one begins, in characters."""
        if start >= end:
            return 0, 0
        first = int(self._starts[start])
        if end < len(self):
            return first, int(self._starts[end])
        return first, len(self._text)

    def __str__(self) -> str:
        return self._text


TextT = TypeVar("TextT", bound=Text)


def _object_array(values: Sequence[str | None]) -> Values:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _sentence_borders(sent_start: Column) -> Ints:
    """Borders of sentences by the flags of their first tokens."""
    flags = sent_start.values
    firsts = np.flatnonzero(flags)
    if len(flags) and not flags[0]:
        firsts = np.concatenate([[0], firsts])
    borders = np.append(firsts, len(flags)).astype(np.int64)
    borders.flags.writeable = False
    return borders


def _spans_within(
    spans: Layer,
    start: int,
    end: int,
) -> Layer:
    """The spans within the tokens from start up to end, counted from start."""
    inside = spans.take(rows_within(spans, start, end))
    for edge in REQUIRED["span"]:
        inside.set(edge, inside[edge].values - start)
    return inside
