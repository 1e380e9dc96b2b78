"""Who looks after worker processes: gives them documents, replaces those that die, and finds the document on which they do.

The documents of a worker that died are tried again together, then one by one. One on which a worker dies when it has that document alone,
or takes longer than it may, fails; the others cost nothing but time. So one such document costs four workers at most.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from multiprocessing.connection import wait
from pathlib import Path

from pipekit.doc import Doc
from pipekit.errors import ProcessingError
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.running import Order, Result, Run
from pipekit.pipeline.saving import save_pipeline
from pipekit.pipeline.streams import Item
from pipekit.pipeline.workers.annotator import Annotator, Failure, Response
from pipekit.pipeline.workers.tasks import Chunk, Task
from pipekit.pipeline.workers.worker import Worker

_AHEAD = 2  # chunks under way for each worker: enough to keep it busy, few enough to bound memory
_STARTS = 5  # for each worker: how many may be killed in a row while they load
_DEATHS = 10  # for each worker: how many may die in a row with no document done between them
_LOADING = 600.0  # seconds after which a worker that has not loaded the pipeline counts as hung
_OFTEN = 0.002  # seconds between two looks at workers while documents leave
_GRACE = 5.0  # seconds for a process whose end has been noticed to leave its exit code
_GUARD = "In a script, the call that starts workers stands under `if __name__ == '__main__':`"


def annotate_in_workers(
    pipeline: Assembly,
    chunks: Iterable[list[Item]],
    devices: Sequence[str],
    order: Order,
    doc_timeout: float | None = None,
) -> Generator[Result]:
    """Each item with its document, in the order of the items, by a worker process for each of the devices. Errors: as `responses`."""
    with closing(responses(pipeline, chunks, Annotator, devices, order, doc_timeout)) as answered:
        for item, found in answered:
            doc = Doc.from_bytes(found.made)
            if isinstance(item.source, Doc) and found.failure is None:
                item.source.layers, doc = doc.layers, item.source
            yield (
                item,
                doc,
                None if found.failure is None else found.failure.of_document(item.number),
            )


def responses(
    pipeline: Assembly,
    chunks: Iterable[list[Item]],
    annotator: Callable[[str, str, str, type[Assembly]], Annotator],
    devices: Sequence[str],
    order: Order,
    doc_timeout: float | None = None,
) -> Generator[tuple[Item, Response]]:
    """Each item with what an annotator, made of the path of a pipeline file, a precision and a device, says of it, in their order.

    Errors: `ProcessingError` where workers cannot start or die one after the other, and what the stream of chunks itself raises, after
    the documents before.
    """
    with tempfile.TemporaryDirectory(prefix="pipekit-") as folder:
        path = Path(folder) / "worker.pipekit"
        save_pipeline(pipeline, path)
        kind = type(pipeline)
        made = [annotator(str(path), pipeline.precision, device, kind) for device in devices]
        with closing(Supervisor(made, order, doc_timeout)) as supervisor:
            yield from _in_order(
                supervisor, _entries(made[0], Run(pipeline, order), chunks), len(devices) * _AHEAD
            )


def _in_order(
    supervisor: Supervisor, entries: Iterator[Chunk], ahead: int
) -> Iterator[tuple[Item, Response]]:
    """The documents of each chunk, with `ahead` chunks under way at most. Workers are attended to whenever this comes to run.

    An empty chunk says that the stream has nothing now: what is under way leaves before more is waited for.
    """
    under_way: deque[Chunk] = deque()
    quiet = False
    while True:
        while (
            len(under_way) < ahead
            and not (quiet and under_way)
            and (entry := next(entries, None)) is not None
        ):
            quiet = not entry.items and entry.error is None
            if quiet:
                continue
            under_way.append(entry)
            supervisor.submit(entry)
            supervisor.attend(wait_for_news=False)
        if not under_way:
            return
        first = under_way.popleft()
        while not first.done:
            supervisor.attend()
        for result in first.results():
            yield result
            supervisor.attend_now_and_then()


def _entries(annotator: Annotator, run: Run, chunks: Iterable[list[Item]]) -> Iterator[Chunk]:
    """What fails here fails in its turn: documents before it still come out."""
    try:
        for items in chunks:
            chunk = Chunk(items)
            for item in items:
                if not isinstance(
                    item.source, str | Doc
                ):  # it cannot travel, and fails before any component sees it
                    chunk.answers[item.number] = next(
                        annotator.answer(*result) for result in run.chunk([item])
                    )
                    continue
                try:
                    chunk.sources.append(annotator.sent(item))
                except ValueError as unfit:
                    chunk.answers[item.number] = annotator.failed(item, str(unfit))
            yield chunk
    except Exception as error:
        yield Chunk(error=error)


class Supervisor:
    """Worker processes, the tasks that wait for them, and who has which.

    Args:
        annotators: what each worker loads and runs; workers start when there is work for them.
        order: how documents are to be treated.
        doc_timeout: seconds after which a worker counts as hung, None for no limit: for a chunk, then for each of its documents alone.
    """

    def __init__(
        self, annotators: Sequence[Annotator], order: Order, doc_timeout: float | None = None
    ) -> None:
        self.annotators = annotators
        self.order = order
        self.doc_timeout = doc_timeout
        self.workers: list[Worker] = []
        self.tasks: deque[Task] = deque()
        self.deaths = 0  # in a row, with no document done between them
        self.failed_starts = 0  # in a row, with no start and no document between them
        self._attended = 0.0

    def submit(self, chunk: Chunk) -> None:
        """Let the documents of a chunk be annotated, after those submitted before."""
        if chunk.sources:
            self.tasks.append(Task(chunk, chunk.sources))

    def attend(self, *, wait_for_news: bool = True) -> None:
        """Hear what workers say, replace those that died or hang, and give tasks to those that have none.

        Errors: `ProcessingError` where that is hopeless, and what keeps a worker from loading the pipeline.
        """
        self._attended = time.monotonic()
        self._staff()
        ends = [
            end for worker in self.workers for end in (worker.connection, worker.process.sentinel)
        ]
        news = wait(ends, self._patience() if wait_for_news else 0)
        for worker in list(self.workers):
            if worker.connection in news:
                self._hear(worker)
            elif worker.process.sentinel in news:
                self._replace(worker)
            elif self._seconds_left(worker) <= 0:
                self._replace(worker, hung=True)
        self._staff()

    def attend_now_and_then(self) -> None:
        """For a caller that comes often: a worker waits for its next task no longer than is noticed."""
        if time.monotonic() - self._attended > _OFTEN:
            self.attend(wait_for_news=False)

    def close(self) -> None:
        """End all workers: those that wait for a task by themselves, all others by force."""
        idle = [worker.ready and worker.task is None for worker in self.workers]
        for worker, is_idle in zip(self.workers, idle, strict=True):
            worker.connection.close() if is_idle else worker.process.kill()
        for worker, is_idle in zip(self.workers, idle, strict=True):
            worker.end(1.0 if is_idle else 0.0)
        self.workers.clear()

    def _staff(self) -> None:
        for worker in self.workers:
            if (
                self.tasks
                and worker.ready
                and worker.task is None
                and worker.give(self.tasks[0], self.order)
            ):
                self.tasks.popleft()
        busy = sum(worker.task is not None for worker in self.workers)
        while len(self.workers) < min(len(self.annotators), busy + len(self.tasks)):
            self.workers.append(Worker(self.vacant()))

    def vacant(self) -> Annotator:
        """The first annotator that no worker has."""
        free = list(self.annotators)
        for worker in self.workers:
            free.remove(worker.annotator)
        return free[0]

    def _seconds_left(self, worker: Worker) -> float:
        limit = _LOADING if not worker.ready else self.doc_timeout if worker.task else None
        return float("inf") if limit is None else worker.since + limit - time.monotonic()

    def _patience(self) -> float | None:
        left = min(map(self._seconds_left, self.workers), default=0.0)
        return None if left == float("inf") else max(left, 0.0)

    def _hear(self, worker: Worker) -> None:
        try:
            said = worker.hear()
        except EOFError:
            self._replace(worker)
            return
        task = worker.task
        if task is None:  # it was loading
            if said is not None:
                raise said._replace(
                    message=f"a worker process cannot load the pipeline: {said.message}"
                ).error()
            worker.ready, self.failed_starts = True, 0
        elif isinstance(said, str):
            worker.component = said
        elif isinstance(said, Failure):
            task.chunk.error, worker.task = said.error(), None
        else:
            worker.since, worker.component = time.monotonic(), None
            self.deaths = self.failed_starts = 0
            worker.task = None if task.take(said) else task

    def _replace(self, worker: Worker, *, hung: bool = False) -> None:
        """Part with a worker that died or hangs; what it had is tried again, or has failed. `_staff` starts another."""
        self.workers.remove(worker)
        code = worker.end(0.0 if hung else _GRACE)
        if not worker.ready:
            self._failed_start(code, hung)
        elif not hung:
            self.deaths += 1
            if self.deaths > _DEATHS * len(self.annotators):
                raise ProcessingError(
                    f"{self.deaths} worker processes died in a row without finishing a document, and the last one {in_words(code)}: "
                    "a component crashes on every document, or memory runs out"
                )
        if worker.task is not None:
            where = f" in {worker.component!r}" if worker.component else ""
            reason = (
                f"took longer than doc_timeout={self.doc_timeout:g} s"
                if hung
                else f"its worker process {in_words(code)}"
            )
            self.tasks.extendleft(
                reversed(self._again(worker.task, reason + where, worker.component, hung))
            )

    def _failed_start(self, code: int, hung: bool) -> None:
        if hung:
            raise ProcessingError(
                f"a worker process has not loaded the pipeline within {_LOADING:g} s: it hangs, or its disk does"
            )
        self.failed_starts += 1
        if code >= 0 or self.failed_starts > _STARTS * len(self.annotators):
            raise ProcessingError(
                f"a worker process {in_words(code)} before it had loaded the pipeline. {_GUARD}"
            )

    def _again(self, task: Task, reason: str, component: str | None, hung: bool) -> list[Task]:
        """What is left of a task whose worker is gone: together, then one by one, then the suspect alone, which has failed then."""
        chunk, rest, alone = task.chunk, task.sources[task.answered :], len(task.sources) == 1
        if not hung and not task.deaths:
            return [Task(chunk, rest, 1)]
        if not alone and not task.apart:
            return [Task(chunk, rest, 2)]
        suspect = rest[:1]
        if hung or alone:
            item = next(item for item in chunk.items if item.number == rest[0].number)
            chunk.answers[item.number] = self.annotators[0].failed(item, reason, component)
            suspect = []
        return [Task(chunk, part, 2) for part in (suspect, rest[1:]) if part]


def in_words(code: int) -> str:
    """How a process ended: its exit code, or minus the signal that killed it."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = {
        "SIGKILL": " (by someone, or by the system for want of memory)",
        "SIGSEGV": " (a crash in compiled code)",
    }
    return f"was killed by {name}{hint.get(name, '')}"
