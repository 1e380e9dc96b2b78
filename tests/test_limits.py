"""Tests that hang fail, and say where they and their processes hang."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest
from helpers.processes import descendants, limited, outputs, run, running, wait_until

HANGS = """
import time
def hang_here():
    print("began", flush=True)
    time.sleep(1_000)
hang_here()
"""
PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def wait_here() -> None:
    time.sleep(1_000)


def test_a_test_that_hangs_fails_with_the_stacks_of_its_threads() -> None:
    message = r"(?s)not done within 0.2 s.*in wait_here"
    with pytest.raises(pytest.fail.Exception, match=message), limited(0.2):
        wait_here()


def test_processes_of_a_test_that_hangs_end_with_their_stacks() -> None:
    process = subprocess.Popen([sys.executable, "-c", HANGS], **PIPES)
    assert process.stdout and process.stdout.readline() == "began\n"
    with pytest.raises(pytest.fail.Exception, match="not done"), limited(0.2):
        process.wait()
    assert "in hang_here" in process.communicate()[1]


def test_a_test_in_time_is_left_alone() -> None:
    with limited(0.1):
        pass
    time.sleep(0.2)


def test_a_process_that_hangs_is_ended_with_its_stack_where_its_output_is_awaited() -> None:
    process = subprocess.Popen([sys.executable, "-c", HANGS], **PIPES)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)has not ended within 1 s.*in hang_here"):
        outputs(process, seconds=1)
    assert process.returncode


def test_nothing_is_left_of_a_process_that_is_run_and_hangs() -> None:
    parent = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {HANGS!r}])
print(child.pid, flush=True)
child.wait()
"""
    ended = run([sys.executable, "-X", "faulthandler", "-c", parent], 2)
    pid = int(ended.written.split()[0])
    assert ended.hung and "in wait" in ended.written
    assert wait_until(lambda: not running(pid), 2)


def test_nothing_is_left_of_a_process_whose_children_have_no_parent_any_more() -> None:
    parent = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {HANGS!r}], start_new_session=True)
print(child.pid)
"""
    ended = run([sys.executable, "-c", parent], 60)
    pid = int(ended.written.split()[0])
    assert not ended.hung and ended.code == 0
    assert wait_until(lambda: not running(pid), 2)


def test_the_family_of_a_process_is_known() -> None:
    process = subprocess.Popen(
        ["sh", "-c", "sleep 100 & sleep 100 & echo; wait"], stdout=subprocess.PIPE
    )
    assert process.stdout and process.stdout.readline()
    family = descendants(process.pid)
    assert len(family) == 2 and all(map(running, family))
    with pytest.raises(pytest.fail.Exception), limited(0.1):
        process.wait()
    process.stdout.close()
    assert process.wait() < 0 and not any(map(running, family))
