"""Where the time of a pipeline goes: its networks on ready batches, and everything around them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tqdm import tqdm

from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Head
from pipekit.pipeline import Pipeline
from pipekit.pipeline.running import in_parts
from pipekit.pipeline.streams import CHARS, CHUNK_WORDS, gather

NETWORK, AROUND = "network", "around"
REST = "Docs, planning and the rest"


@dataclass(frozen=True)
class Stage:
    """A part of the work: its name, whether it is a pass through a network or what is around, and what it takes, in seconds a word."""

    name: str
    kind: str
    seconds: float


@dataclass
class Profile:
    """What each stage took in each run, in seconds, for so many words a run."""

    words: int = 0
    runs: list[dict[tuple[str, str], float]] = field(default_factory=list)

    def stages(self) -> list[Stage]:
        """The medians: networks first, encoders before heads, then what is around, in the order of the work."""
        names = dict.fromkeys(name for run in self.runs for name in run)
        found = [
            Stage(name, kind, statistics.median(run[name, kind] for run in self.runs) / self.words)
            for name, kind in names
        ]
        return sorted(found, key=lambda stage: stage.kind != NETWORK)

    @property
    def waiting(self) -> float:
        """The share of the time that is spent around the networks, while the device that computes them waits."""
        stages = self.stages()
        return sum(stage.seconds for stage in stages if stage.kind == AROUND) / sum(
            stage.seconds for stage in stages
        )


class Clock:
    """Adds up what stages take; on a GPU it waits until the work is done."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.seconds: dict[tuple[str, str], float] = {}

    @contextmanager
    def __call__(self, name: str, kind: str) -> Iterator[None]:
        begun = self.now()
        yield
        self.seconds[name, kind] = self.seconds.get((name, kind), 0.0) + self.now() - begun

    def now(self) -> float:
        if self.device != "cpu":
            import torch

            torch.accelerator.synchronize()
        return time.perf_counter()


def profile(nlp: Pipeline, texts: Sequence[str], runs: int = 5) -> Profile:
    """Run texts through a pipeline stage by stage, and whole, in turns; the first run does not count."""
    found = Profile()
    for number in tqdm(range(runs + 1), desc="runs", disable=None):
        clock = Clock(nlp.device.type)
        for chunk in gather(texts, len, CHUNK_WORDS * CHARS):
            _chunk(nlp, chunk, clock)
        parts = sum(clock.seconds.values())
        begun = clock.now()
        words = sum(len(doc) for doc in nlp.pipe(texts))
        clock.seconds[REST, AROUND] = clock.now() - begun - parts
        if number:
            found.words = words
            found.runs.append(clock.seconds)
    return found


def _chunk(nlp: Pipeline, texts: Sequence[str], clock: Clock) -> None:
    with clock("tokenizer", AROUND):
        docs = nlp.tokenize(texts)
    for group in gather((part for doc in docs for part in in_parts(doc)), len, 2 * CHUNK_WORDS):
        ready: dict[str, object] = {}
        batch = Batch(group, lambda name, _, ready=ready: ready[name], nlp.tokenize)  # type: ignore[misc]
        with nlp.inference():
            for name, encoder in nlp.encoders.items():
                with clock(f"{name}: features", AROUND):
                    features = encoder.features(batch)
                with clock(f"{name}: the encoder", NETWORK):
                    ready[name] = encoder(features)
            _components(nlp, batch, clock)


def _components(nlp: Pipeline, batch: Batch, clock: Clock) -> None:
    for name, component in nlp.components.items():
        if not isinstance(component, Head):
            with clock(name, AROUND):
                component(batch)
            continue
        with clock(f"{name}: scores", NETWORK):
            scores = component.scores(batch)
        with clock(f"{name}: decoding", AROUND):
            component.decode(batch, scores)
