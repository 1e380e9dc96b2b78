"""The work of a worker process: load a pipeline once, from a file, and annotate documents.

Messages are plain data: texts, Docs as their bytes, failures as strings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeVar

from pipekit import errors
from pipekit.devices.memory import keep_memory
from pipekit.doc import Doc
from pipekit.errors import DocTooLargeError, PipekitError, ProcessingError
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.running import Order, Run, split_at_spaces
from pipekit.pipeline.saving import read_pipeline
from pipekit.pipeline.streams import Item
from pipekit.storage import store

LARGEST = 2**31 - 1  # bytes of a document in a message: what a pipe can count on every system

_Value = TypeVar("_Value", bound=str | bytes)


class Request(NamedTuple):
    """A document on its way to a worker.

    Attributes:
        number: its position in the stream.
        value: a text, or a Doc as bytes.
        context: whatever else an annotator needs for it, as plain data.
    """

    number: int
    value: str | bytes
    context: Any = None


class Failure(NamedTuple):
    """An exception as plain data: the name of its class, its message, and the component."""

    kind: str
    message: str
    component: str | None = None

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """An exception as a failure."""
        kind = type(error).__name__
        component = getattr(error, "component", None)
        return cls(kind, str(error), component)

    def error(self) -> PipekitError:
        """The exception again; one of another package becomes a `ProcessingError` naming it."""
        kind = vars(errors).get(self.kind)
        if isinstance(kind, type) and issubclass(kind, PipekitError):
            return kind(self.message)
        return ProcessingError(f"{self.kind}: {self.message}")

    def of_document(self, number: int) -> ProcessingError:
        """The exception again, with the number of the document that it concerns."""
        error = self.error()
        if not isinstance(error, ProcessingError):
            error = ProcessingError(str(error))
        error.document = number
        error.component = self.component
        return error


class Response(NamedTuple):
    """The answer of a worker to a request.

    Attributes:
        made: the output for the document, as bytes.
        words: the number of its words.
        failure: why it failed, if it did.
    """

    made: bytes
    words: int = 0
    failure: Failure | None = None


@dataclass(frozen=True)
class Annotator:
    """A pipeline file as a function from requests to responses.

    It consists of strings and a class, so it can be sent to any process or machine. The output for
    a document is its Doc as bytes; for one that failed, a Doc with tokens only. A subclass can make
    other outputs, by other methods `sent`, `received`, `answer` and `failed`:

        parent    Item ──sent──▶ Request ═══════════════════════════════▶ worker
        worker    Request ──received──▶ Item ──Run──▶ Doc ──answer──▶ Response ═══▶ parent
        parent    (no worker survives the document)  Item ──failed──▶ Response

    Args:
        path: the pipeline file.
        precision, device: as of `pipekit.load`.
        kind: the class of the loaded pipeline.
    """

    path: str
    precision: str = "auto"
    device: str = "cpu"
    kind: type[Assembly] = Assembly

    @property
    def pipeline(self) -> Assembly:
        """The pipeline, loaded once in each process. Errors: those of `pipekit.load`."""
        return _load(self)

    def __call__(
        self,
        requests: Sequence[Request],
        order: Order,
        on_component: Callable[[str], object] | None = None,
    ) -> list[Response]:
        """The responses to some requests, in their order.

        Args:
            on_component: called with the name of each component that begins.

        Errors: `DocError` for a Doc that has what a component would write.
        """
        run = _run(self, order)
        run.on_component = on_component
        items = [self.received(request) for request in requests]
        return [self.answer(*result) for result in run.chunk(items)]

    def sent(self, item: Item) -> Request:
        """A document as a request.

        Errors: `ValueError` for one that cannot travel, as `DocError` or `DocTooLargeError`.
        """
        value: str | bytes
        if isinstance(item.source, Doc):
            value = item.source.to_bytes()
        else:
            value = item.source
        return Request(item.number, _checked_size(value, item))

    def received(self, source: Request) -> Item:
        """The document of a request."""
        if isinstance(source.value, bytes):
            return Item(source.number, Doc.from_bytes(source.value))
        return Item(source.number, source.value)

    def answer(
        self,
        item: Item,
        doc: Doc,
        error: Exception | None,
    ) -> Response:
        """The result of a `Run` as a response.

        A document that cannot be written as bytes has failed too.
        """
        failure = None if error is None else Failure.of(error)
        try:
            data = _checked_size(doc.to_bytes(), item)
        except (ValueError, MemoryError) as unfit:
            bare = doc.copy(bare=True)
            return _bare_response(bare, f"{item.title}: {unfit}")
        return Response(data, len(doc), failure)

    def failed(
        self,
        item: Item,
        reason: str,
        component: str | None = None,
    ) -> Response:
        """The response for a document that no worker survived.

        Its tokens are the words between white space, since the tokenizer itself may be what ended
        the workers.
        """
        if isinstance(item.source, Doc):
            doc = item.source.copy(bare=True)
        else:
            doc = split_at_spaces(item.source)
        return _bare_response(doc, f"{item.title}: {reason}", component)


def _bare_response(
    doc: Doc,
    reason: str,
    component: str | None = None,
) -> Response:
    doc.error = reason
    failure = Failure("ProcessingError", reason, component)
    return Response(doc.to_bytes(), len(doc), failure)


def _checked_size(
    value: _Value,
    item: Item,
) -> _Value:
    """The value itself. Errors: `DocTooLargeError` for one that does not fit into a message."""
    size = len(value)
    if size > LARGEST:
        raise DocTooLargeError(
            f"{item.title}: {size} bytes are more than the {LARGEST} "
            "that travel between processes: split it"
        )
    return value


@cache
def _run(
    annotator: Annotator,
    order: Order,
) -> Run:
    """The run of a process. What it learns about memory lasts as long as the process."""
    return Run(annotator.pipeline, order)


@cache
def _load(annotator: Annotator) -> Assembly:
    """The pipeline of an annotator, computing with one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"  # for a torch that is imported later
    keep_memory()
    container = store.load_container(annotator.path)
    pipeline = read_pipeline(container, annotator.path, annotator.kind)
    pipeline.to(annotator.device).with_precision(annotator.precision)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    return pipeline
