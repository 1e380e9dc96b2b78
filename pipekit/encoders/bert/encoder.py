"""The encoder of the BERT family: subword pieces through its network, and pooled to words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.attention import AttentionMap
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.encoders.bert.families import shape_of
from pipekit.encoders.bert.network import Network
from pipekit.encoders.embed import Embedder
from pipekit.encoders.sequence import padded_groups
from pipekit.encoders.stack import by_window
from pipekit.errors import ConfigError, near
from pipekit.nn.padding import Windows, windows
from pipekit.nn.sequences import LayerMix, by_row, cells_on
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Encoder, Prepared, Tables
from pipekit.subwords.cutter import Cut, Subwords, text_of
from pipekit.subwords.published import from_settings
from pipekit.words.arrays import Ints, ranges
from pipekit.words.features import Features

POOLING = ("mean", "first", "last")
READS = ("sentences", "documents")
SUBWORDS = "subwords"  # the table that holds the vocabulary


@dataclass(frozen=True)
class PieceFeatures:
    """The pieces of a batch's words, the windows over them, and features of the words where the encoder reads some."""

    ids: Ints
    borders: Ints
    windows: Windows
    words: Features | None


@dataclass(frozen=True)
class Framed:
    """Some windows as the network reads them, each between [CLS] and [SEP].

    Attributes:
        ids, inside: int64 and bool[windows, longest + 2].
        cell, row: the cells of the flattened ``states[:, 1:-1]`` that answer, and the pieces that they answer for, int64[answers].
        rows: the pieces that stand between, int64[windows, longest]; padding repeats the first.
    """

    ids: Tensor
    inside: Tensor
    cell: Tensor
    row: Tensor
    rows: Tensor


