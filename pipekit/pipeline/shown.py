"""A pipeline as a notebook shows it: its parts, what each reads and writes, its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipekit.pipeline.assembly import Assembly
from pipekit.rendering.blocks import Block, Grid, Heading, Remark, TableCell
from pipekit.rendering.rendering import Rendering


def pipeline_shown(nlp: Assembly) -> str:
    """The parts of a pipeline and the figures that its file brings, as HTML."""
    return Rendering("", list(_blocks(nlp)))._repr_html_()


def _blocks(nlp: Assembly) -> Iterator[Block]:
    name = nlp.meta.get("name") or f"blank {nlp.lang}"
    version = nlp.meta.get("version") or ""
    yield Heading(f"{name} {version}".strip())
    if nlp.meta.get("description"):
        yield Remark(str(nlp.meta["description"]))
    rows: list[Sequence[TableCell]] = []
    rows.append(("tokenizer", type(nlp.tokenizer).__name__, "", "tokens, sents", None))
    for encoder_name, encoder in nlp.encoders.items():
        kind = type(encoder).__name__
        rows.append((encoder_name, kind, "", "vectors of tokens", weights_of(encoder)))
    for component_name, component in nlp.components.items():
        kind = type(component).__name__
        reads = ", ".join(getattr(component, "requires", ()))
        writes = ", ".join(component.assigns)
        rows.append((component_name, kind, reads, writes, weights_of(component)))
    yield Grid(("part", "class", "reads", "writes", "weights"), rows)
    yield Remark(f"on {nlp.device_name}, precision {nlp.precision}")
    yield from _performance(nlp.meta.get("performance"))


def weights_of(part: Any) -> int | None:
    """The number of the weights of a part; None for one that has none."""
    if not hasattr(part, "parameters"):
        return None
    return sum(int(weights.numel()) for weights in part.parameters())


def _performance(figures: Any) -> Iterator[Block]:
    """The figures of a pipeline by corpus, where it says so."""
    if not isinstance(figures, Mapping) or not figures:
        return
    by_corpus = figures
    if not all(isinstance(values, Mapping) for values in figures.values()):
        by_corpus = {"": figures}
    names = dict.fromkeys(name for values in by_corpus.values() for name in values)
    rows: list[Sequence[TableCell]] = []
    for corpus, values in by_corpus.items():
        rows.append((str(corpus), *(_hundredfold(values.get(name)) for name in names)))
    yield Grid(("corpus", *map(str, names)), rows, "figures, per cent")


def _hundredfold(share: Any) -> float | None:
    return 100.0 * share if isinstance(share, int | float) else None
