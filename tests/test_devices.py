"""Where networks compute, and what a process does with the memory of tensors."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from pipekit.devices import pick_device
from pipekit.errors import ConfigError

FAULTS = """
import resource, sys
import torch
from pipekit.devices import keep_memory

if sys.argv[1] == "keep":
    keep_memory()
for _ in range(3):
    torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    """How many pages a process asks the system for when it makes five tensors of 40 MB, one after another."""
    found = subprocess.run([sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, check=True, encoding="utf-8")
    return int(found.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_a_process_that_keeps_memory_asks_the_system_for_no_new_pages() -> None:
    assert faults("keep") < 100 < faults("plain")


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no device is called 'gpu'"):
        pick_device("gpu")
