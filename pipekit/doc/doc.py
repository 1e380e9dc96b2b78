"""Doc: a text, its tokens, and their annotations.

A Doc needs numpy only: no pipeline, no shared vocabulary, no tensors. What nobody has written reads
as None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, overload

import numpy as np

from pipekit.doc.columns import MaybeNone
from pipekit.doc.groups import Relations, Sentences, SpanGroups, Spans
from pipekit.doc.similarity import Comparable, WordKeys
from pipekit.doc.text import Text
from pipekit.doc.texts import WrittenTexts
from pipekit.doc.trees import noun_phrases
from pipekit.doc.values import Sentiment, class_row, sentiment
from pipekit.doc.views import Span, Token, word_keys
from pipekit.errors import AlignmentError, DocError, near
from pipekit.words.arrays import Floats

ALIGNMENT_MODES = ("strict", "expand", "contract")


class Doc(Text, Comparable):
    """A text and its tokens, with layers of annotation.

    Args:
        words: the tokens as strings, none of them empty.
        spaces: for each word, whether a space follows it, or the white space itself; by default
            one space, none after the last word.
        text: instead of words, the text whose tokens `starts` and `ends` delimit.
        starts, ends: character offsets, ascending, without overlap; only white space may lie
            between tokens.

    Lone surrogates become U+FFFD. Errors: `DocError` names the first word or offset that does not
    fit.

    A Doc is pickled, and copied by the module `copy`, through its bytes: without the word vectors
    of its pipeline, which `doc.copy()` keeps.

        doc = Doc(words=["Мама", "мыла", "раму", "."], spaces=[True, True, False, False])
        doc[0].text, doc[1:3].text          # «Мама», «мыла раму»
    """

    __slots__ = ()

    # -- tokens and spans

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

    @overload
    def char_span(
        self,
        start: int,
        end: int,
        label: str | None,
        alignment_mode: Literal["expand"],
    ) -> Span | MaybeNone: ...
    @overload
    def char_span(
        self,
        start: int,
        end: int,
        label: str | None = None,
        *,
        alignment_mode: Literal["expand"],
    ) -> Span | MaybeNone: ...
    @overload
    def char_span(
        self,
        start: int,
        end: int,
        label: str | None = None,
        alignment_mode: str = "strict",
    ) -> Span | None: ...
    def char_span(
        self,
        start: int,
        end: int,
        label: str | None = None,
        alignment_mode: str = "strict",
    ) -> Span | None:
        """The span of the characters from `start` up to `end`.

        Args:
            alignment_mode: what happens where an offset falls inside a token: "strict" gives None,
                "expand" takes the whole token in, "contract" leaves it out.

        Errors: `AlignmentError` for an unknown mode, and for offsets outside the text.
        """
        if alignment_mode not in ALIGNMENT_MODES:
            modes = near(alignment_mode, ALIGNMENT_MODES)
            raise AlignmentError(f"unknown alignment_mode {alignment_mode!r}.{modes}")
        if not 0 <= start <= end <= len(self.text):
            size = len(self.text)
            raise AlignmentError(f"[{start}, {end}) is no part of a text of {size} characters")
        # As int32 like the borders: for an int, numpy would make an int64 copy of all of them.
        low = np.int32(start)
        high = np.int32(end)
        if alignment_mode == "expand":
            first = int(self.ends.searchsorted(low, "right"))
            last = int(self.starts.searchsorted(high, "left"))
        else:
            first = int(self.starts.searchsorted(low, "left"))
            last = int(self.ends.searchsorted(high, "right"))
        if first >= last:
            return None
        is_exact = self.starts[first] == start and self.ends[last - 1] == end
        if alignment_mode == "strict" and not is_exact:
            return None
        return Span(self, first, last, label)

    # -- annotations

    @property
    def sents(self) -> Sentences | MaybeNone:
        """The sentences, as spans; None where nobody has split the text."""
        borders = self.sent_borders()
        if borders is None:
            return None
        return Sentences(self, borders)

    @property
    def ents(self) -> Spans | MaybeNone:
        """The entities, those of the span group "ents"; None where nobody has looked for any."""
        return self.spans["ents"] if "ents" in self.layers else None

    @ents.setter
    def ents(self, spans: Iterable[Span]) -> None:
        self.spans["ents"] = spans

    @property
    def noun_chunks(self) -> tuple[Span, ...] | MaybeNone:
        """The base noun phrases: nouns with what stands around them and is no other noun.

        «старый дом его отца» has two, «старый дом» and «его отца». None where the text has no
        trees, or no parts of speech.
        """
        if "head" not in self.tokens or "pos" not in self.tokens:
            return None
        return tuple(Span(self, start, end) for start, end in noun_phrases(self.tokens))

    @property
    def spans(self) -> SpanGroups:
        """Named groups of spans."""
        return SpanGroups(self)

    @property
    def texts(self) -> WrittenTexts:
        """Texts that components have written, such as translations, by layer."""
        return WrittenTexts(self)

    @property
    def perplexity(self) -> float | None:
        """2 to the mean surprisal of the words, in bits.

        None where no language model has read the text, and for a text without words.
        """
        column = self.tokens.get("surprisal")
        if column is None or not len(self):
            return None
        return float(2.0 ** np.mean(column.values, dtype=np.float64))

    def set_spans(
        self,
        name: str,
        spans: Iterable[Span],
    ) -> None:
        """Write a group of spans, with their labels, scores and other columns; see `SpanGroups`."""
        self.spans[name] = spans

    @property
    def relations(self) -> Relations | MaybeNone:
        """The links of the layer "relations"; None where nobody has looked for any."""
        layer = self.layers.get("relations")
        if layer is None:
            return None
        return Relations(self.spans[layer.target or "ents"], layer)

    @property
    def cats(self) -> dict[str, float] | MaybeNone:
        """Scores of the document's classes.

        None where nobody has classified the document, and for a text without words: by design,
        nothing is judged of an empty text, though the layer "cats" is there, without a row.
        """
        return class_row(self.layers, "cats")

    @property
    def sentiment(self) -> Sentiment | MaybeNone:
        """The sentiment of the whole text.

        None where nobody has judged it, and for a text without words: by design, nothing is judged
        of an empty text, though the layer "sentiment" is there, without a row.
        """
        scores = class_row(self.layers, "sentiment")
        return None if scores is None else sentiment(scores)

    @property
    def vector(self) -> Floats | MaybeNone:
        lemmas = self.tokens.frozen("lemma")
        table, old_lemmas, mean = self._mean
        if table is not self.vectors or old_lemmas is not lemmas:
            mean = super().vector
            self._mean = (self.vectors, lemmas, mean)
        return None if mean is None else mean.copy()

    def _word_keys(self) -> WordKeys:
        return word_keys(self)

    # -- as data

    @classmethod
    def from_docs(
        cls,
        docs: Iterable[Doc],
        *,
        space: str = " ",
    ) -> Doc:
        """Documents one after the other, as one document with all their annotations.

            whole = Doc.from_docs(nlp.pipe(["Мама мыла раму.", "Кот спал."]))
            whole.text, whole.ents          # «Мама мыла раму. Кот спал.»

        Spans and heads are shifted, and links follow their spans. An annotation that some of the
        documents lack is unset in their tokens, see `join`; scores by class, such as `cats`, are
        means, weighted by tokens; word vectors are those of the first document.

        Args:
            space: what stands between two documents of which the first does not end in white space;
                "" joins them as they are.

        Errors: `DocError` without documents, for a space that is none, and for columns that do not
        fit each other.
        """
        from pipekit.doc.cutting import concatenate_spaced

        return concatenate_spaced(docs, space, cls)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, as for JSON; `Doc.from_dict` reads them."""
        from pipekit.doc.as_dict import doc_to_dict

        return doc_to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Doc:
        """The Doc of `to_dict`. Errors: `PipekitFormatError` names the key that does not fit."""
        from pipekit.doc.from_dict import doc_from_dict

        return doc_from_dict(data, cls)

    def to_bytes(self) -> bytes:
        """The Doc as msgpack."""
        from pipekit.doc.as_bytes import doc_to_bytes

        return doc_to_bytes(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Doc:
        """The Doc of `to_bytes`. Errors: `PipekitFormatError` for bytes that it did not write."""
        from pipekit.doc.as_bytes import doc_from_bytes

        return doc_from_bytes(data, cls)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle, copy and deepcopy: the bytes of the Doc, and attributes of a subclass."""
        state = getattr(self, "__dict__", None)
        return type(self).from_bytes, (self.to_bytes(),), state or None

    def _repr_html_(self) -> str:
        """The Doc as a notebook shows it; `pipekit.render` shows it in other ways."""
        from pipekit.doc.pictures import shown_in_notebook

        return shown_in_notebook(self)

    def __repr__(self) -> str:
        shown = self.text if len(self.text) <= 60 else self.text[:59] + "…"
        return f"<Doc, {len(self)} tokens: {shown!r}>"
