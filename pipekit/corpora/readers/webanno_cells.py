"""Cells of WebAnno TSV: escapes, stacked values, and the numbers behind them; see `webanno`."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?<!\\)\[(\d+)\]$")
_STACKED = re.compile(r"(?<!\\)\|")
_ESCAPED = re.compile(r"\\(->|.)", re.DOTALL)


def plain_cell(cell: str) -> str:
    """A cell without its escapes."""
    return _ESCAPED.sub(_unescaped, cell)


def _unescaped(match: re.Match[str]) -> str:
    return {"t": "\t", "n": "\n", "r": "\r"}.get(match[1], match[1])


def stacked_values(cell: str) -> list[str]:
    return [] if cell in ("_", "") else _STACKED.split(cell)


def numbered_value(value: str) -> tuple[str, int]:
    """A value without its number, and the number, 0 for none."""
    match = _NUMBER.search(value)
    number = 0
    if match is not None:
        number = int(match[1])
        value = value[: match.start()]
    return ("" if value in ("*", "_") else plain_cell(value)), number
