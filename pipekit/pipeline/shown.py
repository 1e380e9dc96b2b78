"""A pipeline as a notebook shows it: its parts, what each reads and writes, its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from pipekit.pipeline.assembly import Assembly
from pipekit.rendering.blocks import Grid, Heading, PageBlock, Remark, TableCell
from pipekit.rendering.rendering import Rendering

_HEAD = ("part", "class", "reads", "writes", "weights")


def pipeline_shown(nlp: Assembly) -> str:
    """The parts of a pipeline and the figures that its file brings, as HTML."""
    return Rendering("", list(_blocks(nlp)))._repr_html_()


def _blocks(nlp: Assembly) -> Iterator[PageBlock]:
    name = nlp.meta.get("name") or f"blank {nlp.lang}"
    version = nlp.meta.get("version") or ""
    yield Heading(f"{name} {version}".strip())
    if nlp.meta.get("description"):
        yield Remark(str(nlp.meta["description"]))
    yield Grid(_HEAD, list(_parts(nlp)))
    yield Remark(f"on {nlp.device_name}, precision {nlp.precision}")
    yield from _performance(nlp.meta.get("performance"))


def _parts(nlp: Assembly) -> Iterator[Sequence[TableCell]]:
    """A row for each part."""
    yield (
        "tokenizer",
        type(nlp.tokenizer).__name__,
        "",
        "tokens, sents",
        None,
    )
    for encoder_name, encoder in nlp.encoders.items():
        yield (
            encoder_name,
            type(encoder).__name__,
            "",
            "vectors of tokens",
            weights_of(encoder),
        )
    for component_name, component in nlp.components.items():
        requires = getattr(component, "requires", ())
        yield (
            component_name,
            type(component).__name__,
            ", ".join(requires),
            ", ".join(component.assigns),
            weights_of(component),
        )


def weights_of(part: Any) -> int | None:
    """The number of the weights of a part; None for one that has none."""
    if not hasattr(part, "parameters"):
        return None
    return sum(int(weights.numel()) for weights in part.parameters())


def _performance(figures: Any) -> Iterator[PageBlock]:
    """The figures of a pipeline by corpus, where it says so."""
    if not isinstance(figures, Mapping) or not figures:
        return
    by_corpus = figures
    if not all(isinstance(values, Mapping) for values in figures.values()):
        by_corpus = {"": figures}
    names = list(dict.fromkeys(chain.from_iterable(by_corpus.values())))
    rows: list[Sequence[TableCell]] = []
    for corpus, values in by_corpus.items():
        shares = map(values.get, names)
        rows.append((str(corpus), *map(_hundredfold, shares)))
    head = ("corpus", *map(str, names))
    yield Grid(head, rows, "figures, per cent")


def _hundredfold(share: Any) -> float | None:
    if not isinstance(share, int | float):
        return None
    return 100.0 * share
