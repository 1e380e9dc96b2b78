"""Every encoder and every component that learns, on a device beside the CPU.

The device is a pretended one, so that no GPU is needed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import pretended
from helpers.parts import COMPONENTS, ENCODERS, hostile
from helpers.places import ROOT
from helpers.tiny import learn, recipe, ten
from torch import nn

from pipekit import Pipeline
from pipekit.parts.contracts import Head

PAIRS = [("tagger", encoder) for encoder in ENCODERS] + [
    (component, "bilstm") for component in COMPONENTS if component != "tagger"
]


def test_tensors_of_two_devices_do_not_mix() -> None:
    with pretended.device() as device:
        there = pretended.There(torch.ones(3))
        assert (there + 1).cpu().tolist() == [2, 2, 2]
        assert device.waits == ["aten::_to_copy"]
        with pytest.raises(RuntimeError, match="of tensors on the device and on the CPU"):
            there + torch.ones(3)
        with pytest.raises(RuntimeError, match="of tensors on the device and on the CPU"):
            there[torch.arange(2)]


@pytest.mark.parametrize(("component", "encoder"), PAIRS)
def test_a_part_says_on_another_device_what_it_says_on_the_cpu(
    component: str, encoder: str, tmp_path: Path
) -> None:
    settings, said = COMPONENTS[component]
    read = (
        {"spans": {"type": "spans_of_ten", "layer": settings["entities"]}}
        if "entities" in settings
        else {}
    )
    nlp = learn(recipe(ENCODERS[encoder], {**read, component: settings}, epochs=4), tmp_path)
    head: Any = nlp.components[component]
    assert isinstance(head, Head)
    expected = [said(doc) for doc in nlp.pipe(hostile())]  # type: ignore[arg-type]
    loss = lost(nlp, head)
    for part in (*nlp.encoders.values(), head):
        assert isinstance(part, nn.Module)
        pretended.move(part)
    with pretended.device():
        assert nlp.device.type != "cpu"
        assert [said(doc) for doc in nlp.pipe(hostile())] == expected  # type: ignore[arg-type]
        assert lost(nlp, head) == pytest.approx(loss, rel=1e-4, abs=1e-6)


@pytest.mark.slow
def test_the_figures_of_a_gpu_can_be_rehearsed_without_one(data: Path, tmp_path: Path) -> None:
    command = [
        str(ROOT / "recipes/benchmarks/gpu.py"),
        "ru_core",
        "--device",
        "cpu",
        "--quick",
        "-o",
        str(tmp_path / "a.md"),
    ]
    done = subprocess.run(
        [sys.executable, *command], env={**os.environ, "PIPEKIT_DATA": str(data)}, check=False
    )
    report = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert done.returncode == 0, report
    for title in (
        "## Encoders",
        "## Padded cells",
        "one process",
        "## Processes",
        "## Accuracy",
        "## Memory",
        "All checks passed",
    ):
        assert title in report


def lost(nlp: Pipeline, head: Head) -> float:
    torch.manual_seed(1)
    with torch.no_grad():
        return float(head.loss(nlp.batch(ten())))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_encoder_never_waits_for_the_device(encoder: str, tmp_path: Path) -> None:
    nlp = learn(recipe(ENCODERS[encoder], epochs=1), tmp_path)
    pretended.move(nlp.encoders["main"])
    with pretended.device() as device:
        assert len(nlp.batch(ten()).vectors("main")) == sum(map(len, ten()))
    assert device.waits == []
