"""A pipeline against annotated documents."""

from __future__ import annotations

from collections.abc import Sequence

from pipekit.doc import Doc
from pipekit.errors import ConfigError, near
from pipekit.pipeline import Pipeline
from pipekit.training.metrics import Scores, score


def evaluate(pipeline: Pipeline, gold: Sequence[Doc], *, gold_tokens: bool = True, by: str | None = None) -> Scores:
    """The figures of what a pipeline says of bare copies of the documents: text and tokens, or text alone.

    Args:
        gold_tokens: whether tokens and sentences are given; without them the tokenizer is part of what is measured.
        by: a column of the layer "meta", such as "genre", for figures of each of its values too.
    """
    bare = [doc.copy(bare=True) if gold_tokens else doc.text for doc in gold]
    spans = sorted({name for doc in gold for name in doc.spans})
    scores = score(zip(gold, pipeline.pipe(bare), strict=True), by=by, spans=spans)  # type: ignore[arg-type]
    for part in (scores, *scores.groups.values()):
        for name in ("tokens", "sents") if gold_tokens else ():
            part.figures.pop(name, None)
    return scores


def figure(scores: Scores, names: str | Sequence[str]) -> float:
    """The mean of the named figures, of all where none is named. Errors: `ConfigError` for one that was not measured."""
    known = {name: counts.f1 for name, counts in scores.figures.items() if counts.f1 is not None}
    chosen = [names] if isinstance(names, str) else list(names) or list(known)
    for name in chosen:
        if name not in known:
            raise ConfigError(f"[training] score names {name!r}, which the dev documents do not give.{near(name, known)}")
    return sum(known[name] for name in chosen) / max(len(chosen), 1)
