"""Jobs when the power fails: a job that goes on from whatever the disk has kept leaves the bytes of
one that never stopped.

Modules: jobs.annotating, jobs.journal, jobs.outputs, jobs.resuming
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from helpers.disk import State, Trace, lost, names, recorded

import pipekit
from pipekit import Pipeline
from pipekit.errors import PipekitError
from pipekit.jobs import Begin, Job, Limits, Source, Target, annotate

ROWS = 2  # each a chunk, and committed
OUTPUTS = ["o.jsonl", "o.jsonl.gz", "o.docs", "o.conllu"]


@cache
def blank() -> Pipeline:
    return pipekit.blank("ru")


def work(source: Path, output: Path, begin: Begin) -> dict[str, bytes]:
    """Do a job, or what is left of it; the outputs, without the journal, which names a process."""
    job = Job(
        blank,
        [Source.of(source)],
        Target.of(output),
        options={"batch_words": 1},
        limits=Limits(commit_seconds=0.0),
        begin=begin,
    )
    annotate(job)
    return {
        path.name: path.read_bytes()
        for path in output.parent.iterdir()
        if path.name.startswith(output.name) and not path.name.endswith(".journal")
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    records = [{"id": number, "text": f"Слово {number}."} for number in range(ROWS)]
    rows = [json.dumps(record) for record in records]
    rows.insert(1, '{"id": "without a text"}')
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def traced(source: Path, output: Path) -> tuple[Trace, dict[str, bytes]]:
    output.parent.mkdir()
    with recorded(output.parent, promised=False) as trace:
        whole = work(source, output, "new")
        trace.promise(True)
    return trace, whole


def keeps(source: Path, output: Path, whole: dict[str, bytes]) -> Callable[[State], bool]:
    def keeps_promise(state: State) -> bool:
        if state.promise:
            after = {name: state.contents.get(name) for name in whole}
            return after == whole
        try:
            return work(source, output, "resume") == whole
        except PipekitError:
            return False

    return keeps_promise


def check(name: str, source: Path, tmp_path: Path, chances: int) -> None:
    trace, whole = traced(source, tmp_path / "before" / name)
    after = tmp_path / "after"
    assert not names(lost(trace, after, keeps(source, after / name, whole), chances))


@pytest.mark.parametrize("name", OUTPUTS[:1])
def test_a_job_goes_on_after_a_loss_of_power(name: str, source: Path, tmp_path: Path) -> None:
    check(name, source, tmp_path, chances=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OUTPUTS, "o.parquet"])
def test_a_job_goes_on_after_any_of_many_losses_of_power(
    name: str, source: Path, tmp_path: Path
) -> None:
    check(name, source, tmp_path, chances=100)


@pytest.mark.parametrize("forgotten", ["sync", "sync names"])
def test_the_model_notices_a_forgotten_fsync(forgotten: str, source: Path, tmp_path: Path) -> None:
    trace, whole = traced(source, tmp_path / "before" / "o.jsonl")
    after = tmp_path / "after"
    keeps_promise = keeps(source, after / "o.jsonl", whole)
    assert any(lost(trace.without(forgotten), after, keeps_promise))
