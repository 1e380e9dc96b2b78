"""Peak memory of a job by the size of its input, and of one document by its length.

    python recipes/benchmarks/memory.py --text ${PIPEKIT_DATA}/text/ru_modern.txt.xz
    python recipes/benchmarks/memory.py --text ${PIPEKIT_DATA}/text/ru_modern.txt.xz \\
        --pipeline ru_core --megabytes 1 10 --processes 2

`pipekit apply` reads --megabytes of lines, the text repeated, and its peak should not depend on how
many (the exit status is 1 where it differs by more than 5 % from that of the smallest). --document
are megabytes that one document has, which goes through `nlp.pipe` of --document-pipeline; its peak
grows with the text, and the growth by megabyte is printed. Peaks are those that Linux keeps for a
process (VmHWM), summed over the process and its workers.
"""

from __future__ import annotations

import argparse
import lzma
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pipekit

MEGA = 1 << 20
SECONDS = 0.1
ONE = """
import sys, pipekit
from pathlib import Path
from pipekit.devices.memory import keep_memory
keep_memory()
nlp = pipekit.load(sys.argv[1])
doc = next(iter(nlp.pipe([Path(sys.argv[2]).read_text(encoding="utf-8")])))
print(f"{len(doc):,} words")
"""


def peaks(pid: int) -> dict[int, int]:
    """The most bytes that a process and all that it started have held so far, by process."""
    found, waiting = {}, [pid]
    while waiting:
        one = Path(f"/proc/{waiting.pop()}")
        try:
            status = (one / "status").read_text(encoding="utf-8")
            children = "".join(
                path.read_text(encoding="utf-8") for path in one.glob("task/*/children")
            )
        except OSError:  # it has ended
            continue
        found |= {
            int(one.name): int(line.split()[1]) << 10
            for line in status.splitlines()
            if line.startswith("VmHWM")
        }
        waiting += map(int, children.split())
    return found


def peak(*command: str) -> tuple[float, float]:
    """Megabytes at the most, and seconds, of a command. Errors: `CalledProcessError`."""
    begun, known = time.perf_counter(), dict[int, int]()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            known |= peaks(process.pid)
            time.sleep(SECONDS)
        said = process.stderr.read().decode() if process.stderr else ""
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {said}")
    return sum(known.values()) / MEGA, time.perf_counter() - begun


def written(text: bytes, megabytes: float, path: Path) -> Path:
    """So many megabytes of a text, repeated, up to the end of a line."""
    left = int(megabytes * MEGA)
    with path.open("wb") as file:
        while left > 0:
            part = text if left >= len(text) else text[: text.find(b"\n", left) + 1]
            left -= file.write(part)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--text", type=Path, required=True, help="plain text, .xz")
    parser.add_argument(
        "--pipeline", help="what apply runs; a tokenizer and nothing else by default"
    )
    parser.add_argument("--megabytes", type=float, nargs="*", default=[30, 100, 1_000])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--document", type=float, nargs="*", default=[10, 50])
    parser.add_argument("--document-pipeline", default="ru_core")
    given = parser.parse_args()
    text = lzma.decompress(given.text.read_bytes())
    differs = False
    with tempfile.TemporaryDirectory() as folder:
        pipeline = given.pipeline or str(Path(folder) / "blank.pipekit")
        if not given.pipeline:
            pipekit.blank("ru").to_disk(pipeline)
        least = 0.0
        for megabytes in given.megabytes:
            source = written(text, megabytes, Path(folder) / "in.txt")
            output = Path(folder) / "out.jsonl"
            options = ("-o", str(output), "--overwrite", "--processes", str(given.processes))
            most, seconds = peak(
                sys.executable, "-m", "pipekit", "apply", pipeline, str(source), *options
            )
            least = least or most
            differs |= abs(most - least) > 0.05 * least
            figures = f"{most:,.0f} MB at the most, {seconds:,.0f} s, {most / least - 1:+.1%}"
            print(f"{megabytes:,g} MB of lines: {figures}", flush=True)
            output.unlink()
        before = (0.0, 0.0)
        for megabytes in given.document:
            source = written(text, megabytes, Path(folder) / "in.txt")
            most, seconds = peak(sys.executable, "-c", ONE, given.document_pipeline, str(source))
            figures = f"{most:,.0f} MB at the most, {seconds:,.0f} s"
            if before[0]:
                growth = (most - before[1]) / (megabytes - before[0])
                figures += f", {growth:.1f} MB for each more"
            print(f"one document of {megabytes:,g} MB: {figures}", flush=True)
            before = megabytes, most
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
