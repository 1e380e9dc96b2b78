"""Linear layers computed in 8-bit integers on a CPU. Their weights stay as they are.

Each row of numbers is stored as integers from -127 to 127 and one scale: number ≈ integer * scale.
Inputs and weights are both stored so, each row with a scale of its own:

    inputs   float[rows, in] ──▶ int8[rows, in],  scales of the rows
    weights  float[out, in]  ──▶ int8[in, out],   scales of the outputs
    outputs  int8 @ int8 ──▶ int32[rows, out], exact, times both scales, plus bias

The scale of a row depends on that row alone, so the answer to a row does not depend on the other
rows. Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877, without zero points.
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
# The fewest inputs and outputs of a layer that is computed in int8. A smaller layer takes little
# time; a layer that scores labels needs all digits; and with one input torch 2.13 makes wrong
# products.
_FEWEST = 64
# Rows that are computed at a time: their intermediate results stay in the processor's cache.
_BLOCK = 1_024


class PackedWeight(NamedTuple):
    """The weights of a layer in int8.

    Attributes:
        values: int8[in, out].
        scales: of the outputs, float32[1, out].
        state: version and address of the float weights when they were packed.
    """

    values: Tensor
    scales: Tensor
    state: tuple[int, int]


# The packed form of each weight that has been computed with. An entry lives as long as its weight.
_packed_weights: WeakIdKeyDictionary = WeakIdKeyDictionary()


class Int8(TorchFunctionMode):
    """A context in which this thread computes its linear layers in int8. It is for inference only.

    Recurrent layers, attention and all else compute as they do outside. Under autocast the outputs
    have the type of autocast.

    Example:
        with torch.inference_mode(), Int8():
            states = layer(inputs)
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        if function is functional.linear:
            function = linear
        return function(*arguments, **(named or {}))


def linear(
    states: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
) -> Tensor:
    """``functional.linear`` in int8.

    Small layers, and products with what is no weight of a network, are computed in float.

    Args:
        states: float[…, in].
        weight: float[out, in].
        bias: float[out].

    Returns: float[…, out].
    """
    is_large = isinstance(weight, nn.Parameter) and min(weight.shape) >= _FEWEST
    if not is_large or not states.numel():
        return functional.linear(states, weight, bias)
    dtype = states.dtype
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
    packed = _packed(weight)
    rows = states.reshape(-1, states.shape[-1])
    outputs = torch.empty(len(rows), len(weight), dtype=dtype)
    blocks = zip(torch.split(rows, _BLOCK), torch.split(outputs, _BLOCK), strict=True)
    with torch.autocast("cpu", enabled=False):
        for inputs, results in blocks:
            results.copy_(_product(inputs, packed, bias))
    return outputs.view(*states.shape[:-1], -1)


def _product(
    rows: Tensor,
    packed: PackedWeight,
    bias: Tensor | None,
) -> Tensor:
    """float[rows, in] to float32[rows, out]."""
    values, scales = _quantize(rows)
    sums = torch._int_mm(values, packed.values)  # int32[rows, out]
    scaled = sums.mul(scales)
    if bias is None:
        return scaled.mul_(packed.scales)
    return torch.addcmul(bias, scaled, packed.scales)


def _packed(weight: Tensor) -> PackedWeight:
    """The packed form of a weight, made anew where the weight has changed."""
    state = (weight._version, weight.data_ptr())
    packed: PackedWeight | None = _packed_weights.get(weight)  # type: ignore[no-untyped-call]
    if packed is None or packed.state != state:
        values, scales = _quantize(weight.detach())
        packed = PackedWeight(values.t().contiguous(), scales.t().contiguous(), state)
        _packed_weights[weight] = packed
    return packed


def _quantize(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix as the nearest int8[rows, columns] and a scale for each row, float32[rows, 1]."""
    largest = matrix.abs().amax(1, keepdim=True).float()
    smallest_scale = torch.finfo(torch.float32).tiny
    scales = (largest / _LARGEST).clamp_min_(smallest_scale)
    values = (matrix * scales.reciprocal()).round_()
    return values.to(torch.int8), scales


@cache
def is_exact() -> bool:
    """Whether this processor sums products of int8 without loss.

    Instructions older than VNNI may overflow.
    """
    most = torch.full((64, 256), _LARGEST, dtype=torch.int8)
    sums = torch._int_mm(most, most.t())
    return bool((sums == 256 * _LARGEST**2).all())
