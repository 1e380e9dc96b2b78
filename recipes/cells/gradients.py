"""Six recurrent cells learn the next character of Russian text: their gradients back through time.

    python recipes/cells/gradients.py --text "$PIPEKIT_DATA/text/ru_modern.txt.xz" --out runs/cells

Draws cells.png and explosion.png into the folder and prints a table. The gradient of a step is that
of the loss at the last character by the whole state (of an LSTM, hidden state and cell) so many
characters earlier: its norm, the geometric mean over HELD_OUT sequences.
"""

from __future__ import annotations

import argparse
import copy
import lzma
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from pipekit.drawing import empty_figure
from pipekit.nn.cells import recurrent_cell

CELLS = (
    "rnn",
    "lstm",
    "lstm, open",
    "gru",
    "mut1",
    "mut2",
    "mut3",
)  # open: the forget gates begin with a bias of 1
LINES, CHARACTERS = 80_000, 120
WIDTH, STEPS, BATCH = 128, 128, 32
UPDATES, RATE, CLIP = 400, 4e-3, 0.25
LARGE, LARGE_RATE, LARGE_CLIP = (
    1.7,
    1.0,
    1.0,
)  # of the case that explodes: what its recurrent weights are multiplied by
HELD_OUT = 64  # sequences
BACK = (1, 10, 50, 100)  # steps that the table shows
SEED = 1


class Model(nn.Module):
    """Characters through a cell to scores of the next one."""

    def __init__(self, name: str) -> None:
        super().__init__()
        kind, _, is_open = name.partition(", ")
        self.embed = nn.Embedding(CHARACTERS + 1, WIDTH // 2)
        self.cell = recurrent_cell(kind, WIDTH // 2, WIDTH)
        self.score = nn.Linear(WIDTH, CHARACTERS + 1)
        if is_open:
            with torch.no_grad():
                self.cell.bias_ih_l0[WIDTH : 2 * WIDTH] += 1

    def loss(self, ids: Tensor) -> Tensor:
        """Nats for each character of int64[sequences, steps + 1] but the first."""
        states, _ = self.cell(self.embed(ids[:, :-1]))
        return functional.cross_entropy(self.score(states).flatten(0, 1), ids[:, 1:].flatten())


@dataclass
class Run:
    """The gradients of a training.

    `norms` are those of all gradients together before clipping, `back` those of the last loss by
    steps back.
    """

    model: Model
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    start: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(0))
    end: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(0))
    held_out: float = 0.0
    seconds: float = 0.0  # of the processor


