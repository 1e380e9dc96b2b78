"""Many trials by hand or by night (-m slow): jobs are killed and interrupted at random.

They lose nothing, double nothing and leave no process.
`pytest -m slow tests/jobs/test_survival.py -s` prints how long endings took.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from helpers.chaos import apply_job, children, committed, job_outputs, running, wait_until

import pipekit
from pipekit.jobs import Job, Limits, Source, Target, annotate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc"),
]

DOCUMENTS = 20_000
HOW_MANY = {"group": os.killpg, "parent": os.kill}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "blank.pipekit"
    pipekit.blank("ru").to_disk(path)
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "a.jsonl"
    rows = [json.dumps({"id": i, "text": f"Слово {i}, и ещё одно."}) for i in range(DOCUMENTS)]
    rows[777] = '{"id": 777}'
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a job leaves that nobody disturbed."""
    output = tmp_path_factory.mktemp("whole") / "o.jsonl"
    job = Job(
        lambda: pipekit.blank("ru"),
        [Source.of(source)],
        Target.of(output),
        options={"batch_words": 20},
        limits=Limits(),
    )
    annotate(job)
    return job_outputs(output)


def done(output: Path) -> int:
    """How many documents a job has committed."""
    journal = output.with_name(output.name + ".journal")
    return int(json.loads(journal.read_bytes())["documents"]) if journal.exists() else 0


def ended(process: subprocess.Popen[str], send: Callable[[], object]) -> tuple[str, float]:
    """The messages of a job that gets a signal, and the seconds to its end; no process is left."""
    family = children(process.pid)
    begun = time.monotonic()
    send()
    said = process.communicate(timeout=60)[1]
    seconds = time.monotonic() - begun
    assert wait_until(lambda: not any(map(running, family)), seconds=5), [
        pid for pid in family if running(pid)
    ]
    return said, seconds


def finished(model: Path, source: Path, output: Path, processes: str = "2") -> dict[str, bytes]:
    """What a job leaves that nobody disturbs any more."""
    process = apply_job(model, source, output, "--resume", "--processes", processes)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    return job_outputs(output)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_fifty_kills_of_a_job_at_random_moments(
    processes: str, model: Path, source: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    output, chance, kills, ends = tmp_path / "o.jsonl", random.Random(7), 0, 0
    while kills < 50:
        process = apply_job(model, source, output, "--resume", "--processes", processes)
        try:
            process.communicate(timeout=chance.uniform(0.3, 5))
        except subprocess.TimeoutExpired:
            ended(process, process.kill)
            kills += 1
            continue
        assert process.returncode == 0 and job_outputs(output) == whole
        ends += 1
        for path in tmp_path.iterdir():
            path.unlink()
    assert finished(model, source, output, processes) == whole
    print(f"{kills} kills, {ends + 1} finished outputs compared")


@pytest.mark.parametrize("to", HOW_MANY)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_fifty_interruptions(
    number: signal.Signals,
    to: str,
    model: Path,
    source: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
) -> None:
    output, chance, took = tmp_path / "o.jsonl", random.Random(number), []
    for _ in range(50):
        before = done(output)
        process = apply_job(model, source, output, "--resume", "--processes", "2")
        committed(output, process, before + 1)
        time.sleep(chance.uniform(0, 0.05))
        said, seconds = ended(process, partial(HOW_MANY[to], process.pid, number))
        assert (process.returncode, "--resume goes on" in said) == (128 + number, True), said
        took.append(seconds)
    assert finished(model, source, output) == whole
    print(f"50 x {number.name} to the {to}: {max(took):.2f} s at most")


def test_fifty_parents_that_are_killed(model: Path, source: Path, tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(50):
        process = apply_job(model, source, tmp_path / "o.jsonl", "--overwrite", "--processes", "2")
        time.sleep(chance.uniform(0.3, 2.5))
        ended(process, process.kill)


THREADS = """
import threading, time, torch, pipekit

def compute():
    while not done:
        torch.randn(300, 300) @ torch.randn(300, 300)
        time.sleep(0.01)

if __name__ == "__main__":
    torch.set_num_threads(2)
    nlp, done = pipekit.blank("ru"), []
    threads = [threading.Thread(target=compute) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for i in range(100):
            texts = ["Мама мыла", "раму"]
            docs = nlp.pipe(texts, n_process=2, batch_words=1)
            assert [doc.text for doc in docs] == texts, i
    finally:
        done.append(1)
        for thread in threads:
            thread.join()
"""


@pytest.mark.parametrize("half", [1, 2])
def test_a_hundred_times_workers_start_beside_threads_of_torch(half: int, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(THREADS, encoding="utf-8")
    subprocess.run([sys.executable, "-X", "faulthandler", str(script)], check=True, timeout=480)
