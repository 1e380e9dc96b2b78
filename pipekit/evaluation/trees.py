"""Figures of syntax trees, as the scorer of the CoNLL 2018 shared task counts them.

A word has the right head where both sides have the word and its head, or both have it as a root.
Relations are compared without their subtypes: "nummod:gov" is "nummod". Words that the gold
standard leaves unset are out of the count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipekit.doc import Doc
from pipekit.doc.trees import relation_of
from pipekit.evaluation.alignment import AlignedDocs
from pipekit.evaluation.counts import Counts, Figure, Figures

# Relations of words with a meaning of their own; those of function words and marks are left out.
CONTENT = frozenset(
    {
        "acl",
        "advcl",
        "advmod",
        "amod",
        "appos",
        "ccomp",
        "compound",
        "conj",
        "csubj",
        "dep",
        "discourse",
        "dislocated",
        "expl",
        "fixed",
        "flat",
        "goeswith",
        "iobj",
        "list",
        "nmod",
        "nsubj",
        "nummod",
        "obj",
        "obl",
        "orphan",
        "parataxis",
        "reparandum",
        "root",
        "vocative",
        "xcomp",
    }
)
FIGURES_OF_TREES = {"head": "UAS", "dep": "LAS"}  # the figure that measures a column
_ROOT = -1
_UNKNOWN = -2  # a head that is unset, or that the gold standard does not have as a word

Arc = tuple[int, str]  # the gold row of the head, or _ROOT; the relation


def tree_figures(docs: AlignedDocs) -> Iterator[Figure]:
    """UAS of heads; LAS of heads and relations, its details are relations; CLAS of content words.

    Only for what the gold Doc annotates.
    """
    gold_doc = docs.gold.doc
    if not gold_doc.has_annotation("head"):
        return
    arcs = _Arcs(docs)
    yield Figure("UAS", arcs.heads())
    if gold_doc.has_annotation("dep"):
        yield Figure("LAS", arcs.labelled(), arcs.by_relation())
        yield Figure("CLAS", arcs.labelled(CONTENT))


class _Arcs:
    """The arcs of both sides, by the rows of their words.

    Attributes:
        gold: the arcs of gold words that have a head.
        predicted: those of all predicted words, but of those whose gold word has none.
        pairs: both arcs of each word that both sides have.
    """

    def __init__(self, docs: AlignedDocs) -> None:
        gold_rows = docs.gold.rows.tolist()
        predicted_rows = docs.predicted.rows.tolist()
        own_places = dict(zip(gold_rows, gold_rows, strict=True))
        places = {}
        for gold_row, predicted_row in docs.same:
            places[predicted_row] = gold_row
        gold = _arcs(
            docs.gold.doc,
            gold_rows,
            own_places,
        )
        predicted = _arcs(
            docs.predicted.doc,
            predicted_rows,
            places,
        )
        column = docs.gold.doc.tokens["head"].values
        unset = {row for row in gold_rows if column[row] < 0}
        self.gold = [arc for row, arc in gold.items() if row not in unset]
        self.predicted = [arc for row, arc in predicted.items() if places.get(row) not in unset]
        self.pairs = []
        for gold_row, predicted_row in docs.same:
            if gold_row not in unset:
                self.pairs.append((gold[gold_row], predicted[predicted_row]))
        self.has_heads = docs.predicted.doc.has_annotation("head")
        self.has_labels = self.has_heads and docs.predicted.doc.has_annotation("dep")

    def heads(self) -> Counts:
        """Words by their heads."""
        correct = sum(gold[0] == predicted[0] for gold, predicted in self.pairs)
        return Counts(
            gold=len(self.gold),
            predicted=len(self.predicted),
            correct=correct,
            has_prediction=self.has_heads,
        )

    def labelled(
        self,
        relations: frozenset[str] | None = None,
    ) -> Counts:
        """Words by their heads and relations, of all or of some relations."""
        return Counts(
            gold=_number(self.gold, relations),
            predicted=_number(self.predicted, relations),
            correct=_number(self._right(), relations),
            has_prediction=self.has_labels,
        )

    def by_relation(self) -> Figures:
        """The counts of `labelled` of each relation."""
        gold = Counter(relation for _, relation in self.gold)
        predicted = Counter(relation for _, relation in self.predicted)
        right = Counter(relation for _, relation in self._right())
        figures = {}
        for relation in sorted({*gold, *predicted} - {""}):
            figures[relation] = Counts(
                gold=gold[relation],
                predicted=predicted[relation],
                correct=right[relation],
                has_prediction=self.has_labels,
            )
        return figures

    def _right(self) -> Iterator[Arc]:
        return (gold for gold, predicted in self.pairs if gold == predicted)


def _arcs(
    doc: Doc,
    rows: Sequence[int],
    places: Mapping[int, int],  # the gold row of each row of the Doc that both sides have
) -> dict[int, Arc]:
    """The arc to the head of each word, by row."""
    heads = doc.tokens.get("head")
    arcs = {}
    for row in rows:
        head = -1 if heads is None else int(heads.values[row])
        gold_head = _UNKNOWN
        if head == row:
            gold_head = _ROOT
        elif head >= 0:
            gold_head = places.get(head, _UNKNOWN)
        arcs[row] = (gold_head, relation_of(doc.tokens, row))
    return arcs


def _number(
    arcs: Iterable[Arc],
    relations: frozenset[str] | None,
) -> int:
    """How many arcs there are, of some relations."""
    return sum(relations is None or relation in relations for _, relation in arcs)
