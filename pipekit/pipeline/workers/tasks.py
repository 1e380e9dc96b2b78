"""What worker processes are given to do: chunks of a stream, and the tasks that they are split into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipekit.pipeline.streams import Item
from pipekit.pipeline.workers.annotator import Request, Response


@dataclass
class Chunk:
    """Documents that travel together, as given and as they travel, with what has been answered so far, by number; or why none is."""

    items: Sequence[Item] = ()
    sources: list[Request] = field(default_factory=list)
    answers: dict[int, Response] = field(default_factory=dict)
    error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether all has been answered."""
        return self.error is not None or len(self.answers) == len(self.items)

    def results(self) -> Iterator[tuple[Item, Response]]:
        """Each item with its answer. Errors: what kept them from being answered."""
        if self.error is not None:
            raise self.error
        for item in self.items:
            yield item, self.answers.pop(item.number)


@dataclass
class Task:
    """Documents of one chunk that one worker gets; `deaths` of workers that had them before."""

    chunk: Chunk
    sources: list[Request]
    deaths: int = 0
    answered: int = 0

    @property
    def apart(self) -> bool:
        """Whether the documents go one by one."""
        return self.deaths > 1 or len(self.sources) == 1

    def take(self, answers: Sequence[Response]) -> bool:
        """Note what its worker answers to the next documents; whether that is all."""
        for source, given in zip(self.sources[self.answered :], answers, strict=False):
            self.chunk.answers[source.number] = given
        self.answered += len(answers)
        return self.answered == len(self.sources)
