"""Rendering: blocks as a page, as a fragment of a notebook, and as SVG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pipekit.errors import ConfigError
from pipekit.rendering.blocks import PageBlock
from pipekit.rendering.drawings import stacked
from pipekit.rendering.pages import fragment, page, svg_file
from pipekit.storage.files import write_atomically

_HTML = (".html", ".htm")
_SVG = ".svg"
WIDE = 860.0  # pixels, of a drawing on a wide page


class Rendering:
    """What `pipekit.render` gives. A notebook shows it; a file keeps it.

    Args:
        title: of the page.
        blocks: what stands on it, from the top.
        width: of drawings, in pixels.

        drawn = pipekit.render(doc, style="dep")
        drawn.save("tree.html")
        drawn.save("tree.svg")
    """

    def __init__(
        self,
        title: str,
        blocks: Sequence[PageBlock],
        *,
        width: float = WIDE,
    ) -> None:
        self.title = title
        self.blocks = blocks
        self.width = width

    @property
    def html(self) -> str:
        """A whole page: one file without scripts that needs no other file."""
        return page(self.title, self._content())

    @property
    def svg(self) -> str:
        """A file of SVG: the same as a drawing, its lines broken at `width`."""
        drawings = [block.drawing(self.width) for block in self.blocks]
        return svg_file(stacked(drawings), self.title)

    def save(
        self,
        path: str | os.PathLike[str],
    ) -> None:
        """Write the page, or where the path ends with .svg the drawing; an old file is replaced.

        Errors: `ConfigError` for another suffix, `StoreError` where the file cannot be written.
        """
        suffix = check_suffix(path)
        content = self.svg if suffix == _SVG else self.html
        write_atomically(path, [content.encode("utf-8")])

    def _content(self) -> str:
        return "\n".join(block.html(self.width) for block in self.blocks)

    def _repr_html_(self) -> str:
        return fragment(self._content())

    def __repr__(self) -> str:
        return f"<Rendering {self.title!r}: show it in a notebook, or .save('page.html')>"


def check_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix of a file that a rendering is saved to. Errors: `ConfigError` for another one."""
    suffix = Path(path).suffix.lower()
    if suffix != _SVG and suffix not in _HTML:
        refused = repr(suffix) if suffix else "a file without suffix"
        raise ConfigError(
            f"{os.fspath(path)}: nothing is rendered as {refused}: choose .html or .svg"
        )
    return suffix
