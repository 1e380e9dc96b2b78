"""What a process of its own does: load the pipeline once, from a file, and annotate what it is sent.

What travels is plain: texts, Docs as their bytes, failures as strings.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from pipekit import errors
from pipekit.devices.memory import keep_memory
from pipekit.doc import Doc
from pipekit.errors import DocTooLargeError, PipekitError, ProcessingError
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.running import Order, Run
from pipekit.pipeline.saving import read_pipeline
from pipekit.pipeline.streams import Item
from pipekit.storage import store

LARGEST = 2**31 - 1  # bytes of a document that travels: what a pipe counts on every system


class Request(NamedTuple):
    """A document on its way to a worker: its position in the stream, a text, or a Doc as bytes, and what else is to be known of it."""

    number: int
    value: str | bytes
    context: Any = None


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


class Response(NamedTuple):
    """What was made of a document, as bytes, and its words; or what failed on it."""

    made: bytes
    words: int = 0
    failure: Failure | None = None


@dataclass(frozen=True)
class Annotator:
    """A pipeline file as a function of plain messages. It is made of strings and a class, so it may be sent to any process or machine.

    What is made of a document are the bytes of its Doc; of one that failed, those of a Doc with tokens only.

    Args:
        path: the pipeline file.
        precision, device: as of `pipekit.load`.
        kind: the class that the pipeline is loaded as.
    """

    path: str
    precision: str = "auto"
    device: str = "cpu"
    kind: type[Assembly] = Assembly

    @property
    def pipeline(self) -> Assembly:
        """The pipeline, loaded once in each process, with one thread. Errors: those of `pipekit.load`."""
        return _load(self)

    def __call__(
        self, sources: Sequence[Request], order: Order, began: Callable[[str], object] | None = None
    ) -> list[Response]:
        """An answer to each document, in their order; `began` is told each component that begins.

        Errors: `DocError` for a Doc that has what a component would write.
        """
        run = _run(self, order)
        run.began = began
        return [
            self.answer(*result)
            for result in run.chunk([self.received(source) for source in sources])
        ]

    def sent(self, item: Item) -> Request:
        """A document as it travels. Errors: `ValueError` for one that cannot: `DocError`, `DocTooLargeError`."""
        value = item.source.to_bytes() if isinstance(item.source, Doc) else item.source
        return Request(item.number, _small(value, item))

    def received(self, source: Request) -> Item:
        """A document that has travelled."""
        return Item(
            source.number,
            Doc.from_bytes(source.value) if isinstance(source.value, bytes) else source.value,
        )

    def answer(self, item: Item, doc: Doc, error: Exception | None) -> Response:
        """What a `Run` says of a document, as it travels; a document that cannot be written as bytes has failed too."""
        try:
            return Response(
                _small(doc.to_bytes(), item), len(doc), None if error is None else Failure.of(error)
            )
        except (ValueError, MemoryError) as unfit:
            doc = doc.copy(bare=True)
            doc.error = f"{item.title}: {unfit}"
            return Response(doc.to_bytes(), len(doc), Failure("ProcessingError", doc.error))

    def failed(self, item: Item, reason: str, component: str | None = None) -> Response:
        """The answer to a document that no process survived. The words between white space are its tokens: that the tokenizer can be
        trusted with it is not known.
        """
        if isinstance(item.source, Doc):
            doc = item.source.copy(bare=True)
        else:
            borders = [found.span() for found in re.finditer(r"\A\s+|\S+", item.source)]
            doc = Doc(
                item.source,
                starts=[start for start, _ in borders],
                ends=[end for _, end in borders],
            )
        doc.error = f"{item.title}: {reason}"
        return Response(doc.to_bytes(), len(doc), Failure("ProcessingError", doc.error, component))


def _small(value: Any, item: Item) -> Any:
    """What travels. Errors: `DocTooLargeError`."""
    if len(value) > LARGEST:
        raise DocTooLargeError(
            f"{item.title}: {len(value)} bytes are more than the {LARGEST} that travel between processes: split it"
        )
    return value


@cache
def _run(annotator: Annotator, order: Order) -> Run:
    """What a process finds out about memory lasts as long as it does."""
    return Run(annotator.pipeline, order)


@cache
def _load(annotator: Annotator) -> Assembly:
    os.environ["OMP_NUM_THREADS"] = "1"  # for a torch that is imported later
    keep_memory()
    path = annotator.path
    pipeline = read_pipeline(store.load(path), path, annotator.kind)
    pipeline.to(annotator.device).with_precision(annotator.precision)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    return pipeline
