"""Linear layers computed in 8-bit integers on a CPU, while their weights stay as they are.

Each row of the input and each row of the weights has a scale of its own, found as the rows come, so that the answer to a row depends on no
other; products are summed exactly, in 32-bit integers (Jacob et al. 2018, https://arxiv.org/abs/1712.05877, without zero points).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

_LARGEST = 127
# Inputs and outputs of a layer that is computed so. Those of fewer take little time; what scores labels asks for all digits; and with one
# input torch 2.13 makes wrong products.
_FEWEST = 64
_BLOCK = (
    1_024  # rows that are computed at a time: what is made of them stays in the processor's cache
)


class PackedWeight(NamedTuple):
    """A layer's weights, int8[in, out], the scales of its outputs, float32[1, out], and the state of what they were made from."""

    values: Tensor
    scales: Tensor
    state: tuple[int, int]


_packed: WeakIdKeyDictionary = (
    WeakIdKeyDictionary()
)  # of each weight that has been computed with, as long as it lives


class Int8(TorchFunctionMode):
    """Within this context, and inference, the linear layers that this thread runs compute in int8. All else is as outside of it: recurrent
    layers and attention keep to their type, and under autocast the answers are of its type.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        if function is functional.linear:
            return linear(*arguments, **(named or {}))
        return function(*arguments, **(named or {}))


def linear(states: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``functional.linear`` in int8: float[…, in], float[out, in], float[out] to float[…, out]. What is no weight, or small, is float."""
    if not isinstance(weight, nn.Parameter) or min(weight.shape) < _FEWEST or not states.numel():
        return functional.linear(states, weight, bias)
    packed = _pack(weight)
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else states.dtype
    rows = states.reshape(-1, states.shape[-1])
    found = torch.empty(len(rows), len(weight), dtype=dtype)
    with torch.autocast("cpu", enabled=False):
        for block, answers in zip(
            torch.split(rows, _BLOCK), torch.split(found, _BLOCK), strict=True
        ):
            values, scales = _quantized(block)
            scaled = torch._int_mm(values, packed.values).mul(scales)
            answers.copy_(
                scaled.mul_(packed.scales)
                if bias is None
                else torch.addcmul(bias, scaled, packed.scales)
            )
    return found.view(*states.shape[:-1], -1)


def _pack(weight: Tensor) -> PackedWeight:
    state = weight._version, weight.data_ptr()
    found: PackedWeight | None = _packed.get(weight)  # type: ignore[no-untyped-call]
    if found is None or found.state != state:
        values, scales = _quantized(weight.detach())
        found = _packed[weight] = PackedWeight(
            values.t().contiguous(), scales.t().contiguous(), state
        )
    return found


def _quantized(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest int8[rows, columns] times a scale for each row, float32[rows, 1]."""
    scales = (
        matrix.abs()
        .amax(1, keepdim=True)
        .float()
        .div_(_LARGEST)
        .clamp_min_(torch.finfo(torch.float32).tiny)
    )
    return (matrix * scales.reciprocal()).round_().to(torch.int8), scales


@cache
def is_exact() -> bool:
    """Whether this processor sums products of int8 without loss. Instructions older than VNNI may overflow."""
    most = torch.full((64, 256), _LARGEST, dtype=torch.int8)
    return bool((torch._int_mm(most, most.t()) == 256 * _LARGEST**2).all())
