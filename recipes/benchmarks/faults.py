"""What goes wrong, done to pipekit and to spaCy by the same code with the same inputs.

    pip install "spacy>=3.8,<4"
    python recipes/benchmarks/faults.py                          all rows: about half an hour
    python recipes/benchmarks/faults.py --only damaged-pipeline --trials 500
    python recipes/benchmarks/faults.py --list

Each row is a promise of docs/reliability.md; its docstring, in fault_rows/, says what a trial is.
Both sides have a tokenizer for Russian and a small tagger with random weights. A row of a side runs
in a process of its own under an outer limit; whatever it leaves is killed with it. The table is
Markdown. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "recipes" / "benchmarks"), str(ROOT / "tests"), str(ROOT)]

from fault_rows import files, jobs, packages, processes, texts  # noqa: E402, F401
from fault_rows.harness import MARK, PROGRAMS, ROWS, Row, shown, sweep  # noqa: E402
from fault_rows.sides import SIDES  # noqa: E402


def measured_here(
    row: Row,
    side: str,
    trials: int,
) -> str:
    """The cell of a row and a side, measured in this process."""
    folder = Path(os.environ["TMPDIR"]) / "work"
    folder.mkdir()
    return shown(row, row.measure(SIDES[side], trials, folder))


def measured_apart(
    row: Row,
    side: str,
    trials: int,
) -> str:
    """The same in a process of its own, with its own folder, under the outer limit of the row."""
    mark = secrets.token_hex(8)
    folder = tempfile.mkdtemp(prefix="pipekit-faults-")
    command = [sys.executable, str(Path(__file__).resolve()), "--here", "--only", row.name]
    command += ["--sides", side, "--trials", str(trials)]
    environment = {
        **os.environ,
        MARK: mark,
        "TMPDIR": folder,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=row.seconds)
    except subprocess.TimeoutExpired:
        return f"not finished in {row.seconds:.0f} s"
    finally:
        sweep(mark)
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    if process.returncode:
        return f"the measurement ended with {process.returncode}"
    cell: str = json.loads(output.splitlines()[-1])
    return cell


def report(
    names: list[str],
    sides: list[str],
    trials: int | None,
) -> None:
    """Measure rows and print the table, a line as soon as it is there."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    print(f"| what should hold | {' | '.join(sides)} | row, trials |")
    print(f"|---|{'---|' * len(sides)}---|", flush=True)
    for name in tqdm(names, desc="rows"):
        row = ROWS[name]
        number = row.trials if trials is None else trials
        cells = [measured_apart(row, side, number) for side in sides]
        print(f"| {row.promise} | {' | '.join(cells)} | `{name}`, {number:,} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=sorted(ROWS))
    parser.add_argument("--trials", type=int, help="of each row, in place of its own number")
    parser.add_argument("--sides", nargs="+", choices=sorted(SIDES), default=list(SIDES))
    parser.add_argument("--list", action="store_true", help="print the rows and end")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--program", choices=sorted(PROGRAMS), help=argparse.SUPPRESS)
    parser.add_argument("--arguments", nargs="*", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.only or list(ROWS)
    # What a shell starts in the background ignores Ctrl-C, and so would all programs of the rows.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if options.list:
        for row in ROWS.values():
            print(f"{row.name:28} {row.trials:6}  {row.promise}")
    elif options.program:
        PROGRAMS[options.program](SIDES[options.sides[0]], *options.arguments)
    elif options.here:
        row = ROWS[names[0]]
        cell = measured_here(row, options.sides[0], options.trials or row.trials)
        print(json.dumps(cell), flush=True)
    else:
        report(names, options.sides, options.trials)


if __name__ == "__main__":
    main()
