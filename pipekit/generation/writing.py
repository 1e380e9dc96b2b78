"""Texts written by a decoder, many at a time.

beginnings ─▶ read ─▶ state ─▶ scores ─▶ rules ─▶ a piece for each row ─▶ read ─▶ …
                                                    └─▶ rows that ended leave
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.devices.placement import to_device
from pipekit.errors import ConfigError
from pipekit.generation.beams import beam_texts
from pipekit.generation.rules import IMPOSSIBLE, chances, drawn, ruled
from pipekit.generation.search import Hypothesis, Search
from pipekit.generation.started import Started
from pipekit.parts.decoding import Decoder, Memory, final_states
from pipekit.words.arrays import Ints


class Turn(NamedTuple):
    """A step of the rows that have not ended.

    Attributes:
        rows: their numbers, int64[alive].
        pieces: what each has written, int64[alive]; the end among them.
        logs: the log-probability of each, float[alive].
    """

    rows: Ints
    pieces: Ints
    logs: NDArray[np.float64]


@dataclass(frozen=True)
class WritingTask:
    """What is to be written.

    Attributes:
        beginnings: the pieces that each text begins with, one at least, int64[pieces] each.
        end: the piece that ends a text.
        keys: numbers that chance depends on, one for each beginning, such as checksums of texts.
        never: pieces that no text holds, such as that of padding.
    """

    beginnings: Sequence[Ints]
    end: int
    keys: Sequence[int]
    never: Sequence[int] = ()

    def __post_init__(self) -> None:
        if any(not len(beginning) for beginning in self.beginnings):
            raise ConfigError("a text needs a piece to begin with: give the piece of the start")


def write_texts(
    decoder: Decoder,
    task: WritingTask,
    search: Search,
    memory: Memory | None = None,
) -> list[list[Hypothesis]]:
    """Texts for each beginning, the best first; `search.samples` of them.

    Args:
        memory: what the decoder looks at, a row for each beginning.

    Errors: `ConfigError` for beginnings that are longer than the decoder can read.
    """
    if not task.beginnings:
        return []
    if search.beams > 1:
        started = start(decoder, task, search, memory)
        return beam_texts(decoder, started, task.end, search)
    pieces: list[list[int]] = [[] for _ in range(len(task.beginnings) * search.samples)]
    logs = np.zeros(len(pieces))
    for turn in turns(decoder, task, search, memory):
        logs[turn.rows] += turn.logs
        for row, piece in zip(
            turn.rows.tolist(),
            turn.pieces.tolist(),
            strict=True,
        ):
            pieces[row].append(piece)
    texts = []
    for written, total in zip(
        pieces,
        logs.tolist(),
        strict=True,
    ):
        texts.append(
            _text(
                written,
                total,
                task.end,
                search,
            )
        )
    samples = search.samples
    return [
        texts[row : row + samples]
        for row in range(
            0,
            len(texts),
            samples,
        )
    ]


def _text(
    pieces: list[int],
    total: float,
    end: int,
    search: Search,
) -> Hypothesis:
    ended = pieces[-1] == end
    score = total / len(pieces) ** search.length_penalty
    ids = np.array(pieces[:-1] if ended else pieces, dtype=np.int64)
    return Hypothesis(ids, score, ended)


def start(
    decoder: Decoder,
    task: WritingTask,
    search: Search,
    memory: Memory | None,
) -> Started:
    """Read the beginnings. Texts may have as many pieces as the decoder has positions for."""
    device = decoder.device
    lengths = np.array([len(beginning) for beginning in task.beginnings])
    longest = int(lengths.max())
    decoder.check_capacity(longest)
    most = search.most
    if decoder.most:
        most = min(most, decoder.most - longest + 1)
    places = np.arange(longest)
    inside = places < lengths[:, None]
    ids = np.zeros(inside.shape, dtype=np.int64)
    ids[inside] = np.concatenate(task.beginnings)
    history = np.zeros(inside.shape, dtype=np.int64)
    history[inside[:, ::-1]] = ids[inside]
    counts = None
    if not inside.all():
        counts = to_device(lengths, device)
    state = decoder.begin(
        len(lengths),
        memory,
        longest + most - 1,
    )
    states = decoder.read(
        to_device(ids, device),
        state,
        counts,
    )
    never = None
    if task.never:
        excluded = np.zeros(decoder.pieces, dtype=np.float32)
        excluded[list(task.never)] = IMPOSSIBLE
        never = to_device(excluded, device)
    return Started(
        state=state,
        last=final_states(states, counts),
        history=to_device(history, device),
        begins=to_device(longest - lengths, device),
        most=most,
        never=never,
    )


def turns(
    decoder: Decoder,
    task: WritingTask,
    search: Search,
    memory: Memory | None = None,
) -> Iterator[Turn]:
    """The steps of texts that are written greedily or by chance, as they come.

    Row ``i * search.samples + j`` is text j of beginning i.
    """
    started = start(decoder, task, search, memory)
    rows = np.repeat(np.arange(len(task.beginnings)), search.samples)
    if search.samples > 1:
        started = started.select(to_device(rows, started.last.device))
    keys = np.array(task.keys, dtype=np.uint64)[rows]
    alive = np.arange(len(rows))
    for step in range(started.most):
        scores = started.scores(decoder)  # (alive, pieces)
        logs = scores.log_softmax(1)
        scores = ruled(
            scores,
            started.history,
            started.begins,
            step,
            task.end,
            search,
        )
        if search.temperature:
            uniform = chances(search.seed, keys[alive], alive % search.samples, step)
            pieces = drawn(scores, to_device(uniform, scores.device), search)
        else:
            pieces = scores.argmax(1)
        of_pieces = logs.gather(1, pieces.unsqueeze(1))[:, 0]
        yield Turn(alive, pieces.cpu().numpy(), of_pieces.double().cpu().numpy())
        going = (pieces != task.end).nonzero()[:, 0]
        if not len(going) or step + 1 == started.most:
            return
        if len(going) < len(alive):
            started = started.select(going)
            pieces = pieces[going]
            alive = alive[going.cpu().numpy()]
        started.read(decoder, pieces)
