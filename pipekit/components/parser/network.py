"""The networks of the parser: scores of arcs, and of the labels of chosen arcs.

    hidden states (N, W) ─┬── arc_dependent, arc_head (N + 1, A) ── arcs (S, T, T + 1)
    and the root          └── label_dependent, label_head (N + 1, B) ── labels (arcs, L)

Shapes: N words, S stretches of T words at most, A and B the widths of arcs and labels, L labels.

Source: Dozat and Manning 2017, https://arxiv.org/abs/1611.01734.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.components.parser.stretches import Stretches
from pipekit.devices.placement import to_device
from pipekit.nn.padding import grid, length_groups
from pipekit.nn.sequences import cells_on
from pipekit.parts.contracts import Axes
from pipekit.words.arrays import Bools, Ints

LOWEST = -1e9  # the score of what is no arc
_CELLS = 1 << 20  # scores of labels by values of the head, at a time


class ArcEnds(NamedTuple):
    """What each word is as the end of an arc; the last row is the root.

    Attributes:
        arc_dependent, arc_head: float[N + 1, A].
        label_dependent, label_head: float[N + 1, B].
    """

    arc_dependent: Tensor
    arc_head: Tensor
    label_dependent: Tensor
    label_head: Tensor


class ArcGroup(NamedTuple):
    """The arcs of some stretches of like length.

    Attributes:
        stretches: the number of each, int64[S].
        inside: which cells are words, bool[S, T].
        scores: of each word, a row, with each head; column 0 is the root, float[S, T, T + 1].
    """

    stretches: Ints
    inside: Bools
    scores: Tensor


class Biaffine(nn.Module):
    """Scores of arcs and labels.

    Args:
        width: of the hidden states.
        arcs: width of the ends of arcs, for the scores of arcs.
        labels: the same for the scores of labels.
        count: how many labels there are.
    """

    def __init__(
        self,
        width: int,
        arcs: int,
        labels: int,
        count: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.widths = [arcs, arcs, labels, labels]
        root = torch.randn(1, width)
        label = torch.zeros(
            count,
            labels + 1,
            labels + 1,
        )
        self.root = nn.Parameter(root * 0.1)
        self.ends = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width, sum(self.widths)),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.arc = nn.Linear(arcs, arcs)  # its bias scores each head by itself
        self.label = nn.Parameter(label)
        nn.init.zeros_(self.arc.bias)

    @staticmethod
    def rows(labels: Sequence[str]) -> dict[str, Axes]:
        """Which rows stand for which labels, see `Head.rows`."""
        return {"biaffine.label": (labels, None, None)}

    def read(self, states: Tensor) -> ArcEnds:
        """Words with hidden states float[N, width], and the root, as ends of arcs."""
        root = self.root.to(states.dtype)
        ends = self.ends(torch.cat([states, root]))
        parts: tuple[Tensor, ...] = ends.split(self.widths, dim=1)
        dependent, head, label_dependent, label_head = parts
        return ArcEnds(
            arc_dependent=self.arc(dependent),
            arc_head=head,
            label_dependent=label_dependent,
            label_head=label_head,
        )

    def arcs(
        self,
        ends: ArcEnds,
        plan: Stretches,
    ) -> Iterator[ArcGroup]:
        """The scores of all arcs within stretches, in groups of stretches of like length.

        What is no arc, from a word to itself or beyond its stretch, has the score `LOWEST`.
        """
        device = ends.arc_head.device
        root = ends.arc_head[-1:]  # (1, A)
        for group in length_groups(plan.length, cells_on(device)):
            starts = plan.start[group]
            lengths = plan.length[group]
            rows, inside = grid(starts, lengths)
            cells = to_device(rows, device)
            dependents = ends.arc_dependent[cells]  # (S, T, A)
            words = ends.arc_head[cells]
            roots = root.expand(len(rows), 1, -1)
            heads = torch.cat([roots, words], dim=1)  # (S, T + 1, A)
            products = dependents @ heads.transpose(1, 2)
            products = products.float()
            no_arc = to_device(_no_arcs(inside), device)
            scores = products.masked_fill(no_arc, LOWEST)
            yield ArcGroup(
                stretches=group,
                inside=inside,
                scores=scores,
            )

    def labels(
        self,
        ends: ArcEnds,
        dependents: Tensor,  # int64[arcs], words
        heads: Tensor,  # int64[arcs], words, or N for the root
    ) -> Tensor:
        """The scores of all labels for some arcs, float[arcs, L]."""
        count, side, _ = self.label.shape
        cells = count * side
        by_side = self.label.transpose(0, 1)
        weight = by_side.reshape(side, cells)
        weight = weight.to(ends.label_dependent.dtype)
        step = max(_CELLS // cells, 1)
        parts = []
        size = max(len(heads), 1)
        for begin in range(0, size, step):
            some = slice(begin, begin + step)
            left = ends.label_dependent[dependents[some]]
            right = ends.label_head[heads[some]]
            left = _with_one(left)  # (arcs, B + 1)
            right = _with_one(right)
            weighted = left @ weight
            by_label = weighted.view(-1, count, side)
            products = by_label * right.unsqueeze(1)
            parts.append(products.sum(2))
        return torch.cat(parts).float()


def arc_loss(
    groups: Iterator[ArcGroup],
    heads: Ints,  # the head of each word as a column, int64[N]; -1 for none to learn
    plan: Stretches,
) -> Tensor | float:
    """Minus the log probability of the heads, a sum over the words that have one."""
    total: Tensor | float = 0.0
    for group in groups:
        starts = plan.start[group.stretches]
        lengths = plan.length[group.stretches]
        rows, inside = grid(starts, lengths)
        targets = np.where(inside, heads[rows], -1)
        wanted = to_device(targets.ravel(), group.scores.device)
        scores = group.scores.flatten(0, 1)
        loss = functional.cross_entropy(
            scores,
            wanted,
            ignore_index=-1,
            reduction="sum",
        )
        total = total + loss
    return total


def _no_arcs(inside: Bools) -> Bools:
    """Which cells of scores are no arc, bool[S, T, T + 1]."""
    stretches, longest = inside.shape
    shape = (
        stretches,
        longest,
        longest + 1,
    )
    no_arc = np.zeros(shape, dtype=bool)
    no_arc[:, :, 1:] = ~inside[:, None, :]
    words = np.arange(longest)
    no_arc[:, words, words + 1] = True
    return no_arc


def _with_one(values: Tensor) -> Tensor:
    """Values float[rows, width] with a column of ones behind them."""
    return functional.pad(values, (0, 1), value=1.0)
