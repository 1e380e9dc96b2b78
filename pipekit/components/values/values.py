"""The component `values`: dates, money, numbers, addresses, and what each amounts to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.components.values.contacts import contacts
from pipekit.components.values.grammar import grammar
from pipekit.components.values.kinds import OTHER, WordKinds, value_data
from pipekit.components.values.readings import reading_of
from pipekit.doc import Doc
from pipekit.doc.layer import Layer, span_layer
from pipekit.matching.word_views import flags
from pipekit.parts.batch import Batch
from pipekit.settings import LabelName, Length
from pipekit.words.arrays import Bools

_BETWEEN = "\n"  # no kind: a value lies within a document
_SIGN = "_"
_MINUS = tuple(map(ord, "-−‒"))


class _Value(NamedTuple):
    start: int
    end: int
    label: str
    value: str
    unit: str


class ValueFinder:
    """Writes a layer of values, whatever models say of the same words.

        nlp.add_pipe("values")
        for span in nlp("С 3 по 5 мая заплатили 2,5 млн руб.").spans["values"]:
            print(span.text, span.label, span.value, span.get("unit"))

        С 3 по 5 мая       PERIOD   XXXX-05-03/XXXX-05-05   None
        2,5 млн руб.       MONEY    2500000                 RUB

    Labels, with their values:

        DATE       a day, a month or a year, ISO 8601; "XXXX-05-12" where the year is open (EDTF)
        PERIOD     two dates, "2020-04/2020-06"
        TIME       "12:30"
        MONEY      a decimal number; the unit is a currency of ISO 4217
        PERCENT    a decimal number; the unit is "%"
        QUANTITY   a decimal number, or two with "/" between; the unit is one of SI, "km/h"
        NUMBER, ORDINAL                        a decimal number
        PHONE      ITU-T E.164, "+79123456789"
        URL, EMAIL                             as written
        INN, OGRN, SNILS, CARD, KPP, BIC       digits, whose check digits are right

    Words and grammar are data, ``data/<language>.toml``. «12.05» and «в половине третьего» are left
    alone: they may be several things.

    Args:
        lang: the language.
        layer: the span layer that is written.
        labels: the only labels to write; all by default.

    Errors: `ConfigError` for a language without data.
    """

    requires: ClassVar[Sequence[str]] = ()

    def __init__(
        self,
        lang: Annotated[str, Length(1, 16)] = "ru",
        layer: LabelName = "values",
        labels: Annotated[Sequence[LabelName], Length(0, 100)] = (),
    ) -> None:
        self._kinds = WordKinds(value_data(lang))
        self._grammar = grammar(lang)
        self._layer = layer
        self._labels = frozenset(labels)
        self.assigns = (layer,)

    def __call__(self, batch: Batch) -> None:
        by_letters = list(_by_letters(batch))
        by_words = list(self._by_words(batch, by_letters))
        values = sorted(by_letters + by_words)
        if self._labels:
            values = [value for value in values if value.label in self._labels]
        starts = np.array(
            [value.start for value in values],
            dtype=np.int64,
        )
        cuts = np.searchsorted(starts, batch.offsets).tolist()
        for number, doc in enumerate(batch.docs):
            first = cuts[number]
            last = cuts[number + 1]
            own = values[first:last]
            shift = int(batch.offsets[number])
            doc.layers[self._layer] = _as_layer(own, shift)

    def _by_words(
        self,
        batch: Batch,
        others: Sequence[_Value],
    ) -> Iterator[_Value]:
        """Values by the grammar, in the words that no other value has."""
        distinct = batch.distinct
        spellings = zip(
            distinct.strings,
            distinct.plain_strings,
            strict=True,
        )
        kinded = [self._kinds.of(word, plain) for word, plain in spellings]
        letters = np.array([word.kind for word in kinded] or [OTHER])
        kinds = letters[distinct.index]
        kinds[_signs(batch, kinds)] = _SIGN
        for value in others:
            kinds[value.start : value.end] = OTHER
        # A border behind each document: token i of document j stands at i + j.
        ends = batch.offsets[1:]
        bordered = np.insert(kinds, ends, _BETWEEN)
        text = "".join(bordered.tolist())
        borders = ends + np.arange(len(ends))
        words = distinct.index
        for word_run in self._grammar.find(text):
            number = np.searchsorted(borders, word_run.start)
            shift = int(number)
            start = word_run.start - shift
            end = word_run.end - shift
            members = [kinded[word] for word in words[start:end]]
            reading = reading_of(word_run.read, members)
            if reading is not None:
                yield _Value(start, end, word_run.label, *reading)


def _signs(
    batch: Batch,
    kinds: NDArray[np.str_],
) -> Bools:
    """Which tokens are minus signs, bool[tokens]: dashes that stand at the next word alone."""
    is_sign: Bools = kinds == "-"
    words = batch.words
    first_letters = words.codes[words.starts]
    is_sign &= words.lengths == 1
    is_sign &= np.isin(first_letters, _MINUS)
    is_sign &= batch.spaced
    is_sign[:-1] &= ~batch.spaced[1:]
    return is_sign


def _by_letters(batch: Batch) -> Iterator[_Value]:
    """Addresses, which are words, then phones and numbers of documents, from text to text."""
    strings = batch.distinct.strings
    index = batch.distinct.index
    taken = np.zeros(len(batch), dtype=bool)
    for label, view in (("EMAIL", "like_email"), ("URL", "like_url")):
        has_flag = flags(view, strings)
        rows = np.flatnonzero(has_flag[index])
        free = rows[~taken[rows]]
        for row in free.tolist():
            yield _Value(
                start=row,
                end=row + 1,
                label=label,
                value=strings[index[row]],
                unit="",
            )
        taken[rows] = True
    for doc, shift in zip(
        batch.docs,
        batch.offsets.tolist(),
        strict=False,
    ):
        for start, end, label, value in contacts(doc.text):
            first, last = _tokens(doc, start, end)
            if first == last:
                continue
            first += shift
            last += shift
            if not taken[first:last].any():
                yield _Value(
                    start=first,
                    end=last,
                    label=label,
                    value=value,
                    unit="",
                )


def _tokens(
    doc: Doc,
    start: int,
    end: int,
) -> tuple[int, int]:
    """The tokens of some characters; none where these do not begin and end with tokens."""
    first = int(np.searchsorted(doc.starts, start))
    last = int(np.searchsorted(doc.ends, end))
    if first >= len(doc) or last >= len(doc):
        return 0, 0
    if doc.starts[first] != start or doc.ends[last] != end:
        return 0, 0
    return first, last + 1


def _as_layer(
    values: Sequence[_Value],
    shift: int,
) -> Layer:
    layer = span_layer(
        [value.start - shift for value in values],
        [value.end - shift for value in values],
        [value.label for value in values],
    )
    labels: list[str] | None = None if values else []
    amounts = [value.value for value in values]
    units = [value.unit or None for value in values]
    layer.set("value", amounts, labels)
    layer.set("unit", units, labels)
    return layer
