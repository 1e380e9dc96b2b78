"""Whole pages, fragments for notebooks, and files of SVG: all bring the one style sheet along."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from pipekit.rendering.drawings import Drawing
from pipekit.rendering.elements import element, path
from pipekit.rendering.glyphs import markup

_XML = '<?xml version="1.0" encoding="UTF-8"?>'
# Nothing of a page runs or is fetched, whatever its texts say.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# Where Jupyter would set what stands between two dollar signs as a formula.
_NO_FORMULAS = "tex2jax_ignore mathjax_ignore"


@cache
def style_sheet() -> str:
    """The style sheet of all that is drawn."""
    return files("pipekit.rendering").joinpath("style.css").read_text(encoding="utf-8")


def page(
    title: str,
    content: str,
) -> str:
    """A whole document of HTML around some content, which is HTML already."""
    return f"""<!doctype html>
<html class="pipekit">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{markup(title)}</title>
<style>
{style_sheet()}</style>
</head>
<body class="pk-page pipekit"><main>
{content}
</main></body>
</html>
"""


def fragment(content: str) -> str:
    """Content that stands in a page of others, such as a notebook."""
    style = element("style", style_sheet())
    return element("div", style + content, f"pipekit {_NO_FORMULAS}")


def within_page(
    drawing: Drawing,
    title: str,
    style: str = "",
) -> str:
    """A drawing as an element of a page."""
    return element(
        "svg",
        drawing.content,
        f"pk-drawing {style}",
        {
            "width": drawing.width,
            "height": drawing.height,
            "viewBox": _view_box(drawing),
            "role": "img",
            "aria-label": title,
        },
    )


def _view_box(drawing: Drawing) -> str:
    return path(0, 0, drawing.width, drawing.height)


def svg_file(
    drawing: Drawing,
    title: str,
) -> str:
    """A drawing as a file of its own."""
    ground = element(
        "rect",
        "",
        "pk-sheet",
        {"width": "100%", "height": "100%"},
    )
    content = element("title", markup(title))
    content += element("style", style_sheet())
    svg = element(
        "svg",
        content + ground + drawing.content,
        "pipekit pk-drawing",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": drawing.width,
            "height": drawing.height,
            "viewBox": _view_box(drawing),
            "role": "img",
        },
    )
    return f"{_XML}\n{svg}\n"
