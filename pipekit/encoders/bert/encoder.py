"""The encoder of the BERT family: words as pieces through its network, and back to words.

words      Мама       мыла   раму
pieces     Ма ма      мыла   ра му           cut by `Subwords`; `borders` [0, 2, 3, 5]
network    [CLS] Ма ма мыла ра му [SEP]      a window of pieces
pooling    mean(Ма, ма)  мыла  mean(ра, му)  one vector for each word
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.attention import AttentionMap
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.encoders.bert.families import shape_of
from pipekit.encoders.bert.guessing import PieceHead
from pipekit.encoders.bert.network import Network
from pipekit.encoders.embed import Embedder
from pipekit.errors import ConfigError
from pipekit.generation.rules import likeliest
from pipekit.nn.padding import Windows, windows
from pipekit.nn.sequences import LayerMix, PaddedGroup, by_row, cells_on, padded_groups
from pipekit.nn.stack import by_window
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Encoder, Prepared, Tables
from pipekit.parts.pieces import cut_words
from pipekit.parts.states import TokenStates
from pipekit.subwords.cutter import Cut, Subwords
from pipekit.subwords.learning import text_of
from pipekit.subwords.published import from_settings
from pipekit.tables import Table, check_names, check_tables
from pipekit.words.arrays import Ints, offsets
from pipekit.words.features import Features

SUBWORDS = "subwords"  # the table that holds the vocabulary
_TABLES = {SUBWORDS: Table("uint8", "bytes")}
_NO_POSITIONS = 512  # pieces that are read at a time where there are no learned positions


@dataclass(frozen=True)
class PieceFeatures:
    """The input of the network for a batch.

    Attributes:
        ids: of the pieces of all words, int64[pieces].
        borders: the piece at which each word begins, int64[words + 1].
        windows: over the pieces.
        words: features of the words, where the encoder reads some.
    """

    ids: Ints
    borders: Ints
    windows: Windows
    words: Features | None


@dataclass(frozen=True)
class Framed:
    """Some windows as the network reads them, each between [CLS] and [SEP].

    Attributes:
        windows: the number of each window, int64[windows].
        ids: of the pieces, int64[windows, longest + 2].
        inside: which of them are no padding, bool[windows, longest + 2].
        cell: the cells of the flattened ``states[:, 1:-1]`` that answer, int64[answers].
        row: the pieces that these answer for, int64[answers].
        rows: the pieces between [CLS] and [SEP], int64[windows, longest]; padding repeats the
            first.
    """

    windows: Ints
    ids: Tensor
    inside: Tensor
    cell: Tensor
    row: Tensor
    rows: Tensor


class Bert(Encoder):
    """A network of the BERT family; the vector of a word is pooled from those of its pieces.

    Args:
        family: one of `pipekit.encoders.bert.families.FAMILIES`.
        network: settings of `BertShape` that differ from those of the family.
        subwords: in a recipe a file or folder that holds a vocabulary, or settings of
            `pipekit.subwords.cutter.learn`, which then reads the training documents. In a saved
            pipeline True: the table of that name holds the vocabulary.
        pool: how the vectors of its pieces become that of a word, "mean", "first" or "last".
        reads: "sentences", or "documents", with more context and in more time. What is longer than
            the network has positions for is read in windows that share a quarter.
        mix: whether all layers go into the vectors, in learned shares, or the last one alone.
        features: settings of word features, as of other encoders. The embedding of a word is added
            to that of each of its pieces.
        guesses: whether the encoder keeps the head that says which piece stands in a place, see
            `fill`. Learning from raw text trains it; a published network may bring it.
    """

    def __init__(
        self,
        family: str = "bert",
        network: Mapping[str, Any] | None = None,
        subwords: bool | str | Mapping[str, Any] = True,
        pool: Literal["mean", "first", "last"] = "mean",
        reads: Literal["sentences", "documents"] = "sentences",
        mix: bool = False,
        features: Mapping[str, Any] | None = None,
        guesses: bool = False,
        tables: Tables | None = None,
    ) -> None:
        super().__init__()
        self.tables = dict(tables or {})
        if SUBWORDS not in self.tables:
            raise ConfigError(
                "a BERT needs a vocabulary of subwords: "
                "name one in a recipe, or let `prepare` learn one"
            )
        word_tables = dict(self.tables)
        vocabulary = word_tables.pop(SUBWORDS)
        if not features:
            check_names(word_tables, {}, "a BERT without word features")
        self.pool = pool
        self.reads = reads
        check_tables({SUBWORDS: vocabulary}, _TABLES, "a BERT")
        self.subwords = Subwords(vocabulary)
        self.shape = shape_of(family, network or {})
        self.width = self.shape.width
        if max(self.subwords.special) >= len(self.subwords):
            raise ConfigError("a vocabulary of subwords has special pieces beyond its end")
        self.network = Network(len(self.subwords), self.shape)
        self.mix: LayerMix | None = None
        if mix:
            self.mix = LayerMix(self.shape.layers + 1)
        self.guesses = guesses
        self.head: PieceHead | None = None
        if guesses:
            self.head = PieceHead(self.shape, self.network.embed.pieces)
        self.embed: Embedder | None = None
        if features:
            self.embed = Embedder(features, word_tables)
            piece_width = self.shape.embedding_width or self.width
            self.beside = nn.Linear(self.embed.width, piece_width, bias=False)
            nn.init.zeros_(self.beside.weight)  # so that a pretrained network begins as it was

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        complete = {**settings, "subwords": True, "features": None}
        tables: Tables = {}
        if settings.get("features"):
            complete["features"], tables = Embedder.prepare(settings["features"], docs)
        subwords = settings.get("subwords") or {}
        if subwords is not True:  # else the table is there already
            vocabulary = from_settings(subwords, map(text_of, docs))
            tables = {SUBWORDS: vocabulary.table, **tables}
        return Prepared(complete, tables)

    def layers(self) -> list[nn.Module]:
        """The layers of the network.

        The word features are in none of them: beside a pretrained network they are new.
        """
        lowest: nn.Module = self.network.embed
        if self.network.stack.places is not None:
            lowest = nn.ModuleList([lowest, self.network.stack.places])
        return [lowest, *self.network.stack.layers()]

    def compilable(self) -> list[nn.Module]:
        return list(self.network.stack.blocks)

    @property
    def positions(self) -> int:
        """The most pieces of a row that learns from raw text; 0 for any number."""
        return self.shape.positions

    @property
    def between(self) -> Ints:
        """The pieces between two documents of a corpus: none, since no row reads over a border."""
        return np.zeros(0, dtype=np.int64)

    @property
    def window(self) -> int:
        """The most pieces that the network reads at a time, beside [CLS] and [SEP]."""
        return (self.shape.positions or _NO_POSITIONS) - 2

    def features(self, batch: Batch) -> PieceFeatures:
        return self._features(batch, self.pieces(batch))

    def _features(
        self,
        batch: Batch,
        pieces: Cut,
    ) -> PieceFeatures:
        ids, borders = pieces
        sequences = batch.offsets
        if self.reads == "sentences":
            sequences = batch.sequences
        plan = windows(borders[sequences], self.window, self.window // 4)
        words = None
        if self.embed is not None:
            words = self.embed.features(batch)
        return PieceFeatures(ids, borders, plan, words)

    def pieces(self, batch: Batch) -> Cut:
        """The pieces of a batch's words."""
        return cut_words(batch, self.subwords)

    def forward(self, features: PieceFeatures) -> Tensor:
        borders = to_device(features.borders, self._device)
        owner = owners_of(features, self._device)
        states = self._states(features, owner)
        if not len(states):
            return states
        return self._to_words(states, owner, borders)

    def fill(
        self,
        batch: Batch,
        word: int,
        top: int,
    ) -> list[tuple[str, float]]:
        """The pieces that may stand in the place of a word, with their probabilities, the best
        first. The network does not see the word.

        Errors: `ConfigError` for an encoder without a head.
        """
        if self.head is None:
            raise ConfigError(
                "this encoder has no head that guesses pieces: take one that has learned from raw "
                "text by [objectives.masked], or a published network with its head"
            )
        pieces = hidden(self.pieces(batch), word, self.subwords.special.mask)
        features = self._features(batch, pieces)
        place = features.borders[word]
        states = self._states(features, owners_of(features, self._device), top_layer=True)
        table = self.network.embed.pieces
        scores = self.head(states[place : place + 1], table)[0]
        best = likeliest(scores, self.subwords.special, top)
        return [(self.subwords.join([piece]).strip(), share) for piece, share in best]

    def memory(
        self,
        batch: Batch,
        vectors: Callable[[], Tensor],
    ) -> TokenStates:
        """The states of pieces."""
        features = self.features(batch)
        owner = owners_of(features, self._device)
        return TokenStates(self._states(features, owner), features.borders)

    def _states(
        self,
        features: PieceFeatures,
        owner: Tensor,
        *,
        top_layer: bool = False,
    ) -> Tensor:
        """The states of pieces, float[pieces, width]; `owner` as in `_word_vectors`.

        Args:
            top_layer: whether they are those of the last layer, also where layers are mixed.
        """
        beside = self._word_vectors(features, owner)
        answers = []
        for framed in self.framed(features):
            states = self._read(framed, beside, top_layer=top_layer)
            answers.append((states, framed.row))
        if not answers:
            return torch.zeros(0, self.width, device=self._device)
        return by_row(answers)

    @property
    def _device(self) -> torch.device:
        return self.network.embed.pieces.weight.device

    def framed(self, features: PieceFeatures) -> Iterator[Framed]:
        """The windows as the network reads them, those of like length together."""
        device = self._device
        flat = to_device(features.ids, device)
        for group in padded_groups(features.windows, cells_on(device), device):
            yield self._frame(flat, group)

    def _frame(
        self,
        flat: Tensor,
        group: PaddedGroup,
    ) -> Framed:
        """Put [CLS] before and [SEP] behind the pieces of each window.

        ids        [CLS] Ма ма [SEP] [PAD]
                   [CLS] мыла ра му  [SEP]
        """
        special = self.subwords.special
        numbers, rows, inside, cell, row = group
        pieces = flat[rows].masked_fill(~inside, special.pad)  # (windows, longest)
        ids = functional.pad(pieces, (1, 1), value=special.pad)  # (windows, longest + 2)
        ends = inside.sum(1, keepdim=True) + 1
        ids[:, 0] = special.cls
        ids.scatter_(1, ends, special.sep)
        framed_inside = functional.pad(inside, (2, 0), value=True)  # [CLS] and [SEP] more
        return Framed(numbers, ids, framed_inside, cell, row, rows)

    def attention(self, batch: Batch) -> list[AttentionMap]:
        features = self.features(batch)
        beside = self._word_vectors(features, owners_of(features, self._device))
        maps: dict[int, AttentionMap] = {}
        for framed in self.framed(features):
            seen: list[Tensor] = []
            self._read(framed, beside, seen)
            weights = by_window(seen, framed.inside, framed.windows)
            spelled = map(self.subwords.spell, framed.ids.tolist())
            for labels, (number, array) in zip(spelled, weights.items(), strict=True):
                maps[number] = AttentionMap(labels[: array.shape[2]], array)
        return [attention for _, attention in sorted(maps.items())]

    def _word_vectors(
        self,
        features: PieceFeatures,
        owner: Tensor,
    ) -> Tensor | None:
        """For each piece the embedded features of its word, float[pieces, embedding width].

        Args:
            owner: the word of each piece, int64[pieces].
        """
        if self.embed is None or features.words is None:
            return None
        vectors: Tensor = self.beside(self.embed(features.words))  # (words, embedding width)
        return vectors[owner]

    def _read(
        self,
        framed: Framed,
        beside: Tensor | None,
        seen: list[Tensor] | None = None,
        *,
        top_layer: bool = False,
    ) -> Tensor:
        """The states of the pieces that windows answer for, float[answers, width]."""
        padded = None
        if beside is not None:
            padded = _in_cells(beside, framed)
        layers = self.network(
            framed.ids,
            framed.inside,
            beside=padded,
            seen=seen,
        )
        states: Tensor = layers[-1]  # (windows, longest + 2, width)
        if self.mix is not None and not top_layer:
            states = self.mix(layers)
        cells = states[:, 1:-1].flatten(0, 1)
        return cells[framed.cell]

    def _to_words(
        self,
        pieces: Tensor,
        owner: Tensor,
        borders: Tensor,
    ) -> Tensor:
        """Pool the states of pieces, float[pieces, width], to words, float[words, width]."""
        if self.pool == "first":
            return pieces[borders[:-1]]
        if self.pool == "last":
            return pieces[borders[1:] - 1]
        words = len(borders) - 1
        totals = pieces.new_zeros(words, pieces.shape[1])
        totals.index_add_(0, owner, pieces)
        lengths = borders.diff().unsqueeze(1)
        return totals / lengths


def owners_of(
    features: PieceFeatures,
    device: torch.device,
) -> Tensor:
    """The word of each piece, int64[pieces]."""
    lengths = to_device(np.diff(features.borders), device)
    return torch.repeat_interleave(lengths, output_size=len(features.ids))


def hidden(
    pieces: Cut,
    word: int,
    mask: int,
) -> Cut:
    """The pieces of words, with the mask instead of those of one word."""
    ids, borders = pieces
    start, end = borders[word : word + 2]
    without = np.concatenate([ids[:start], [mask], ids[end:]])
    lengths = np.diff(borders)
    lengths[word] = 1
    return Cut(without, offsets(lengths))


def _in_cells(
    beside: Tensor,
    framed: Framed,
) -> Tensor:
    """float[pieces, width] in the cells of windows, float[windows, longest + 2, width].

    Special pieces and padding have zeros; in all windows but the longest [SEP] stands on padding.
    """
    is_padding = ~framed.inside[:, 2:, None]
    between = beside[framed.rows].masked_fill(is_padding, 0)
    return functional.pad(between, (0, 0, 1, 1))
