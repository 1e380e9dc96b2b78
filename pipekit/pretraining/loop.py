"""The loop of pretraining: a recipe in, a pipeline with one trained encoder out; it can be killed and goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipekit import registry, resources
from pipekit.devices.memory import release_memory
from pipekit.devices.placement import pick_device
from pipekit.encoders.bert.encoder import SUBWORDS, Bert
from pipekit.errors import ConfigError
from pipekit.pipeline import Pipeline
from pipekit.pretraining.framing import framing_of
from pipekit.pretraining.masking import Sequences
from pipekit.pretraining.objectives import build_objectives, losses
from pipekit.pretraining.recipe import PretrainingRecipe
from pipekit.pretraining.shards import Corpus, Pieces, TextSource, cut
from pipekit.training import building
from pipekit.training.checkpoint import load_checkpoint, save_checkpoint
from pipekit.training.computing import (
    autocast,
    schedule,
    set_up,
    undisturbed,
    without_denormals,
    write_log,
)
from pipekit.training.recipe import parse_recipe
from pipekit.words.vectors import Vectors, unpack_rows

ENCODER_NAME = "main"
RESULT, LAST, LOG, PIECES = "encoder.pipekit", "last.checkpoint", "pretrain.jsonl", "pieces"
_WHO = 'does not learn from raw text; those of type = "bert" do'
EVALUATED = 16  # batches of held-out texts that an evaluation looks at


def pretrain(
    recipe: PretrainingRecipe,
    output: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    progress: bool = True,
) -> Pipeline:
    """Train an encoder on raw text and leave in the folder `output`: the pipeline that holds it, the last checkpoint, a log of all
    figures, and the texts as pieces unless the recipe names a folder for them.

    Args:
        resume: go on from the last checkpoint in the folder; on a CPU the result is that of a training that never stopped.
        progress: show a bar on a terminal.

    Errors: `ConfigError` for settings, `DataError` for texts.
    """
    set_up(recipe.settings.seed, recipe.settings.threads)
    output.mkdir(parents=True, exist_ok=True)
    pretrainer = Pretrainer(recipe, build_encoder(recipe), output, device)
    if resume and (output / LAST).exists():
        pretrainer.resume()
    with without_denormals():
        pretrainer.run(progress)
    return pretrainer.pipeline


def build_encoder(recipe: PretrainingRecipe) -> Pipeline:
    """A pipeline that has the recipe's encoder: new, or as its `source` has it."""
    pipeline = building.build_pipeline(
        parse_recipe(
            {"pipeline": recipe.pipeline, "encoders": {ENCODER_NAME: _checked(recipe)}}, recipe.path
        ),
        [],
    )
    encoder = pipeline.encoders[ENCODER_NAME]
    if not isinstance(encoder, Bert):
        raise ConfigError(f"{recipe.path}: [encoder] {type(encoder).__name__} {_WHO}")
    begin_with(recipe.settings.vectors, encoder)
    return pipeline


def _checked(recipe: PretrainingRecipe) -> Mapping[str, Any]:
    """The section [encoder], where it can be pretrained."""
    given, where = recipe.encoder, f"{recipe.path}: [encoder]"
    if "source" in given:
        if recipe.settings.vectors:
            raise ConfigError(
                f"{where} has a source; vectors of [pretraining] are what a new network begins with: leave one out"
            )
        return given
    factory = registry.encoders.get(str(given.get("type", "")))
    if not (isinstance(factory, type) and issubclass(factory, Bert)):
        raise ConfigError(f"{where} type = {given['type']!r} {_WHO}")
    if not isinstance(given.get(SUBWORDS), str):
        raise ConfigError(
            f'{where} needs subwords = "…", a vocabulary such as `pipekit subwords` learns'
        )
    return given


def begin_with(vectors: Sequence[str], encoder: Bert) -> None:
    """Let the pieces that are words begin with static vectors of these, turned at random into the width of the network's own.

    Args:
        vectors: files of word vectors; what they say of a word is joined.
    """
    table = encoder.network.embed.pieces.weight
    words = encoder.subwords.words()
    for number, path in enumerate(vectors):
        known = Vectors(resources.read(path))
        rows = known.rows(list(words.values()))
        found = unpack_rows(known.tables["values"][rows[rows >= 0]], known.tables["scale"])
        turn = (
            np.random.default_rng(number)
            .standard_normal((known.width, table.shape[1]))
            .astype(np.float32)
        )
        with torch.no_grad():
            mixed = torch.from_numpy(found @ turn)
            table[np.array(list(words))[rows >= 0]] += mixed * (table.std() / mixed.std())


@dataclass
class PretrainingProgress:
    """Where a pretraining is; `loss` holds running means."""

    step: int = 0
    loss: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


