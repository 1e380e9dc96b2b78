"""Speed of pipekit on a GPU, and a check of its results against a CPU, in one Markdown file.

One command, at most ten minutes:

    python recipes/benchmarks/gpu.py ru_core -o gpu.md
    python recipes/benchmarks/gpu.py ru_core -o cpu.md --device cpu --quick

The second command rehearses all of it on a CPU in two minutes, with texts and networks too small
for meaningful figures.

Measured: words a second for each encoder, from features on and bare, in float32 and bfloat16; the
pipeline, in one process and in several that share the device, and the share of the time that the
device is at work; how many padded cells should go through a network at a time. Checked: that
encoders and components say on the device what they say on a CPU, that bfloat16 costs less than a
tenth of a point, and that documents too large for the memory are delivered whole. The command ends
with code 1 where a check fails.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import shlex
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from tqdm import tqdm

import pipekit
from pipekit import Doc, Pipeline, registry
from pipekit.corpora.readers import read_conllu
from pipekit.corpora.sources import read_source
from pipekit.devices.memory import Room
from pipekit.devices.placement import pick_device
from pipekit.evaluation.evaluate import evaluate
from pipekit.nn import sequences as reading
from pipekit.parts.batch import Batch
from pipekit.pipeline.profiling import profile
from pipekit.pipeline.streams import gather
from pipekit.training.recipe import read_recipe
from pipekit.training.toml import data_folder

ENCODERS: dict[str, dict[str, Any]] = {
    "bilstm": {"width": 400, "layers": 2},
    "gru": {"width": 400, "layers": 2},
    "rnn": {"width": 400, "layers": 2},
    "transformer": {"width": 384, "layers": 6, "heads": 6},
    "bert": {"network": {"width": 768, "layers": 12, "heads": 12}, "subwords": {"size": 16_000}},
}
SMALL = {"bert": {"network": {"width": 64, "layers": 2, "heads": 2}, "subwords": {"size": 500}}}
PRECISIONS = ("float32", "bfloat16")
CELLS = tuple(2**power for power in range(12, 19))  # 4,096 to 262,144
SAME = 1e-4  # the largest difference of vectors from those of a CPU
POINTS = 0.1  # the largest difference of figures in bfloat16 from those in float32
GIB = 1 << 30
RECIPES = Path(__file__).resolve().parents[1]


@dataclass
class Report:
    """The Markdown file as it grows, and which checks failed."""

    path: Path
    lines: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def add(self, *lines: str) -> None:
        """Write what is known so far, so that a run that is stopped leaves it."""
        self.lines += [*lines, ""]
        self.path.write_text("\n".join(self.lines), encoding="utf-8")

    def table(self, title: str, head: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
        rule = ["---", *("---:" for _ in head[1:])]
        self.add(f"## {title}", "", *(f"| {' | '.join(row)} |" for row in (head, rule, *rows)))

    def check(self, what: str, found: float, limit: float) -> str:
        """The figure as it stands in a table."""
        if found <= limit:
            return f"{found:.2g}"
        self.failed.append(f"{what}: {found:.2g} is above {limit:g}")
        return f"{found:.2g} **above {limit:g}**"


@dataclass
class Bench:
    """The device, the texts, and how often a thing is measured."""

    device: torch.device
    texts: list[str]
    runs: int
    quick: bool

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def speed(self, words: int, run: Callable[[], object]) -> float:
        """Words a second, the median; the first run does not count."""
        times = []
        for _ in range(self.runs + 1):
            self.wait()
            begun = time.perf_counter()
            run()
            self.wait()
            times.append(time.perf_counter() - begun)
        return words / statistics.median(times[1:])


def main() -> int:
    arguments = _arguments()
    torch.set_num_threads(1)
    report, begun = Report(arguments.output), time.perf_counter()
    bench = Bench(
        pick_device(arguments.device),
        _texts(arguments),
        1 if arguments.quick else 3,
        arguments.quick,
    )
    report.add(
        "# Figures of a GPU" if bench.device.type == "cuda" else "# A rehearsal without a GPU",
        "",
        *_machine(bench.device),
    )
    nlp = pipekit.load(arguments.pipeline, device="cpu")
    for step in tqdm([encoders, cells, pipeline, processes, accuracy, memory], desc="steps"):
        try:
            step(report, bench, nlp, arguments)
        except Exception:  # a GPU may not be at hand a second time: all else is measured
            report.failed.append(f"{step.__name__} ended with an error")
            report.add(
                f"## {step.__name__} ended with an error", "", "```", traceback.format_exc(), "```"
            )
    verdict = (
        "All checks passed."
        if not report.failed
        else "\n".join(f"* FAILED: {one}" for one in report.failed)
    )
    report.add(
        "## Checks", "", verdict, "", f"All of it took {time.perf_counter() - begun:.0f} seconds."
    )
    print(arguments.output, verdict, sep=": ")
    return int(bool(report.failed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Figures and checks of a GPU.")
    parser.add_argument("pipeline")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument(
        "--words", type=int, default=200_000, help="about how many words are read at a time"
    )
    parser.add_argument(
        "--processes", type=int, nargs="+", default=[2, 4, 8], help="how many share the device"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few words, small networks, one run of each"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.md")
    return parser.parse_args()


def _texts(arguments: argparse.Namespace) -> list[str]:
    with gzip.open(data() / "ner/collection5-dev.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    wanted = 6 * (6_000 if arguments.quick else arguments.words)  # characters
    found: list[str] = []
    while sum(map(len, found)) < wanted:
        found += texts
    borders = np.cumsum([len(text) for text in found])
    return found[: int(np.searchsorted(borders, wanted)) + 1]


def data() -> Path:
    """The folder of corpora: PIPEKIT_DATA, or shared/data beside the project."""
    return Path(data_folder(RECIPES))


def _machine(device: torch.device) -> Iterator[str]:
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        size = torch.cuda.get_device_properties(device).total_memory / GIB
        memory = f", {size:.0f} GiB"
    else:
        name = platform.processor() or platform.machine()
        memory = ""
    versions = f"torch {torch.__version__}, pipekit {pipekit.__version__}"
    yield f"* {name}{memory}, {os.cpu_count()} processor cores; {versions}"
    yield f"* `python {shlex.join(sys.argv)}`"


# -- encoders


def made(bench: Bench, name: str, docs: Sequence[Doc]) -> Pipeline:
    """A pipeline with an untrained encoder; its weights are the same in each run."""
    torch.manual_seed(1)
    settings = SMALL.get(name, {"width": 64}) if bench.quick else ENCODERS[name]
    features = {} if name == "bert" else {"features": {"width": 256}}
    encoder: Any = registry.encoders.get(name)
    prepared = encoder.prepare({**settings, **features}, docs[:1000])
    nlp = pipekit.blank("ru")
    nlp.add_encoder("main", name, tables=prepared.tables, **prepared.settings)
    return nlp


def batches(nlp: Pipeline, docs: Sequence[Doc], words: int = 16_384) -> list[Batch]:
    return [nlp.batch(group) for group in gather(docs, len, words)]


def encoders(report: Report, bench: Bench, _: Pipeline, __: argparse.Namespace) -> None:
    docs = pipekit.blank("ru").tokenize(bench.texts)
    head = [
        "encoder",
        "precision",
        "words a second",
        "bare network",
        "with torch.compile",
        "furthest from a CPU",
    ]
    report.table(
        f"Encoders, {sum(map(len, docs)):,} words", head, _encoder_rows(report, bench, docs)
    )


def _encoder_rows(report: Report, bench: Bench, docs: list[Doc]) -> Iterator[list[str]]:
    words = sum(map(len, docs))
    for name in ENCODERS:
        nlp, few = made(bench, name, docs), docs[:8]
        expected = vectors(nlp.with_precision("float32"), few)
        nlp.to(bench.device)
        for precision in PRECISIONS:
            nlp.with_precision(precision)
            away = float(np.abs(vectors(nlp, few) - expected).max())
            ready = [nlp.encoders["main"].features(batch) for batch in batches(nlp, docs)]
            whole = bench.speed(words, lambda nlp=nlp: [vectors(nlp, docs)])  # type: ignore[misc]
            bare = bench.speed(words, lambda nlp=nlp, ready=ready: network(nlp, ready))  # type: ignore[misc]
            told = (
                report.check(f"vectors of {name}", away, SAME)
                if precision == "float32"
                else f"{away:.2g}"
            )
            yield [
                name,
                precision,
                f"{whole:,.0f}",
                f"{bare:,.0f}",
                _compiled(bench, nlp, ready, words),
                told,
            ]


def vectors(nlp: Pipeline, docs: Sequence[Doc]) -> np.ndarray[Any, Any]:
    """float32[words, width], from features on."""
    with nlp.inference():
        return np.concatenate(
            [batch.vectors("main").float().cpu().numpy() for batch in batches(nlp, docs)]
        )


def network(nlp: Pipeline, ready: Sequence[Any]) -> None:
    """The network alone, on features that are there."""
    with nlp.inference():
        for features in ready:
            nlp.encoders["main"](features)


def _compiled(bench: Bench, nlp: Pipeline, ready: Sequence[Any], words: int) -> str:
    """The speed of the bare network in bfloat16 with compiled layers, where it can be compiled."""
    if bench.quick or nlp.precision == "float32" or not nlp.encoders["main"].compilable():
        return "–"
    try:
        nlp.compile()
        return f"{bench.speed(words, lambda: network(nlp, ready)):,.0f}"
    except Exception as error:  # whatever the compiler says; all else is measured without it
        return f"{type(error).__name__}"


# -- the size of a step


def cells(report: Report, bench: Bench, shipped: Pipeline, _: argparse.Namespace) -> None:
    """The bare network on features made before, by the number of padded cells at a time."""
    docs = pipekit.blank("ru").tokenize(bench.texts[: len(bench.texts) // 3])
    limits = CELLS[:2] if bench.quick else CELLS
    names = ["bilstm", "transformer"] if bench.quick else ["bilstm", "gru", "transformer", "bert"]
    head = [
        "encoder, bfloat16, words a second by padded cells",
        *(f"{limit:,}" for limit in limits),
    ]
    report.table(
        "Padded cells at a time", head, (_cell_row(bench, name, docs, limits) for name in names)
    )


def _cell_row(bench: Bench, name: str, docs: list[Doc], limits: Sequence[int]) -> list[str]:
    nlp = made(bench, name, docs).to(bench.device).with_precision("bfloat16")
    ready = [nlp.encoders["main"].features(batch) for batch in batches(nlp, docs, 65_536)]
    row = [name]
    for limit in limits:
        with cells_at_a_time(limit):
            row.append(f"{bench.speed(sum(map(len, docs)), lambda: network(nlp, ready)):,.0f}")
    return row


@contextmanager
def cells_at_a_time(limit: int) -> Iterator[None]:
    before = reading.CPU_CELLS, reading.GPU_CELLS
    reading.CPU_CELLS = reading.GPU_CELLS = limit
    try:
        yield
    finally:
        reading.CPU_CELLS, reading.GPU_CELLS = before


# -- the pipeline


def pipeline(report: Report, bench: Bench, nlp: Pipeline, _: argparse.Namespace) -> None:
    """From texts to Docs in one process: speed, idle time of the device, run time of kernels."""
    nlp.to(bench.device)
    rows = []
    for precision in PRECISIONS:
        nlp.with_precision(precision)
        found = profile(nlp, bench.texts, bench.runs)
        seconds = sum(stage.seconds for stage in found.stages())
        ceiling = 1 / (seconds * (1 - found.waiting))
        rows.append(
            [
                precision,
                f"{1 / seconds:,.0f}",
                f"{ceiling:,.0f}",
                f"{100 * found.waiting:.0f} %",
                kernels(bench, nlp),
            ]
        )
    name = nlp.meta.get("name")
    head = [
        "precision",
        "words a second",
        "its bare networks",
        "time in which they wait",
        "time in which kernels run",
    ]
    report.table(f"{name}, one process", head, iter(rows))
    stages = (
        [
            stage.name,
            stage.kind,
            f"{1e6 * stage.seconds:.2f}",
            f"{100 * stage.seconds / seconds:.1f} %",
        ]
        for stage in found.stages()
    )
    report.table(
        f"{name}, where the time goes in {precision}",
        ["stage", "kind", "microseconds a word", "share"],
        stages,
    )


def kernels(bench: Bench, nlp: Pipeline) -> str:
    """The share of the time in which the device is at work, by torch's profiler."""
    if bench.device.type != "cuda":
        return "–"
    from torch.profiler import ProfilerActivity

    some = bench.texts[: len(bench.texts) // 6]
    list(nlp.pipe(some))
    with torch.profiler.profile(activities=[ProfilerActivity.CUDA]) as profiler:
        begun = time.perf_counter()
        list(nlp.pipe(some))
        bench.wait()
        seconds = time.perf_counter() - begun
    busy = sum(event.self_device_time_total for event in profiler.key_averages()) / 1e6
    return f"{100 * busy / seconds:.0f} %"


def processes(report: Report, bench: Bench, nlp: Pipeline, arguments: argparse.Namespace) -> None:
    """Workers that share the device, from the first Doc on, since they take a while to start."""
    nlp.with_precision("auto")
    rows = []
    for count in [1, 2] if bench.quick else [1, *arguments.processes]:
        docs: Any = nlp.pipe(
            bench.texts * (1 + count), devices=[str(bench.device)], n_process=count
        )
        next(docs)
        begun, words = time.perf_counter(), sum(len(doc) for doc in docs)
        rows.append([str(count), f"{words / (time.perf_counter() - begun):,.0f}"])
    report.table(
        "Processes that share the device", ["worker processes", "words a second"], iter(rows)
    )


# -- checks


def accuracy(report: Report, bench: Bench, nlp: Pipeline, _: argparse.Namespace) -> None:
    """Figures on development parts, on a CPU and on the device."""
    [names] = read_recipe(RECIPES / "ner/ner.toml").dev
    corpora = {
        "tagger": list(read_conllu(data() / "morph/ru_taiga-dev.conllu.gz")),
        "ner": list(read_source(names, nlp.tokenize)),
    }
    rows: list[list[str]] = []
    for component, gold in corpora.items():
        device = str(bench.device)
        found = [
            evaluate(_on(nlp, component, *where), gold)
            for where in (("cpu", "float32"), *((device, p) for p in PRECISIONS))
        ]
        for figure in ("pos", "morph", "lemma") if component == "tagger" else ("ents",):
            points = [100 * (scores[figure] or 0) for scores in found]
            lost = report.check(
                f"points of {figure} that bfloat16 costs", points[1] - points[2], POINTS
            )
            moved = report.check(
                f"points of {figure} that the device costs", abs(points[1] - points[0]), 0.02
            )
            rows.append([figure, *(f"{value:.2f}" for value in points), moved, lost])
    head = [
        "F1",
        "CPU, float32",
        "device, float32",
        "device, bfloat16",
        "the device moves it by",
        "bfloat16 costs",
    ]
    report.table("Accuracy on development parts", head, iter(rows))


def _on(nlp: Pipeline, component: str, device: str, precision: str) -> Pipeline:
    reads = nlp.components[component].requires
    view = nlp.to(device).select_pipes(enable=[component], given=reads)
    return view.with_precision(precision)


def memory(report: Report, bench: Bench, nlp: Pipeline, _: argparse.Namespace) -> None:
    """Memory so small that batches fail: all documents are delivered, with the same annotations."""
    nlp = nlp.to(bench.device).with_precision("float32")
    batch_words = 1_000 if bench.quick else 65_536
    texts = bench.texts[: 40 if bench.quick else None]
    expected = [doc.words for doc in nlp.pipe(texts, batch_words=batch_words)]  # type: ignore[union-attr]
    with _little_memory(bench, nlp, texts, batch_words) as failures:
        docs: list[Any] = list(nlp.pipe(texts, batch_words=batch_words, on_error="record"))
    lost = sum(
        doc.error is not None or doc.words != words
        for doc, words in zip(docs, expected, strict=True)
    )
    report.check("documents lost for want of memory", lost, 0)
    if not failures:
        report.failed.append("memory was never too small, so nothing is known of what happens then")
    report.add(
        "## Memory",
        "",
        f"{len(failures)} batches did not fit and were halved; "
        f"{lost} of {len(docs)} documents were lost.",
    )


@contextmanager
def _little_memory(
    bench: Bench, nlp: Pipeline, texts: list[str], batch_words: int
) -> Iterator[list[int]]:
    """The sizes of the batches that failed, in words.

    On a GPU the memory of this process is limited to a third of what the texts took; on a CPU the
    encoder pretends to run out of it.
    """
    failures: list[int] = []
    failed, encode = Room.failed, nlp._encode

    def noted(room: Room, words: int) -> None:
        failures.append(words)
        failed(room, words)

    def refuses(name: str, batch: Batch) -> torch.Tensor:
        if len(batch) > batch_words // 4:
            raise RuntimeError("a rehearsal: out of memory")
        return encode(name, batch)

    with patch.object(Room, "failed", noted):
        if bench.device.type == "cpu":
            with patch.object(nlp, "_encode", refuses):
                yield failures
            return
        _limit(bench, nlp, texts, batch_words)
        try:
            yield failures
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, bench.device)


def _limit(bench: Bench, nlp: Pipeline, texts: list[str], batch_words: int) -> None:
    total = torch.cuda.get_device_properties(bench.device).total_memory
    torch.cuda.empty_cache()
    kept = torch.cuda.memory_allocated(bench.device)
    torch.cuda.reset_peak_memory_stats(bench.device)
    list(nlp.pipe(texts, batch_words=batch_words))
    peak = torch.cuda.max_memory_allocated(bench.device)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((kept + (peak - kept) / 3) / total, bench.device)


if __name__ == "__main__":
    sys.exit(main())
