"""Documents through worker processes: each loads the pipeline once, from a file, and computes on one thread.

Workers are spawned, never forked, since nothing may fork once torch is loaded. What travels is plain: texts, and Docs as their bytes.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipekit.doc import Doc
from pipekit.errors import ConfigError, ProcessingError

if TYPE_CHECKING:
    from pipekit.pipeline import Item, Pipeline

_AHEAD = 2  # chunks that wait for each worker: enough to keep it busy, few enough to bound memory


class Order(NamedTuple):
    """How workers are to treat a document: the arguments of `Pipeline.pipe`."""

    overwrite: bool
    batch_words: int


class Answer(NamedTuple):
    """A document as bytes, or what failed on it: message and component; with a failure the bytes are of its tokens."""

    doc: bytes
    failure: tuple[str, str] | None


def annotate(
    pipeline: Pipeline, chunks: Iterable[list[Item]], workers: int, order: Order
) -> Iterator[tuple[Item, Doc, ProcessingError | None]]:
    """Each item with its document, in the order of the items; with an error, a document that has tokens only.

    Errors: `ProcessingError` where a worker dies, `ConfigError` where the pipeline computes on a GPU.
    """
    if pipeline.device.type != "cpu":
        raise ConfigError(f"n_process={workers} is for CPUs; one process keeps {pipeline.device} busy: leave n_process out")
    with tempfile.TemporaryDirectory(prefix="pipekit-") as folder:
        path = Path(folder) / "worker.pipekit"
        pipeline.to_disk(path)
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(str(path), pipeline.precision))
        try:
            yield from _in_order(pool, chunks, workers * _AHEAD, order)
        except BrokenProcessPool as error:
            raise ProcessingError(
                "a worker process died. In a script, the call that starts workers stands under `if __name__ == '__main__':`; "
                "else a component crashed or memory ran out: n_process=1 shows on which document"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, chunks: Iterable[list[Item]], ahead: int, order: Order
) -> Iterator[tuple[Item, Doc, ProcessingError | None]]:
    waiting: deque[tuple[list[Item], Future[list[Answer]]]] = deque()
    for chunk in chunks:
        sources = [(True, item.source.to_bytes()) if isinstance(item.source, Doc) else (False, item.source) for item in chunk]
        waiting.append((chunk, pool.submit(_work, chunk[0].number, sources, order)))
        if len(waiting) >= ahead:
            yield from _finished(*waiting.popleft())
    while waiting:
        yield from _finished(*waiting.popleft())


def _finished(chunk: list[Item], future: Future[list[Answer]]) -> Iterator[tuple[Item, Doc, ProcessingError | None]]:
    for item, answer in zip(chunk, future.result(), strict=True):
        error = None if answer.failure is None else ProcessingError(answer.failure[0], document=item.number, component=answer.failure[1])
        doc = Doc.from_bytes(answer.doc)
        if isinstance(item.source, Doc) and error is None:
            item.source.layers, doc = doc.layers, item.source
        yield item, doc, error


_pipeline: Pipeline  # of a worker process


def _start(path: str, precision: str) -> None:
    global _pipeline
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch

    from pipekit.devices import keep_memory
    from pipekit.loading import load

    keep_memory()
    torch.set_num_threads(1)
    _pipeline = load(path, device="cpu", precision=precision)


def _work(first: int, sources: list[tuple[bool, Any]], order: Order) -> list[Answer]:
    """In a worker: the documents from number `first` on, Docs as bytes (True) or what the caller gave (False)."""
    from pipekit.pipeline import Item

    given = (Doc.from_bytes(source) if is_doc else source for is_doc, source in sources)
    items = [Item(first + i, source) for i, source in enumerate(given)]
    return [
        Answer(doc.to_bytes(), None if error is None else (str(error), error.component or ""))
        for _, doc, error in _pipeline.run_chunk(items, order)
    ]
