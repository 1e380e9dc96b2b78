"""Everything that a training needs to go on as if it had never stopped, in one file; written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipekit.storage import store

_STATE = "state/"


def save_checkpoint(
    path: Path,
    tensors: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    progress: dict[str, Any],
) -> None:
    """Weights by name, the state of the optimizer, of torch's random numbers, and progress (plain data)."""
    arrays = {f"{_STATE}{name}": tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    names = _names(optimizer)
    for number, state in optimizer.state_dict()["state"].items():
        arrays |= {
            f"optimizer/{names[number]}/{key}": np.asarray(value.cpu().numpy())
            for key, value in state.items()
        }
    arrays["random/cpu"] = torch.get_rng_state().numpy()
    if torch.cuda.is_available():
        arrays["random/cuda"] = torch.cuda.get_rng_state().numpy()
    store.save(path, {"progress": progress}, arrays)


def load_checkpoint(
    path: Path, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights by name and progress; the optimizer and torch's random numbers are set back in place.

    Weights that have not learned yet have no state; the state of weights that the optimizer does not have is left out.
    """
    container = store.load(path)
    tensors = {name: torch.from_numpy(array) for name, array in container.tensors.items()}
    numbers = {name: number for number, name in enumerate(_names(optimizer))}
    states: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("/")
        if kind == "optimizer":
            weight, _, key = rest.partition("/")
            if weight in numbers:
                states.setdefault(numbers[weight], {})[key] = tensor
    optimizer.load_state_dict(
        {"state": states, "param_groups": optimizer.state_dict()["param_groups"]}
    )
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random/cuda"])
    weights = {
        name.removeprefix(_STATE): tensor
        for name, tensor in tensors.items()
        if name.startswith(_STATE)
    }
    return weights, container.header["progress"]


def _names(optimizer: torch.optim.Optimizer) -> list[str]:
    """The name of each weight by its number in the optimizer; the number itself where the optimizer was given no names."""
    groups = optimizer.state_dict()["param_groups"]
    return [str(name) for group in groups for name in group.get("param_names", group["params"])]
