"""Rows of text as a Markdown table, and shares as per cent."""

from __future__ import annotations

from collections.abc import Sequence


def percent(share: float | None) -> str:
    """A share in per cent, "-" for none."""
    if share is None:
        return "-"
    return f"{100 * share:.2f}"


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of the same length as a table; the first row is its head.

    The first column is aligned to the left, the others to the right.
    """
    widths = []
    for column in zip(*rows, strict=True):
        longest = max(map(len, column))
        widths.append(max(longest, 3))
    rule = ["-" * widths[0]]
    for width in widths[1:]:
        dashes = "-" * (width - 1)
        rule.append(f"{dashes}:")
    head, *body = rows
    lines = []
    for row in (head, rule, *body):
        cells = [row[0].ljust(widths[0])]
        cells += map(str.rjust, row[1:], widths[1:])
        line = " | ".join(cells)
        lines.append(f"| {line} |")
    return "\n".join(lines)
