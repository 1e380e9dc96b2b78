"""A pipeline between two stages of a training: a weighted mean of their weights.

    python recipes/ru_core/mixed.py runs/first/best.pipekit runs/written/best.pipekit \\
        --out runs/ru_core/best.pipekit

    python recipes/ru_core/mixed.py runs/qa_first/best.pipekit runs/qa_pairs/best.pipekit \\
        --only qa --out runs/qa/best.pipekit

A network that goes on with other data forgets some of the first. Between the two networks there are
ones that do nearly as well on each as the better of them (Wortsman et al. 2022, WiSE-FT). Rows that
the second stage added, such as scripts of lemmas, are taken from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from torch import Tensor

import pipekit


def mix(
    first: Any,
    second: Any,
    share: float,
) -> None:
    """Move the weights of `second` towards those of `first`; `share` is that of the second."""
    old = first.state_dict()
    new = second.state_dict()
    for name, weight in new.items():
        if weight.is_floating_point():
            pull(weight, old[name], share)
    second.load_state_dict(new)


def pull(
    weight: Tensor,
    old: Tensor,
    share: float,
) -> None:
    """Mix a tensor in place with an older one, which may have fewer rows."""
    rows = weight[: len(old)] if weight.dim() else weight
    rows.lerp_(old, 1 - share)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first")
    parser.add_argument("second")
    parser.add_argument("--share", type=float, default=0.75, help="of the second (default: 0.75)")
    parser.add_argument("--only", help="a component: the other parts are those of the second")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    first = pipekit.load(options.first)
    second = pipekit.load(options.second)
    parts = {**second.encoders, **second.components}
    older_parts = {**first.encoders, **first.components}
    for name, part in parts.items():
        if options.only in (None, name):
            mix(older_parts[name], part, options.share)
    second.to_disk(options.out, half=True)
    print(f"{options.out}: {options.share:.2f} of {options.second}, the rest of {options.first}")


if __name__ == "__main__":
    main()
