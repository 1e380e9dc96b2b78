"""The inputs that have ever broken a promise, and some to begin with: none breaks one now.

Modules: corpora.readers.brat, corpora.readers.conllu, corpora.readers.factrueval
"""

from __future__ import annotations

import mmap
from pathlib import Path
from random import Random

import pytest

from fuzz import harness
from fuzz.harness import CORPUS, LimitBroken, Target, corpus, run, run_within_limits
from fuzz.targets import TARGETS
from pipekit.errors import DataError


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_of_the_corpus_breaks_a_promise(name: str) -> None:
    inputs = list(corpus(name))
    assert inputs, f"{CORPUS / name} holds nothing to begin with"
    for file, data in inputs:
        try:
            run_within_limits(TARGETS[name], data)
        except Exception as error:
            error.add_note(f"the input is {CORPUS / name / file}")
            raise


@pytest.mark.parametrize("name", TARGETS)
def test_no_small_change_of_the_corpus_breaks_a_promise(name: str) -> None:
    target = TARGETS[name]
    inputs = [data for _, data in corpus(name) if len(data) < 10_000]
    for seed in range(10):
        chance = Random(seed)
        data = target.mutate(chance.choice(inputs), chance)
        try:
            run(target, data)
        except Exception as error:
            error.add_note(f"the input, of seed {seed}, is {data!r:.2000}")
            raise


def test_the_corpus_is_small_and_of_known_targets() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 250_000
    assert {path.parent.name for path in files} == set(TARGETS)


def test_the_harness_lets_errors_of_pipekit_pass_and_no_others() -> None:
    def check(data: bytes) -> None:
        raise DataError("it is named") if data else ValueError("it is not")

    target = Target(check, lambda data, chance: data)
    run_within_limits(target, b"x")
    with pytest.raises(ValueError, match="it is not"):
        run_within_limits(target, b"")


def test_the_harness_notices_time_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(data: bytes) -> None:
        sum(range(1_000_000 * len(data)))

    def large(data: bytes) -> None:
        with mmap.mmap(-1, 40 << 20) as pages:  # no memory that the process has already
            pages.write(b"x" * len(pages))

    monkeypatch.setattr(harness, "SECONDS_PER_MB", 0.01)
    with pytest.raises(LimitBroken, match="s for 5 bytes"):
        run_within_limits(Target(slow, lambda data, chance: data), b"12345")
    if Path("/proc/self/clear_refs").exists():
        with pytest.raises(LimitBroken, match="MB for 5 bytes"):
            harness.check_memory(Target(large, lambda data, chance: data), b"12345")
