"""Where networks compute, and what a process does with the memory of tensors."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from pipekit.devices import pick_device
from pipekit.errors import ConfigError

START = """
import resource
import torch
from pipekit.devices import keep_memory, release_memory

def resident() -> int:
    return int(open("/proc/self/statm", encoding="ascii").read().split()[1]) * resource.getpagesize()

def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work() -> None:
    for _ in range(5):
        torch.ones(10_000_000)
"""
needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")


def process(program: str) -> int:
    """The number that a process of its own prints."""
    done = subprocess.run([sys.executable, "-c", START + program], capture_output=True, text=True, check=True, encoding="utf-8")
    return int(done.stdout)


@needs_glibc
def test_a_process_that_keeps_memory_asks_the_system_for_no_new_pages() -> None:
    count = "work(); before = faults(); work(); print(faults() - before)"
    assert process(f"keep_memory(); {count}") < 100 < process(count)


@needs_glibc
def test_memory_that_is_kept_is_given_back_when_that_is_asked() -> None:
    many = "tensors = [torch.ones(10_000_000) for _ in range(5)]; last = torch.ones(1000); del tensors"
    assert process(f"keep_memory(); {many}; before = resident(); release_memory(); print(before - resident())") > 150_000_000


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no device is called 'gpu'"):
        pick_device("gpu")
