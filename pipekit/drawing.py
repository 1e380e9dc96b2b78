"""Figures by matplotlib, an optional package that only this module imports."""

from __future__ import annotations

from typing import Any

from pipekit.errors import ConfigError, cure


def empty_figure(
    width: float,
    height: float,
) -> Any:
    """An empty figure of this size in inches; it needs no screen.

    Errors: `ConfigError` where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(f"plots need matplotlib: {cure('matplotlib')}") from error
    return Figure(figsize=(width, height), layout="constrained")
