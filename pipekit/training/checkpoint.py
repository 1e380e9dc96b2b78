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
_OPTIMIZER = "optimizer/"
_RANDOM_CPU = "random/cpu"
_RANDOM_CUDA = "random/cuda"


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
    arrays = {}
    for name, tensor in tensors.items():
        on_cpu = tensor.detach().cpu()
        arrays[f"{_STATE}{name}"] = on_cpu.numpy()
    names = _names(optimizer)
    states = optimizer.state_dict()["state"]
    for number, state in states.items():
        weight = names[number]
        for key, value in state.items():
            array = value.cpu().numpy()
            arrays[f"{_OPTIMIZER}{weight}/{key}"] = np.asarray(array)
    random = torch.get_rng_state()
    arrays[_RANDOM_CPU] = random.numpy()
    if torch.cuda.is_available():
        random = torch.cuda.get_rng_state()
        arrays[_RANDOM_CUDA] = random.numpy()
    header = {"progress": progress, "made_of": made_of}
    store.save(path, header, arrays)


def load_checkpoint(
    path: Path,
    optimizer: torch.optim.Optimizer,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights by name, and the progress; the optimizer and torch's random numbers are set back.

    Weights that have not learned yet have no state in the optimizer. States of weights that the
    optimizer does not have are ignored.
    """
    container = store.load_container(path)
    weights: dict[str, torch.Tensor] = {}
    tensors: dict[str, torch.Tensor] = {}
    for name, array in container.tensors.items():
        tensor = torch.from_numpy(array)
        if name.startswith(_STATE):
            weight = name.removeprefix(_STATE)
            weights[weight] = tensor
        else:
            tensors[name] = tensor
    _set_back(optimizer, tensors)
    torch.set_rng_state(tensors[_RANDOM_CPU])
    if _RANDOM_CUDA in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors[_RANDOM_CUDA])
    progress = container.header["progress"]
    return weights, progress


def _set_back(
    optimizer: torch.optim.Optimizer,
    tensors: dict[str, torch.Tensor],
) -> None:
    """Give an optimizer the states that a checkpoint holds."""
    numbers = {name: number for number, name in enumerate(_names(optimizer))}
    states: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if not name.startswith(_OPTIMIZER):
            continue
        _, weight, key = name.split("/", 2)
        if weight in numbers:
            state = states.setdefault(numbers[weight], {})
            state[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": states, "param_groups": groups})


def _names(optimizer: torch.optim.Optimizer) -> list[str]:
    """The name of each weight by its number in the optimizer; without names, the numbers."""
    names: list[str] = []
    for group in optimizer.state_dict()["param_groups"]:
        numbers = group["params"]
        for name in group.get("param_names", numbers):
            names.append(str(name))
    return names
