"""Which figures decide about a training: those that dev documents can measure, and no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipekit.corpora.sources import CorpusSource
from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.evaluation.evaluate import check_measured, measurable
from pipekit.evaluation.trees import FIGURES_OF_TREES
from pipekit.parts.contracts import Head
from pipekit.pipeline import Pipeline
from pipekit.training.building import PreparedParts
from pipekit.training.recipe import Recipe


def decided_by_figures(
    recipe: Recipe,
    prepared: PreparedParts,
    learners: Mapping[str, Head],
) -> bool:
    """Whether figures of dev documents choose the best pipeline; otherwise the last epoch is kept.

    Without a `score` in the recipe, every component that learns has to have a figure. What a plugin
    learns may have none, whatever the documents hold: such a component is named in print.

    Errors: `ConfigError` for a figure that dev documents do not give, for dev documents without
    what a component writes, and for `score` or `patience` where nothing is measured.
    """
    settings = recipe.settings
    if not prepared.dev:
        if settings.score or settings.patience:
            raise ConfigError(
                "[training] score and patience are for dev documents: "
                "name some under [[dev]], or leave them out"
            )
        return False
    names = [settings.score] if isinstance(settings.score, str) else list(settings.score)
    if names:
        check_measured(names, measurable(prepared.pipeline, prepared.dev, names))
        return True
    without = _without_figure(prepared, learners, recipe.dev)
    decided = len(without) < len(learners)
    outcome = "the other components decide" if decided else "the last epoch is kept"
    for name in without:
        what = f"no figure measures {_layers_of(learners[name])}"
        if settings.patience and not decided:
            raise ConfigError(
                f"[training] patience waits for a better score, but {what}: leave it out"
            )
        print(f"[components.{name}] {what}: {outcome}")
    return decided


def _without_figure(
    prepared: PreparedParts,
    learners: Mapping[str, Head],
    sources: Sequence[CorpusSource],
) -> list[str]:
    """The components that not even the documents that they learn from can measure.

    Errors: `ConfigError` for a component that these can measure, and the dev documents cannot.
    """
    figures = [_figure_of(name) for head in learners.values() for name in head.assigns]
    on_dev = measurable(prepared.pipeline, prepared.dev, figures)
    without = []
    for name, head in learners.items():
        if on_dev.intersection(map(_figure_of, head.assigns)):
            continue
        if not _is_measurable(prepared.pipeline, prepared.train, head.assigns):
            without.append(name)
            continue
        files = ", ".join(str(source.path) for source in sources) or "in memory"
        raise ConfigError(
            f"[components.{name}] writes {_layers_of(head)}, which no dev document annotates "
            f"({files}): no figure can choose its best epoch. Add annotated documents under "
            "[[dev]], name a figure of another component by score, or leave [[dev]] out"
        )
    return without


def _is_measurable(
    pipeline: Pipeline,
    docs: Sequence[Doc],
    names: Sequence[str],
) -> bool:
    """Whether documents hold something of any of these layers that a figure measures."""
    for name in names:
        annotated = (doc for doc in docs if doc.has_annotation(name))
        figure = _figure_of(name)
        if figure in measurable(pipeline, annotated, [figure]):
            return True
    return False


def _figure_of(name: str) -> str:
    """The figure that measures a layer or column; most have the name of what they measure."""
    return FIGURES_OF_TREES.get(name, name)


def _layers_of(head: Head) -> str:
    return ", ".join(head.assigns) or "what it learns"
