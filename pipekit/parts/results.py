"""What may be wrong with parts, and with the results of tokenizers and encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.doc.borders import check_borders
from pipekit.errors import DocError, PluginContractError
from pipekit.words.arrays import Ints, offsets
from pipekit.words.chars import codes

_PROMISES = {  # what a part of each kind has
    "tokenizer": ("segment",),
    "encoders": ("width", "features", "forward", "__call__"),
    "components": ("requires", "assigns", "__call__"),
}
_ARRAYS = {"starts": "iu", "ends": "iu", "sentence_starts": "b"}  # of segments, with their kinds
_CALLED = {"iu": "integers", "b": "booleans"}


def check_part(
    part: object,
    kind: str,
    name: str,
    brought_by: str,
) -> None:
    """Check that a factory has built a part of its kind.

    Args:
        kind: "tokenizer", "encoders" or "components".
        brought_by: the package of the factory.

    Errors: `PluginContractError` naming the part, the package, and what the part lacks.
    """
    breach = _lack(part, kind)
    if breach:
        raise PluginContractError(
            f"{kind.removesuffix('s')} {name!r}, brought by {brought_by}, {breach}: "
            "it cannot stand in a pipeline"
        )


def _lack(
    part: object,
    kind: str,
) -> str | None:
    for promise in _PROMISES[kind]:
        if not hasattr(part, promise):
            return f"has no {promise}"
    if kind != "components":
        return None
    for promise in ("requires", "assigns"):
        names = getattr(part, promise)
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            return f"has {promise} = {names!r}, which is no tuple of names"
    return None


def segments_breach(
    texts: Sequence[str],
    segments: Sequence[Any],
) -> str | None:
    """Why a tokenizer's segments do not fit the texts; None where they do.

    Tokens ascend without overlap, and all characters but white space lie in them.
    """
    if len(segments) != len(texts):
        return f"gave the segments of {len(segments)} texts for {len(texts)}"
    for each in segments:
        fault = _arrays_fault(each)
        if fault:
            return f"gave {fault}"
    if _are_right(texts, segments):
        return None
    for text, each in zip(texts, segments, strict=True):
        try:
            check_borders(text, each.starts.astype(np.int64), each.ends.astype(np.int64))
        except DocError as error:
            return f"gave tokens that do not fit {text!r:.60}: {error}"
    return None


def _arrays_fault(segments: Any) -> str | None:
    """Why the arrays of a text are not those of tokens."""
    shapes = set()
    for name, kinds in _ARRAYS.items():
        array = getattr(segments, name, None)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
            wanted = _CALLED[kinds]
            return f"{name} that are no array of {wanted}: {array!r:.60}"
        shapes.add(array.shape)
    shape, *others = shapes
    if others or len(shape) != 1:
        listed = ", ".join(map(str, shapes))
        return f"arrays of the shapes {listed}: they have one length"
    return None


def _are_right(
    texts: Sequence[str],
    segments: Sequence[Any],
) -> bool:
    """Whether the tokens fit, by a look at all texts together; the texts lie end to end."""
    text_offsets = offsets(map(len, texts))
    starts = [np.zeros(0, np.int64)]
    ends = [np.zeros(0, np.int64)]
    for each, offset in zip(segments, text_offsets[:-1], strict=True):
        starts.append(each.starts + offset)
        ends.append(each.ends + offset)
    first = np.concatenate(starts)
    last = np.concatenate(ends)
    before = np.concatenate([[0], last[:-1]])
    points = codes("".join(texts))
    is_wrong = (first < before) | (first >= last) | (last > len(points))
    if is_wrong.any():
        return False
    counts = offsets(len(each.starts) for each in segments)
    for number, text in enumerate(texts):
        begin, end = counts[number : number + 2]
        offset = text_offsets[number]
        if begin == end:
            if text:
                return False
            continue
        if first[begin] != offset:
            return False
        if last[end - 1] > offset + len(text):
            return False
    gaps = _between(first, last, points)
    return not gaps.strip()


def _between(
    starts: Ints,
    ends: Ints,
    points: NDArray[np.uint32],
) -> str:
    """The characters that lie in no token; `points` are the codes of all."""
    size = len(points) + 1
    opened = np.bincount(starts, minlength=size)
    closed = np.bincount(ends, minlength=size)
    depth = np.cumsum(opened - closed)
    is_between = depth[:-1] == 0
    letters: bytes = points[is_between].tobytes()
    return letters.decode("utf-32-le")


def vectors_breach(
    vectors: Any,
    shape: tuple[int, int],
    device: str,
    *,
    finite: bool,
) -> str | None:
    """Why an encoder's vectors are not those of a batch; None where they are.

    Args:
        vectors: what the encoder gave.
        shape: the number of tokens, and the width of the encoder.
        device: where the weights lie.
        finite: look for NaN and infinity too, for which a GPU has to finish its work.
    """
    import torch

    if not isinstance(vectors, torch.Tensor):
        return f"gave a {type(vectors).__name__}: vectors are a tensor"
    if tuple(vectors.shape) != shape:
        return f"gave vectors of the shape {tuple(vectors.shape)}: it is {shape}"
    if not vectors.is_floating_point():
        return f"gave vectors of {vectors.dtype}: they are floats"
    if str(vectors.device) != device:
        return f"gave vectors on {vectors.device}: the pipeline is on {device}"
    if finite and not bool(torch.isfinite(vectors).all()):
        return "gave vectors with numbers that are not finite"
    return None
