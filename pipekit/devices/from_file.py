"""Networks that are built for weights which a file holds.

What a network allocates while it is built is taken from the allowance of the file, before it is
allocated: see `pipekit.allowance`. Its weights get no random values, since those of the file
replace them. Constants that a network computes are computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pipekit.allowance import take

_LEAST = 1_024  # bytes: what Python keeps of a tensor without values
_NEW = (
    torch.empty,
    torch.empty_strided,
    torch.zeros,
    torch.ones,
    torch.full,
    torch.eye,
    torch.arange,
    torch.rand,
    torch.randn,
    torch.randint,
    Tensor.new_empty,
    Tensor.new_full,
    Tensor.new_ones,
    Tensor.new_zeros,
)
_RANDOM = (
    nn.init.kaiming_uniform_,
    nn.init.normal_,
    nn.init.uniform_,
    Tensor.normal_,
    Tensor.uniform_,
)


class FromFile(TorchFunctionMode):
    """A context in which networks are built for the weights of a file.

        with allowed(size, "ru_core.pipekit"), FromFile():
            part = factory(**settings)

    Errors: `CorruptModelError` where the allowance is used up.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by torch in place of each of its functions."""
        named = kwargs or {}
        if func in _RANDOM:
            weight = named.get("tensor")
            if weight is None and args:
                weight = args[0]
            if isinstance(weight, nn.Parameter):
                return weight
        if func in _NEW:
            size = _bytes_of(func, args, named)
            take(max(size, _LEAST), "a network")
        return func(*args, **named)


def _bytes_of(
    func: Callable[..., Tensor],
    args: tuple[Any, ...],
    named: dict[str, Any],
) -> int:
    """The bytes of a new tensor, by the arguments of the function that makes it."""
    dtype = named.get("dtype") or torch.get_default_dtype()
    itemsize: int = dtype.itemsize
    numbers = []
    for argument in args:
        if isinstance(argument, int | float):
            numbers.append(argument)
    if func is torch.arange:
        steps = sum(map(abs, numbers)) + 1
        return max(itemsize, 8) * int(steps)
    if func is torch.eye and len(numbers) == 1:
        [side] = numbers
        return itemsize * int(side) ** 2
    shape: Sequence[float] = numbers
    for size in (*args, named.get("size")):
        if isinstance(size, list | tuple):
            shape = size
            break
    count = math.prod(map(int, shape))
    return itemsize * abs(count)
