"""A document in parts, and whole again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.doc.doc import Doc
from pipekit.doc.layer import REQUIRED, Layer, join


def concatenate(parts: Sequence[Doc]) -> Doc:
    """Parts of one document, in order and without gaps, as the whole again; span layers are shifted, links follow their spans.

    Of layers of one row of numbers for each part, such as "cats", the whole has the mean, each part weighted by its tokens; of other layers
    of kind "doc" that of the first part.
    """
    lengths, sizes = [len(p) for p in parts], [len(p.text) for p in parts]
    char_shift, token_shift = np.cumsum([0, *sizes]), np.cumsum([0, *lengths])
    starts = np.concatenate([p.starts + s for p, s in zip(parts, char_shift[:-1], strict=True)])
    ends = np.concatenate([p.ends + s for p, s in zip(parts, char_shift[:-1], strict=True)])
    whole = Doc.trusted("".join(p.text for p in parts), starts, ends)
    whole.name = parts[0].name
    for name in dict.fromkeys(name for p in parts for name in p.layers):
        shifts = {
            "span": token_shift,
            "link": np.cumsum([0, *(_size(p, p.layers.get(name)) for p in parts)]),
        }
        layers = [
            _shifted(p.layers[name], shifts, i) for i, p in enumerate(parts) if name in p.layers
        ]
        weights = [length for length, p in zip(lengths, parts, strict=True) if name in p.layers]
        whole.layers[name] = _mean(layers, weights) if layers[0].kind == "doc" else join(layers)
    return whole


def _mean(layers: Sequence[Layer], weights: Sequence[int]) -> Layer:
    """The mean of layers that have the same columns of floats and a row each; the first layer where they are of another shape."""
    first = layers[0]
    alike = all(layer.size == 1 and list(layer) == list(first) for layer in layers)
    if not alike or not sum(weights) or any(first[name].values.dtype.kind != "f" for name in first):
        return first
    whole = Layer("doc", 1)
    for name in first:
        values = np.concatenate([layer[name].values for layer in layers])
        whole.set(name, np.average(values, weights=weights)[None].astype(values.dtype))
    return whole


def _size(part: Doc, link: Layer | None) -> int:
    target = part.layers.get((link.target if link is not None else None) or "ents")
    return 0 if target is None else target.size


def _shifted(layer: Layer, shifts: Mapping[str, NDArray[Any]], i: int) -> Layer:
    moved = layer.rows(0, layer.size)
    for edge in REQUIRED[layer.kind]:
        moved.set(edge, moved[edge].values + shifts[layer.kind][i])
    return moved


def cut_doc(doc: Doc, limit: int) -> list[Doc]:
    """A document as parts of at most `limit` tokens, cut between sentences where that is possible; `rejoin` puts them together."""
    if len(doc) <= limit:
        return [doc]
    borders = doc.sent_borders()
    cuts = [0]
    while cuts[-1] + limit < len(doc):
        furthest = cuts[-1] + limit
        best = (
            int(borders[np.searchsorted(borders, furthest, "right") - 1])
            if borders is not None
            else furthest
        )
        cuts.append(best if best > cuts[-1] else furthest)
    return [doc.part(start, end) for start, end in zip(cuts, [*cuts[1:], len(doc)], strict=True)]


def longest_sentence(doc: Doc) -> int:
    """The words of the longest sentence, below which a document cannot be cut without harm; 1 where no one has split sentences."""
    borders = doc.sent_borders()
    return int(np.diff(borders).max(initial=0)) if borders is not None else min(1, len(doc))


def rejoin(doc: Doc, parts: Sequence[Doc]) -> None:
    """Give a document the layers that its parts were given."""
    if len(parts) > 1 or parts[0] is not doc:
        doc.layers = concatenate(parts).layers
