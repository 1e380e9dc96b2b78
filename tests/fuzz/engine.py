"""A target under atheris, which learns from the branches that an input takes; in a process of its
own, since libFuzzer ends the process that it runs in.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["pipekit"], enable_loader_override=False):
    from fuzz.harness import CORPUS, Target, name_of, run_within_limits
    from fuzz.targets import TARGETS

_LONGEST = 1 << 16  # bytes of an input
_HANG = 30  # seconds, after which libFuzzer ends the process


def fuzz(name: str, seconds: int, findings: Path) -> None:
    """Fuzz for some seconds; each kind of finding is written to `findings` once."""
    target = TARGETS[name]
    seen: Counter[str] = Counter()

    def test_one_input(data: bytes) -> None:
        try:
            run_within_limits(target, data)
        except Exception as error:
            kind = name_of(error)
            seen[kind] += 1
            if seen[kind] == 1:
                findings.mkdir(parents=True, exist_ok=True)
                (findings / kind).write_bytes(data)
                print(f"FOUND {name}: {kind}: {str(error)[:200]}", file=sys.stderr, flush=True)

    arguments = [
        *(sys.argv[0], str(CORPUS / name)),
        *(f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-timeout={_HANG}"),
        *(f"-artifact_prefix={findings}/", "-rss_limit_mb=6000", "-print_final_stats=1"),
        # New inputs stay in memory: the corpus of the project holds what somebody chose.
        *("-reload=0", "-verbosity=1"),
    ]
    atheris.Setup(arguments, test_one_input, custom_mutator=_mutator(target))
    atheris.Fuzz()


def _mutator(target: Target):  # type: ignore[no-untyped-def]
    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = Random(seed)
        if chance.random() < 0.3:
            return atheris.Mutate(data, most)  # type: ignore[no-any-return]
        return target.mutate(bytes(data), chance)[:most]

    return mutate


if __name__ == "__main__":
    fuzz(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
