"""Rules for the layers of a Doc: they fit each other, and their size is bounded."""

from __future__ import annotations

from collections.abc import Mapping

from pipekit.doc.columns import bounds
from pipekit.doc.layer import REQUIRED, Layer
from pipekit.doc.trees import check_token_rows
from pipekit.errors import DocError

MAX_LAYERS = 1_000
MAX_COLUMNS = 10_000  # of all layers of a Doc together
MAX_BARE_ROWS = 1_000_000  # of a layer without columns, whose size costs no bytes
LINKED = "ents"  # the span layer that links without a target link


def check_layers(
    layers: Mapping[str, Layer],
    tokens: int,
) -> None:
    """Check that layers fit a Doc of so many tokens, and the limits.

    Errors: `DocError` naming the layer and the column.
    """
    if "tokens" not in layers or layers["tokens"].kind != "token":
        raise DocError("the layer 'tokens' is missing, or no token layer")
    columns = sum(layer.width for layer in layers.values())
    if len(layers) > MAX_LAYERS or columns > MAX_COLUMNS:
        raise DocError(
            f"{len(layers)} layers with {columns} columns: "
            f"a Doc holds up to {MAX_LAYERS} with {MAX_COLUMNS} together"
        )
    for name, layer in layers.items():
        _check_layer(name, layer, layers, tokens)


def _check_layer(
    name: str,
    layer: Layer,
    layers: Mapping[str, Layer],
    tokens: int,
) -> None:
    if layer.kind == "token" and layer.size != tokens:
        raise DocError(f"layer {name!r} has {layer.size} rows for {tokens} tokens")
    if layer.size > MAX_BARE_ROWS and not layer.width:
        raise DocError(
            f"layer {name!r} has {layer.size} rows and no columns: "
            f"without any, it may have {MAX_BARE_ROWS}"
        )
    if name == "tokens":
        check_token_rows(layer)
    if layer.kind == "span":
        _check_spans(name, layer, tokens)
    if layer.kind == "link":
        _check_links(name, layer, layers)


def _check_spans(
    name: str,
    layer: Layer,
    tokens: int,
) -> None:
    _check_edges(name, layer, tokens)
    if layer.size and (layer["start"].values > layer["end"].values).any():
        raise DocError(f"layer {name!r} has a span that ends before it starts")


def _check_links(
    name: str,
    layer: Layer,
    layers: Mapping[str, Layer],
) -> None:
    target = layer.target or LINKED
    spans = layers.get(target)
    if spans is None or spans.kind != "span":
        raise DocError(f"layer {name!r} links rows of {target!r}, which is no span layer here")
    _check_edges(name, layer, spans.size - 1)


def _check_edges(
    name: str,
    layer: Layer,
    top: int,
) -> None:
    """Check that start and end, or head and tail, run from 0 to `top`."""
    for edge in REQUIRED[layer.kind]:
        column = layer.get(edge)
        if column is None or column.labels is not None or column.values.dtype.kind not in "iu":
            raise DocError(
                f"layer {name!r} of kind {layer.kind!r} needs an integer column {edge!r}"
            )
        low, high = bounds(column.values)
        if layer.size and not 0 <= low <= high <= top:
            raise DocError(
                f"layer {name!r}, column {edge!r}, runs from {low} to {high}: "
                f"it may run from 0 to {top}"
            )
