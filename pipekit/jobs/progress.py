"""How far a job is: bytes read, time left, words a second, on a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import accumulate

from pipekit.jobs.records import Position, Record, Source


class Progress:
    """A bar over the bytes of all inputs, in `with`; without a total where an input is standard input, and none where not `shown`."""

    def __init__(self, inputs: Sequence[Source], begun: Position, *, shown: bool) -> None:
        from tqdm import tqdm

        sizes = [source.size for source in inputs]
        self._before = list(accumulate((size or 0 for size in sizes), initial=0))
        total = None if None in sizes else self._before[-1]
        packed = any(
            source.format != "parquet" and source.path.suffix in (".gz", ".xz", ".bz2")
            for source in inputs
        )
        at = self._before[begun.input] + (0 if packed else begun.offset)
        self._bar = tqdm(
            total=total,
            initial=min(at, total or at),
            unit="B",
            unit_scale=True,
            disable=None if shown else True,
        )
        self._words, self._since = 0, time.monotonic()

    def show(self, record: Record, words: int) -> None:
        """Count a document."""
        if self._bar.disable:
            return
        self._words += words
        read = self._before[record.after.input] + record.read
        if read > self._bar.n:
            self._bar.set_postfix_str(
                f"{self._words / max(time.monotonic() - self._since, 1e-9):,.0f} words/s",
                refresh=False,
            )
            self._bar.update(read - self._bar.n)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *raised: object) -> None:
        self._bar.close()
