"""What the tokens of a sequence look at: attention weights, and heat maps of them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.drawing import empty_figure
from pipekit.errors import ConfigError
from pipekit.storage.files import write_atomically

_LONGEST = 24  # letters of a label
_CELL, _SMALLEST, _LARGEST = 0.26, 2.2, 14.0  # inches of a cell, and of a map at least and at most


class AttentionMap(NamedTuple):
    """One sequence, as an encoder read it.

    Attributes:
        labels: what it consists of, words or pieces, [n].
        weights: float32[layers, heads, n, n]: how much of what a row takes in comes from each column; a row sums to 1.
    """

    labels: list[str]
    weights: NDArray[np.float32]


def heat_map(
    attention: AttentionMap,
    path: str | os.PathLike[str],
    *,
    layer: int | None = None,
    head: int | None = None,
) -> None:
    """Draw the weights into a file, PNG, SVG or PDF by its suffix.

    Args:
        layer: numbered from 1; without it, all of them.
        head: numbered from 1; without it, all heads of a layer, or where no layer is chosen either, their mean in each one.

    Errors: `ConfigError` for a layer or head that is not there, for a suffix that cannot be drawn, and where matplotlib is not installed;
    `StoreError` where the file cannot be written.
    """
    maps = selected_maps(attention, layer, head)
    columns = len(maps) if len(maps) < 4 else int(np.ceil(np.sqrt(len(maps))))
    rows = -(-len(maps) // columns)
    side = float(np.clip(_CELL * len(attention.labels), _SMALLEST, _LARGEST))
    figure = empty_figure(columns * side + 2.2, rows * (side + 0.3) + 1.4)
    suffix = os.path.splitext(os.fspath(path))[1][1:].lower()
    if suffix not in figure.canvas.get_supported_filetypes():
        raise ConfigError(
            f"{os.fspath(path)}: nothing is drawn as {suffix or 'a file without suffix'!r}: choose .png, .svg or .pdf"
        )
    panels = figure.subplots(rows, columns, squeeze=False)
    _draw(
        figure, panels, maps, attention.labels, min(9.0, 60 * side / max(len(attention.labels), 1))
    )
    drawn = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a letter that the font lacks is drawn as a box
        figure.savefig(drawn, format=suffix, dpi=130)
    write_atomically(path, [drawn.getvalue()])


def selected_maps(
    attention: AttentionMap, layer: int | None, head: int | None
) -> dict[str, NDArray[np.float32]]:
    """The maps that are asked for, by title. Errors: `ConfigError` naming what there is."""
    layers, heads = attention.weights.shape[:2]
    for name, number, count in (("layer", layer, layers), ("head", head, heads)):
        if number is not None and not 1 <= number <= count:
            raise ConfigError(f"there is no {name} {number}: this encoder has {name}s 1 to {count}")
    shown = range(1, layers + 1) if layer is None else [layer]
    if head is not None:
        return {f"layer {one}, head {head}": attention.weights[one - 1, head - 1] for one in shown}
    if layer is not None:
        return {
            f"layer {layer}, head {one + 1}": weights
            for one, weights in enumerate(attention.weights[layer - 1])
        }
    return {
        f"layer {one}, mean of {heads} heads": attention.weights[one - 1].mean(0) for one in shown
    }


def _draw(
    figure: Any,
    panels: NDArray[Any],
    maps: dict[str, NDArray[np.float32]],
    labels: Sequence[str],
    size: float,
) -> None:
    rows, columns = panels.shape
    brightest = max(
        (float(weights.max()) for weights in maps.values() if weights.size), default=1.0
    )
    marks, text = (
        range(len(labels)),
        {"labels": [_label(label) for label in labels], "fontsize": size, "parse_math": False},
    )
    for number, axes in enumerate(panels.flat):
        if number >= len(maps):
            axes.set_visible(False)
            continue
        title, weights = list(maps.items())[number]
        image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=brightest)
        axes.set_title(title, fontsize=10)
        axes.set_yticks(marks, **(text if number % columns == 0 else {"labels": []}))
        axes.set_xticks(
            marks, **({**text, "rotation": 90} if number + columns >= len(maps) else {"labels": []})
        )
    figure.supylabel("the token that reads", fontsize=10)
    figure.supxlabel("what it looks at", fontsize=10)
    figure.colorbar(image, ax=panels, shrink=min(1.0, 0.4 + 0.2 / rows), label="attention weight")


def _label(text: str) -> str:
    """A label in one short line, which any font can draw."""
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split()) or "␣"
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