class Pretrainer:
    """The state of one pretraining, and its steps."""

    def __init__(
        self, recipe: PretrainingRecipe, pipeline: Pipeline, output: Path, device: str
    ) -> None:
        self.settings, self.output = recipe.settings, output
        self.pipeline = pipeline
        encoder = pipeline.encoders[ENCODER_NAME]
        assert isinstance(encoder, Bert)
        self.encoder = encoder
        self.objectives = build_objectives(recipe.objectives, encoder)
        if recipe.settings.length > (encoder.shape.positions or recipe.settings.length):
            raise ConfigError(
                f"{recipe.path}: length = {recipe.settings.length}, but the network has {encoder.shape.positions} positions"
            )
        self.framing = framing_of(self.objectives.values())
        folder = Path(recipe.settings.pieces or output / PIECES)
        texts = [
            TextSource(cut(text.path, encoder, pipeline.tokenize, folder), text.part)
            for text in recipe.texts
        ]
        self.corpus = Corpus(
            texts, self.framing.needs(recipe.settings.length), recipe.settings.seed
        )
        self.device = pick_device(device)
        self.network = encoder.network.to(self.device)
        self.parts = nn.ModuleDict(
            {"network": self.network, "objectives": self.objectives.to(self.device)}
        )
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.parts, recipe.settings.weight_decay),
            fused=True,
            betas=(0.9, 0.98),
        )
        self.progress = PretrainingProgress()
        self.saved_at = time.monotonic()

    def run(self, show: bool) -> None:
        """Train from where the progress is to the end."""
        steps, hidden = self.settings.steps, None if show else True
        with tqdm(
            total=steps, initial=self.progress.step, unit=" steps", disable=hidden, mininterval=1
        ) as bar:
            try:
                while self.progress.step < steps:
                    with undisturbed():
                        self.step()
                    bar.update()
                    bar.set_postfix(
                        {name: f"{loss:.3f}" for name, loss in self.progress.loss.items()},
                        refresh=False,
                    )
                    self._look(bar)
            except KeyboardInterrupt:
                self.save()
                raise
        self.network.eval()
        self.pipeline.to_disk(self.output / RESULT, half=self.settings.half)

    def _look(self, bar: Any) -> None:
        done = self.progress.step == self.settings.steps
        if done or self.progress.step % self.settings.evaluate_every == 0:
            with undisturbed():
                self._evaluate(bar)
                self.save()
        elif time.monotonic() - self.saved_at > 60 * self.settings.checkpoint_minutes:
            with undisturbed():
                self.save()

    def sequences(self, slices: Pieces, *seed: int) -> Sequences:
        """Slices as rows, on the device; the seed decides how texts are put together."""
        random = np.random.default_rng([self.settings.seed, *seed])
        return self.framing.rows(
            slices, self.settings.length, self.encoder.subwords.special, random
        ).to(self.device)

    def losses(self, sequences: Sequences, *seed: int) -> dict[str, Tensor]:
        """The losses of rows; the seed decides what is hidden."""
        number = int(np.random.SeedSequence([self.settings.seed, *seed]).generate_state(1)[0])
        with autocast(self.device, self.settings.mixed_precision):
            return losses(
                self.objectives.values(),
                self.network,
                sequences,
                torch.Generator(self.device).manual_seed(number),
            )

    def step(self) -> None:
        """One step of the optimizer."""
        self.parts.train()
        number = self.progress.step
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * schedule(
                number / self.settings.steps, self.settings.warmup
            )
        found = self.losses(
            self.sequences(self.corpus.batch(number, self.settings.rows), number), number
        )
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parts.parameters(), self.settings.clip)
        self.optimizer.step()
        self.progress.step += 1
        for name, loss in found.items():
            mean = self.progress.loss.get(name, float(loss.detach()))
            self.progress.loss[name] = mean + (float(loss.detach()) - mean) / min(
                self.progress.step, 100
            )

    @torch.no_grad()
    def _evaluate(self, bar: Any) -> None:
        """The losses on held-out texts, the same ones and the same words hidden each time."""
        self.parts.eval()
        chosen = np.random.default_rng(self.settings.seed).permutation(self.corpus.held_out)[
            : EVALUATED * self.settings.rows
        ]
        found: dict[str, list[float]] = {}
        for begin in range(0, len(chosen), self.settings.rows):
            rows = self.sequences(
                self.corpus.read(chosen[begin : begin + self.settings.rows]), 0, begin
            )
            for name, loss in self.losses(rows, 0, begin).items():
                found.setdefault(name, []).append(float(loss))
        held_out = {name: float(np.mean(losses)) for name, losses in found.items()}
        self.progress.history.append(
            {"step": self.progress.step, "loss": dict(self.progress.loss), "held_out": held_out}
        )
        write_log(self.output / LOG, self.progress.history)
        release_memory()
        bar.write(
            f"step {self.progress.step:>7}  held out: "
            + "  ".join(f"{name} {loss:.4f}" for name, loss in held_out.items())
        )

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(
            self.output / LAST,
            dict(self.parts.state_dict()),
            self.optimizer,
            dict(vars(self.progress)),
        )
        self.saved_at = time.monotonic()

    def resume(self) -> None:
        """Go back to the checkpoint."""
        tensors, progress = load_checkpoint(self.output / LAST, self.optimizer)
        try:
            self.parts.load_state_dict(tensors)
        except RuntimeError as error:
            raise ConfigError(
                f"{self.output / LAST} belongs to another recipe: choose another folder, or no --resume"
            ) from error
        self.progress = PretrainingProgress(**progress)


def parameter_groups(parts: nn.Module, decay: float) -> list[dict[str, Any]]:
    """The parameters for the optimizer: biases and norms do not decay (Devlin et al. 2019)."""
    parameters = [p for p in parts.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
