"""One worker process: its own side, which answers tasks, and its parent's, which gives them."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from pipekit.errors import DeviceError
from pipekit.pipeline.running import Order
from pipekit.pipeline.workers.annotator import Annotator, Failure, Request

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from pipekit.pipeline.workers.tasks import Task

_SPAWN = multiprocessing.get_context("spawn")  # nothing may fork once torch is loaded
_PR_SET_PDEATHSIG = 1  # of prctl(2)


class Message(NamedTuple):
    """A task as it travels; `apart` asks for each document by itself, and to be told of each component that begins, so that the parent
    knows at which one a worker is.
    """

    sources: Sequence[Request]
    apart: bool
    order: Order


# -- in the worker


def serve(connection: Connection, annotator: Annotator) -> None:
    """Load the pipeline, say None, then answer each message with lists of answers, or with a `Failure`, until the parent is gone; before,
    where it asks for it, with the names of components.
    """
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


def _answer(connection: Connection, annotator: Annotator, message: Message) -> None:
    for sources in [[source] for source in message.sources] if message.apart else [message.sources]:
        try:
            answers = annotator(sources, message.order, connection.send if message.apart else None)
        except DeviceError as error:
            sys.exit(str(error))  # a process that takes its place can use the device again
        except Exception as error:
            connection.send(Failure.of(error))
            return
        connection.send(answers)


def _end_with_parent() -> None:
    """Ctrl-C is the parent's to act on; a parent that is killed takes its workers along, even those that hang. Elsewhere than on Linux
    they end at their next look into the pipe.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if sys.platform == "linux" and parent is not None:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent.pid:  # it was killed before
            os.kill(os.getpid(), signal.SIGKILL)


# -- in the parent


class Worker:
    """A worker process as its parent sees it. It has one task at most, and is written to only while it reads: neither blocks the other."""

    def __init__(self, annotator: Annotator) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(
            target=serve, args=(theirs, annotator), name="pipekit-worker", daemon=True
        )
        with theirs, _interrupts_held():
            self.process.start()
        self.annotator = annotator
        self.ready = False
        self.task: Task | None = None
        self.since = time.monotonic()  # when it was started, or given the task, or last answered
        self.component: str | None = None  # the one that it is in, where that is known

    def give(self, task: Task, order: Order) -> bool:
        """Send it a task; False if it is dead."""
        try:
            self.connection.send(Message(task.sources, task.apart, order))
        except OSError:
            return False
        self.task, self.since, self.component = task, time.monotonic(), None
        return True

    def hear(self) -> Any:
        """What it says. Errors: `EOFError` if it has ended."""
        try:
            return self.connection.recv()
        except OSError as error:  # it ended in the midst of a message
            raise EOFError from error

    def end(self, patience: float = 0.0) -> int:
        """See it end, by force after `patience` seconds. Returns its exit code, or minus the signal that killed it."""
        self.connection.close()
        self.process.join(patience)
        self.process.kill()
        self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        return code


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process that starts here never sees Ctrl-C, not even while Python is starting: it inherits the mask of signals."""
    if sys.platform == "win32":
        yield
        return
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()  # or it would start now, and take the mask away
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
