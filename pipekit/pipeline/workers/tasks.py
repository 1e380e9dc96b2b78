"""The work of worker processes in portions: chunks of a stream, and tasks for one worker each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipekit.pipeline.streams import Item
from pipekit.pipeline.workers.annotator import Request, Response


@dataclass
class Chunk:
    """Documents that travel together, and the responses to them so far.

    Attributes:
        items: the documents.
        requests: those of them that can travel, as requests.
        responses: by the number of the document.
        error: why there will be no responses, if so.
    """

    items: Sequence[Item] = ()
    requests: list[Request] = field(default_factory=list)
    responses: dict[int, Response] = field(default_factory=dict)
    error: Exception | None = None

    @property
    def is_pause(self) -> bool:
        """Whether it stands for a stream that has nothing now, as an empty list of `Arrivals`."""
        return not self.items and self.error is None

    @property
    def is_done(self) -> bool:
        """Whether all documents have their responses, or will never have."""
        if self.error is not None:
            return True
        return len(self.responses) == len(self.items)

    def results(self) -> Iterator[tuple[Item, Response]]:
        """Each document with its response. Errors: `error`, where there is one."""
        if self.error is not None:
            raise self.error
        for item in self.items:
            yield item, self.responses.pop(item.number)


@dataclass
class Task:
    """Documents of one chunk that one worker gets.

    Attributes:
        chunk: the chunk.
        requests: the documents.
        deaths: how many workers that had these documents have died.
        answered: how many of the requests have their responses.
    """

    chunk: Chunk
    requests: list[Request]
    deaths: int = 0
    answered: int = 0

    @property
    def is_apart(self) -> bool:
        """Whether the worker is to annotate the documents one by one."""
        return self.deaths > 1 or len(self.requests) == 1

    def take(self, responses: Sequence[Response]) -> bool:
        """Note the responses to the next requests; whether there are no more to come."""
        requests = self.requests[self.answered :]
        for request, response in zip(requests, responses, strict=False):
            self.chunk.responses[request.number] = response
        self.answered += len(responses)
        return self.answered == len(self.requests)
