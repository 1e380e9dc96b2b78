"""`python -m tests.fuzz TARGET… --seconds 600`: fuzz targets one after another."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent.parent
FINDINGS = Path("runs/fuzz")
sys.path.insert(0, str(TESTS))


def main() -> int:
    from fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="none: list them; all: every one")
    parser.add_argument("--seconds", type=int, default=600, help="for each target (default: 600)")
    options = parser.parse_args()
    names = list(TARGETS) if options.targets == ["all"] else options.targets
    if not names:
        print("\n".join(TARGETS))
    for name in names:
        if name not in TARGETS:
            parser.error(f"there is no target {name!r}: {', '.join(TARGETS)}")
    return max((fuzz(name, options.seconds) for name in names), default=0)


def fuzz(name: str, seconds: int) -> int:
    """1 where something was found."""
    findings = FINDINGS / name
    shutil.rmtree(findings, ignore_errors=True)
    findings.mkdir(parents=True)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent), *sys.path]),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "fuzz.engine", name, str(seconds), str(findings)]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        done = subprocess.run(
            command, stderr=log, stdout=log, env=environment, timeout=seconds + 300, check=False
        )
        log.seek(0)
        said = log.read().splitlines()
    runs = [line.split()[-1] for line in said if "number_of_executed_units" in line]
    found = sorted(path.name for path in findings.iterdir())
    print(f"{name}: {(runs or ['?'])[-1]} inputs in {seconds} s, {len(found)} findings", flush=True)
    for line in said:
        if line.startswith("FOUND"):
            print(f"  {line}")
    if done.returncode and not found:
        print("\n".join(said[-20:]))
        return 1
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
