"""Texts for texts: translations, summaries, lemmas, dates, answers in words.

    sentence ─▶ encoder ─▶ memory of its tokens or pieces
                             │
    start ─▶ decoder ◀───────┘ ─▶ piece ─▶ … ─▶ end        written to a layer of texts

Sources: Sutskever et al. 2014; Bahdanau et al. 2015; Vaswani et al. 2017.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from pipekit.attention import AttentionMap
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, DataError
from pipekit.generation.search import Hypothesis
from pipekit.generation.vocabulary import (
    FramedTexts,
    SubwordSettings,
    WritingVocabulary,
    build_decoder,
    build_search,
    prepared_subwords,
)
from pipekit.generation.writing import WritingTask, write_texts
from pipekit.nn.padding import grid, length_groups
from pipekit.nn.sequences import cells_on
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import EncoderRef, Head, PassedOver, Prepared, Tables
from pipekit.parts.decoding import Memory, next_piece_loss
from pipekit.settings import LabelName, Probability
from pipekit.subwords.learning import text_of_whole
from pipekit.words.arrays import Ints

_TEXT = "text"  # the column of what is written


class Units(NamedTuple):
    """Tokens that each have a text, int64[units] both.

    Attributes:
        starts, ends: rows of tokens in the batch, the end exclusive.
    """

    starts: Ints
    ends: Ints


class Seq2Seq(Head):
    """Writes a text for each sentence, or for each document, to a span layer.

        for written in doc.texts["translation"]:
            print(written.span.text, "→", written.text)

    Training documents have the layer already: spans with a column "text".

    Args:
        decoder: its type and settings, such as {type = "transformer", width = 256}.
        layer: the span layer that is written, with the columns "text" and "score".
        reads: what has a text, each of the "sentences", or the "documents".
        subwords: in a recipe a file or folder that holds a vocabulary, or settings of
            `pipekit.subwords.learning.learn_subwords`, which then reads the texts of the training
            documents. In a saved pipeline True.
        search: settings of `pipekit.generation.search.Search`.
        smoothing: of the labels, see `next_piece_loss`.
        sampling: the share of pieces that the decoder reads as it would have written them, instead
            of the true ones (scheduled sampling, Bengio et al. 2015, in two passes as Mihaylova and
            Martins 2019).
    """

    def __init__(
        self,
        encoder: EncoderRef,
        decoder: Mapping[str, Any] | None = None,
        layer: LabelName = "translation",
        reads: Literal["sentences", "documents"] = "sentences",
        subwords: SubwordSettings = True,
        search: Mapping[str, Any] | None = None,
        smoothing: Probability = 0.1,
        sampling: Probability = 0.0,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(encoder)
        self.vocabulary = WritingVocabulary(tables, "a seq2seq")
        self.tables = self.vocabulary.tables
        self.layer = layer
        self.assigns: Sequence[str] = (layer,)
        self.reads = reads
        self.search = build_search(search)
        self.smoothing = smoothing
        self.sampling = sampling
        self.decoder = build_decoder(
            decoder or {"type": "rnn_attention"},
            len(self.vocabulary),
            encoder.width,
        )

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        layer = settings.get("layer", "translation")

        def texts() -> Iterator[str]:
            for doc in docs:
                yield from map(text_of_whole, gold_texts(doc, layer))

        prepared = prepared_subwords(settings, texts)
        if prepared.tables and not any(gold_texts(doc, layer) for doc in docs):
            raise DataError(
                f"no training document has texts in the layer {layer!r}, "
                "so a seq2seq has nothing to learn"
            )
        return prepared

    # -- writing

    def scores(self, batch: Batch) -> list[Hypothesis]:
        """A text for each unit."""
        units = self._units(batch)
        written: list[Hypothesis | None] = [None] * len(units.starts)
        texts = self._sources(batch, units)
        for group in self._groups(units.ends - units.starts):
            memory = self._memory(batch, Units(units.starts[group], units.ends[group]))
            numbers = group.tolist()
            task = WritingTask(
                [np.array([self.vocabulary.start])] * len(numbers),
                self.vocabulary.end,
                [crc32(texts[number].encode("utf-8")) for number in numbers],
                self.vocabulary.never,
            )
            best = write_texts(
                self.decoder,
                task,
                self.search,
                memory,
            )
            for number, candidates in zip(
                numbers,
                best,
                strict=True,
            ):
                written[number] = candidates[0]
        return [text for text in written if text is not None]

    def alignments(self, batch: Batch) -> list[AttentionMap]:
        """For each text that is written: at which words each of its pieces looks.

        Where an encoder has several states of a word, their weights are added.

        Errors: `ConfigError` for a decoder that looks at nothing.
        """
        units = self._units(batch)
        borders = batch.memory(self.encoder.name).borders
        words = [word for doc in batch.docs for word in doc.words]
        maps = []
        for number, written in enumerate(self.scores(batch)):
            start, end = int(units.starts[number]), int(units.ends[number])
            memory = self._memory(batch, Units(units.starts[[number]], units.ends[[number]]))
            framed = self.vocabulary.framed([written.ids], self.decoder.device)
            seen: list[Tensor] = []
            self.decoder.read(framed.inputs, self.decoder.begin(1, memory), seen=seen)
            if not seen:
                raise ConfigError(
                    f"the decoder of {self.layer!r} looks at nothing: "
                    'take "rnn_attention" or "transformer"'
                )
            weights = torch.stack(seen)[:, 0]  # (layers, heads, pieces, states)
            of_words = np.add.reduceat(
                weights.float().cpu().numpy(),
                borders[start:end] - borders[start],
                axis=3,
            )
            pieces = self.vocabulary.subwords.spell(framed.targets[0].tolist())
            maps.append(AttentionMap(pieces, of_words, words[start:end]))
        return maps

    def decode(
        self,
        batch: Batch,
        scores: list[Hypothesis],
    ) -> None:
        """Write the layer of each document."""
        units = self._units(batch)
        borders = np.searchsorted(units.starts, batch.offsets)
        for number, doc in enumerate(batch.docs):
            first, last = borders[number], borders[number + 1]
            shift = batch.offsets[number]
            own = scores[first:last]
            layer = span_layer(
                units.starts[first:last] - shift,
                units.ends[first:last] - shift,
                scores=[text.score for text in own],
            )
            labels: list[str] | None = None if own else []
            layer.set(
                _TEXT,
                [self.vocabulary.text(text.ids) for text in own],
                labels,
            )
            doc.layers[self.layer] = layer

    def _units(self, batch: Batch) -> Units:
        """The sentences or documents that have tokens."""
        borders = batch.sequences
        if self.reads == "documents":
            borders = np.unique(batch.offsets)
        return Units(borders[:-1], borders[1:])

    def _sources(
        self,
        batch: Batch,
        units: Units,
    ) -> list[str]:
        """The text of each unit, which chance depends on."""
        words = batch.words
        points = words.codes
        texts = []
        for start, end in zip(
            units.starts.tolist(),
            units.ends.tolist(),
            strict=True,
        ):
            text = points[words.starts[start] : words.ends[end - 1]]
            texts.append("".join(map(chr, text.tolist())))
        return texts

    def _groups(self, lengths: Ints) -> list[Ints]:
        """Units of like length, as many as a step of the decoder computes well together."""
        device = self.decoder.device
        rows = self.search.beams * self.search.samples
        return length_groups(lengths, max(cells_on(device) // rows, 1))

    def _memory(
        self,
        batch: Batch,
        units: Units,
    ) -> Memory:
        """The states of some units, padded."""
        token_states = batch.memory(self.encoder.name)
        starts = token_states.borders[units.starts]
        lengths = token_states.borders[units.ends] - starts
        rows, inside = grid(starts, lengths)
        states = token_states.states
        device = states.device
        return Memory(states[to_device(rows, device)], to_device(inside, device))

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """The mean over the pieces of all texts, their ends included."""
        units, pieces = self._gold(batch)
        states = batch.memory(self.encoder.name).states
        total = states.sum() * 0.0  # keeps the graph where nothing is annotated
        count = 0
        lengths = np.array([len(ids) + 1 for ids in pieces], dtype=np.int64)
        longest = np.maximum(lengths, units.ends - units.starts)
        for group in length_groups(longest, cells_on(states.device)):
            memory = self._memory(batch, Units(units.starts[group], units.ends[group]))
            framed = self.vocabulary.framed([pieces[i] for i in group.tolist()], states.device)
            total = total + self._text_loss(memory, framed)
            count += int(lengths[group].sum())
        return total / max(count, 1)

    def _text_loss(
        self,
        memory: Memory,
        framed: FramedTexts,
    ) -> Tensor:
        """The summed loss of some texts."""
        inputs = framed.inputs
        if self.sampling and self.training:
            inputs = self._as_written(memory, framed)
        state = self.decoder.begin(len(inputs), memory)
        states = self.decoder.read(inputs, state)
        return next_piece_loss(
            self.decoder,
            states,
            framed.targets,
            framed.inside,
            self.smoothing,
        )

    def _as_written(
        self,
        memory: Memory,
        framed: FramedTexts,
    ) -> Tensor:
        """Inputs, a share of which are what the decoder takes for the best, int64 as before."""
        with torch.no_grad():
            state = self.decoder.begin(len(framed.inputs), memory)
            scores = self.decoder(framed.inputs, state)
        best = scores.argmax(2)
        is_drawn = torch.rand(best.shape, device=best.device) < self.sampling
        is_drawn[:, -1] = False
        inputs = framed.inputs.clone()
        inputs[:, 1:] = torch.where(
            is_drawn,
            best,
            framed.targets,
        )[:, :-1]
        return inputs

    def _gold(self, batch: Batch) -> tuple[Units, list[Ints]]:
        """The units of training documents, and the pieces of their texts."""
        starts: list[int] = []
        ends: list[int] = []
        texts: list[str] = []
        for doc, shift in zip(
            batch.docs,
            batch.offsets.tolist(),
            strict=False,
        ):
            for written in doc.texts.get(self.layer, ()):
                span = written.span
                if span.start < span.end:
                    starts.append(span.start + shift)
                    ends.append(span.end + shift)
                    texts.append(written.text)
        units = Units(np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64))
        return units, self._cut(texts)

    def _cut(self, texts: list[str]) -> list[Ints]:
        """The pieces of texts; those that the decoder has no positions for are left out."""
        most = self.decoder.most
        pieces = self.vocabulary.subwords.encode(texts)
        return [ids[: most - 1] if most else ids for ids in pieces]

    def passed_over(self, batch: Batch) -> PassedOver:
        """Texts that end where the decoder has no more positions."""
        most = self.decoder.most
        if not most:
            return {}
        numbers = []
        for number, doc in enumerate(batch.docs):
            for pieces in self.vocabulary.subwords.encode(gold_texts(doc, self.layer)):
                if len(pieces) >= most:
                    numbers.append(number)
        return {f"texts of {self.layer} are longer than the decoder's {most} pieces": numbers}


def gold_texts(
    doc: Doc,
    name: str,
) -> list[str]:
    """The texts of a layer, without those that are unset."""
    return [written.text for written in doc.texts.get(name, ())]
