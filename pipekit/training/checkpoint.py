"""All that a training needs to resume as if it had never stopped, in one file.

The file is written whole or not at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipekit.storage import store
from pipekit.storage.origins import Origins

_STATE = "state/"


def save_checkpoint(
    path: Path,
    tensors: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    progress: dict[str, Any],
    made_of: Origins,
) -> None:
    """Write weights by name, the states of the optimizer and of torch's random numbers, the
    progress (plain data), and what the training is made of.
    """
    arrays = {f"{_STATE}{name}": tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    names = _names(optimizer)
    for number, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            arrays[f"optimizer/{names[number]}/{key}"] = np.asarray(value.cpu().numpy())
    arrays["random/cpu"] = torch.get_rng_state().numpy()
    if torch.cuda.is_available():
        arrays["random/cuda"] = torch.cuda.get_rng_state().numpy()
    store.save(path, {"progress": progress, "made_of": made_of}, arrays)


def load_checkpoint(
    path: Path,
    optimizer: torch.optim.Optimizer,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights by name, and the progress; the optimizer and torch's random numbers are set back.

    Weights that have not learned yet have no state in the optimizer. States of weights that the
    optimizer does not have are ignored.
    """
    container = store.load_container(path)
    tensors = {name: torch.from_numpy(array) for name, array in container.tensors.items()}
    numbers = {name: number for number, name in enumerate(_names(optimizer))}
    weights: dict[str, torch.Tensor] = {}
    states: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(_STATE):
            weights[name.removeprefix(_STATE)] = tensor
        elif name.startswith("optimizer/"):
            _, weight, key = name.split("/", 2)
            if weight in numbers:
                states.setdefault(numbers[weight], {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": states, "param_groups": groups})
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random/cuda"])
    return weights, container.header["progress"]


def _names(optimizer: torch.optim.Optimizer) -> list[str]:
    """The name of each weight by its number in the optimizer; without names, the numbers."""
    names: list[str] = []
    for group in optimizer.state_dict()["param_groups"]:
        names += [str(name) for name in group.get("param_names", group["params"])]
    return names