def read(path: Path) -> tuple[Tensor, Tensor, float]:
    """Sequences for training and for measuring, int64[any, STEPS + 1], and words per character.

    Lines are shuffled.
    """
    with lzma.open(path, "rt", encoding="utf-8") as file:
        lines = file.readlines()
    random.Random(SEED).shuffle(lines)
    text = "".join(lines[:LINES])
    ids = {
        character: i for i, (character, _) in enumerate(Counter(text).most_common(CHARACTERS), 1)
    }
    row = torch.tensor([ids.get(character, 0) for character in text])
    rows = row[: len(row) // (STEPS + 1) * (STEPS + 1)].view(-1, STEPS + 1)
    return rows[:-HELD_OUT], rows[-HELD_OUT:], len(text.split()) / len(text)


def norms_back(model: Model, ids: Tensor) -> np.ndarray[Any, Any]:
    """The norm of the gradient of the last loss by the state 0, 1, … STEPS - 1 steps earlier."""
    model = copy.deepcopy(model).double()
    inputs, state, states = model.embed(ids[:, :-1]), None, []
    for step in range(STEPS):
        _, state = model.cell(inputs[:, step : step + 1], state)
        states.append(state if isinstance(state, tuple) else (state,))
    last = states[-1][0].reshape(len(ids), WIDTH)
    loss = functional.cross_entropy(model.score(last), ids[:, -1], reduction="sum")
    flat = [part for parts in states for part in parts]
    found = torch.autograd.grad(
        loss, flat, allow_unused=True
    )  # no loss reads the last cell of an LSTM
    squares = [0 if one is None else one.reshape(len(ids), WIDTH).square().sum(1) for one in found]
    parts = len(states[0])
    norms = [
        sum(squares[i : i + parts]).sqrt().log().mean().exp().item()
        for i in range(0, len(squares), parts)
    ]
    return np.array(norms[::-1])


def train(
    model: Model,
    optimizer: torch.optim.Optimizer,
    rows: Tensor,
    measured: Tensor,
    clip: float,
    bar: Any,
) -> Run:
    """UPDATES steps, on the same sequences for every model; a clip of infinity clips nothing."""
    run = Run(model, start=norms_back(model, measured))
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(SEED))
    for update in range(UPDATES):
        begun = time.process_time()
        loss = model.loss(
            rows[order[torch.arange(update * BATCH, (update + 1) * BATCH) % len(order)]]
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        run.seconds += time.process_time() - begun
        run.losses.append(loss.item())
        run.norms.append(norm.item())
        bar.update()
    with torch.no_grad():
        run.held_out = model.loss(measured).item()
    run.end = norms_back(model, measured)
    return run


def small(name: str, rows: Tensor, measured: Tensor, clip: float, bar: Any) -> Run:
    """A cell as it usually begins, by Adam."""
    torch.manual_seed(SEED)
    model = Model(name)
    bar.set_description(f"{name:>10}")
    return train(model, torch.optim.Adam(model.parameters(), RATE), rows, measured, clip, bar)


def large(rows: Tensor, measured: Tensor, clip: float, bar: Any) -> Run:
    """A plain RNN with large recurrent weights, by gradient descent without more."""
    torch.manual_seed(SEED)
    model = Model("rnn")
    bar.set_description(" large rnn")
    with torch.no_grad():
        nn.init.orthogonal_(model.cell.weight_hh_l0).mul_(LARGE)
    return train(model, torch.optim.SGD(model.parameters(), LARGE_RATE), rows, measured, clip, bar)


def smooth(values: list[float], share: float = 0.9) -> list[float]:
    """A moving mean, so that lines can be told apart."""
    found = [values[0]]
    for value in values[1:]:
        found.append(share * found[-1] + (1 - share) * value)
    return found


def lines(
    axes: Any, curves: dict[str, Any], title: str, x: str, y: str, *, log: bool = False
) -> None:
    """One line for each curve."""
    for number, (name, curve) in enumerate(curves.items()):
        axes.plot(curve, label=name, color=f"C{number}", linewidth=1.4)
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    if log:
        axes.set_yscale("log")


TIME, GRADIENT = "characters back from the last one", "‖∂ loss of the last character / ∂ state‖"
UPDATE, NORM, LOSS = "updates", "norm of all gradients", "loss, nats per character"


def draw_cells(plain: dict[str, Run], clipped: dict[str, Run], path: Path) -> None:
    figure = empty_figure(15, 8.5)
    (start, end, end_clipped), (norm, loss, loss_clipped) = figure.subplots(2, 3)
    lines(
        start,
        {name: run.start for name, run in plain.items()},
        "At the start",
        TIME,
        GRADIENT,
        log=True,
    )
    for axes, runs, title in (
        (end, plain, "no clipping"),
        (end_clipped, clipped, f"clipping at {CLIP}"),
    ):
        lines(
            axes,
            {name: run.end for name, run in runs.items()},
            f"After {UPDATES} updates, {title}",
            TIME,
            GRADIENT,
            log=True,
        )
    for axes in (start, end, end_clipped):
        axes.set_ylim(1e-16, 10)
    lines(
        norm,
        {name: smooth(run.norms) for name, run in plain.items()},
        "Gradients of the weights, no clipping",
        UPDATE,
        NORM,
    )
    norm.axhline(CLIP, color="black", linestyle="--", linewidth=1, label="clip")
    lines(
        loss,
        {name: smooth(run.losses) for name, run in plain.items()},
        "Loss, no clipping",
        UPDATE,
        LOSS,
    )
    lines(
        loss_clipped,
        {name: smooth(run.losses) for name, run in clipped.items()},
        f"Loss, clipping at {CLIP}",
        UPDATE,
        LOSS,
    )
    for axes in (loss, loss_clipped):
        axes.set_ylim(1.8, 3)
    figure.legend(
        *norm.get_legend_handles_labels(), loc="outside lower center", ncols=len(plain) + 1
    )
    figure.savefig(path, dpi=110)


def draw_explosion(usual: Run, plain: Run, clipped: Run, path: Path) -> None:
    figure = empty_figure(16, 5.4)
    back, norm, loss = figure.subplots(1, 3)
    curves = {"usual weights, start": usual.start, f"{LARGE:g} × orthogonal, start": plain.start}
    curves |= {
        "the same, trained without clipping": plain.end,
        "the same, trained with clipping": clipped.end,
    }
    lines(back, curves, "Plain RNN, back through time", TIME, GRADIENT, log=True)
    back.set_ylim(1e-16, 1e4)
    runs = {"no clipping": plain, f"clipping at {LARGE_CLIP:g}": clipped}
    lines(
        norm,
        {name: run.norms for name, run in runs.items()},
        "Large weights: gradients before clipping",
        UPDATE,
        NORM,
        log=True,
    )
    norm.axhline(LARGE_CLIP, color="black", linestyle="--", linewidth=1, label="clip")
    lines(
        loss, {name: run.losses for name, run in runs.items()}, "Large weights: loss", UPDATE, LOSS
    )
    loss.axhline(
        np.log(CHARACTERS + 1),
        color="black",
        linestyle=":",
        linewidth=1,
        label="all characters alike",
    )
    for axes, columns in ((back, 2), (norm, 3), (loss, 3)):
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=columns, fontsize="small"
        )
    figure.savefig(path, dpi=110)


