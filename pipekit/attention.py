"""Attention weights, how much each token takes in of each other or of a source, and heat maps."""

from __future__ import annotations

import math
import os
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.drawing import empty_figure
from pipekit.errors import ConfigError
from pipekit.storage.files import write_atomically

_LONGEST_LABEL = 24  # characters
_CELL = 0.26  # inches of a cell of a map
_SMALLEST_MAP = 2.2  # inches
_LARGEST_MAP = 14.0  # inches
_LARGEST_FONT = 9.0  # points


class AttentionMap(NamedTuple):
    """The attention of an encoder in one sequence, or of a decoder to what it writes from.

    Attributes:
        labels: the words or pieces that read, [n].
        weights: float32[layers, heads, n, m]. A row is the token that reads, a column the token it
            looks at, a value the share of that column in what the row takes in: a row sums to 1.
        source: the words that a decoder looks at, [m]; None where the sequence looks at itself.
    """

    labels: list[str]
    weights: NDArray[np.float32]
    source: list[str] | None = None

    @property
    def seen(self) -> list[str]:
        """What the columns are, [m]."""
        return self.labels if self.source is None else self.source


def heat_map(
    attention: AttentionMap,
    path: str | os.PathLike[str],
    *,
    layer: int | None = None,
    head: int | None = None,
) -> None:
    """Draw attention weights into a file, PNG, SVG or PDF by its suffix.

    Args:
        layer: numbered from 1; by default all layers.
        head: numbered from 1; by default all heads of the layer, or without a layer, the mean of
            the heads of each one.

    Errors: `ConfigError` for an unknown layer or head, for a suffix that cannot be drawn, and where
    matplotlib is not installed; `StoreError` where the file cannot be written.

        heat_map(nlp.attention("Мама мыла раму.")[0], "attention.png", layer=2)
    """
    maps = selected_maps(attention, layer, head)
    rows, columns = _grid(len(maps))
    height = _inches(len(attention.labels))  # of a map
    width = _inches(len(attention.seen))
    figure = empty_figure(columns * width + 2.2, rows * (height + 0.3) + 1.4)
    suffix = Path(path).suffix[1:].lower()
    if suffix not in figure.canvas.get_supported_filetypes():
        refused = suffix or "a file without suffix"
        raise ConfigError(
            f"{os.fspath(path)}: nothing is drawn as {refused!r}: choose .png, .svg or .pdf"
        )
    panels = figure.subplots(rows, columns, squeeze=False)
    cell = min(height / max(len(attention.labels), 1), width / max(len(attention.seen), 1))
    _draw(figure, panels, maps, attention, min(_LARGEST_FONT, 60 * cell))
    picture = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a letter that the font lacks is drawn as a box
        figure.savefig(picture, format=suffix, dpi=130)
    write_atomically(path, [picture.getvalue()])


def _inches(cells: int) -> float:
    """The length of a side of a map."""
    return float(np.clip(_CELL * cells, _SMALLEST_MAP, _LARGEST_MAP))


def selected_maps(
    attention: AttentionMap,
    layer: int | None,
    head: int | None,
) -> dict[str, NDArray[np.float32]]:
    """The maps [n, m] of a layer, of a head, or of both, by title; see `heat_map`.

    Errors: `ConfigError` naming the layers or heads that there are.
    """
    weights = attention.weights
    layers, heads = weights.shape[:2]
    _check_number("layer", layer, layers)
    _check_number("head", head, heads)
    numbers = [layer] if layer is not None else range(1, layers + 1)
    maps = {}
    for number in numbers:
        of_layer = weights[number - 1]  # (heads, n, m)
        if head is not None:
            maps[f"layer {number}, head {head}"] = of_layer[head - 1]
        elif layer is None:
            maps[f"layer {number}, mean of {heads} heads"] = of_layer.mean(0)
        else:
            for each, of_head in enumerate(of_layer, 1):
                maps[f"layer {number}, head {each}"] = of_head
    return maps


def _check_number(
    what: str,
    number: int | None,
    count: int,
) -> None:
    if number is not None and not 1 <= number <= count:
        raise ConfigError(f"there is no {what} {number}: this network has {what}s 1 to {count}")


def _grid(maps: int) -> tuple[int, int]:
    """Rows and columns of panels: up to three maps side by side, more in a square."""
    if maps < 4:
        return 1, maps
    columns = math.ceil(math.sqrt(maps))
    rows = math.ceil(maps / columns)
    return rows, columns


def _draw(
    figure: Any,
    panels: NDArray[Any],
    maps: dict[str, NDArray[np.float32]],
    attention: AttentionMap,
    font_size: float,
) -> None:
    """Draw each map into its panel; only the panels at the left and at the bottom are labelled."""
    rows, columns = panels.shape
    maxima = [float(weights.max()) for weights in maps.values() if weights.size]
    brightest = max(maxima, default=1.0)
    written: dict[str, Any] = {"fontsize": font_size, "parse_math": False}
    of_rows = [_short(label) for label in attention.labels]
    of_columns = [_short(label) for label in attention.seen]
    for number, (title, weights) in enumerate(maps.items()):
        axes = panels.flat[number]
        image = axes.imshow(
            weights,
            cmap="Blues",
            aspect="auto" if attention.source else "equal",
            vmin=0,
            vmax=brightest,
        )
        axes.set_title(title, fontsize=10)
        axes.set_yticks(range(len(of_rows)), labels=[])
        axes.set_xticks(range(len(of_columns)), labels=[])
        if number % columns == 0:  # leftmost
            axes.set_yticks(range(len(of_rows)), labels=of_rows, **written)
        if number + columns >= len(maps):  # lowest
            axes.set_xticks(range(len(of_columns)), labels=of_columns, **written, rotation=90)
    for axes in panels.flat[len(maps) :]:
        axes.set_visible(False)
    reader = "the piece that is written" if attention.source else "the token that reads"
    figure.supylabel(reader, fontsize=10)
    figure.supxlabel("what it looks at", fontsize=10)
    figure.colorbar(
        image,
        ax=panels,
        shrink=min(1.0, 0.4 + 0.2 / rows),
        label="attention weight",
    )


def _short(label: str) -> str:
    """A label in one short line, which any font can draw."""
    drawable = label.encode("utf-8", "replace").decode("utf-8")
    line = " ".join(drawable.split())
    if not line:
        return "␣"
    if len(line) > _LONGEST_LABEL:
        return line[: _LONGEST_LABEL - 1] + "…"
    return line
