"""Values that are computed of weights alone: once, and anew when the weights have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Kept(Generic[T]):
    """A value of some weights, for inference.

        self.folded = Kept(self.fold)
        weight = self.folded.of(self.own.weight, self.values.weight)

    It is computed again where a weight is another tensor or was changed in its place, and where
    autocast computes in another precision. With gradients it is computed each time.

    Args:
        make: computes the value of the weights.
    """

    def __init__(self, make: Callable[..., T]) -> None:
        self._make = make
        self._last: tuple[Any, list[Tensor], T] | None = None  # one object: threads share it

    def of(self, *weights: Tensor) -> T:
        """The value."""
        if torch.is_grad_enabled():
            return self._make(*weights)
        key = _state(weights)
        last = self._last
        if last is not None and last[0] == key:
            return last[2]
        value = self._make(*weights)
        # The tensors are held, so that no other tensor takes their place in memory meanwhile.
        self._last = key, [weight.detach() for weight in weights], value
        return value

    def __getstate__(self) -> dict[str, Any]:
        return {"_make": self._make, "_last": None}


def _state(weights: tuple[Tensor, ...]) -> tuple[Any, ...]:
    """What changes when a weight does."""
    kind = weights[0].device.type
    precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
    of_weights = [(weight.data_ptr(), weight._version, weight.dtype) for weight in weights]
    return precision, *of_weights
