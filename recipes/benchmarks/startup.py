"""How long a fresh process takes to import pipekit, and to load ru_core, torch included; medians.

python recipes/benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 9
WORK = {
    "import pipekit": "import pipekit",
    'pipekit.load("ru_core")': 'import pipekit; pipekit.load("ru_core")',
}


def seconds(code: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begun


for name, code in WORK.items():
    print(f"{name}: {statistics.median(seconds(code) for _ in range(RUNS)):.2f} s")