class Bert(Encoder):
    """A network of the BERT family; the vector of a word is pooled from those of its pieces.

    Args:
        family: what the network is like, one of `pipekit.encoders.bert.families.FAMILIES`.
        network: settings of `BertShape` that differ from those of the family.
        subwords: in a recipe a file or folder that holds a vocabulary, or settings of `pipekit.subwords.cutter.learn`, which then reads the
            training documents; in a saved pipeline the table of that name holds it.
        pool: how the vectors of its pieces become that of a word, "mean", "first" or "last".
        reads: "sentences", or "documents", with more context and in more time; what is longer than the network has positions for is
            read in windows that share a quarter.
        mix: whether all layers go into the vectors, in learned shares, or the last one alone.
        features: of words, settings as those of other encoders, whose embedding is added to that of each of their pieces.
    """

    def __init__(
        self,
        family: str = "bert",
        network: Mapping[str, Any] | None = None,
        subwords: bool | str | Mapping[str, Any] = True,
        pool: str = "mean",
        reads: str = "sentences",
        mix: bool = False,
        features: Mapping[str, Any] | None = None,
        tables: Tables | None = None,
    ) -> None:
        super().__init__()
        for given, known, what in ((pool, POOLING, "pool"), (reads, READS, "reads")):
            if given not in known:
                raise ConfigError(f"a BERT takes no {what} = {given!r}.{near(given, known)}")
        if SUBWORDS not in (tables or {}):
            raise ConfigError(
                "a BERT needs a vocabulary of subwords: name one in a recipe, or let `prepare` learn one"
            )
        self.tables = dict(tables or {})
        self.pool, self.reads = pool, reads
        self.subwords = Subwords(self.tables[SUBWORDS])
        self.shape = shape_of(family, network or {})
        self.width = self.shape.width
        self.network = Network(len(self.subwords), self.shape)
        self.mix = LayerMix(self.shape.layers + 1) if mix else None
        self.embed = (
            Embedder(features, {k: v for k, v in self.tables.items() if k != SUBWORDS})
            if features
            else None
        )
        if self.embed is not None:
            self.beside = nn.Linear(
                self.embed.width, self.shape.embedding_width or self.width, bias=False
            )
            nn.init.zeros_(self.beside.weight)  # so that a pretrained network begins as it was

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        given = settings.get("subwords") or {}
        features, tables = (
            Embedder.prepare(settings["features"], docs) if settings.get("features") else (None, {})
        )
        if given is not True:  # else the table is there already
            tables = {SUBWORDS: from_settings(given, map(text_of, docs)).table, **tables}
        return Prepared({**settings, "subwords": True, "features": features}, tables)

    def layers(self) -> list[nn.Module]:
        """Word features are in none of them: beside a pretrained network they are new."""
        below, places = self.network.embed, self.network.stack.places
        return [
            below if places is None else nn.ModuleList([below, places]),
            *self.network.stack.layers(),
        ]

    def compilable(self) -> list[nn.Module]:
        return list(self.network.stack.blocks)

    @property
    def window(self) -> int:
        """The most pieces that the network reads at a time."""
        return (self.shape.positions or 512) - 2

    def features(self, batch: Batch) -> PieceFeatures:
        ids, borders = self.pieces(batch)
        sequences = batch.sequences if self.reads == "sentences" else batch.offsets
        plan = windows(borders[sequences], self.window, self.window // 4)
        return PieceFeatures(
            ids, borders, plan, None if self.embed is None else self.embed.features(batch)
        )

    def pieces(self, batch: Batch) -> Cut:
        """The pieces of a batch's words; what is written alike is cut once."""
        keys, index = np.unique(2 * batch.distinct.index + batch.spaced, return_inverse=True)
        strings = batch.distinct.strings
        cut = self.subwords.cut(
            [strings[key] for key in (keys // 2).tolist()], (keys % 2 == 1).tolist()
        )
        sizes = np.diff(cut.borders)[index]
        return Cut(
            cut.ids[ranges(cut.borders[index], sizes)], np.cumsum([0, *sizes], dtype=np.int64)
        )

    def forward(self, features: PieceFeatures) -> Tensor:
        device = self.network.embed.pieces.weight.device
        borders = to_device(features.borders, device)
        owner = torch.repeat_interleave(borders.diff(), output_size=len(features.ids))
        beside = self._beside(features, owner)
        answers = [(self._read(framed, beside), framed.row) for framed in self.framed(features)]
        if not answers:
            return torch.zeros(0, self.width, device=device)
        return self._to_words(by_row(answers), owner, borders)

    def framed(self, features: PieceFeatures) -> Iterator[Framed]:
        """The windows as the network reads them, those of like length together."""
        device = self.network.embed.pieces.weight.device
        special, flat = self.subwords.special, to_device(features.ids, device)
        for rows, inside, cell, row in padded_groups(features.windows, cells_on(device), device):
            ids = functional.pad(
                flat[rows].masked_fill(~inside, special.pad), (1, 1), value=special.pad
            )
            ids[:, 0] = special.cls
            ids.scatter_(1, inside.sum(1, keepdim=True) + 1, special.sep)
            yield Framed(ids, functional.pad(inside, (2, 0), value=True), cell, row, rows)

    def attention(self, batch: Batch) -> list[AttentionMap]:
        features = self.features(batch)
        borders = to_device(features.borders, self.network.embed.pieces.weight.device)
        beside, found = (
            self._beside(features, torch.repeat_interleave(borders.diff())),
            dict[int, AttentionMap](),
        )
        for framed in self.framed(features):
            seen: list[Tensor] = []
            self._read(framed, beside, seen)
            weights = by_window(seen, framed.inside, framed.rows[:, :1].sum(1))
            labels = map(self.subwords.spell, framed.ids.tolist())
            found |= {
                start: AttentionMap(names[: one.shape[2]], one)
                for names, (start, one) in zip(labels, weights.items(), strict=True)
            }
        return [one for _, one in sorted(found.items())]

    def _beside(self, features: PieceFeatures, owner: Tensor) -> Tensor | None:
        """What the features say of the word of each piece, float[pieces, width of their vectors]."""
        return (
            None
            if self.embed is None or features.words is None
            else self.beside(self.embed(features.words))[owner]
        )

    def _read(
        self, framed: Framed, beside: Tensor | None, seen: list[Tensor] | None = None
    ) -> Tensor:
        known = None
        if (
            beside is not None
        ):  # nothing is beside padding: [SEP] stands there in all windows but the longest
            known = functional.pad(
                beside[framed.rows].masked_fill(~framed.inside[:, 2:, None], 0), (0, 0, 1, 1)
            )
        layers = self.network(framed.ids, framed.inside, beside=known, seen=seen)
        states: Tensor = layers[-1] if self.mix is None else self.mix(layers)
        return states[:, 1:-1].flatten(0, 1)[framed.cell]

    def _to_words(self, pieces: Tensor, owner: Tensor, borders: Tensor) -> Tensor:
        if self.pool != "mean":
            return pieces[borders[:-1] if self.pool == "first" else borders[1:] - 1]
        total = pieces.new_zeros(len(borders) - 1, pieces.shape[1]).index_add_(0, owner, pieces)
        return total / borders.diff().unsqueeze(1)
