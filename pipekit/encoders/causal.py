"""A language model as an encoder: the vector of a word is the state behind its last piece.

    words      Мама  мыла  раму   .
    pieces     ⟨s⟩ ▁Мама ▁мыла ▁ра му .
    states      0    1     2    3  4  5       each knows the pieces up to its own
    vectors          1     2       4  5

So a network that has learned to continue texts is fine-tuned for a task (Radford et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.attention import AttentionMap
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.generation.continuing import Continuing
from pipekit.generation.reading import (
    Material,
    material_of,
    read_stretch,
    stretches_of,
)
from pipekit.generation.search import Search
from pipekit.generation.vocabulary import (
    SubwordSettings,
    WritingVocabulary,
    build_decoder,
    prepared_subwords,
)
from pipekit.nn.sequences import by_row
from pipekit.nn.stack import by_window
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Encoder, Prepared, Tables
from pipekit.parts.decoding import Decoder
from pipekit.parts.pieces import cut_words
from pipekit.settings import Between
from pipekit.subwords.cutter import Cut, Subwords
from pipekit.subwords.learning import text_of
from pipekit.words.arrays import Floats, Ints


class CausalFeatures(NamedTuple):
    """The input of the network for a batch.

    Attributes:
        material: the pieces of all sequences.
        last: the row of the last piece of each word, int64[words].
    """

    material: Material
    last: Ints


class Causal(Continuing, Encoder):
    """A decoder that reads documents from left to right; a word knows what stands before it.

        [encoders.main]
        source = "gpt.pipekit"           # a language model that was trained, or imported
        part = "lm"

    It continues texts, too: `nlp.generate`.

    Args:
        decoder: its type and settings, such as {type = "causal", layers = 6} or {type = "rnn"}; one
            that reads no memory.
        subwords: in a recipe a file or folder that holds a vocabulary, or settings of
            `pipekit.subwords.learning.learn_subwords`. In a saved pipeline True.
        reads: "sentences", or "documents", with more context and in more time.
        stretch: pieces that are read at a time, see `pipekit.generation.reading.stretches_of`.
    """

    def __init__(
        self,
        decoder: Mapping[str, Any] | None = None,
        subwords: SubwordSettings = True,
        reads: Literal["sentences", "documents"] = "sentences",
        stretch: Annotated[int, Between(2, 65_536)] = 512,
        tables: Tables | None = None,
    ) -> None:
        super().__init__()
        self.vocabulary = WritingVocabulary(tables, "a causal encoder")
        self.tables = self.vocabulary.tables
        self.search = Search()
        self.decoder = build_decoder(decoder or {"type": "causal"}, len(self.vocabulary), 0)
        self.reads = reads
        self.stretch = stretch
        self.width = self.decoder.width

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        return prepared_subwords(settings, lambda: map(text_of, docs))

    def layers(self) -> list[nn.Module]:
        return self.decoder.layers()

    @property
    def network(self) -> Decoder:
        """What learns from raw text."""
        return self.decoder

    @property
    def subwords(self) -> Subwords:
        return self.vocabulary.subwords

    @property
    def positions(self) -> int:
        """The most pieces of a row that learns from raw text; 0 for any number."""
        return self.decoder.most

    @property
    def between(self) -> Ints:
        """The pieces between two documents of a corpus, int64[1 or 2]: an end, and a start."""
        return np.array(list(dict.fromkeys([self.vocabulary.end, self.vocabulary.start])))

    def pieces(self, batch: Batch) -> Cut:
        """The pieces of a batch's words."""
        return cut_words(batch, self.subwords)

    def features(self, batch: Batch) -> CausalFeatures:
        ids, borders = self.pieces(batch)
        sequences = batch.offsets
        if self.reads == "sentences":
            sequences = batch.sequences
        texts = np.split(ids, borders[sequences[1:-1]])
        lengths = np.diff(sequences)
        number = np.repeat(np.arange(len(lengths)), lengths)  # of each word's sequence
        if not len(lengths):
            texts = []
        # Before the pieces of a sequence its start has a row, and those of all before it.
        return CausalFeatures(material_of(texts, self.vocabulary), borders[1:] + number)

    def forward(self, features: CausalFeatures) -> Tensor:
        device = self.decoder.device
        answers = []
        for stretch in stretches_of(self.decoder, features.material.borders, self.stretch):
            states = read_stretch(self.decoder, features.material, stretch)
            rows = to_device(stretch.rows, device)
            counted = to_device(stretch.counted, device)
            answers.append((states[counted], rows[counted]))
        if not answers:
            return torch.zeros(0, self.width, device=device)
        return by_row(answers)[to_device(features.last, device)]

    def attention(self, batch: Batch) -> list[AttentionMap]:
        material = self.features(batch).material
        maps: dict[int, Floats] = {}
        for stretch in stretches_of(self.decoder, material.borders, self.stretch):
            seen: list[Tensor] = []
            read_stretch(self.decoder, material, stretch, seen)
            if not seen:
                return super().attention(batch)
            starts = stretch.rows[:, 0]
            inside = stretch.rows == starts[:, None] + np.arange(stretch.rows.shape[1])
            maps |= by_window(seen, torch.from_numpy(inside), starts)
        attention = []
        for start, weights in sorted(maps.items()):
            pieces = material.inputs[start : start + weights.shape[2]]
            attention.append(AttentionMap(self.subwords.spell(pieces), weights))
        return attention
