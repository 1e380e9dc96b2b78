"""Where networks compute, and what a process does with the memory of tensors.

Modules: devices.forks, devices.memory, devices.placement, devices.precision
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from shutil import which
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import FEATURES
from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import Pipeline
from pipekit.devices import memory
from pipekit.devices.memory import keep_memory
from pipekit.devices.placement import pick_device, to_arrays, to_device
from pipekit.devices.precision import full_float32, inference
from pipekit.errors import ConfigError

START = """
import resource
import torch
from pipekit.devices.memory import keep_memory, release_memory, resident

def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work() -> None:
    for _ in range(5):
        torch.ones(10_000_000)
"""
needs_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory"
)


def process(program: str) -> int:
    """The number that a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", START + program],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    return int(done.stdout)


@needs_glibc
def test_a_process_that_keeps_memory_asks_the_system_for_no_new_pages() -> None:
    # The first tensors may lie beside what is still in use, and the next ones elsewhere.
    count = "[work() for _ in range(5)]; before = faults(); work(); print(faults() - before)"
    assert process(f"keep_memory(); {count}") < 100 < process(count)


@needs_glibc
def test_memory_that_is_kept_is_given_back_when_that_is_asked() -> None:
    many = (
        "tensors = [torch.ones(10_000_000) for _ in range(5)]; last = torch.ones(1000); del tensors"
    )
    assert (
        process(
            f"keep_memory(); {many}; before = resident(); "
            "release_memory(); print(before - resident())"
        )
        > 150_000_000
    )


GROW = """
from pipekit.devices.memory import begin_batch
keep_memory(limit={limit})
begin_batch()
tensors = [torch.ones(10_000_000) for _ in range(5)]
last = torch.ones(1000)
del tensors
before = resident()
keep_memory()  # as a training does, and it leaves the limit as it is
for _ in range(16):
    begin_batch()
print(before - resident())
"""


@needs_glibc
def test_a_process_gives_memory_back_when_it_has_grown_by_more_than_its_limit() -> None:
    assert process(GROW.format(limit=20)) > 150_000_000
    assert process(GROW.format(limit=2_000)) < 20_000_000


@needs_glibc
def test_memory_goes_back_once_in_so_many_batches_at_most() -> None:
    returned = """
from pipekit.devices import memory
returned = []
memory.release_memory = lambda: returned.append(1) or release_memory()
memory.keep_memory(limit=20)
for _ in range(160):
    memory.begin_batch()
    tensors = [torch.ones(10_000_000) for _ in range(5)]
print(len(returned))
"""
    assert process(returned) <= 10


def test_the_limit_comes_from_the_environment_where_nobody_names_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "_keeper", None)
    monkeypatch.setattr(memory, "_call_glibc", lambda *arguments: None)
    monkeypatch.setenv(memory.KEEP_VARIABLE, "7")
    keep_memory()
    assert memory._keeper is not None and memory._keeper.limit == 7 << 20
    keep_memory(0)
    assert memory._keeper.limit == 0
    with pytest.raises(ConfigError, match="limit is -1: it is a whole number of megabytes"):
        keep_memory(-1)
    monkeypatch.setenv(memory.KEEP_VARIABLE, "64M")
    with pytest.raises(ConfigError, match="PIPEKIT_KEEP_MB is '64M'"):
        keep_memory()


FORK = """
import multiprocessing, sys, torch, pipekit

def words(text):
    return len(nlp(text))

torch.set_num_threads(2)
nlp = pipekit.load("ru_core", include=["tagger"])
texts = ["Мама мыла раму. " * 100] * 4
if sys.argv[1] == "computed":
    list(nlp.pipe(texts))
for _ in range(int(sys.argv[2])):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(words, texts) == [400] * 4
assert torch.get_num_threads() == 2
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.parametrize("state", ["loaded", "computed"])
@pytest.mark.parametrize("pools", [1, pytest.param(100, marks=pytest.mark.slow)])
def test_a_forked_process_does_not_wait_for_the_threads_of_its_parent(
    state: str, pools: int
) -> None:
    subprocess.run(
        [sys.executable, "-c", FORK, state, str(pools)], timeout=30 + 5 * pools, check=True
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_networks_compute_in_the_precision_that_is_asked_for(precision: str) -> None:
    layer = torch.nn.Linear(3, 2)
    with inference(torch.device("cpu"), precision):
        assert layer(torch.ones(1, 3)).dtype == getattr(torch, precision)
    assert layer(torch.ones(1, 3)).dtype == torch.float32


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no device is called 'gpu'"):
        pick_device("gpu")
    with pytest.raises(
        ConfigError,
        match=r"'cuda:99' cannot be used: (this torch has no CUDA|no driver|the last GPU)",
    ):
        pick_device("cuda:99")


def test_on_a_processor_arrays_and_tensors_share_their_memory() -> None:
    array = np.arange(5)
    tensor = to_device(array, torch.device("cpu"))
    [again] = to_arrays([tensor])
    array[0] = 7
    assert (tensor[0], again[0]) == (7, 7)
    assert to_arrays([]) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="for a GPU")
@given(st.lists(st.integers(0, 5000), max_size=40))
def test_what_goes_to_a_gpu_and_back_is_as_it_was(sizes: list[int]) -> None:
    arrays = [np.arange(size) for size in sizes]
    found = to_arrays(to_device(array, torch.device("cuda")) for array in arrays)
    assert all(np.array_equal(one, other) for one, other in zip(arrays, found, strict=True))


def test_float32_on_a_gpu_is_not_rounded_and_nothing_of_that_stays() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.enabled, cudnn.benchmark, cudnn.deterministic
    with full_float32():
        assert (cudnn.allow_tf32, cudnn.enabled, cudnn.benchmark, cudnn.deterministic) == (
            False,
            *before[1:],
        )
    assert (cudnn.allow_tf32, cudnn.enabled, cudnn.benchmark, cudnn.deterministic) == before


# -- compiling


def attentive(type: str = "transformer", **settings: Any) -> Pipeline:
    made = pipekit.blank("ru")
    torch.manual_seed(0)
    made.add_encoder("main", type, features=FEATURES, width=32, **settings)
    return made.with_precision("float32")


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # of torch itself, when it imports its compiler
@pytest.mark.skipif(which("g++") is None, reason="needs a C++ compiler")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_compiled_encoder_says_the_same(precision: str) -> None:
    texts = [
        "Мама мыла раму.",
        "Кот спит на окне. Старая собака спит у двери и видит сны о лете. Да.",
        "а" * 300,
    ]
    nlp = attentive().with_precision(precision)
    before, data = [nlp.encode(text) for text in texts], nlp.to_bytes()
    after = [nlp.compile().encode(text) for text in texts]
    tolerance = 1e-4 if precision == "float32" else 0.1
    assert all(
        np.allclose(one, other, atol=tolerance) for one, other in zip(before, after, strict=True)
    )
    assert nlp.to_bytes() == data


def test_what_cannot_be_compiled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="only a transformer or a bert"):
        attentive("gru").compile()
    with pytest.raises(ConfigError, match="int8 is not compiled"):
        attentive().with_precision("int8").compile()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"by a C\+\+ compiler, and there is none"):
        attentive().compile()
