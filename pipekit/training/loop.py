"""The training loop: a recipe in, a saved pipeline out.

It can be killed at any moment, and resumes exactly where it stopped.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipekit.devices.memory import release_memory
from pipekit.devices.placement import pick_device
from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.text import QUESTIONS
from pipekit.errors import ConfigError
from pipekit.evaluation.evaluate import evaluate, figure
from pipekit.evaluation.fitting import calibrate
from pipekit.parts.contracts import Head
from pipekit.pipeline import Pipeline
from pipekit.pipeline.hooks import hooks
from pipekit.pipeline.loading import load
from pipekit.pipeline.streams import gather
from pipekit.settings import names_of
from pipekit.storage.files import make_folder
from pipekit.training.building import PreparedParts, prepare
from pipekit.training.checkpoint import load_checkpoint, save_checkpoint
from pipekit.training.computing import (
    autocast,
    check_finite,
    descend,
    finite,
    schedule,
    set_up,
    undisturbed,
    without_denormals,
    write_log,
)
from pipekit.training.figures import decided_by_figures
from pipekit.training.folder import TrainingFolder, origins_of
from pipekit.training.layers import Learning
from pipekit.training.passed_over import doc_title, tell_passed_over
from pipekit.training.recipe import Recipe, as_recipe, pace, recipe_sections, tell_pace
from pipekit.training.transfer import modules, named

LAST, BEST, LOG = "last.checkpoint", "best.pipekit", "train.jsonl"


@dataclass
class TrainingProgress:
    """Where a training is.

    Attributes:
        batch: batches of the current epoch that are done.
        best: the best score of an evaluation.
        stale: evaluations in a row without a better score.
        loss: a running mean for each component.
        history: the rows of the log.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    best: float = -math.inf
    stale: int = 0
    loss: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


