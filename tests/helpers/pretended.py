"""A pretended device, whose tensors lie in main memory.

An operation that mixes its tensors with tensors of the CPU fails, as on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map_only

if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
    pytest.skip("this torch knows no devices that are written in Python", allow_module_level=True)

_NAME = "privateuseone"
_TAKE_BOTH = {  # operations that take tensors of the CPU beside those of a GPU
    "aten::copy_", "aten::_pack_padded_sequence", "aten::_pad_packed_sequence",
}  # fmt: skip
_WAIT = {"aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero"}


class There(Tensor):
    """A tensor on the device; `raw` is what it holds."""

    raw: Tensor

    @staticmethod
    def __new__(cls, raw: Tensor) -> There:
        shape = {
            "strides": raw.stride(),
            "storage_offset": raw.storage_offset(),
            "dtype": raw.dtype,
        }
        make = Tensor._make_wrapper_subclass  # type: ignore[attr-defined]
        return make(cls, raw.shape, device=_NAME, **shape)  # type: ignore[no-any-return]

    def __init__(self, raw: Tensor) -> None:
        self.raw = raw

    def __repr__(self) -> str:  # type: ignore[override]
        return f"<on the device: {self.raw}>"

    @classmethod
    def __torch_dispatch__(
        cls,
        function: Any,
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        with Device() as device:
            return device.__torch_dispatch__(function, types, arguments, named)


class Device(TorchDispatchMode):
    """While it is on, tensors may be put on the device.

    `waits` has the names of the operations that made the CPU wait for the device.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(
        self,
        function: Any,
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        named, name = dict(named or {}), function._schema.name
        here, there = _sides((arguments, named))
        target = str(named.pop("device", None) or (_NAME if there else "cpu")).partition(":")[0]
        if name == "aten::_to_copy":
            named = {
                key: value
                for key, value in named.items()
                if key not in ("non_blocking", "pin_memory")
            }
        elif there and here and name not in _TAKE_BOTH:
            shapes = f"{[*map(_shape, there)]} and {[*map(_shape, here)]}"
            raise RuntimeError(f"{name} of tensors on the device and on the CPU: {shapes}")
        if there and (name in _WAIT or target == "cpu"):
            self.waits.append(name)
        found = function(*_raw(arguments), **_raw(named))
        if target == "cpu":
            return found
        back = {id(tensor.raw): tensor for tensor in there}
        wrapped = tree_map_only(
            Tensor, lambda tensor: back[id(tensor)] if id(tensor) in back else There(tensor), found
        )
        if name in ("aten::_pack_padded_sequence", "aten::_pad_packed_sequence"):
            return wrapped[0], found[1]  # the sizes of batches stay on the CPU
        return wrapped


class _Cells:
    """`torch._VF`, whose recurrent kernels a dispatcher does not see."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            here, there = _sides(arguments)
            if not there:
                return getattr(self.real, name)(*arguments)
            sizes = [tensor for tensor in here if tensor.dtype == torch.int64]
            if len(here) > len(sizes):
                raise RuntimeError(f"{name} of tensors on the device and on the CPU")
            with _disable_current_modes():
                found = getattr(self.real, name)(*_raw(arguments))
            return tree_map_only(Tensor, There, found)

        return call


def _sides(arguments: Any) -> tuple[list[Tensor], list[There]]:
    """The tensors on the CPU but for single numbers, which may go anywhere; those on the device."""
    tensors = [value for value in tree_flatten(arguments)[0] if isinstance(value, Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, There)]
    return [tensor for tensor in tensors if not isinstance(tensor, There) and tensor.dim()], there


def _raw(arguments: Any) -> Any:
    return tree_map_only(There, lambda tensor: tensor.raw, arguments)


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


@cache
def _set_up() -> None:
    backend_registration._setup_privateuseone_for_python_backend()
    torch.privateuseone.get_amp_supported_dtype = lambda: [torch.bfloat16]


@contextmanager
def device() -> Iterator[Device]:
    """The device; what is pinned for it stays where it is."""
    _set_up()
    with (
        patch.object(Tensor, "pin_memory", lambda tensor, *_: tensor),
        patch("torch.nn.modules.rnn._VF", _Cells(torch._VF)),
        patch("torch.inference_mode", torch.no_grad),  # the device has no such tensors
        torch.no_grad(),
        Device() as found,
    ):
        yield found


def move(part: nn.Module) -> None:
    """Put a network on the device."""
    _set_up()
    for module in part.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    there = There(tensor.detach().clone())
                    tensors[name] = (
                        nn.Parameter(there, requires_grad=False)
                        if isinstance(tensor, nn.Parameter)
                        else there
                    )
        if isinstance(module, nn.RNNBase):
            module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]
