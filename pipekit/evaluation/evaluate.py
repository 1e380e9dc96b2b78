"""A pipeline against annotated documents."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipekit.doc import Doc
from pipekit.doc.text import QUESTIONS
from pipekit.errors import ConfigError, near
from pipekit.evaluation.classes import macro_f1
from pipekit.evaluation.metrics import Scores, score, score_doc
from pipekit.pipeline import Pipeline


def evaluate(
    pipeline: Pipeline,
    gold: Sequence[Doc],
    *,
    gold_tokens: bool = True,
    keep: Sequence[str] = (),
    by: str | None = None,
) -> Scores:
    """The figures of what a pipeline says of bare copies of the documents: text and tokens, or text alone.

    Args:
        gold_tokens: whether tokens and sentences are given; without them the tokenizer is part of what is measured.
        keep: gold layers that the copies keep, besides those that the pipeline needs to be given: components that would write them
            are left out, and what they are not asked is not measured.
        by: a column of the layer "meta", such as "genre", for figures of each of its values too.

    Errors: `ConfigError` where layers are to be kept without the tokens that they count in.
    """
    kept = {*keep, *pipeline.given}
    if kept and not gold_tokens:
        raise ConfigError(
            f"{', '.join(sorted(kept))} of the gold documents can be kept only with their tokens: give gold_tokens too"
        )
    pipeline = pipeline.select_pipes(
        disable=[name for name, part in pipeline.components.items() if kept & set(part.assigns)]
    )
    bare = [_bare(doc, kept) if gold_tokens else _retokenized(pipeline, doc) for doc in gold]
    _drop_columns(
        bare,
        [name for part in pipeline.components.values() for name in part.assigns if "." in name],
    )
    spans = sorted({name for doc in gold for name in doc.spans})
    scores = score(zip(gold, pipeline.pipe(bare), strict=True), by=by, spans=spans)  # type: ignore[arg-type]
    for part in (scores, *scores.groups.values()):
        for name in (
            ("tokens", "sents", *kept, *(f"{layer} outermost" for layer in kept))
            if gold_tokens
            else ()
        ):
            part.figures.pop(name, None)
    return scores


def _retokenized(pipeline: Pipeline, doc: Doc) -> Doc | str:
    """The text alone, with the questions about it, if there are any."""
    if QUESTIONS not in doc.layers:
        return doc.text
    [again] = pipeline.tokenize([doc.text])
    again.layers[QUESTIONS] = doc.layers[QUESTIONS].copy()
    return again


def _bare(doc: Doc, kept: Collection[str]) -> Doc:
    """Text, tokens, and the layers and token columns to keep; a layer that nobody annotated is as good as an empty one."""
    copy = doc.copy(bare=True)
    for name in kept:
        if name in doc.layers:
            copy.layers[name] = doc.layers[name].copy()
        elif (column := doc.tokens.get(name)) is not None:
            copy.tokens.set(name, column.values.copy(), column.labels)
        else:
            copy.set_spans(name, ())
    return copy


def _drop_columns(docs: Sequence[Doc | str], names: Sequence[str]) -> None:
    """Remove the columns of kept layers that components will write, named as "ents.sentiment"."""
    for layer, _, begin in (name.partition(".") for name in names):
        for kept in (
            doc.layers[layer] for doc in docs if isinstance(doc, Doc) and layer in doc.layers
        ):
            for column in [column for column in kept if f"{column}.".startswith(f"{begin}.")]:
                kept.remove(column)


def figure(scores: Scores, names: str | Sequence[str]) -> float:
    """The mean of the named figures, of all where none is named. Errors: `ConfigError` for one that was not measured.

    Beside the names of figures, "sentiment macro" is the mean F1 of its classes, and "ents.sentiment PN" that of positive and negative.
    """
    known = {name: counts.f1 for name, counts in scores.figures.items() if counts.f1 is not None}
    chosen = [names] if isinstance(names, str) else list(names) or list(known)
    for name, details in scores.details.items():
        macros = macro_f1(details) or 0.0, macro_f1(details, ("positive", "negative")) or 0.0
        known |= dict(zip(_macros(name), macros, strict=True))
    _check_known(chosen, known)
    return sum(known[name] for name in chosen) / max(len(chosen), 1)


def check_figures(pipeline: Pipeline, gold: Sequence[Doc], names: str | Sequence[str]) -> None:
    """Refuse figures that these documents would not give even a pipeline without a fault; documents are read until all have been seen.

    Errors: `ConfigError` naming the figure and those that there are.
    """
    wanted = {names} if isinstance(names, str) else set(names)
    written = {
        name.partition(".")[0] for part in pipeline.components.values() for name in part.assigns
    }
    spans = sorted({name for doc in gold for name in doc.spans})
    known: set[str] = set()
    for doc in gold:
        if wanted <= known:
            return
        perfect = _bare(
            doc,
            [
                name
                for name in {*written, *pipeline.given}
                if name in doc.layers or name in doc.tokens
            ],
        )
        figures, details = score_doc(doc, perfect, spans)
        known |= {name for name, counts in figures.items() if counts.known} | {
            macro for name in details for macro in _macros(name)
        }
        known -= {
            "tokens",
            "sents",
            *pipeline.given,
            *(f"{name} outermost" for name in pipeline.given),
        }
    _check_known(sorted(wanted), known)


def _macros(name: str) -> tuple[str, str]:
    """What the means of a figure's details are called."""
    return f"{name} macro", f"{name} PN"


def _check_known(names: Sequence[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(
                f"[training] score names {name!r}, which the dev documents do not give.{near(name, known)}"
            )
