"""What a process of its own does: load the pipeline once, from a file, and annotate what it is sent.

What travels is plain: texts, Docs as their bytes, failures as strings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pipekit import errors
from pipekit.doc import Doc
from pipekit.errors import DocError, PipekitError, ProcessingError
from pipekit.running import Item, Order, Run

if TYPE_CHECKING:
    from pipekit.pipeline import Pipeline


class Source(NamedTuple):
    """A document on its way to a worker: its position in the stream, and a text, or a Doc as bytes."""

    number: int
    value: str | bytes


class Failure(NamedTuple):
    """An exception as plain data: the name of its class, what it says, and the component that raised it."""

    kind: str
    message: str
    component: str | None = None

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """What there is to tell of an exception."""
        return cls(type(error).__name__, str(error), getattr(error, "component", None))

    def error(self) -> PipekitError:
        """The exception again; one that is not pipekit's own becomes a `ProcessingError` that names it."""
        kind = vars(errors).get(self.kind)
        if isinstance(kind, type) and issubclass(kind, PipekitError):
            return kind(self.message)
        return ProcessingError(f"{self.kind}: {self.message}")

    def of_document(self, number: int) -> ProcessingError:
        """The exception again, which says on which document it was raised."""
        found = self.error()
        error = found if isinstance(found, ProcessingError) else ProcessingError(str(found))
        error.document, error.component = number, self.component
        return error


class Answer(NamedTuple):
    """A document as bytes, or what failed on it; with a failure the bytes are of its tokens."""

    doc: bytes
    failure: Failure | None = None


@dataclass(frozen=True)
class Annotator:
    """A pipeline file as a function of plain messages. It is made of strings alone, so it may be sent to any process or machine.

    Args:
        path: the pipeline file.
        precision, device: as of `pipekit.load`.
    """

    path: str
    precision: str = "auto"
    device: str = "cpu"

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline, loaded once in each process, with one thread. Errors: those of `pipekit.load`."""
        return _load(self.path, self.precision, self.device)

    def __call__(self, sources: Sequence[Source], order: Order) -> list[Answer]:
        """An answer to each document, in their order. Errors: `DocError` for a Doc that has what a component would write."""
        items = [Item(number, Doc.from_bytes(value) if isinstance(value, bytes) else value) for number, value in sources]
        return [answer(item, doc, error) for item, doc, error in _run(self, order).chunk(items)]


def answer(item: Item, doc: Doc, error: Exception | None) -> Answer:
    """What a `Run` says of a document, as it travels; a document that cannot be written as bytes has failed too."""
    try:
        return Answer(doc.to_bytes(), None if error is None else Failure.of(error))
    except DocError as unfit:
        doc = doc.copy(bare=True)
        doc.error = f"{item.title}: {unfit}"
        return Answer(doc.to_bytes(), Failure("ProcessingError", doc.error))


@cache
def _run(annotator: Annotator, order: Order) -> Run:
    """What a process finds out about memory lasts as long as it does."""
    return Run(annotator.pipeline, order)


@cache
def _load(path: str, precision: str, device: str) -> Pipeline:
    os.environ["OMP_NUM_THREADS"] = "1"  # for a torch that is imported later
    from pipekit.devices import keep_memory
    from pipekit.loading import load

    keep_memory()
    pipeline = load(path, device=device, precision=precision)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    return pipeline
