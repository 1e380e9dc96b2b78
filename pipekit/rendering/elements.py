"""Elements of HTML and SVG as strings: attributes are escaped here, contents by `glyphs.markup`."""

from __future__ import annotations

from collections.abc import Mapping

from pipekit.rendering.glyphs import markup

Attributes = Mapping[str, str | float]


def element(
    name: str,
    content: str = "",
    style: str = "",
    attributes: Attributes | None = None,
) -> str:
    """An element around content that is markup already.

    Args:
        style: its classes.
        attributes: numbers are written with one digit behind the point at most.
    """
    parts = [name]
    if style:
        parts.append(f'class="{style}"')
    for key, value in (attributes or {}).items():
        parts.append(f'{key}="{_written(value)}"')
    opening = " ".join(parts)
    return f"<{opening}>{content}</{name}>"


def path(*steps: str | float) -> str:
    """The steps of a path of SVG: commands and coordinates."""
    return " ".join(map(_written, steps))


def _written(value: str | float) -> str:
    if isinstance(value, str):
        return markup(value)
    return f"{value:.1f}".removesuffix(".0")
