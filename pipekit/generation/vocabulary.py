"""What parts with a decoder share: its vocabulary, its settings, texts as padded pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipekit import registry
from pipekit.devices.placement import to_device
from pipekit.errors import ConfigError
from pipekit.generation.search import Search
from pipekit.nn.padding import grid
from pipekit.parts.contracts import Prepared, Tables
from pipekit.parts.decoding import Decoder
from pipekit.registry import check_arguments
from pipekit.subwords.cutter import CLS, SEP, SPECIAL, Subwords
from pipekit.subwords.published import from_settings
from pipekit.tables import Table, check_tables
from pipekit.words.arrays import Ints, offsets

VOCABULARY = "subwords"  # the table that holds the vocabulary
_TABLES = {VOCABULARY: Table("uint8", "bytes")}
_OWN = ("pieces", "memory_width")  # arguments of a decoder that no recipe chooses

SubwordSettings = bool | str | Mapping[str, Any]


class WritingVocabulary:
    """The pieces that a component writes.

    Attributes:
        subwords: cuts texts into pieces, and joins them.
        start, end: the pieces before and behind each text.
        never: pieces that no text holds.
    """

    def __init__(
        self,
        tables: Tables | None,
        what: str,
    ) -> None:
        self.tables = dict(tables or {})
        if VOCABULARY not in self.tables:
            raise ConfigError(
                f"{what} needs a vocabulary of subwords: train it, "
                "or name a vocabulary in a recipe, subwords = PATH"
            )
        check_tables(self.tables, _TABLES, what)
        self.subwords = Subwords(self.tables[VOCABULARY])
        self.start = self.subwords.number(CLS)
        self.end = self.subwords.number(SEP)
        special = {self.subwords.number(name, -1) for name in SPECIAL}
        self.never = sorted(special - {self.end, -1})

    def __len__(self) -> int:
        return len(self.subwords)

    def text(self, ids: Iterable[int]) -> str:
        """The text of pieces, without white space around it."""
        return self.subwords.join(ids).strip()

    def framed(
        self,
        texts: Sequence[Ints],
        device: torch.device,
    ) -> FramedTexts:
        """Pieces of texts as a decoder reads and writes them."""
        lengths = np.array([len(pieces) for pieces in texts], dtype=np.int64)
        flat = np.concatenate([*texts, np.zeros(0, np.int64)])
        cells, inside = grid(offsets(lengths)[:-1], lengths)
        pieces = np.full((len(texts), inside.shape[1] + 1), self.end)
        pieces[:, :-1][inside] = flat[cells[inside]]
        inputs = np.roll(
            pieces,
            1,
            axis=1,
        )
        inputs[:, 0] = self.start
        steps = np.arange(inside.shape[1] + 1)
        counted = steps <= lengths[:, None]  # the end, too
        return FramedTexts(
            to_device(inputs, device),
            to_device(pieces, device),
            to_device(counted, device),
        )


class FramedTexts(NamedTuple):
    """Texts as a decoder reads and writes them, all [texts, longest + 1].

    Attributes:
        inputs: the start and the pieces, int64.
        targets: the pieces and the end, int64; padding is the end.
        inside: which of the targets are no padding, bool.
    """

    inputs: Tensor
    targets: Tensor
    inside: Tensor


def prepared_subwords(
    settings: Mapping[str, Any],
    texts: Callable[[], Iterable[str]],
) -> Prepared:
    """Settings with a vocabulary that a recipe names or lets learn, as a table; without tables
    where there is one already.

    Args:
        texts: gives the texts that a vocabulary is learned from.
    """
    subwords: SubwordSettings = settings.get(VOCABULARY) or {}
    complete = {**settings, VOCABULARY: True}
    if isinstance(subwords, bool):
        return Prepared(complete, {})
    table: NDArray[np.uint8] = from_settings(subwords, texts()).table
    return Prepared(complete, {VOCABULARY: table})


def build_decoder(
    settings: Mapping[str, Any],
    pieces: int,
    memory_width: int,
) -> Decoder:
    """The decoder that settings describe, {type, …}.

    Errors: `ConfigError` for settings that it does not take.
    """
    for name in _OWN:
        if name in settings:
            raise ConfigError(f"decoder: {name} follows from the other parts: leave it out")
    sizes = {"pieces": pieces, "memory_width": memory_width}
    decoder = registry.decoders.build({**settings, **sizes}, "decoder")
    if not isinstance(decoder, Decoder):
        raise ConfigError(f"the decoder {settings['type']!r} is no pipekit Decoder")
    return decoder


def build_search(settings: Mapping[str, Any] | None) -> Search:
    """The search that settings describe. Errors: `ConfigError`."""
    check_arguments(Search, settings or {}, "search")
    return Search(**(settings or {}))
