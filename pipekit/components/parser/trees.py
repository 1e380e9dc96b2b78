"""The best tree of scored arcs.

A row of scores is a word, a column a head that it may have; column 0 is the root, column j + 1 the
word j. A head is a column too. Where the best head of each word, taken alone, gives a tree with one
root, that is the best tree. Otherwise it is found by Chu and Liu (1965) and Edmonds (1967).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipekit.components.parser.stretches import ROOT
from pipekit.words.arrays import Bools, Ints

ArcScores = NDArray[np.float64]


def are_trees(
    heads: Ints,
    starts: Ints,
    lengths: Ints,
) -> Bools:
    """Which stretches have a tree with one root, bool[stretches].

    Args:
        heads: the head of each word, a column of the scores of its stretch, int64[words].
        starts, lengths: the first word and the number of words of each stretch, none of them empty.
            Stretches lie end to end.
    """
    owners = np.repeat(np.arange(len(lengths)), lengths)
    is_root = heads == ROOT
    # A root leads to itself, any other word to its head; after enough steps all words of a tree
    # have come to the root.
    reached = np.where(is_root, np.arange(len(heads)), starts[owners] + heads - 1)
    longest = int(lengths.max(initial=1))
    for _ in range(longest.bit_length()):
        reached = reached[reached]
    roots = np.bincount(owners[is_root], minlength=len(lengths))
    strays = np.bincount(owners[~is_root[reached]], minlength=len(lengths))
    trees: Bools = (roots == 1) & (strays == 0)
    return trees


def best_tree(scores: ArcScores) -> Ints:
    """The heads of the best tree with one root, int64[words].

    Args:
        scores: float64[words, words + 1]; those of a word as its own head count for nothing.

    The scores of the root are made so low that no tree with two roots can be the best
    (Stanojević and Cohen 2021, https://aclanthology.org/2021.emnlp-main.823).

    Source: Edmonds 1967, in the form of a matrix that shrinks with each cycle.
    """
    size = len(scores)
    square = np.full((size + 1, size + 1), -np.inf)  # the root is a node without a head
    square[1:] = scores
    np.fill_diagonal(square, -np.inf)
    seen = square[np.isfinite(square)]
    square[1:, ROOT] -= (seen.max() - seen.min() + 1) * size
    heads: Ints = _arborescence(square)[1:]
    return heads


def _arborescence(square: ArcScores) -> Ints:
    """The best head of each node but node 0, int64[nodes]; that of node 0 is 0."""
    heads: Ints = square.argmax(axis=1)
    heads[ROOT] = ROOT
    cycle = _cycle(heads)
    if not len(cycle):
        return heads
    is_inside = np.zeros(len(heads), dtype=bool)
    is_inside[cycle] = True
    others = np.flatnonzero(~is_inside)  # node 0 among them; the cycle is a node behind them
    gains = square[cycle] - square[cycle, heads[cycle]][:, None]  # of a new head for a node in it
    entries = gains[:, others].argmax(axis=0)  # for each head outside, the node where it enters
    exits = square[np.ix_(others, cycle)].argmax(axis=1)  # for each node outside, its head within

    count = len(others)
    smaller = np.full((count + 1, count + 1), -np.inf)
    smaller[:count, :count] = square[np.ix_(others, others)]
    smaller[count, :count] = gains[entries, others]
    smaller[:count, count] = square[others, cycle[exits]]
    smaller[ROOT] = -np.inf
    best = _arborescence(smaller)

    of_others = best[:count]
    heads[others] = np.append(others, 0)[of_others]
    from_cycle = of_others == count
    heads[others[from_cycle]] = cycle[exits[from_cycle]]
    entry = cycle[entries[best[count]]]
    heads[entry] = others[best[count]]
    heads[ROOT] = ROOT
    return heads


def _cycle(heads: Ints) -> Ints:
    """The nodes of a cycle that does not hold node 0, int64[nodes]; empty where there is none."""
    reached = heads
    for _ in range(len(heads).bit_length()):
        reached = reached[reached]
    lost = np.flatnonzero(reached != ROOT)
    if not len(lost):
        return lost
    node = int(reached[lost[0]])  # after so many steps, within a cycle
    nodes = [node]
    following = int(heads[node])
    while following != node:
        nodes.append(following)
        following = int(heads[following])
    return np.array(nodes, dtype=np.int64)
