"""All figures of predictions: pairs of a gold Doc and a predicted one in, `Scores` out.

Everything is compared by characters, as the evaluation of the CoNLL 2018 shared task does (Zeman et
al. 2018, https://universaldependencies.org/conll18/evaluation.html): a predicted word is right only
if it has the borders of a gold word. On the tokens of the gold standard the F1 of such a figure is
its accuracy. Annotations that the gold standard leaves unset, or masks (`Voice=?`), count neither
for nor against. A figure is None where nobody annotated the layer, or nobody predicted it. Tokens
and sentences of a text that a reader has cut are no gold standard, so they have no figure.

    tokens, sents       borders
    pos, lemma          the value; lemmas as they are written
    morph               all features as a whole, in any order; details: each attribute
    ufeats              the same for the features that UD counts as universal
    alltags             pos and ufeats together
    UAS                 the head of each word
    LAS                 the head and the relation, without subtypes; details: each relation
    CLAS                LAS of content words
    ents, …             spans with their labels, as sets; details: each label
    ents outermost      spans within no other, where some are
    relations           borders of both spans, and the label; details: each label
    relations within    those in a sentence of the gold standard
    relations across    the others
    cats, sentiment, …  classes of documents; details: each class
    ents.sentiment      classes of entities; details: each class
    answers             to questions: the F1 of words
    answers exact       the share of exact answers
    translation         written texts, chrF; of any layer of texts
    translation BLEU    the same by words
    translation exact   the share that is exactly right
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipekit.corpora.readers.spans import is_raw
from pipekit.doc import Doc
from pipekit.doc.texts import holds_texts
from pipekit.evaluation.alignment import AlignedDocs, align, compare_sentences, compare_tokens
from pipekit.evaluation.answers import answer_figures
from pipekit.evaluation.classes import class_figures, class_layers, sentiment_figures
from pipekit.evaluation.counts import Figure, Figures
from pipekit.evaluation.judgements import judge
from pipekit.evaluation.morphology import token_figures
from pipekit.evaluation.scores import Scores
from pipekit.evaluation.spans import relation_figures, span_figures
from pipekit.evaluation.texts import written_figures
from pipekit.evaluation.trees import tree_figures


def score(
    pairs: Iterable[tuple[Doc, Doc]],
    *,
    by: str | None = None,
    spans: Sequence[str] = ("ents",),
) -> Scores:
    """The figures of (gold, predicted) pairs of the same text.

        scores = score(zip(gold, nlp.pipe(bare), strict=True), by="genre")
        print(scores.table())

    Args:
        by: a labelled column of the gold Docs' layer "meta", such as "genre": figures for each of
            its values too.
        spans: the span layers to compare.

    Errors: `DataError` where the two texts differ in more than white space.
    """
    whole = Scores()
    for gold, predicted in pairs:
        docs = align(gold, predicted)
        figures, details = _counted(docs, spans)
        whole.add(figures, details)
        whole.judge(judge(docs, spans, scored=True))
        if by is not None:
            group = whole.groups.setdefault(group_of(gold, by), Scores())
            group.add(figures, details)
    for part in (whole, *whole.groups.values()):
        _drop_outermost(part, spans)
    return whole


def score_doc(
    gold: Doc,
    predicted: Doc,
    spans: Sequence[str] = ("ents",),
) -> tuple[Figures, dict[str, Figures]]:
    """Figures and details of one document; only for what the gold Doc annotates."""
    return _counted(align(gold, predicted), spans)


def _counted(
    docs: AlignedDocs,
    spans: Sequence[str],
) -> tuple[Figures, dict[str, Figures]]:
    figures: Figures = {}
    details: dict[str, Figures] = {}
    for figure in _figures(docs, spans):
        figures[figure.name] = figure.counts
        if figure.details is not None:
            details[figure.name] = figure.details
    return figures, details


def _figures(
    docs: AlignedDocs,
    spans: Sequence[str],
) -> Iterator[Figure]:
    gold = docs.gold.doc
    predicted = docs.predicted.doc
    if not is_raw(gold):
        yield Figure("tokens", compare_tokens(docs))
    if gold.has_annotation("sents") and not is_raw(gold):
        yield Figure("sents", compare_sentences(docs))
    yield from token_figures(docs)
    yield from tree_figures(docs)
    for layer in spans:
        if layer not in gold.layers:
            continue
        if layer == "answers" and "questions" in gold.layers:
            yield from answer_figures(gold, predicted)
        elif holds_texts(gold.layers[layer]):
            yield from written_figures(gold, predicted, layer)
        else:
            yield from span_figures(docs, layer)
    if "relations" in gold.layers:
        yield from relation_figures(docs)
    for layer in class_layers(gold):
        yield from class_figures(gold, predicted, layer)
    for layer in spans:
        yield from sentiment_figures(gold, predicted, layer)


def _drop_outermost(
    scores: Scores,
    spans: Sequence[str],
) -> None:
    """Remove the figures of outermost spans where no spans are nested: they say nothing new."""
    for name in spans:
        outermost = f"{name} outermost"
        if outermost not in scores.figures:
            continue
        if scores.figures[outermost] == scores.figures[name]:
            del scores.figures[outermost]


def group_of(
    doc: Doc,
    by: str,
) -> str:
    """The document's value in a column of "meta"; "-" for none, "mixed" for several."""
    meta = doc.layers.get("meta")
    if meta is None or by not in meta:
        return "-"
    values = set(meta[by].strings())
    if len(values) != 1:
        return "mixed"
    return values.pop() or "-"