def train(
    recipe: Recipe | str | os.PathLike[str] | Mapping[str, Any],
    output: str | os.PathLike[str] | None = None,
    *,
    train: Sequence[Doc] | None = None,
    dev: Sequence[Doc] | None = None,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> Pipeline:
    """Train the pipeline of a recipe, and return the best one.

        nlp = pipekit.train("recipe.toml", "runs/mine")
        nlp = pipekit.train({"encoders": …, "components": …}, train=docs, dev=other_docs)

    The folder `output` then holds `best.pipekit`, the last checkpoint, and a log of all figures.

    Args:
        recipe: a TOML file, or a mapping of the same shape.
        output: the folder for the result; by default nothing is left but the pipeline in memory.
        train, dev: Docs with gold layers, instead of the corpora that the recipe names.
        resume: continue from the last checkpoint in the folder; on a CPU the result is that of a
            training that never stopped.
        overwrite: replace the training that is in the folder.
        progress: show a bar on a terminal.

    Errors: `ConfigError` for settings, for a folder that holds a training, and for a checkpoint of
    other settings or files; `DataError` for corpora; `ProcessingError` for a loss that is no
    number.
    """
    recipe = as_recipe(recipe)
    for part, docs in (("train", train), ("dev", dev)):
        if docs is not None:
            recipe = recipe.with_docs(part, docs)
    if output is None:
        with TemporaryDirectory(prefix="pipekit-") as folder:
            return _train(recipe, Path(folder), device, progress)
    return _train(recipe, Path(output), device, progress, resume, overwrite)


def _train(
    recipe: Recipe,
    output: Path,
    device: str,
    progress: bool,
    resume: bool = False,
    overwrite: bool = False,
) -> Pipeline:
    """Train into a folder."""
    set_up(recipe.settings.seed, recipe.settings.threads)
    folder = TrainingFolder(output / LAST, (output / BEST, output / LOG))
    made_of = origins_of(recipe_sections(recipe), pick_device(device).type, recipe.docs)
    goes_on = folder.begin(made_of, resume=resume, overwrite=overwrite)
    trainer = Trainer(recipe, prepare(recipe), output, device)
    make_folder(output)
    if goes_on:
        trainer.resume()
    else:
        folder.clear()
    with without_denormals():
        trainer.run(progress)
    pipeline = load(output / BEST, device=device)
    if recipe.settings.calibrate:
        for name in names_of(recipe.settings.calibrate, "calibrate"):
            fit = calibrate(pipeline, name, trainer.data.dev)
            row = {"calibration": name, **fit.to_dict()}
            trainer.progress.history.append(row)
        write_log(output / LOG, trainer.progress.history)
        pipeline.to_disk(output / BEST, half=recipe.settings.half)
    return pipeline


class Trainer:
    """The state of one training, and its steps."""

    def __init__(
        self,
        recipe: Recipe,
        prepared: PreparedParts,
        output: Path,
        device: str,
    ) -> None:
        self.recipe = recipe
        self.settings = recipe.settings
        self.output = output
        self.data = prepared
        words = sum(map(len, prepared.train))
        self.pace = pace(recipe.settings, words)
        tell_pace(self.pace, recipe.settings, words)
        self.pipeline = prepared.pipeline.to(device)
        self.device = self.pipeline.device
        self.parts = modules(self.pipeline)
        self.learners = self._learners(recipe.path)
        self.is_decided = decided_by_figures(recipe, prepared, self.learners)
        tell_passed_over(self.pipeline, self.learners, prepared.train)
        self.learning = Learning(self.settings, self.parts)
        self.parameters: dict[str, nn.Parameter] = {}
        for group in self.learning.groups:
            self.parameters |= dict(group["params"])
        self.optimizer = torch.optim.AdamW(
            map(dict, self.learning.groups),
            lr=self.settings.learning_rate,
            fused=True,
        )
        self.average: dict[str, Tensor] = {}
        if self.settings.average:
            for name, weight in self.weights().items():
                self.average[name] = weight.detach().clone()
        self.steps = 0
        for epoch in range(self.pace.epochs):
            self.steps += sum(1 for _ in self.batches(epoch))
        self.progress = TrainingProgress()
        self.made_of = origins_of(recipe_sections(recipe), self.device.type, recipe.docs)
        self.batch: Sequence[Doc] = ()  # of the last step
        self.saved_at = time.monotonic()

    def _learners(self, recipe_path: Path) -> dict[str, Head]:
        """The components that learn, by name. Errors: `ConfigError` where there are none."""
        learners = {}
        for name, component in self.pipeline.components.items():
            is_frozen = f"components.{name}" in self.settings.freeze
            if isinstance(component, Head) and not is_frozen:
                learners[name] = component
        if not learners:
            raise ConfigError(
                f"{recipe_path}: nothing is left to train: no component learns, or all are frozen"
            )
        return learners

    @property
    def share(self) -> float:
        """The share of all steps that are done."""
        return self.progress.step / max(self.steps, 1)

    def weights(self) -> dict[str, Tensor]:
        """All tensors of all parts, by name."""
        tensors: dict[str, Tensor] = {}
        for name, part in self.parts.items():
            tensors.update(named(name, part))
        return tensors

    def batches(self, epoch: int) -> Iterator[list[Doc]]:
        """The training documents in batches, in an order that seed and epoch decide."""
        random = np.random.default_rng([self.settings.seed, epoch])
        takes_part = epoch < self.data.until * self.pace.epochs  # bool[train]
        order = random.permutation(np.flatnonzero(takes_part))
        lower = random.random(len(order)) < self.settings.lowercase

        def docs() -> Iterator[Doc]:
            for row, is_lower in zip(order.tolist(), lower.tolist(), strict=True):
                doc = self.data.train[row]
                if is_lower:
                    doc = lowered(doc)
                yield doc

        return gather(docs(), len, self.pace.batch_words)

    def run(self, show: bool) -> None:
        """Train from the current progress to the end, or until the score has stopped rising."""
        with tqdm(
            total=self.steps,
            initial=self.progress.step,
            unit=" steps",
            disable=None if show else True,
            mininterval=1,
        ) as bar:
            try:
                while self.progress.epoch < self.pace.epochs and not self._stale():
                    self._epoch(bar)
            except KeyboardInterrupt:
                self.save()
                raise

    def _stale(self) -> bool:
        return 0 < self.settings.patience <= self.progress.stale

    def _epoch(self, bar: Any) -> None:
        progress = self.progress
        for number, docs in enumerate(self.batches(progress.epoch)):
            if number < progress.batch:
                continue
            with undisturbed():
                losses = self.step(docs)
                self._follow(losses)
                progress.batch = number + 1
            bar.update()
            shown = {"loss": f"{sum(losses.values()):.3f}"}
            if progress.best > -math.inf:
                shown["best"] = f"{progress.best:.4f}"
            bar.set_postfix(shown, refresh=False)
            hooks.tell("train_step", step=progress.step, losses=losses)
            if time.monotonic() - self.saved_at > 60 * self.settings.checkpoint_minutes:
                self.save()
        with undisturbed():
            progress.epoch += 1
            progress.batch = 0
            is_due = progress.epoch % self.settings.evaluate_every == 0
            if is_due or progress.epoch == self.pace.epochs:
                self._evaluate(bar)
                self.save()

    def _follow(self, losses: Mapping[str, float]) -> None:
        """Update the running mean of each loss, for the log."""
        means = self.progress.loss
        for name, loss in losses.items():
            means[name] = 0.98 * means.get(name, loss) + 0.02 * loss

    def step(self, docs: Sequence[Doc]) -> dict[str, float]:
        """One step of the optimizer; the loss of each component."""
        self.batch = docs
        self.learning.enter(self.share)
        factor = schedule(self.share, self.settings.warmup)
        rate = self.settings.learning_rate * factor
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        losses = {}
        with autocast(self.device, self.settings.mixed_precision):
            batch = self.pipeline.batch(docs)
            for name, head in self.learners.items():
                losses[name] = head.loss(batch)
        weighted = []
        named_losses = {}
        for name, loss in losses.items():
            weight = self.settings.losses.get(name, 1.0)
            weighted.append(loss.float() * weight)
            named_losses[f"components.{name}"] = loss
        total = torch.stack(weighted).sum()
        clip = self.settings.clip
        with self._finite(self.progress.step + 1):
            values = descend(self.optimizer, total, named_losses, self.parameters, clip)
        self.progress.step += 1
        self._average()
        return dict(zip(losses, values.values(), strict=True))

    def _finite(self, step: int) -> AbstractContextManager[None]:
        """What is no finite number within this context ends the training, see `finite`."""
        return finite(step, self.output / LAST, lambda: list(map(doc_title, self.batch)))

    def _average(self) -> None:
        """Move the averages of the weights toward the weights; early in the training by more."""
        if not self.average:
            return
        steps = self.progress.step
        decay = min(self.settings.average, (1 + steps) / (10 + steps))
        with torch.no_grad():
            for name, tensor in self.weights().items():
                if tensor.is_floating_point():
                    self.average[name].lerp_(tensor, 1 - decay)

    def _evaluate(self, bar: Any) -> None:
        """Score the pipeline, save it if it is the best so far, and write the log."""
        self._check_weights()
        for part in self.parts.values():
            part.eval()
        with swapped(self.weights(), self.average):
            score, scores = self._scores()
            is_better = score is None or score > self.progress.best
            if is_better:
                self.pipeline.meta["performance"] = {"dev": flat(scores)}
                self.pipeline.to_disk(self.output / BEST, half=self.settings.half)
        self._compare(score)
        row = {
            "epoch": self.progress.epoch,
            "step": self.progress.step,
            "score": score,
            "scores": scores,
            "loss": dict(self.progress.loss),
        }
        self.progress.history.append(row)
        write_log(self.output / LOG, self.progress.history)
        release_memory()
        bar.write(_shown(row, is_better))

    def _scores(self) -> tuple[float | None, dict[str, Any]]:
        """The score that chooses the best pipeline, None where no figure does, and all figures."""
        if not self.data.dev:
            return None, {}
        scores = evaluate(self.pipeline, self.data.dev)
        figures = {}
        for name in scores.figures:
            figures[name] = scores[name]
        if not self.is_decided:
            return None, figures
        return figure(scores, self.settings.score), figures

    def _compare(self, score: float | None) -> None:
        """Remember the best score, and how often none was better."""
        if score is None:
            return
        if score > self.progress.best:
            self.progress.best = score
            self.progress.stale = 0
        elif self.learning.complete(self.share):  # layers yet to be unfrozen may raise it
            self.progress.stale += 1

    def _state(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint: weights and averages, by name."""
        tensors = self.weights()
        for name, average in self.average.items():
            tensors[f"average/{name}"] = average
        return tensors

    def _check_weights(self) -> None:
        """No weights that are no numbers are saved. Errors: `ProcessingError`."""
        with self._finite(self.progress.step):
            check_finite(self.parameters)

    def save(self) -> None:
        """Write the checkpoint."""
        self._check_weights()
        progress = dict(vars(self.progress))
        save_checkpoint(self.output / LAST, self._state(), self.optimizer, progress, self.made_of)
        self.saved_at = time.monotonic()

    def resume(self) -> None:
        """Go back to the checkpoint. Errors: `ConfigError` for one of another recipe."""
        tensors, progress = load_checkpoint(self.output / LAST, self.optimizer)
        state = self._state()
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        own_shapes = {name: tensor.shape for name, tensor in state.items()}
        if shapes != own_shapes:
            raise ConfigError(
                f"{self.output / LAST} belongs to another recipe or other data: "
                "choose another folder, or no --resume"
            )
        with torch.no_grad():
            for name, tensor in tensors.items():
                state[name].copy_(tensor)
        self.progress = TrainingProgress(**progress)


@contextmanager
def swapped(
    weights: Mapping[str, Tensor],
    averages: Mapping[str, Tensor],
) -> Iterator[None]:
    """Within this context the weights are their averages, and the averages the weights."""
    _swap(weights, averages)
    try:
        yield
    finally:
        _swap(weights, averages)


def _swap(
    weights: Mapping[str, Tensor],
    averages: Mapping[str, Tensor],
) -> None:
    with torch.no_grad():
        for name, average in averages.items():
            weight = weights[name].clone()
            weights[name].copy_(average)
            average.copy_(weight)


def lowered(doc: Doc) -> Doc:
    """A copy of a document and its questions in lower case, letter for letter."""
    letters = []
    for letter in doc.text:
        lower = letter.lower()
        if len(lower) == 1:
            letters.append(lower)
        else:
            letters.append(letter)
    copy = Doc.trusted("".join(letters), doc.starts, doc.ends)
    copy.layers = dict(doc.layers)
    if QUESTIONS in copy.layers:
        questions = copy.layers[QUESTIONS].copy()
        lower_texts = []
        for text in questions["text"].strings():
            lower_texts.append(text and text.lower())
        texts = encode_labels(lower_texts)
        copy.layers[QUESTIONS] = questions.set("text", texts.values, texts.labels)
    return copy


def _shown(
    row: Mapping[str, Any],
    is_better: bool,
) -> str:
    """A row of the log for people: the score and the figures, or without a score the losses."""
    epoch = row["epoch"]
    score = row["score"]
    shown = [f"epoch {epoch:>3}"]
    if score is None:
        shown.append(f"loss: {_listed(row['loss'])}")
    else:
        shown.append(f"score {score:.4f}")
        if is_better:
            shown.append("best")
    figures = flat(row["scores"])
    if figures:
        shown.append(_listed(figures))
    return "  ".join(shown)


def _listed(figures: Mapping[str, float]) -> str:
    parts = []
    for name, value in figures.items():
        parts.append(f"{name} {value:.4f}")
    return "  ".join(parts)


def flat(
    scores: Mapping[str, Any],
    prefix: str = "",
) -> dict[str, float]:
    """Nested figures under dotted names."""
    figures: dict[str, float] = {}
    for name, value in scores.items():
        if isinstance(value, Mapping):
            figures |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            figures[f"{prefix}{name}"] = float(value)
    return figures
