"""The training loop: a recipe in, a saved pipeline out; it can be killed at any moment and goes on exactly where it was."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.devices.memory import release_memory
from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.text import QUESTIONS
from pipekit.errors import ConfigError
from pipekit.evaluation.evaluate import check_figures, evaluate, figure
from pipekit.parts.contracts import Head
from pipekit.pipeline import Pipeline
from pipekit.pipeline.hooks import hooks
from pipekit.pipeline.loading import load
from pipekit.pipeline.streams import gather
from pipekit.training.building import PreparedParts, modules, named, prepare
from pipekit.training.checkpoint import load_checkpoint, save_checkpoint
from pipekit.training.computing import (
    autocast,
    schedule,
    set_up,
    undisturbed,
    without_denormals,
    write_log,
)
from pipekit.training.layers import Learning
from pipekit.training.recipe import Recipe

LAST, BEST, LOG = "last.checkpoint", "best.pipekit", "train.jsonl"


@dataclass
class TrainingProgress:
    """Where a training is."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    best: float = -math.inf
    stale: int = 0
    loss: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


def train(
    recipe: Recipe,
    output: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    progress: bool = True,
) -> Pipeline:
    """Train what the recipe says and leave in the folder `output`: `best.pipekit`, the last checkpoint, and a log of all figures.

    Args:
        resume: go on from the last checkpoint in the folder; on a CPU the result is that of a training that never stopped.
        progress: show a bar on a terminal.

    Errors: `ConfigError` for settings, `DataError` for corpora.
    """
    set_up(recipe.settings.seed, recipe.settings.threads)
    prepared = prepare(recipe)
    output.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(recipe, prepared, output, device)
    if resume and (output / LAST).exists():
        trainer.resume()
    elif not resume:
        (output / LOG).unlink(missing_ok=True)
    with without_denormals():
        trainer.run(progress)
    return load(output / BEST, device=device)


