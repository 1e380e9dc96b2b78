"""ru_core: the Russian pipeline of pipekit, one file.

`pipekit.load("ru_core")` finds it by its entry point.
"""

from pathlib import Path


def path() -> Path:
    """Where the pipeline file lies."""
    return Path(__file__).with_name("ru_core.pipekit")
