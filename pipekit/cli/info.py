"""`pipekit info [PIPELINE]`: what is installed, or what a pipeline holds."""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any

from pipekit.cli.options import table


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pipeline", nargs="?", metavar="PIPELINE", help="an installed name, a file, or a folder"
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    found = of_pipeline(given.pipeline) if given.pipeline else of_installation()
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(table((key, shown(value)) for key, value in found.items()))
    return 0


def shown(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, list):
        return ", ".join(map(shown, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {shown(item)}" for key, item in value.items()) or "none"
    return str(value)


def of_installation() -> dict[str, Any]:
    """Versions, devices, and every name with the package that brings it. No plugin is imported."""
    import torch

    import pipekit
    from pipekit import registry

    known = (
        registry.pipelines,
        registry.components,
        registry.encoders,
        registry.tokenizers,
        registry.readers,
    )
    devices = [
        "cpu",
        *(f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())),
    ]
    found: dict[str, Any] = {
        "pipekit": pipekit.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "devices": devices,
        "threads": torch.get_num_threads(),
    }
    for names in known:
        found[f"{names.kind}s"] = [
            f"{name} ({'; '.join(s.package for s in names.suppliers(name))})"
            for name in names.names()
        ]
    return found


def of_pipeline(name: str) -> dict[str, Any]:
    """Its meta data, parts and sizes."""
    from pipekit.pipeline.loading import load

    nlp = load(name, device="cpu")
    sizes = {}
    for kind, parts in (("encoder", nlp.encoders), ("component", nlp.components)):
        for part_name, part in parts.items():
            count = sum(p.numel() for p in part.parameters()) if hasattr(part, "parameters") else 0
            sizes[f"{kind} {part_name}"] = f"{type(part).__name__}, {count:,} weights"
    return {**nlp.meta, "lang": nlp.lang, "components": nlp.pipe_names, **sizes}
