"""Supervision of worker processes: who gets which documents, and what happens when a worker dies.

A worker that dies or hangs is replaced, and its documents are tried again:

    together ──died──▶ together again ──died──▶ one by one ──died──▶ the suspect alone ──died──┐
        │                     │                     ▲  │                      │                ▼
        └────────hung─────────┴─────────────────────┘  └────────hung──────────┴──────▶ it has failed

The suspect is the document that the worker had when it died. Its neighbours cost nothing but time,
and one document that kills costs four workers at most.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from multiprocessing.connection import wait
from typing import Any

from pipekit.doc import Doc
from pipekit.errors import ProcessingError
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.running import Order, Result, Run
from pipekit.pipeline.saving import dump_pipeline
from pipekit.pipeline.streams import Item
from pipekit.pipeline.workers.annotator import Annotator, Failure, Response
from pipekit.pipeline.workers.tasks import Chunk, Task
from pipekit.pipeline.workers.worker import Worker
from pipekit.storage.files import lent_file

_CHUNKS_AHEAD = 2  # under way for each worker: enough to keep it busy, few enough to bound memory
_FAILED_STARTS = 5  # for each worker: how many may be killed in a row while they load
_DEATHS = 10  # for each worker: how many may die in a row with no document done between them
_LOADING_SECONDS = 600.0  # after which a worker that has not loaded the pipeline counts as hung
_IDLE_SECONDS = 0.002  # between two looks at workers while documents leave
_GRACE_SECONDS = 5.0  # for a process whose end has been noticed to leave its exit code
_GUARD = "In a script, the call that starts workers stands under `if __name__ == '__main__':`"

_AnnotatorFactory = Callable[[str, str, str, type[Assembly]], Annotator]


def annotate_in_workers(
    pipeline: Assembly,
    chunks: Iterable[list[Item]],
    devices: Sequence[str],
    order: Order,
    doc_timeout: float | None = None,
) -> Generator[Result]:
    """The results of all items of a stream, in their order, from a worker for each device.

    Errors: as `responses`.
    """
    stream = responses(pipeline, chunks, Annotator, devices, order, doc_timeout)
    with closing(stream):
        for item, response in stream:
            yield _result(item, response)


def _result(
    item: Item,
    response: Response,
) -> Result:
    doc = Doc.from_bytes(response.made)
    if response.failure is not None:
        error = response.failure.of_document(item.number)
        return Result(item, doc, error)
    if isinstance(item.source, Doc):
        item.source.layers = doc.layers
        return Result(item, item.source)
    return Result(item, doc)


def responses(
    pipeline: Assembly,
    chunks: Iterable[list[Item]],
    annotator: _AnnotatorFactory,
    devices: Sequence[str],
    order: Order,
    doc_timeout: float | None = None,
) -> Generator[tuple[Item, Response]]:
    """Each item of a stream with its response, in their order.

    Args:
        annotator: makes the annotator of a worker, of a pipeline file, a precision, a device and
            the class of the pipeline.
        devices: one for each worker.
        order, doc_timeout: as of `Supervisor`.

    Errors: `ProcessingError` where workers cannot start or die one after the other. An exception of
    the stream of chunks itself is raised after the documents before it.
    """
    with lent_file(dump_pipeline(pipeline)) as path:
        kind = type(pipeline)
        precision = pipeline.precision
        annotators = [annotator(path, precision, device, kind) for device in devices]
        run = Run(pipeline, order)
        prepared = _prepared(annotators[0], run, chunks)
        ahead = len(devices) * _CHUNKS_AHEAD
        with closing(Supervisor(annotators, order, doc_timeout)) as supervisor:
            yield from _in_order(supervisor, prepared, ahead)


def _in_order(
    supervisor: Supervisor,
    chunks: Iterator[Chunk],
    ahead: int,
) -> Iterator[tuple[Item, Response]]:
    """The results of each chunk, in their order, with `ahead` chunks under way at most.

    Workers are attended to whenever this generator runs. After a pause of the stream, the chunks
    under way leave before the stream is asked for more.
    """
    under_way: deque[Chunk] = deque()
    is_paused = False
    while True:
        while len(under_way) < ahead:
            if is_paused and under_way:
                break
            chunk = next(chunks, None)
            if chunk is None:
                break
            is_paused = chunk.is_pause
            if not is_paused:
                under_way.append(chunk)
                supervisor.submit(chunk)
                supervisor.attend(wait_for_news=False)
        if not under_way:
            return
        first = under_way.popleft()
        while not first.is_done:
            supervisor.attend()
        for result in first.results():
            yield result
            supervisor.attend_now_and_then()


def _prepared(
    annotator: Annotator,
    run: Run,
    chunks: Iterable[list[Item]],
) -> Iterator[Chunk]:
    """The chunks of a stream, ready for workers.

    An exception of the stream becomes a chunk of its own, so that it is raised in its turn, after
    the documents before it.
    """
    try:
        for items in chunks:
            yield _prepared_chunk(annotator, run, items)
    except Exception as error:
        yield Chunk(error=error)


def _prepared_chunk(
    annotator: Annotator,
    run: Run,
    items: list[Item],
) -> Chunk:
    """Items as requests, and the responses to those that cannot travel."""
    chunk = Chunk(items)
    for item in items:
        if not isinstance(item.source, str | Doc):  # it fails before any component sees it
            result = next(run.chunk([item]))
            chunk.responses[item.number] = annotator.answer(*result)
            continue
        try:
            chunk.requests.append(annotator.sent(item))
        except ValueError as unfit:
            chunk.responses[item.number] = annotator.failed(item, str(unfit))
    return chunk


class Supervisor:
    """Worker processes, and the tasks that wait for them or are in their hands.

    Workers start when there is work for them.

    Args:
        annotators: for each worker, what it loads and runs.
        order: how the documents are treated.
        doc_timeout: seconds after which a worker counts as hung, None for no limit. They hold for a
            chunk, and then for each of its documents alone.
    """

    def __init__(
        self,
        annotators: Sequence[Annotator],
        order: Order,
        doc_timeout: float | None = None,
    ) -> None:
        self.annotators = annotators
        self.order = order
        self.doc_timeout = doc_timeout
        self.workers: list[Worker] = []
        self.tasks: deque[Task] = deque()
        self.deaths = 0  # in a row, with no document done between them
        self.failed_starts = 0  # in a row, with no start and no document between them
        self._attended = 0.0  # when workers were attended to last

    def submit(self, chunk: Chunk) -> None:
        """Let the documents of a chunk be annotated, after those submitted before."""
        if chunk.requests:
            self.tasks.append(Task(chunk, chunk.requests))

    def attend(self, *, wait_for_news: bool = True) -> None:
        """Read what workers have sent, replace those that died or hang, and give out tasks.

        Errors: `ProcessingError` where workers die one after the other, and whatever keeps a worker
        from loading the pipeline.
        """
        self._attended = time.monotonic()
        self._give_tasks()
        ends: list[Any] = []
        for worker in self.workers:
            ends += [worker.connection, worker.sentinel]
        patience = self._patience() if wait_for_news else 0
        news = wait(ends, patience)
        for worker in list(self.workers):
            if worker.connection in news:
                self._receive(worker)
            elif worker.sentinel in news:
                self._replace(worker)
            elif self._seconds_left(worker) <= 0:
                self._replace(worker, hung=True)
        self._give_tasks()

    def attend_now_and_then(self) -> None:
        """`attend`, for a caller that comes often: it waits for nothing, and skips most calls.

        A worker that is ready for its next task is not kept waiting for a noticeable time.
        """
        if time.monotonic() - self._attended > _IDLE_SECONDS:
            self.attend(wait_for_news=False)

    def close(self) -> None:
        """End all workers: idle ones end by themselves, all others are killed."""
        idle = [worker for worker in self.workers if worker.is_idle]
        for worker in self.workers:
            if worker in idle:
                worker.connection.close()
            else:
                worker.process.kill()
        for worker in self.workers:
            worker.end(1.0 if worker in idle else 0.0)
        self.workers.clear()

    def _give_tasks(self) -> None:
        """Give tasks to idle workers, and start as many more as the remaining tasks ask for."""
        for worker in self.workers:
            if self.tasks and worker.is_idle:
                is_sent = worker.give(self.tasks[0], self.order)
                if is_sent:
                    self.tasks.popleft()
        busy = [worker for worker in self.workers if worker.task is not None]
        work = len(busy) + len(self.tasks)
        needed = min(work, len(self.annotators))
        while len(self.workers) < needed:
            self.workers.append(Worker(self.vacant()))

    def vacant(self) -> Annotator:
        """The first annotator that no worker has."""
        free = list(self.annotators)
        for worker in self.workers:
            free.remove(worker.annotator)
        return free[0]

    # -- time

    def _seconds_left(self, worker: Worker) -> float:
        """The time until a worker counts as hung; infinite where there is no limit."""
        if not worker.ready:
            return worker.since + _LOADING_SECONDS - time.monotonic()
        if worker.task is None or self.doc_timeout is None:
            return float("inf")
        return worker.since + self.doc_timeout - time.monotonic()

    def _patience(self) -> float | None:
        """How long to wait for news: until the first worker counts as hung; None for ever."""
        seconds = min(map(self._seconds_left, self.workers), default=0.0)
        if seconds == float("inf"):
            return None
        return max(seconds, 0.0)

    # -- messages

    def _receive(self, worker: Worker) -> None:
        """Read a message of a worker; `pipekit.pipeline.workers.worker` draws which there are."""
        try:
            message = worker.receive()
        except EOFError:
            self._replace(worker)
            return
        if worker.task is None:
            self._note_start(worker, message)
        elif isinstance(message, str):
            worker.component = message
        elif isinstance(message, Failure):
            worker.task.chunk.error = message.error()
            worker.task = None
        else:
            self._note_responses(worker, worker.task, message)

    def _note_start(
        self,
        worker: Worker,
        failure: Failure | None,
    ) -> None:
        """A worker has loaded the pipeline, or has not. Errors: what kept it from loading."""
        if failure is not None:
            message = f"a worker process cannot load the pipeline: {failure.message}"
            raise failure._replace(message=message).error()
        worker.ready = True
        self.failed_starts = 0

    def _note_responses(
        self,
        worker: Worker,
        task: Task,
        responses: list[Response],
    ) -> None:
        worker.since = time.monotonic()
        worker.component = None
        self.deaths = 0
        self.failed_starts = 0
        if task.take(responses):
            worker.task = None

    # -- deaths

    def _replace(
        self,
        worker: Worker,
        *,
        hung: bool = False,
    ) -> None:
        """Part with a worker that died or hangs; `_give_tasks` starts another.

        The documents that it had are tried again, or have failed.

        Errors: `ProcessingError` where so many died that there is no hope.
        """
        self.workers.remove(worker)
        code = worker.end(0.0 if hung else _GRACE_SECONDS)
        if not worker.ready:
            self._count_failed_start(code, hung)
        elif not hung:
            self._count_death(code)
        if worker.task is None:
            return
        reason = f"its worker process {describe_exit(code)}"
        if hung:
            reason = f"took longer than doc_timeout={self.doc_timeout:g} s"
        if worker.component:
            reason += f" in {worker.component!r}"
        tasks = self._next_tries(worker.task, reason, worker.component, hung)
        self.tasks.extendleft(reversed(tasks))

    def _count_failed_start(
        self,
        code: int,
        hung: bool,
    ) -> None:
        """Errors: `ProcessingError` unless the worker was killed, which may be bad luck."""
        if hung:
            raise ProcessingError(
                "a worker process has not loaded the pipeline "
                f"within {_LOADING_SECONDS:g} s: it hangs, or its disk does"
            )
        self.failed_starts += 1
        was_killed = code < 0
        limit = _FAILED_STARTS * len(self.annotators)
        if not was_killed or self.failed_starts > limit:
            raise ProcessingError(
                f"a worker process {describe_exit(code)} "
                f"before it had loaded the pipeline. {_GUARD}"
            )

    def _count_death(self, code: int) -> None:
        """Errors: `ProcessingError` for too many deaths without a document between them."""
        self.deaths += 1
        if self.deaths > _DEATHS * len(self.annotators):
            raise ProcessingError(
                f"{self.deaths} worker processes died in a row without finishing a document, "
                f"and the last one {describe_exit(code)}: "
                "a component crashes on every document, or memory runs out"
            )

    def _next_tries(
        self,
        task: Task,
        reason: str,
        component: str | None,
        hung: bool,
    ) -> list[Task]:
        """The tasks that follow one whose worker died or hung; the module's docstring draws them.

        The first document without a response fails for this reason if it hung, or was alone.
        """
        chunk = task.chunk
        unanswered = task.requests[task.answered :]
        is_first_death = not hung and task.deaths == 0
        if is_first_death:
            return [Task(chunk, unanswered, deaths=1)]
        if not task.is_apart:
            return [Task(chunk, unanswered, deaths=2)]
        suspect, *others = unanswered
        tasks = []
        was_alone = len(task.requests) == 1
        if hung or was_alone:
            self._fail(chunk, suspect.number, reason, component)
        else:
            tasks.append(Task(chunk, [suspect], deaths=2))
        if others:
            tasks.append(Task(chunk, others, deaths=2))
        return tasks

    def _fail(
        self,
        chunk: Chunk,
        number: int,
        reason: str,
        component: str | None,
    ) -> None:
        """Give a document of a chunk up."""
        annotator = self.annotators[0]
        for item in chunk.items:
            if item.number == number:
                chunk.responses[number] = annotator.failed(item, reason, component)


def describe_exit(code: int) -> str:
    """How a process ended.

        describe_exit(3)  # "exited with code 3"
        describe_exit(-11)  # "was killed by SIGSEGV (a crash in compiled code)"

    Args:
        code: its exit code, or minus the signal that killed it.
    """
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        name += " (by someone, or by the system for want of memory)"
    elif name == "SIGSEGV":
        name += " (a crash in compiled code)"
    return f"was killed by {name}"
