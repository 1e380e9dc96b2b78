"""The time that a pipeline takes: its networks on ready batches, and the work around them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from pipekit.doc import Doc
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Head
from pipekit.pipeline import Pipeline
from pipekit.pipeline.running import in_parts
from pipekit.pipeline.streams import CHARS, CHUNK_WORDS, gather
from pipekit.rendering.blocks import Grid
from pipekit.rendering.rendering import Rendering

if TYPE_CHECKING:
    from torch import Tensor

NETWORK = "network"
AROUND = "around"
REST = "Docs, planning and the rest"

_StageKey = tuple[str, str]  # the name and the kind of a stage
_Times = dict[_StageKey, float]  # seconds


@dataclass(frozen=True)
class Stage:
    """A part of the work, and its time.

    Attributes:
        name: such as "main: features".
        kind: `NETWORK` for a pass through a network, `AROUND` for all other work.
        seconds: for each word.
    """

    name: str
    kind: str
    seconds: float


@dataclass
class Profile:
    """The times of all stages in several runs over the same texts.

    Attributes:
        words: in each run.
        runs: the seconds of each stage in each run.
    """

    words: int = 0
    runs: list[_Times] = field(default_factory=list)

    def stages(self) -> list[Stage]:
        """The stages with their median times.

        Networks come first, encoders before heads, then the work around them, in its order.
        """
        all_times: _Times = {}  # its keys are the stages of all runs, in the order of the work
        for run in self.runs:
            all_times |= run
        stages = []
        for name, kind in all_times:
            seconds = [run[name, kind] for run in self.runs]
            median = statistics.median(seconds)
            stages.append(Stage(name, kind, median / self.words))
        return sorted(stages, key=lambda stage: stage.kind != NETWORK)

    @property
    def speeds(self) -> list[float]:
        """The words a second of each run."""
        return [self.words / sum(run.values()) for run in self.runs]

    @property
    def speed(self) -> float:
        """The median of the words a second of the runs."""
        return statistics.median(self.speeds)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as for JSON; seconds are for each word."""
        return {
            "words": self.words,
            "words_per_second": self.speed,
            "waiting": self.waiting,
            "stages": [asdict(stage) for stage in self.stages()],
        }

    @property
    def waiting(self) -> float:
        """The share of the time, 0 to 1, in which the device waits while others work."""
        stages = self.stages()
        seconds = [stage.seconds for stage in stages]
        around = [stage.seconds for stage in stages if stage.kind == AROUND]
        return sum(around) / sum(seconds)

    def _repr_html_(self) -> str:
        """The stages as a notebook shows them."""
        stages = self.stages()
        whole = sum(stage.seconds for stage in stages)
        rows = []
        for stage in stages:
            share = 100 * stage.seconds / whole
            rows.append((stage.name, stage.kind, 1e6 * stage.seconds, share))
        head = ("stage", "kind", "microseconds a word", "per cent")
        speed = 1 / whole if whole else 0.0
        caption = f"{speed:,.0f} words a second: {len(self.runs)} runs over {self.words:,} words"
        return Rendering("", [Grid(head, rows, caption)])._repr_html_()


class Clock:
    """Adds up the seconds of stages.

        clock = Clock("cuda")
        with clock("main: features", AROUND):
            ...
        clock.seconds  # {("main: features", "around"): …}

    On a GPU it waits until the work is done.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.seconds: _Times = {}

    @contextmanager
    def __call__(
        self,
        name: str,
        kind: str,
    ) -> Iterator[None]:
        begin = self.now()
        yield
        key = (name, kind)
        self.seconds.setdefault(key, 0.0)
        self.seconds[key] += self.now() - begin

    def now(self) -> float:
        """The time in seconds, after all that the device has been given to do."""
        if self.device != "cpu":
            import torch

            torch.accelerator.synchronize()
        return time.perf_counter()


def profile(
    nlp: Pipeline,
    texts: Sequence[str],
    runs: int = 5,
) -> Profile:
    """The times of a pipeline on some texts.

    Each run sends the texts through stage by stage, and then through the whole pipeline; the
    difference is the stage `REST`. One run before the others does not count.
    """
    result = Profile()
    chunk_chars = CHUNK_WORDS * CHARS
    progress = tqdm(range(runs + 1), desc="runs", disable=None)
    for number in progress:
        clock = Clock(nlp.device.type)
        for chunk in gather(texts, len, chunk_chars):
            _run_stages(nlp, chunk, clock)
        in_stages = sum(clock.seconds.values())
        begin = clock.now()
        words = sum(map(len, nlp.pipe(texts)))
        whole = clock.now() - begin
        clock.seconds[REST, AROUND] = whole - in_stages
        if number > 0:
            result.words = words
            result.runs.append(clock.seconds)
    return result


def _run_stages(
    nlp: Pipeline,
    texts: Sequence[str],
    clock: Clock,
) -> None:
    """A chunk of texts through the pipeline, each stage by itself."""
    with clock("tokenizer", AROUND):
        docs = nlp.tokenize(texts)
    parts: list[Doc] = []
    for doc in docs:
        parts += in_parts(doc)
    for group in gather(parts, len, 2 * CHUNK_WORDS):
        _run_batch(nlp, group, clock)


def _run_batch(
    nlp: Pipeline,
    docs: Sequence[Doc],
    clock: Clock,
) -> None:
    vectors: dict[str, Tensor] = {}

    def encode(
        encoder: str,
        _: Batch,
    ) -> Tensor:
        return vectors[encoder]

    batch = Batch(docs, encode, nlp.tokenize)
    with nlp.inference():
        for name, encoder in nlp.encoders.items():
            with clock(f"{name}: features", AROUND):
                features = encoder.features(batch)
            with clock(f"{name}: the encoder", NETWORK):
                vectors[name] = encoder(features)
        _run_components(nlp, batch, clock)


def _run_components(
    nlp: Pipeline,
    batch: Batch,
    clock: Clock,
) -> None:
    for name, component in nlp.components.items():
        if not isinstance(component, Head):
            with clock(name, AROUND):
                component(batch)
            continue
        with clock(f"{name}: scores", NETWORK):
            scores = component.scores(batch)
        with clock(f"{name}: decoding", AROUND):
            component.decode(batch, scores)