class Trainer:
    """The state of one training, and its steps."""

    def __init__(self, recipe: Recipe, prepared: PreparedParts, output: Path, device: str) -> None:
        self.settings = recipe.settings
        self.output = output
        self.data = prepared
        self.pipeline = prepared.pipeline.to(device)
        self.device = self.pipeline.device
        self._check_score()
        self.parts = modules(self.pipeline)
        heads = {
            name: part for name, part in self.pipeline.components.items() if isinstance(part, Head)
        }
        self.learners = {
            name: head
            for name, head in heads.items()
            if f"components.{name}" not in self.settings.freeze
        }
        if not self.learners:
            raise ConfigError(
                f"{recipe.path}: nothing is left to train: no component learns, or all are frozen"
            )
        self.learning = Learning(self.settings, self.parts)
        self.parameters = [
            parameter for group in self.learning.groups for _, parameter in group["params"]
        ]
        self.optimizer = torch.optim.AdamW(
            map(dict, self.learning.groups), lr=self.settings.learning_rate, fused=True
        )
        self.average = (
            {name: t.detach().clone() for name, t in self.weights().items()}
            if self.settings.average
            else {}
        )
        self.steps = sum(1 for epoch in range(self.settings.epochs) for _ in self.batches(epoch))
        self.progress = TrainingProgress()
        self.saved_at = time.monotonic()

    def _check_score(self) -> None:
        """Say at once what the first evaluation would say."""
        if self.data.dev:
            check_figures(self.pipeline, self.data.dev, self.settings.score)
        elif self.settings.score or self.settings.patience:
            raise ConfigError(
                "[training] score and patience are for dev documents: name some under [[dev]], or leave them out"
            )

    @property
    def share(self) -> float:
        """The share of all steps that are done."""
        return self.progress.step / max(self.steps, 1)

    def weights(self) -> dict[str, Tensor]:
        """All tensors of all parts, by name."""
        return {
            key: tensor for name, part in self.parts.items() for key, tensor in named(name, part)
        }

    def batches(self, epoch: int) -> Iterator[list[Doc]]:
        """The training documents in batches, in an order that seed and epoch decide."""
        random = np.random.default_rng([self.settings.seed, epoch])
        order = random.permutation(np.flatnonzero(epoch < self.data.until * self.settings.epochs))
        small = random.random(len(order)) < self.settings.lowercase
        docs = (
            lowered(self.data.train[i]) if low else self.data.train[i]
            for i, low in zip(order.tolist(), small.tolist(), strict=True)
        )
        return gather(docs, len, self.settings.batch_words)

    def run(self, show: bool) -> None:
        """Train from where the progress is to the end, or until the score has stopped rising."""
        from tqdm import tqdm

        with tqdm(
            total=self.steps,
            initial=self.progress.step,
            unit=" steps",
            disable=None if show else True,
            mininterval=1,
        ) as bar:
            try:
                while self.progress.epoch < self.settings.epochs and not self._stale():
                    self._epoch(bar)
            except KeyboardInterrupt:
                self.save()
                raise

    def _stale(self) -> bool:
        return 0 < self.settings.patience <= self.progress.stale

    def _epoch(self, bar: Any) -> None:
        for number, docs in enumerate(self.batches(self.progress.epoch)):
            if number < self.progress.batch:
                continue
            with undisturbed():
                losses = self.step(docs)
                self._follow(losses)
                self.progress.batch = number + 1
            bar.update()
            bar.set_postfix(
                loss=f"{sum(losses.values()):.3f}", best=f"{self.progress.best:.4f}", refresh=False
            )
            hooks.tell("train_step", step=self.progress.step, losses=losses)
            if time.monotonic() - self.saved_at > 60 * self.settings.checkpoint_minutes:
                self.save()
        with undisturbed():
            self.progress.epoch, self.progress.batch = self.progress.epoch + 1, 0
            if (
                self.progress.epoch % self.settings.evaluate_every == 0
                or self.progress.epoch == self.settings.epochs
            ):
                self._evaluate(bar)
                self.save()

    def _follow(self, losses: Mapping[str, float]) -> None:
        """Keep a running mean of each loss, for the log."""
        for name, loss in losses.items():
            self.progress.loss[name] = 0.98 * self.progress.loss.get(name, loss) + 0.02 * loss

    def step(self, docs: Sequence[Doc]) -> dict[str, float]:
        """One step of the optimizer; the loss of each component."""
        self.learning.enter(self.share)
        rate = self.settings.learning_rate * schedule(self.share, self.settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        with autocast(self.device, self.settings.mixed_precision):
            batch = self.pipeline.batch(docs)
            losses = {name: head.loss(batch) for name, head in self.learners.items()}
        total = torch.stack(
            [loss.float() * self.settings.losses.get(name, 1.0) for name, loss in losses.items()]
        ).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        self.optimizer.step()
        self.progress.step += 1
        self._average()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _average(self) -> None:
        if not self.average:
            return
        decay = min(self.settings.average, (1 + self.progress.step) / (10 + self.progress.step))
        with torch.no_grad():
            for name, tensor in self.weights().items():
                if tensor.is_floating_point():
                    self.average[name].lerp_(tensor, 1 - decay)

    def _evaluate(self, bar: Any) -> None:
        for part in self.parts.values():
            part.eval()
        with swapped(self.weights(), self.average):
            found = evaluate(self.pipeline, self.data.dev) if self.data.dev else None
            score = (
                float(self.progress.epoch) if found is None else figure(found, self.settings.score)
            )
            better = score > self.progress.best
            if better:
                self.progress.best, self.progress.stale = score, 0
                self.pipeline.to_disk(self.output / BEST, half=self.settings.half)
            elif self.learning.complete(
                self.share
            ):  # what has yet to be unfrozen may make it better
                self.progress.stale += 1
        scores = {} if found is None else {name: found[name] for name in found.figures}
        row = {
            "epoch": self.progress.epoch,
            "step": self.progress.step,
            "score": score,
            "scores": scores,
            "loss": dict(self.progress.loss),
        }
        self.progress.history.append(row)
        write_log(self.output / LOG, self.progress.history)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in flat(scores).items())
        release_memory()
        bar.write(
            f"epoch {self.progress.epoch:>3}  score {score:.4f}{'  best' if better else ''}  {shown}"
        )

    def save(self) -> None:
        """Write the checkpoint."""
        tensors = {
            **self.weights(),
            **{f"average/{name}": tensor for name, tensor in self.average.items()},
        }
        save_checkpoint(self.output / LAST, tensors, self.optimizer, dict(vars(self.progress)))
        self.saved_at = time.monotonic()

    def resume(self) -> None:
        """Go back to the checkpoint."""
        tensors, progress = load_checkpoint(self.output / LAST, self.optimizer)
        own = {
            **self.weights(),
            **{f"average/{name}": tensor for name, tensor in self.average.items()},
        }
        if own.keys() != tensors.keys() or any(
            own[name].shape != tensor.shape for name, tensor in tensors.items()
        ):
            raise ConfigError(
                f"{self.output / LAST} belongs to another recipe or other data: choose another folder, or no --resume"
            )
        with torch.no_grad():
            for name, tensor in tensors.items():
                own[name].copy_(tensor)
        self.progress = TrainingProgress(**progress)


class swapped:
    """Weights replaced by their averages, and put back."""

    def __init__(self, weights: Mapping[str, Tensor], average: Mapping[str, Tensor]) -> None:
        self.weights, self.average = weights, average

    def _swap(self) -> None:
        with torch.no_grad():
            for name, tensor in self.average.items():
                kept = self.weights[name].clone()
                self.weights[name].copy_(tensor)
                tensor.copy_(kept)

    def __enter__(self) -> None:
        self._swap()

    def __exit__(self, *_: object) -> None:
        self._swap()


def lowered(doc: Doc) -> Doc:
    """A copy in lower case, letter for letter, and so are the questions about it."""
    small = Doc.trusted(
        "".join(c.lower() if len(c.lower()) == 1 else c for c in doc.text), doc.starts, doc.ends
    )
    small.layers = dict(doc.layers)
    if QUESTIONS in small.layers:
        asked = small.layers[QUESTIONS] = small.layers[QUESTIONS].copy()
        texts = encode_labels([text and text.lower() for text in asked["text"].strings()])
        asked.set("text", texts.values, texts.labels)
    return small


def flat(scores: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Nested figures under dotted names."""
    found: dict[str, float] = {}
    for name, value in scores.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            found[f"{prefix}{name}"] = float(value)
    return found
