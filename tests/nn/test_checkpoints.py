"""Configs and tensors of others: what is read of them, and what is refused by name.

Modules: nn.checkpoints
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from pipekit.errors import ConfigError
from pipekit.nn.checkpoints import CONFIG, INDEX, WHOLE, ConfigFile, open_tensors, summary


def config(folder: Path, values: Any) -> ConfigFile:
    (folder / CONFIG).write_text(json.dumps(values), encoding="utf-8")
    return ConfigFile(folder / CONFIG)


def test_numbers_are_within_their_ranges(tmp_path: Path) -> None:
    file = config(tmp_path, {"layers": 3, "heads": True, "width": 2.0})
    assert file.whole("layers", 1, 8) == 3 and file.whole("depth", 1, 8, 2) == 2
    for key, state in (("heads", "True"), ("width", "2.0"), ("depth", "missing")):
        with pytest.raises(ConfigError, match=rf"config\.json: {key} is {state}; .* from 1 to 8"):
            file.whole(key, 1, 8)


def test_keys_that_change_the_network_are_as_supported(tmp_path: Path) -> None:
    file = config(tmp_path, {"scale": False, "tie": None})
    file.check_fixed({"tie": (True,), "other": (1,)})
    with pytest.raises(ConfigError, match="scale = False is not supported, only True"):
        file.check_fixed({"scale": (True,)})


@pytest.mark.parametrize("content", ["[1]", "{", "\ud800".encode("utf-8", "surrogatepass")])
def test_what_is_no_config_is_named(tmp_path: Path, content: str | bytes) -> None:
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    (tmp_path / CONFIG).write_bytes(data)
    with pytest.raises(ConfigError, match=r"config\.json: is no JSON"):
        ConfigFile(tmp_path / CONFIG)


def test_tensors_lie_in_one_file_or_in_parts(tmp_path: Path) -> None:
    first = {"a.gamma": torch.ones(2)}
    second = {"b.weight": torch.zeros(2, 3)}
    save_file(first, tmp_path / "one.safetensors")
    save_file(second, tmp_path / "two.safetensors")
    names = {"a.gamma": "one.safetensors", "b.weight": "two.safetensors"}
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": names}), encoding="utf-8")
    with open_tensors(tmp_path) as tensors:
        assert {name: tensor.shape for name, tensor in tensors.items()} == {
            "a.weight": (2,),
            "b.weight": (2, 3),
        }
        assert tensors["b.weight"].dtype == "F32"
    (tmp_path / INDEX).write_text('{"weight_map": {"a": "../a.safetensors"}}', encoding="utf-8")
    with pytest.raises(ConfigError, match="does not name files that stand beside it"):
        open_tensors(tmp_path).__enter__()


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(ConfigError, match=r"pytorch_model\.bin and no model\.safetensors"):
        open_tensors(tmp_path).__enter__()
    (tmp_path / WHOLE).write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="cannot be read as safetensors"):
        open_tensors(tmp_path).__enter__()


def test_what_is_left_out_is_said_without_numbers() -> None:
    assert summary(["h.0.lm.weight", "h.11.lm.bias", "a.position_ids"]) == ("h.*.lm",)
