"""Assemble a pipeline from the parts of others by a recipe that names a `source` for each.

python recipes/ru_core/assemble.py recipes/ru_core/parts.toml runs/ru_core.pipekit
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipekit.training.building import build_pipeline
from pipekit.training.recipe import read_recipe


def main() -> None:
    recipe, target = map(Path, sys.argv[1:3])
    nlp = build_pipeline(read_recipe(recipe), [])
    nlp.to_disk(target, half=True)
    print(f"{target}: {', '.join(nlp.pipe_names)}; {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
