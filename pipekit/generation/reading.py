"""Whole texts as a decoder reads them: in windows, or stretch after stretch.

texts    Мама мыла раму.  Кот спит.
inputs   ⟨s⟩ ▁Мама ▁мыла ▁раму .   ⟨s⟩ ▁Кот ▁спит .        end to end: `Material`
targets  ▁Мама ▁мыла ▁раму . ⟨/s⟩  ▁Кот ▁спит . ⟨/s⟩
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipekit.devices.placement import to_device
from pipekit.generation.vocabulary import WritingVocabulary
from pipekit.nn.padding import grid, length_groups, windows
from pipekit.nn.sequences import cells_on
from pipekit.parts.decoding import Decoder, State
from pipekit.words.arrays import Bools, Floats, Ints, offsets

_ROWS = 64  # texts that a recurrent decoder reads side by side


class Material(NamedTuple):
    """Texts end to end, int64[rows].

    Attributes:
        inputs: the start and the pieces of each text.
        targets: the pieces and the end of each text.
        borders: the row at which each text begins, int64[texts + 1].
    """

    inputs: Ints
    targets: Ints
    borders: Ints


class Stretch(NamedTuple):
    """What a decoder reads at a time.

    Attributes:
        rows: of the material, int64[texts, steps].
        counted: which of them count, bool[texts, steps].
        state: of the decoder, in which it reads on.
    """

    rows: Ints
    counted: Bools
    state: State


def material_of(
    texts: Sequence[Ints],
    vocabulary: WritingVocabulary,
) -> Material:
    """The pieces of texts, int64[pieces] each, end to end."""
    inputs: list[Ints] = []
    targets: list[Ints] = []
    for ids in texts:
        inputs += [np.array([vocabulary.start]), ids]
        targets += [ids, np.array([vocabulary.end])]
    nothing = np.zeros(0, dtype=np.int64)
    borders = offsets(len(ids) + 1 for ids in texts)
    return Material(
        np.concatenate([*inputs, nothing]), np.concatenate([*targets, nothing]), borders
    )


def read_stretch(
    decoder: Decoder,
    material: Material,
    stretch: Stretch,
    seen: list[Tensor] | None = None,
) -> Tensor:
    """The states of the inputs of a stretch, float[texts, steps, width].

    Args:
        seen: see `Decoder.read`.
    """
    inputs = to_device(material.inputs[stretch.rows], decoder.device)
    return decoder.read(inputs, stretch.state, seen=seen)


def piece_logs(
    decoder: Decoder,
    material: Material,
    length: int,
) -> Floats:
    """The log-probability of each target after all before it, float32[rows].

    Args:
        length: the most pieces of a stretch.
    """
    logs = np.zeros(len(material.targets), dtype=np.float32)
    for stretch in stretches_of(decoder, material.borders, length):
        states = read_stretch(decoder, material, stretch)
        targets = to_device(material.targets[stretch.rows], decoder.device)
        scores = decoder.score(states).float().transpose(1, 2)
        losses = functional.cross_entropy(scores, targets, reduction="none")
        counted = stretch.counted
        logs[stretch.rows[counted]] = -losses.cpu().numpy()[counted]
    return logs


def stretches_of(
    decoder: Decoder,
    borders: Ints,
    length: int,
) -> Iterator[Stretch]:
    """All texts, each row counted once.

    A decoder with positions reads windows; at least a quarter of a window stands before what it
    counts. A recurrent decoder reads on in its state, and gradients end between two stretches.

    Args:
        borders: of `Material`.
        length: the most pieces of a stretch.
    """
    if decoder.most:
        return _windows(decoder, borders, min(length, decoder.most))
    return _in_turn(decoder, borders, length)


def _windows(
    decoder: Decoder,
    borders: Ints,
    length: int,
) -> Iterator[Stretch]:
    """Windows of like length; each counts what lies behind its context."""
    plan = windows(borders, length, length // 2)
    for group in length_groups(plan.length, cells_on(decoder.device)):
        rows, inside = grid(plan.start[group], plan.length[group])
        is_answer = rows >= plan.first[group][:, None]
        is_answer &= rows < plan.last[group][:, None]
        yield Stretch(rows, inside & is_answer, decoder.begin(len(group)))


def _in_turn(
    decoder: Decoder,
    borders: Ints,
    length: int,
) -> Iterator[Stretch]:
    """Texts of like length side by side; those that have ended leave."""
    device = decoder.device
    starts = borders[:-1]
    lengths = np.diff(borders)
    order = np.argsort(-lengths, kind="stable")
    for first in range(0, len(order), _ROWS):
        group = order[first : first + _ROWS]
        state = decoder.begin(len(group))
        for read in range(0, int(lengths[group[0]]), length):
            alive = int((lengths[group] > read).sum())
            if alive < len(state):
                state = state.select(torch.arange(alive, device=device))
            texts = group[:alive]
            left = np.minimum(lengths[texts] - read, length)
            rows, inside = grid(starts[texts] + read, left)
            yield Stretch(rows, inside, state)
            state.detach()