def row(name: str, plain: Run, clipped: Run, words: float) -> str:
    """A line of the table."""
    size = sum(weight.numel() for weight in plain.model.cell.parameters())
    speed = words * UPDATES * BATCH * STEPS / plain.seconds
    norms = [f"{run[step]:.0e}" for run in (plain.start, plain.end) for step in BACK]
    return " | ".join(
        [
            "",
            name,
            f"{size:,}",
            f"{plain.held_out:.3f}",
            f"{clipped.held_out:.3f}",
            f"{speed:,.0f}",
            *norms,
            "",
        ]
    ).strip()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text", type=Path, required=True, help="lines of text, .txt.xz")
    parser.add_argument("--out", type=Path, default=Path("runs/cells"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    rows, measured, words = read(given.text)
    with tqdm(total=(2 * len(CELLS) + 2) * UPDATES, unit=" updates") as bar:
        plain, clipped = (
            {name: small(name, rows, measured, clip, bar) for name in CELLS}
            for clip in (np.inf, CLIP)
        )
        exploded, tamed = (large(rows, measured, clip, bar) for clip in (np.inf, LARGE_CLIP))
    draw_cells(plain, clipped, given.out / "cells.png")
    draw_explosion(plain["rnn"], exploded, tamed, given.out / "explosion.png")
    heads = [f"{when} −{step}" for when in ("start", "end") for step in BACK]
    print("|", " | ".join(["cell", "weights", "loss", "loss, clipped", "words/s", *heads]), "|")
    print("|---|" + "---:|" * (4 + 2 * len(BACK)))
    for name in CELLS:
        print(row(name, plain[name], clipped[name], words))
    for name, run in (("no clipping", exploded), ("clipping", tamed)):
        print(
            f"large rnn, {name}: loss {run.held_out:.3f}, largest gradient {max(run.norms):.3g}, ",
            end="",
        )
        print(", ".join(f"start −{step} {run.start[step]:.0e}" for step in BACK))


if __name__ == "__main__":
    main()
