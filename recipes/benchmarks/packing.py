"""Recurrent encoders on padded groups of similar length (pipekit) and on packed sequences (torch).

    python recipes/benchmarks/packing.py --corpus ${PIPEKIT_DATA}/ner/collection5-dev.jsonl.gz

Real lengths of sentences, random vectors, one thread. Each way reads the same sentences in turns;
shown are words a second of the padded way and, for the others, medians of the ratio to it within a
turn: above 1 they are faster. Packed sequences go through either one bidirectional module or a
module for each direction, in groups of --cells words; they hold no padding, so larger groups cost
nothing but memory. All ways share their weights, and their answers are compared first. A second
table tries limits of padded cells.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

import pipekit
from pipekit.devices.memory import keep_memory
from pipekit.encoders.recurrent import GRU, LSTM, RNN, Recurrent
from pipekit.nn import sequences as reading
from pipekit.nn.padding import Windows, length_groups, windows
from pipekit.words.arrays import Ints

KINDS: dict[str, type[Recurrent]] = {"LSTM": LSTM, "GRU": GRU, "RNN": RNN}
WIDTHS, LAYERS = (200, 400), (1, 2)
WIDTH_IN = 256
LIMITS = (512, 1_024, 2_048, 4_096, 8_192, 16_384)
SMALL = {"width": WIDTH_IN, "word_buckets": 100, "affix_buckets": 100, "shape_buckets": 100}
Way = Callable[[Tensor, Windows], Tensor]


def plan_of(corpus: Path, words: int) -> Windows:
    """The sentences of the first so many words of a corpus."""
    with gzip.open(corpus, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    borders, begin = [0], 0
    for doc in pipekit.blank("ru").pipe(texts):
        found = doc.sent_borders()  # type: ignore[union-attr]
        borders += (found[1:] + begin).tolist()
        begin = borders[-1]
        if begin >= words:
            break
    return windows(np.array(borders), 512, 64)


def time_major(start: Ints, length: Ints, backwards: bool) -> tuple[Tensor, Tensor]:
    """Rows in the order of a `PackedSequence`, and the number of sequences that have each step.

    The sequences come longest first; int64[rows], int64[steps].
    """
    steps = np.arange(int(length.max()))
    inside = steps[:, None] < length
    rows = start + (length - 1 - steps[:, None] if backwards else steps[:, None])
    return torch.from_numpy(rows[inside]), torch.from_numpy(inside.sum(1))


def one_module(encoder: Recurrent, cells: int) -> Way:
    """All layers and both directions in one module of torch."""
    cell = encoder.forwards[0]
    depth, width = len(encoder.forwards), cell.hidden_size
    module = type(cell)(cell.input_size, width, num_layers=depth, bidirectional=True)
    with torch.no_grad():
        for layer, backwards in itertools.product(range(depth), (False, True)):
            source = (encoder.backwards if backwards else encoder.forwards)[layer]
            for name, value in source.named_parameters():
                getattr(
                    module, name.replace("_l0", f"_l{layer}") + ("_reverse" if backwards else "")
                ).copy_(value)

    def way(flat: Tensor, plan: Windows) -> Tensor:
        found = None
        for chosen in length_groups(plan.length, cells):
            rows, sizes = time_major(plan.start[chosen], plan.length[chosen], False)
            states = module(PackedSequence(flat[rows], sizes))[0].data
            found = states.new_empty(len(flat), 2 * width) if found is None else found
            found.index_copy_(0, rows, states)
        assert found is not None
        return found

    return way


def two_modules(encoder: Recurrent, cells: int) -> Way:
    """A module for each layer and direction; backwards, rows are packed in reverse."""

    def layer(
        states: Tensor, orders: list[tuple[Tensor, Tensor]], modules: tuple[nn.Module, nn.Module]
    ) -> Tensor:
        out = []
        for module, (order, sizes) in zip(modules, orders, strict=True):
            answers = module(PackedSequence(states[order], sizes))[0].data
            out.append(torch.empty_like(answers).index_copy_(0, order, answers))
        return torch.cat(out, dim=1)

    def way(flat: Tensor, plan: Windows) -> Tensor:
        found = []
        for chosen in length_groups(plan.length, cells):
            start, length = plan.start[chosen], plan.length[chosen]
            inner = np.cumsum(length) - length  # rows of this group alone
            orders = [time_major(inner, length, backwards) for backwards in (False, True)]
            rows = torch.from_numpy(np.repeat(start - inner, length) + np.arange(int(length.sum())))
            states = flat[rows]
            for modules in zip(encoder.forwards, encoder.backwards, strict=True):
                states = layer(states, orders, modules)
            found.append((rows, states))
        order = torch.cat([rows for rows, _ in found])
        states = torch.cat([states for _, states in found])
        return torch.empty_like(states).index_copy_(0, order, states)

    return way


def padded(encoder: Recurrent, cells: int) -> Way:
    def way(flat: Tensor, plan: Windows) -> Tensor:
        reading.CPU_CELLS = cells
        return encoder.through(flat, plan)

    return way


def medians(ways: dict[str, Way], flat: Tensor, plan: Windows, runs: int) -> dict[str, float]:
    """Words a second of the first way; for each other, its median speed-up within a turn."""
    turns: list[dict[str, float]] = []
    for number in range(runs + 1):
        turn = {}
        for name, way in ways.items():
            begun = time.perf_counter()
            way(flat, plan)
            turn[name] = time.perf_counter() - begun
        turns += [turn] if number else []
    first, *others = ways
    ratios = {
        name: statistics.median(turn[first] / turn[name] for turn in turns) for name in others
    }
    return {first: len(flat) / statistics.median(turn[first] for turn in turns), **ratios}


def ways_of(encoder: Recurrent, cells: list[int], limit: int) -> dict[str, Way]:
    found = {f"padded, {limit:,}": padded(encoder, limit)}
    for many in cells:
        found[f"one, {many:,}"] = one_module(encoder, many)
        found[f"two, {many:,}"] = two_modules(encoder, many)
    return found


def row(title: str, found: dict[str, float]) -> str:
    first, *ratios = found.values()
    return f"{title:<28}{first:>12,.0f}" + "".join(f"{ratio:>13.2f}" for ratio in ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--corpus", type=Path, required=True, help="JSON lines with a field text, .gz"
    )
    parser.add_argument("--words", type=int, default=8_192)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--cells", type=int, nargs="+", default=[2_048, 8_192], help="words of a packed group"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    keep_memory()
    plan = plan_of(given.corpus, given.words)
    flat = torch.randn(int(plan.start[-1] + plan.length[-1]), WIDTH_IN)
    lengths = f"{plan.length.min()} to {plan.length.max()}"
    size = f"{len(plan.length)} sentences, {len(flat):,} words"
    print(f"{size}, of {lengths}, {given.runs} runs")
    headed = False
    for encoder_type in KINDS.values():
        encoder_type.packs = False  # whatever it does by itself
    for precision, layers, width, kind in itertools.product(
        ("float32", "bfloat16"), LAYERS, WIDTHS, KINDS
    ):
        encoder = KINDS[kind](
            width=width, layers=layers, dropout=0.0, skip=False, features=SMALL
        ).eval()
        ways = ways_of(encoder, given.cells, 2_048)
        with (
            torch.inference_mode(),
            torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"),
        ):
            expected, *others = (way(flat, plan).float() for way in ways.values())
            assert all(
                torch.allclose(expected, other, atol=1e-5 if precision == "float32" else 0.1)
                for other in others
            )
            found = medians(ways, flat, plan, given.runs)
        if not headed:
            print(
                row("", dict.fromkeys(found, 0.0))[:28] + "".join(f"{name:>13}" for name in found),
                flush=True,
            )
            headed = True
        print(row(f"{kind} {width}, {layers} layer(s), {precision}", found), flush=True)
    encoder = LSTM(width=400, dropout=0.0, skip=False, features=SMALL).eval()
    ways = {f"{cells:,}": padded(encoder, cells) for cells in (2_048, *LIMITS)}
    for precision in ("float32", "bfloat16"):
        with (
            torch.inference_mode(),
            torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"),
        ):
            found = medians(ways, flat, plan, given.runs)
        speeds = [
            found["2,048"] * (1 if cells == 2_048 else found[f"{cells:,}"]) for cells in LIMITS
        ]
        shown = ", ".join(
            f"{cells:,}: {speed:,.0f}" for cells, speed in zip(LIMITS, speeds, strict=True)
        )
        print(f"words a second by padded cells, LSTM 400, {precision}: {shown}", flush=True)


if __name__ == "__main__":
    main()
