"""A pipeline against annotated documents."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from pipekit.doc import Doc
from pipekit.doc.layers import NAMED_KINDS
from pipekit.doc.text import QUESTIONS
from pipekit.errors import ConfigError, near
from pipekit.evaluation.classes import macro_f1
from pipekit.evaluation.counts import Figures
from pipekit.evaluation.metrics import score, score_doc
from pipekit.evaluation.scores import Scores
from pipekit.pipeline import Pipeline
from pipekit.settings import names_of


def evaluate(
    pipeline: Pipeline,
    gold: Sequence[Doc],
    *,
    gold_tokens: bool = True,
    keep: Sequence[str] = (),
    by: str | None = None,
    watch: Callable[[Doc, Doc], None] | None = None,
) -> Scores:
    """The figures of a pipeline on bare copies of the documents.

        evaluate(nlp, docs)["pos"]                  # on gold tokens: accuracy
        evaluate(nlp, docs, gold_tokens=False)      # from plain text
        evaluate(nlp, docs, keep=["ents"])          # relations between gold entities

    Args:
        gold_tokens: whether the copies have the tokens and sentences of the documents. Without
            them, the copies are text alone, and the tokenizer is part of what is measured.
        keep: gold layers that the copies have, besides those that the pipeline needs to be given.
            Components that would write them are left out, and their figures are not measured.
        by: a column of the layer "meta", such as "genre", for figures of each of its values too.
        watch: called with each gold and predicted document, as `Mistakes.add` is.

    Errors: `ConfigError` where layers are to be kept without the tokens that they count in.
    """
    predicted = predict(pipeline, gold, gold_tokens=gold_tokens, keep=keep)
    pairs = _watched(zip(gold, predicted, strict=True), watch)
    scores = score(pairs, by=by, spans=span_layers(gold))
    if gold_tokens:
        for part in (scores, *scores.groups.values()):
            for name in figures_of_gold(pipeline, keep):
                part.figures.pop(name, None)
                part.judged.pop(name, None)
    return scores


def predict(
    pipeline: Pipeline,
    gold: Sequence[Doc],
    *,
    gold_tokens: bool = True,
    keep: Sequence[str] = (),
) -> Iterator[Doc]:
    """Bare copies of gold documents, annotated; arguments and errors as of `evaluate`."""
    gold_layers = {*names_of(keep, "keep"), *pipeline.given}
    if gold_layers and not gold_tokens:
        names = ", ".join(sorted(gold_layers))
        raise ConfigError(
            f"{names} of the gold documents can be kept only with their tokens: "
            f"give gold_tokens too"
        )
    writers = _writers_of(gold_layers, pipeline)
    pipeline = pipeline.select_pipes(disable=writers, given=sorted(gold_layers))
    bare: list[Doc | str] = []
    for doc in gold:
        if gold_tokens:
            bare.append(_bare(doc, gold_layers))
        else:
            bare.append(_untokenized(pipeline, doc))
    columns = [name for name in _assigned(pipeline) if "." in name]
    _drop_columns(bare, columns)
    return pipeline.pipe(bare)


def span_layers(docs: Sequence[Doc]) -> list[str]:
    """The span layers of some documents, sorted."""
    names: set[str] = set()
    for doc in docs:
        names.update(doc.spans)
    return sorted(names)


def figures_of_gold(
    pipeline: Pipeline,
    keep: Sequence[str],
) -> set[str]:
    """The figures that say nothing, since the pipeline is given what they compare."""
    return _figures_of_gold({*names_of(keep, "keep"), *pipeline.given})


def _watched(
    pairs: Iterable[tuple[Doc, Doc]],
    watch: Callable[[Doc, Doc], None] | None,
) -> Iterator[tuple[Doc, Doc]]:
    """The same pairs, each of which somebody else sees too."""
    for gold, predicted in pairs:
        if watch is not None:
            watch(gold, predicted)
        yield gold, predicted


def figure(
    scores: Scores,
    names: str | Sequence[str],
) -> float:
    """The mean of the named figures, of all where none is named.

    Beside the names of figures, "sentiment macro" is the mean F1 of its classes, and
    "ents.sentiment PN" that of positive and negative. A figure of which the gold documents hold
    nothing is none.

    Errors: `ConfigError` for a figure that was not measured, and where nothing was.
    """
    values = _values(scores)
    if isinstance(names, str):
        names = [names]
    elif not names:
        names = [name for name in scores.figures if name in values]
    check_measured(names, values)
    if not names:
        raise ConfigError(
            "no figure was measured: the documents hold nothing that the pipeline writes"
        )
    return sum(values[name] for name in names) / len(names)


def measurable(
    pipeline: Pipeline,
    gold: Iterable[Doc],
    wanted: Collection[str] = (),
) -> set[str]:
    """The figures that a pipeline without a fault would have on these documents.

    Args:
        wanted: reading ends when all of these have been seen; by default, all documents are read.
    """
    layers = set(pipeline.given)
    for name in _assigned(pipeline):
        layer, _, _ = name.partition(".")
        layers.add(layer)
    of_gold = _figures_of_gold(pipeline.given)
    seen = Scores()
    measured: set[str] = set()
    for doc in gold:
        perfect = _bare(doc, layers & {*doc.layers, *doc.tokens})
        seen.add(*score_doc(doc, perfect, sorted(doc.spans)))
        measured = _values(seen).keys() - of_gold
        if wanted and measured.issuperset(wanted):
            break
    return measured


def check_measured(
    names: Iterable[str],
    measured: Collection[str],
) -> None:
    """Errors: `ConfigError` with the name of a figure that is not there, and those that are."""
    for name in names:
        if name not in measured:
            raise ConfigError(
                f"[training] score names {name!r}, which the dev documents do not give."
                f"{near(name, measured)}"
            )


def _values(scores: Scores) -> dict[str, float]:
    """The F1 of each figure of which gold documents hold something, and means over classes."""
    values = {}
    for name, counts in scores.figures.items():
        if counts.f1 is not None and counts.gold:
            values[name] = counts.f1
    for name, details in scores.details.items():
        if name in values:
            values |= _means(name, details)
    return values


def _means(
    name: str,
    details: Figures,
) -> dict[str, float]:
    """The mean F1 of all classes of a figure, and of positive and negative, where there are any."""
    means = {
        f"{name} macro": macro_f1(details),
        f"{name} PN": macro_f1(details, ("positive", "negative")),
    }
    return {name: mean for name, mean in means.items() if mean is not None}


def _assigned(pipeline: Pipeline) -> list[str]:
    """The layers and columns that the components write."""
    names: list[str] = []
    for component in pipeline.components.values():
        names += component.assigns
    return names


def _writers_of(
    layers: set[str],
    pipeline: Pipeline,
) -> list[str]:
    """The names of the components that write any of the layers."""
    names = []
    for name, component in pipeline.components.items():
        if layers & set(component.assigns):
            names.append(name)
    return names


def _figures_of_gold(layers: Collection[str]) -> set[str]:
    """The figures that are perfect where tokens and these layers are those of the gold Docs."""
    outermost = {f"{layer} outermost" for layer in layers}
    return {"tokens", "sents", *layers, *outermost}


def _untokenized(
    pipeline: Pipeline,
    doc: Doc,
) -> Doc | str:
    """The text alone; with questions about it, a Doc of the pipeline's own tokens."""
    if QUESTIONS not in doc.layers:
        return doc.text
    [tokenized] = pipeline.tokenize([doc.text])
    tokenized.layers[QUESTIONS] = doc.layers[QUESTIONS].copy()
    return tokenized


def _bare(
    doc: Doc,
    names: Collection[str],
) -> Doc:
    """A copy with text, tokens, and some layers and token columns.

    A layer that nobody annotated is an empty span layer.
    """
    copy = doc.copy(bare=True)
    for name in names:
        column = doc.tokens.get(name)
        if name in doc.layers:
            copy.layers[name] = doc.layers[name].copy()
        elif column is not None:
            copy.tokens.set(name, column.values.copy(), column.labels)
        elif NAMED_KINDS.get(name, "span") == "span":
            copy.set_spans(name, ())
    return copy


def _drop_columns(
    docs: Sequence[Doc | str],
    names: Sequence[str],
) -> None:
    """Remove the columns that components will write to layers that are there: "ents.sentiment"."""
    for name in names:
        layer_name, _, group = name.partition(".")
        for doc in docs:
            if isinstance(doc, str) or layer_name not in doc.layers:
                continue
            layer = doc.layers[layer_name]
            for column in list(layer):
                if column == group or column.startswith(f"{group}."):
                    layer.remove(column)
