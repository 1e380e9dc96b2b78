"""One worker process: its own side, which annotates documents, and its parent's side.

parent                                       worker
  │                                            │ loads the pipeline
  │ ◀───────────────────────────────────────── None, or a `Failure`
  │ Message ─────────────────────────────────▶ │
  │ ◀─────────────────────── "tagger", "ner" … │ only where the documents go one by one
  │ ◀──────────────── lists of `Response`s, or a `Failure`
  │ Message ─────────────────────────────────▶ │ …
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, NamedTuple

from pipekit.errors import DeviceError
from pipekit.pipeline.running import Order
from pipekit.pipeline.workers.annotator import Annotator, Failure, Request

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from pipekit.pipeline.workers.tasks import Task

_SPAWN = multiprocessing.get_context("spawn")  # nothing may fork once torch is loaded
_PR_SET_PDEATHSIG = 1  # of prctl(2)


class Message(NamedTuple):
    """A task on its way to a worker.

    Attributes:
        requests: the documents.
        is_apart: whether they go one by one, each with its own list of responses. The worker names
            each component that begins then, so that the parent knows which one ended or holds it.
        order: how the documents are treated.
    """

    requests: Sequence[Request]
    is_apart: bool
    order: Order


# -- in the worker


def serve(
    connection: Connection,
    annotator: Annotator,
) -> None:
    """Load the pipeline and answer messages until the parent is gone."""
    _end_with_parent()
    with suppress(EOFError, ConnectionError):
        try:
            annotator.pipeline  # noqa: B018
        except Exception as error:
            connection.send(Failure.of(error))
            return
        connection.send(None)
        while True:
            _answer(connection, annotator, connection.recv())


def _answer(
    connection: Connection,
    annotator: Annotator,
    message: Message,
) -> None:
    groups: list[Sequence[Request]] = [message.requests]
    on_component: Callable[[str], object] | None = None
    if message.is_apart:
        groups = [[request] for request in message.requests]
        on_component = connection.send
    for requests in groups:
        try:
            responses = annotator(requests, message.order, on_component)
        except DeviceError as error:
            sys.exit(str(error))  # the process that replaces this one can use the device again
        except Exception as error:
            connection.send(Failure.of(error))
            return
        connection.send(responses)


def _end_with_parent() -> None:
    """Leave Ctrl-C to the parent, and end when the parent is killed, even in an endless loop.

    Elsewhere than on Linux a worker ends when it looks into the pipe for the next message.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if sys.platform == "linux" and parent is not None:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent.pid:  # the parent was killed before prctl was called
            os.kill(os.getpid(), signal.SIGKILL)


# -- in the parent


class Worker:
    """A worker process as its parent sees it.

    It has one task at most, and is written to only while it reads: so neither process blocks the
    other.

    Attributes:
        connection: the parent's end of the pipe.
        process: the process.
        sentinel: what `multiprocessing.connection.wait` names once the process has ended.
        annotator: what the process loads and runs.
        ready: whether it has loaded the pipeline.
        task: the task that it works at.
        since: when it was started, was given the task, or answered last, by `time.monotonic`.
        component: the component that it runs, if that is known.
    """

    def __init__(self, annotator: Annotator) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(
            target=serve,
            args=(theirs, annotator),
            name="pipekit-worker",
            daemon=True,
        )
        with theirs, _interrupts_blocked():
            self.process.start()
        self._pidfd = _pidfd(self.process)
        self.sentinel = self.process.sentinel if self._pidfd is None else self._pidfd
        self.annotator = annotator
        self.ready = False
        self.task: Task | None = None
        self.since = time.monotonic()
        self.component: str | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a task."""
        return self.ready and self.task is None

    def give(
        self,
        task: Task,
        order: Order,
    ) -> bool:
        """Send it a task; False if it is dead."""
        message = Message(task.requests, task.is_apart, order)
        try:
            self.connection.send(message)
        except OSError:
            return False
        self.task = task
        self.since = time.monotonic()
        self.component = None
        return True

    def receive(self) -> Any:
        """The next thing that it has sent. Errors: `EOFError` if it has ended."""
        try:
            return self.connection.recv()
        except OSError as error:  # it ended in the middle of a message
            raise EOFError from error

    def end(self, patience: float = 0.0) -> int:
        """Wait for its end, and kill it after `patience` seconds.

        Returns its exit code, or minus the signal that killed it.
        """
        self.connection.close()
        wait([self.sentinel], patience)
        self.process.kill()
        self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        return code


def _pidfd(process: BaseProcess) -> int | None:
    """A descriptor of a process, which can be read once it has ended; None without such things.

    The sentinel of multiprocessing is the end of a pipe, which a child of the process holds open.
    """
    if sys.platform != "linux" or process.pid is None:
        return None
    try:
        return os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return None


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A context in which a new process inherits a signal mask that blocks Ctrl-C.

    So it never sees Ctrl-C, not even while its Python is starting.
    """
    if sys.platform == "win32":
        yield
        return
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()  # if it started within the context, it would reset the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
