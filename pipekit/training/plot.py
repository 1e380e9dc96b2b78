"""The curves of a training, drawn from its log."""

from __future__ import annotations

from pathlib import Path

import srsly

from pipekit.drawing import empty_figure
from pipekit.training.loop import flat


def plot(
    log: Path,
    image: Path,
) -> None:
    """Draw every figure over the epochs. Errors: `ConfigError` without matplotlib."""
    figure = empty_figure(8, 5)
    rows = list(srsly.read_jsonl(log))
    epochs = [row["epoch"] for row in rows]
    curves = [
        flat(
            {
                "score": row["score"],
                **row["scores"],
                "loss": row["loss"],
            }
        )
        for row in rows
    ]
    scores, losses = figure.subplots(2, 1, sharex=True)
    for name in curves[0]:
        axes = losses if name.startswith("loss") else scores
        values = [curve.get(name, float("nan")) for curve in curves]
        axes.plot(epochs, values, marker=".", label=name)
    for axes, label in ((scores, "score"), (losses, "loss")):
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    losses.set_xlabel("epoch")
    figure.savefig(image)
