"""Language models: how expected each word is, and how a text goes on.

    text     Мама мыла раму .
    pieces   ▁Мама ▁мыла ▁ра му .        cut from the whole text
    bits     7.1   9.3   4.0 1.2 0.8     -log2 of the probability after all that stands before
    words    7.1   9.3   5.2     0.8     `surprisal`

Sources: Mikolov et al. 2010; Radford et al. 2018; Hale 2001 for surprisal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.generation.continuing import Continuing
from pipekit.generation.reading import material_of, piece_logs, read_stretch, stretches_of
from pipekit.generation.vocabulary import (
    SubwordSettings,
    WritingVocabulary,
    build_decoder,
    build_search,
    prepared_subwords,
)
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Head, Prepared, Tables
from pipekit.parts.decoding import next_piece_loss
from pipekit.settings import Between
from pipekit.subwords.learning import text_of_whole
from pipekit.words.arrays import Floats, Ints

SURPRISAL = "surprisal"


class PieceBits(NamedTuple):
    """What the pieces of a text cost.

    Attributes:
        bits: -log2 of the probability of each, float32[pieces].
        ends: the character behind each, int64[pieces].
    """

    bits: Floats
    ends: Ints


class LanguageModel(Continuing, Head):
    """Reads texts from left to right, and writes how many bits each word costs.

        doc.tokens["surprisal"], doc.perplexity
        nlp.generate("Мама мыла")

    Every text is material for it: it needs no annotation.

    Args:
        decoder: its type and settings, such as {type = "causal", layers = 6} or {type = "rnn"}.
        subwords: in a recipe a file or folder that holds a vocabulary, or settings of
            `pipekit.subwords.learning.learn_subwords`. In a saved pipeline True.
        search: settings of `pipekit.generation.search.Search`, with which texts go on.
        stretch: pieces that are read at a time. A recurrent decoder carries its state from one
            stretch to the next, and gradients end at the border (truncated back-propagation); a
            Transformer reads half of the stretch before again, as context.
    """

    assigns = (SURPRISAL,)

    def __init__(
        self,
        decoder: Mapping[str, Any] | None = None,
        subwords: SubwordSettings = True,
        search: Mapping[str, Any] | None = None,
        stretch: Annotated[int, Between(2, 65_536)] = 128,
        tables: Tables | None = None,
    ) -> None:
        super().__init__()
        self.vocabulary = WritingVocabulary(tables, "a language model")
        self.tables = self.vocabulary.tables
        self.search = build_search(search)
        self.decoder = build_decoder(
            decoder or {"type": "causal"},
            len(self.vocabulary),
            0,
        )
        self.stretch = stretch

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        return prepared_subwords(settings, lambda: (text_of_whole(doc.text) for doc in docs))

    @classmethod
    def as_encoder(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        decoder = settings.get("decoder") or {"type": "causal"}
        return {"type": "causal", "decoder": decoder, "subwords": True}

    # -- annotating

    def scores(self, batch: Batch) -> list[PieceBits]:
        """The bits of the pieces of each document."""
        texts = self.vocabulary.subwords.place([doc.text for doc in batch.docs])
        material = material_of([pieces.ids for pieces in texts], self.vocabulary)
        bits = piece_logs(self.decoder, material, self.stretch) / -math.log(2)
        scores = []
        for pieces, start in zip(texts, material.borders.tolist(), strict=False):
            end = start + len(pieces.ids)  # the bits of the end of a text belong to no word
            scores.append(PieceBits(bits[start:end], pieces.ends))
        return scores

    def decode(
        self,
        batch: Batch,
        scores: list[PieceBits],
    ) -> None:
        """Write the column of each document: the bits of a word are those of its pieces."""
        for doc, pieces in zip(batch.docs, scores, strict=True):
            totals = np.zeros(len(doc), dtype=np.float32)
            if len(doc):
                owners = np.searchsorted(doc.ends, pieces.ends)  # white space: to what follows
                np.add.at(totals, np.minimum(owners, len(doc) - 1), pieces.bits)
            doc.tokens.put(SURPRISAL, Column(totals))

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """The mean over the pieces of all texts, their ends included."""
        texts = self.vocabulary.subwords.encode([doc.text for doc in batch.docs])
        material = material_of(texts, self.vocabulary)
        device = self.decoder.device
        total = torch.zeros((), device=device)
        for stretch in stretches_of(self.decoder, material.borders, self.stretch):
            states = read_stretch(self.decoder, material, stretch)
            total = total + next_piece_loss(
                self.decoder,
                states,
                to_device(material.targets[stretch.rows], device),
                to_device(stretch.counted, device),
            )
        return total / max(len(material.targets), 1)
