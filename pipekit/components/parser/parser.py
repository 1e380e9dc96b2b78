"""The parser: the head of each word and the label of its dependence, sentence by sentence.

    vectors (N, W) ── Context ── Biaffine ─┬─ arcs ── best tree ── head
                                           └─ labels of its arcs ── dep

Each word has one head, one word of a sentence is the root, and no word is its own ancestor. Heads
are chosen word by word; where that gives no tree, the best tree is searched for. A sentence of more
words than `stretches.LONGEST_STRETCH` is read in stretches; the root of each but the first depends
on that of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor
from torch.nn import functional

from pipekit.components.parser.network import LOWEST, ArcEnds, ArcGroup, Biaffine, arc_loss
from pipekit.components.parser.stretches import (
    Stretches,
    governors_of,
    stretch_columns,
    stretches,
)
from pipekit.components.parser.trees import are_trees, best_tree
from pipekit.devices.placement import to_arrays, to_device
from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.errors import DataError, ProcessingError
from pipekit.nn.context import Context
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Axes, EncoderRef, Head, PassedOver, Prepared
from pipekit.settings import EvenWidth, LabelList, LabelName, Rate, Width
from pipekit.words.arrays import Bools, Ints, offsets, ranges

_UNSET = -1


class Parse(NamedTuple):
    """The trees of a batch.

    Attributes:
        words: the token row of each word, int64[words].
        heads: the token row of its head, its own for a root, int64[words].
        labels: the number of its label, int64[words].
    """

    words: Ints
    heads: Ints
    labels: Tensor


class Parser(Head):
    """Writes the token columns `head` and `dep`.

    `head` is the row of the governing token in the Doc; a root is its own head, and a token of
    white space, which is no word, has -1. `dep` is the label of the dependence, such as "nsubj".

    Args:
        labels: the labels; `prepare` collects them from training documents.
        root: the label of roots, and of no other word.
        hidden: width of the vectors of tokens.
        context: width of the LSTM that reads them, both directions together; 0 for none.
        arcs: width of the ends of arcs, for the scores of arcs.
        label_width: the same for the scores of labels.
    """

    assigns = ("head", "dep")
    inventory = "labels"

    def __init__(
        self,
        encoder: EncoderRef,
        labels: LabelList = (),
        root: LabelName = "root",
        hidden: Width = 256,
        context: EvenWidth = 256,
        arcs: Width = 200,
        label_width: Width = 48,
        dropout: Rate = 0.25,
    ) -> None:
        super().__init__(encoder)
        if not labels:
            raise DataError("a parser needs its labels: train it, or give labels=['root', 'nsubj']")
        self.names = list(labels)
        self.is_root_label = np.array([name == root for name in self.names])  # bool[labels]
        self.context = Context(
            encoder.width,
            hidden,
            context,
            dropout,
        )
        self.biaffine = Biaffine(
            self.context.width,
            arcs,
            label_width,
            len(self.names),
            dropout,
        )

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        prepared = super().prepare(settings, docs)
        if not prepared.settings[cls.inventory]:
            raise DataError(
                "no training document has heads and the labels of their dependents, "
                "so a parser has nothing to learn"
            )
        return prepared

    @classmethod
    def listed(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> list[str]:
        """The labels of documents."""
        labels: set[str] = set()
        for doc in docs:
            column = doc.tokens.get("dep")
            if column is not None and "head" in doc.tokens:
                labels.update(filter(None, column.strings()))
        return sorted(labels)

    def rows(self) -> dict[str, Axes]:
        """Rows of labels."""
        return self.biaffine.rows(self.names)

    # -- from vectors to documents

    def scores(self, batch: Batch) -> Parse:
        """The trees, and the best labels of their arcs."""
        plan = stretches(batch)
        ends = self._ends(batch, plan)
        columns = self._heads(ends, plan)
        governors = governors_of(columns, plan)
        words = np.arange(len(governors))
        is_root = governors == len(governors)
        logits = self._label_scores(ends, words, governors)
        forbidden = to_device(self._forbidden(is_root), logits.device)
        logits = logits.masked_fill(forbidden, LOWEST)
        governors[is_root] = words[is_root]
        return Parse(
            words=plan.rows,
            heads=plan.rows[governors],
            labels=logits.argmax(dim=1),
        )

    def _label_scores(
        self,
        ends: ArcEnds,
        words: Ints,
        governors: Ints,  # as `governors_of` gives them
    ) -> Tensor:
        """The scores of all labels for the arcs of some words, float[words, labels]."""
        device = ends.arc_head.device
        dependents = to_device(words, device)
        heads = to_device(governors, device)
        return self.biaffine.labels(ends, dependents, heads)

    def _forbidden(self, is_root: Bools) -> Bools:
        """The labels that words cannot have, bool[words, labels]."""
        forbidden: Bools = self.is_root_label != is_root[:, None]
        if self.is_root_label.all() or not self.is_root_label.any():
            forbidden[:] = False
        return forbidden

    def _ends(
        self,
        batch: Batch,
        plan: Stretches,
    ) -> ArcEnds:
        """The words of a batch as ends of arcs."""
        vectors = batch.vectors(self.encoder.name)
        if len(plan.rows) < len(batch):
            vectors = vectors[to_device(plan.rows, vectors.device)]
        borders = np.append(plan.start, len(plan.rows))
        states = self.context(vectors, borders)
        return self.biaffine.read(states)

    def _heads(
        self,
        ends: ArcEnds,
        plan: Stretches,
    ) -> Ints:
        """The head of each word as a column of the scores of its stretch, int64[words].

        Errors: `ProcessingError` for scores that are no numbers.
        """
        heads = np.zeros(len(plan.rows), dtype=np.int64)
        for group in self.biaffine.arcs(ends, plan):
            lengths = plan.length[group.stretches]
            rows = ranges(plan.start[group.stretches], lengths)
            heads[rows] = _best_heads(group, lengths)
        return heads

    def decode(
        self,
        batch: Batch,
        scores: Parse,
    ) -> None:
        """Write the columns of all documents."""
        size = len(batch)
        heads = np.full(
            size,
            _UNSET,
            dtype=np.int32,
        )
        labels = heads.copy()
        heads[scores.words] = scores.heads
        labels[scores.words] = scores.labels.cpu().numpy()
        for doc, (start, end) in _doc_rows(batch):
            rows = heads[start:end].copy()
            rows[rows >= 0] -= start
            relations = Column(labels[start:end], self.names)
            doc.tokens.put("head", Column(rows))
            doc.tokens.put("dep", relations)

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """Per token, the loss of the head and of the label of the arc to it.

        Tokens without a head, and heads that are out of reach, are passed over.
        """
        plan = stretches(batch)
        ends = self._ends(batch, plan)
        governors, labels = self._gold(batch, plan)
        columns = stretch_columns(governors, plan)
        groups = self.biaffine.arcs(ends, plan)
        nothing = ends.arc_head.sum() * 0.0  # keeps the graph where no word has a head
        loss = nothing + arc_loss(groups, columns, plan)

        is_learned = governors >= 0
        is_learned &= labels >= 0
        learned = np.flatnonzero(is_learned)
        logits = self._label_scores(
            ends,
            learned,
            governors[learned],
        )
        targets = to_device(labels[learned], logits.device)
        label_loss = functional.cross_entropy(
            logits,
            targets,
            reduction="sum",
        )
        return (loss + label_loss) / max(len(batch), 1)

    def _gold(
        self,
        batch: Batch,
        plan: Stretches,
    ) -> tuple[Ints, Ints]:
        """The annotated head of each word as `governors_of` gives it, and the number of its label.

        Both are int64[words], and -1 where unset.
        """
        size = len(batch)
        codes: dict[str | None, int] = {}
        for code, label in enumerate(self.names):
            codes[label] = code
        heads = np.full(size, _UNSET)
        labels = np.full(size, _UNSET)
        for doc, (start, end) in _doc_rows(batch):
            column = doc.tokens.get("head")
            if column is None:
                continue
            rows = column.values.astype(np.int64)
            rows[rows >= 0] += start
            heads[start:end] = rows
            names = doc.tokens.values("dep")
            labels[start:end] = [codes.get(name, _UNSET) for name in names]

        words = len(plan.rows)
        numbers = np.full(size + 1, _UNSET)  # of the words; the last is for unset heads
        numbers[plan.rows] = np.arange(words)
        word_heads = heads[plan.rows]
        governors = numbers[word_heads]
        governors[word_heads == plan.rows] = words
        return governors, labels[plan.rows]

    def passed_over(self, batch: Batch) -> PassedOver:
        """Heads in another sentence, or too far away in a very long one."""
        plan = stretches(batch)
        governors, _ = self._gold(batch, plan)
        columns = stretch_columns(governors, plan)
        is_far = (governors >= 0) & (columns < 0)
        tokens = plan.rows[is_far]
        followers = np.searchsorted(batch.offsets, tokens, "right")
        numbers = followers - 1
        return {"heads are out of reach of their words": numbers.tolist()}


def _best_heads(
    group: ArcGroup,
    lengths: Ints,  # of its stretches
) -> Ints:
    """The heads of the best trees of some stretches, columns of the scores, int64[words].

    Errors: `ProcessingError` for scores that are no numbers.
    """
    best = group.scores.max(dim=2)
    tops, columns = to_arrays(best)
    tops = tops[group.inside]
    if not np.isfinite(tops).all():
        raise ProcessingError("scores of the parser are no numbers: its weights are damaged")
    heads: Ints = columns[group.inside]
    borders = offsets(lengths)
    is_tree = are_trees(
        heads,
        borders[:-1],
        lengths,
    )
    for number in np.flatnonzero(~is_tree).tolist():
        start = int(borders[number])
        size = int(lengths[number])
        end = start + size
        arcs = group.scores[number, :size, : size + 1]
        [scores] = to_arrays([arcs.double()])
        heads[start:end] = best_tree(scores)
    return heads


def _doc_rows(batch: Batch) -> Iterator[tuple[Doc, tuple[int, int]]]:
    """Each document with its first token row in the batch, and the row behind its last."""
    borders = batch.offsets.tolist()
    return zip(
        batch.docs,
        pairwise(borders),
        strict=True,
    )
