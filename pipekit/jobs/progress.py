"""How far a job is, on a terminal: bytes read, time left, words a second."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import accumulate

from pipekit.corpora.readers.files import COMPRESSED
from pipekit.jobs.records import Position, Record, Source


class Progress:
    """A bar over the bytes of all inputs; use it in `with`.

    The bar has no end where an input is standard input.

    Args:
        inputs: all inputs of the job.
        start: where the job begins.
        shown: whether there is a bar at all; there never is one outside a terminal.
    """

    def __init__(
        self,
        inputs: Sequence[Source],
        start: Position,
        *,
        shown: bool,
    ) -> None:
        from tqdm import tqdm

        sizes = [source.size for source in inputs]
        counted = (size or 0 for size in sizes)
        self._bytes_before = list(accumulate(counted, initial=0))
        total = None
        if None not in sizes:
            total = self._bytes_before[-1]
        initial = self._bytes_before[start.input]
        if not any(map(_is_packed, inputs)):
            initial += start.offset
        self._bar = tqdm(
            total=total,
            initial=min(initial, total or initial),
            unit="B",
            unit_scale=True,
            disable=None if shown else True,
        )
        self._words = 0
        self._begun = time.monotonic()

    def show(
        self,
        record: Record,
        words: int,
    ) -> None:
        """Count a document."""
        if self._bar.disable:
            return
        self._words += words
        read = self._bytes_before[record.after.input] + record.read
        more = read - self._bar.n
        if more <= 0:
            return
        seconds = max(time.monotonic() - self._begun, 1e-9)
        speed = self._words / seconds
        self._bar.set_postfix_str(f"{speed:,.0f} words/s", refresh=False)
        self._bar.update(more)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *raised: object) -> None:
        self._bar.close()


def _is_packed(source: Source) -> bool:
    """Whether offsets in the input say nothing of bytes on the disk."""
    if source.format == "parquet":
        return False
    return source.path.suffix in COMPRESSED
