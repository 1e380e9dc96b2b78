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
    count = len(lengths)
    owners = np.repeat(np.arange(count), lengths)
    is_root = heads == ROOT
    # A root leads to itself, any other word to its head; after enough steps all words of a tree
    # have come to the root.
    first_words = starts[owners]
    reached = first_words + heads - 1
    reached[is_root] = np.flatnonzero(is_root)
    longest = int(lengths.max(initial=1))
    for _ in range(longest.bit_length()):
        reached = reached[reached]
    is_stray = ~is_root[reached]
    roots = np.bincount(owners[is_root], minlength=count)
    strays = np.bincount(owners[is_stray], minlength=count)
    trees: Bools = roots == 1
    trees &= strays == 0
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
    square = _no_arcs(size + 1)  # the root is a node without a head
    square[1:] = scores
    np.fill_diagonal(square, -np.inf)
    finite = square[np.isfinite(square)]
    largest_gain = np.ptp(finite) + 1
    square[1:, ROOT] -= largest_gain * size
    heads = _arborescence(square)
    return heads[1:]


def _arborescence(square: ArcScores) -> Ints:
    """The best head of each node but node 0, int64[nodes]; that of node 0 is 0."""
    heads: Ints = square.argmax(axis=1)
    heads[ROOT] = ROOT
    cycle = _cycle(heads)
    if not len(cycle):
        return heads
    # The cycle becomes one node behind all others, node 0 among them.
    nodes = np.arange(len(heads))
    others = np.delete(nodes, cycle)
    rows = square[cycle]
    own = square[cycle, heads[cycle]]
    gains = rows[:, others] - own[:, None]  # of a head outside, for each node of the cycle
    entries = gains.argmax(axis=0)  # where each head outside enters
    outside = square[others]
    exits = outside[:, cycle].argmax(axis=1)  # for each node outside, its head within
    entry_nodes = cycle[entries]
    exit_nodes = cycle[exits]

    last = len(others)
    smaller = _no_arcs(last + 1)
    smaller[:last, :last] = outside[:, others]
    smaller[last, :last] = gains.max(axis=0)
    smaller[:last, last] = square[others, exit_nodes]
    smaller[ROOT] = -np.inf
    best = _arborescence(smaller)

    head_of_cycle = best[last]
    is_from_cycle = best[:last] == last
    best[best == last] = ROOT
    outside_heads = others[best[:last]]
    outside_heads[is_from_cycle] = exit_nodes[is_from_cycle]
    heads[others] = outside_heads
    entry = entry_nodes[head_of_cycle]
    heads[entry] = others[head_of_cycle]
    heads[ROOT] = ROOT
    return heads


def _no_arcs(size: int) -> ArcScores:
    """Scores of a square without any arc."""
    return np.full((size, size), -np.inf)


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
