"""`pipekit info [PIPELINE]`: what is installed, or what a pipeline holds."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from itertools import chain
from typing import Any

from pipekit.cli.display import table
from pipekit.cli.options import json_option, print_json

_FIGURES = "performance"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "pipeline",
        nargs="?",
        metavar="PIPELINE",
        help="an installed name, a file, or a folder",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what there is to know, as a table or as JSON."""
    if options.pipeline:
        facts = pipeline_facts(options.pipeline)
    else:
        facts = installation_facts()
    if options.json:
        print_json(facts)
        return 0
    figures = {}
    if isinstance(facts.get(_FIGURES), dict):
        figures = facts.pop(_FIGURES)
    print(table((key, _in_line(value)) for key, value in facts.items()))
    if figures:
        print()
        print(table(_figure_rows(figures)))
    return 0


def _figure_rows(figures: dict[str, Any]) -> Iterator[list[str]]:
    """A line for each corpus with its figures in columns, as shares of 100.

    Where no corpora are named, all figures are in one line.
    """
    by_corpus = figures
    if not all(isinstance(values, dict) for values in figures.values()):
        by_corpus = {"": figures}
    names = list(dict.fromkeys(chain.from_iterable(by_corpus.values())))
    yield [_FIGURES, *names]
    for corpus, values in by_corpus.items():
        yield [corpus, *(_figure(values.get(name)) for name in names)]


def _figure(value: Any) -> str:
    """A share as evaluations show it, such as 95.72; a dash where nothing was measured."""
    if isinstance(value, float):
        return _in_line(100 * value)
    return _in_line(value)


def _in_line(value: Any) -> str:
    """A value in one line."""
    if value is None or value != value:
        return "–"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list):
        return ", ".join(map(_in_line, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_in_line(item)}" for key, item in value.items()) or "none"
    return str(value)


def installation_facts() -> dict[str, Any]:
    """Versions, devices, every name with the packages that bring it, faults of these packages.

    No plugin is imported.
    """
    import torch

    import pipekit
    from pipekit import installed, registry

    facts: dict[str, Any] = {
        "pipekit": pipekit.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "devices": _devices(),
        "threads": torch.get_num_threads(),
    }
    for parts in (
        registry.pipelines,
        registry.components,
        registry.encoders,
        registry.decoders,
        registry.tokenizers,
        registry.readers,
    ):
        facts[f"{parts.kind}s"] = _names_with_packages(parts)
    facts["faults"] = installed.faults()
    return facts


def _names_with_packages(parts: Any) -> list[str]:
    """The names of a registry: "tagger (pipekit-nlp)"."""
    lines = []
    for name in parts.names():
        packages = "; ".join(supplier.package for supplier in parts.suppliers(name))
        lines.append(f"{name} ({packages})")
    return lines


def _devices() -> list[str]:
    import torch

    devices = ["cpu"]
    for number in range(torch.cuda.device_count()):
        devices.append(f"cuda:{number} ({torch.cuda.get_device_name(number)})")
    return devices


def pipeline_facts(name: str) -> dict[str, Any]:
    """The metadata of a pipeline, its parts and their sizes."""
    from pipekit.pipeline.loading import load

    nlp = load(name, device="cpu")
    facts = {**nlp.meta, "lang": nlp.lang, "components": nlp.pipe_names}
    for encoder_name, encoder in nlp.encoders.items():
        facts[f"encoder {encoder_name}"] = _size(encoder)
    for component_name, component in nlp.components.items():
        facts[f"component {component_name}"] = _size(component)
    return facts


def _size(part: Any) -> str:
    """The class of a part and the number of its weights."""
    count = 0
    if hasattr(part, "parameters"):
        count = sum(weights.numel() for weights in part.parameters())
    return f"{type(part).__name__}, {count:,} weights"
