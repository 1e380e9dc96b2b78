"""The loop of pretraining: a recipe in, a pipeline with one trained encoder out.

It can be killed at any moment, and resumes where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipekit import registry, resources
from pipekit.devices.memory import begin_batch, release_memory
from pipekit.devices.placement import pick_device
from pipekit.encoders.bert.encoder import SUBWORDS, Bert
from pipekit.errors import ConfigError
from pipekit.pipeline import Pipeline
from pipekit.pretraining.framing import framing_of
from pipekit.pretraining.masking import Sequences
from pipekit.pretraining.objective import Learner
from pipekit.pretraining.objectives import build_objectives, losses
from pipekit.pretraining.recipe import PretrainingRecipe, pretraining_sections
from pipekit.pretraining.shards import NUMBER, Corpus, Pieces, TextSource, cut
from pipekit.storage.files import make_folder
from pipekit.subwords.cutter import Special
from pipekit.training.building import SavedPipelines, build_pipeline
from pipekit.training.checking import saved_part
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
from pipekit.training.folder import TrainingFolder, origins_of
from pipekit.training.recipe import parse_recipe
from pipekit.words.vectors import Vectors, unpack_rows

ENCODER_NAME = "main"
RESULT, LAST, LOG, PIECES = "encoder.pipekit", "last.checkpoint", "pretrain.jsonl", "pieces"
EVALUATED = 16  # batches of held-out texts in an evaluation
_TITLE = 6  # pieces that name a slice of the texts
_WHO = 'does not learn from raw text; those of type = "bert" and type = "causal" do'
_NONE = Special(-1, -1, -1, -1, -1)  # where the rows have no special pieces beyond the corpus


def pretrain(
    recipe: PretrainingRecipe,
    output: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> Pipeline:
    """Train an encoder on raw text, and return the pipeline that holds it.

    The folder `output` then holds the pipeline, the last checkpoint, a log of all figures, and the
    texts as pieces, unless the recipe names a folder for them.

    Args:
        resume: continue from the last checkpoint in the folder; on a CPU the result is that of a
            training that never stopped.
        overwrite: replace the pretraining that is in the folder.
        progress: show a bar on a terminal.

    Errors: `ConfigError` for settings, for a folder that holds a pretraining, and for a checkpoint
    of other settings or files; `DataError` for texts; `ProcessingError` for a loss that is no
    number.
    """
    set_up(recipe.settings.seed, recipe.settings.threads)
    folder = TrainingFolder(output / LAST, (output / RESULT, output / LOG))
    made_of = origins_of(pretraining_sections(recipe), pick_device(device).type)
    goes_on = folder.begin(made_of, resume=resume, overwrite=overwrite)
    make_folder(output)
    pretrainer = Pretrainer(recipe, build_encoder(recipe), output, device)
    if goes_on:
        pretrainer.resume()
    else:
        folder.clear()
    with without_denormals():
        pretrainer.run(progress)
    return pretrainer.pipeline


def build_encoder(recipe: PretrainingRecipe) -> Pipeline:
    """A pipeline with the encoder of the recipe: a new one, or that of its `source`.

    Errors: `ConfigError` for an encoder that does not learn from raw text.
    """
    saved = SavedPipelines()
    section = dict(recipe.encoder)
    factory = _checked_class(recipe, saved)
    if issubclass(factory, Bert) and "masked" in recipe.objectives:
        section = {"guesses": True, **section}
    raw = {"pipeline": recipe.pipeline, "encoders": {ENCODER_NAME: section}}
    pipeline = build_pipeline(parse_recipe(raw, recipe.path), [], saved)
    encoder = pipeline.encoders[ENCODER_NAME]
    assert isinstance(encoder, Learner)
    if recipe.settings.vectors:
        if not isinstance(encoder, Bert):
            raise ConfigError(
                f"{recipe.path}: vectors of [pretraining] begin the pieces of a bert alone: "
                "leave them out"
            )
        begin_with(recipe.settings.vectors, encoder)
    return pipeline


def _checked_class(
    recipe: PretrainingRecipe,
    saved: SavedPipelines,
) -> type[Learner]:
    """The class of the encoder. Errors: `ConfigError` where it cannot be pretrained."""
    section = recipe.encoder
    where = f"{recipe.path}: [encoder]"
    if "source" in section:
        if recipe.settings.vectors:
            raise ConfigError(
                f"{where} has a source; vectors of [pretraining] are what a new network begins "
                "with: leave one out"
            )
        origin = saved.get(section["source"])
        there = saved_part("encoders", ENCODER_NAME, section, origin)
        type_name = str(there.settings["type"])
    else:
        type_name = str(section.get("type", ""))
    factory = registry.encoders.get(type_name)
    if not (isinstance(factory, type) and issubclass(factory, Learner)):
        raise ConfigError(f"{where} type = {type_name!r} {_WHO}")
    if "source" not in section and not isinstance(section.get(SUBWORDS), str):
        raise ConfigError(
            f'{where} needs subwords = "…", a vocabulary such as `pipekit subwords` learns'
        )
    return factory


def begin_with(
    vectors: Sequence[str],
    encoder: Bert,
) -> None:
    """Add static word vectors to the initial vectors of the pieces that are words.

    A random matrix turns the vectors into the width of the network; their spread becomes that of
    the network's own.

    Args:
        vectors: files of word vectors; the turned vectors of all files are added.
    """
    table = encoder.network.embed.pieces.weight
    words = encoder.subwords.words()  # the word of each piece that is one, by its number
    numbers = np.array(list(words))
    for seed, path in enumerate(vectors):
        known_words = Vectors(resources.read(path, "vectors"))
        rows = known_words.rows(list(words.values()))
        is_known = rows >= 0
        known_rows = rows[is_known]
        values = known_words.tables["values"][known_rows]
        own_vectors = unpack_rows(values, known_words.tables["scale"])
        shape = (known_words.width, table.shape[1])
        random = np.random.default_rng(seed)
        turn = random.standard_normal(shape).astype(np.float32)
        with torch.no_grad():
            turned = torch.from_numpy(own_vectors @ turn)
            factor = table.std() / turned.std()
            table[numbers[is_known]] += turned * factor


@dataclass
class PretrainingProgress:
    """Where a pretraining is; `loss` holds running means, `history` the rows of the log."""

    step: int = 0
    loss: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


class Pretrainer:
    """The state of one pretraining, and its steps."""

    def __init__(
        self,
        recipe: PretrainingRecipe,
        pipeline: Pipeline,
        output: Path,
        device: str,
    ) -> None:
        encoder = pipeline.encoders[ENCODER_NAME]
        assert isinstance(encoder, Learner)
        self.recipe = recipe
        self.settings = recipe.settings
        self.output = output
        self.pipeline = pipeline
        self.encoder = encoder
        self.objectives = build_objectives(recipe.objectives, encoder)
        self._check_length(recipe.path)
        self.framing = framing_of(self.objectives.values())
        self.corpus = self._corpus(recipe)
        self.device = pick_device(device)
        self.network = encoder.network.to(self.device)
        self.parts = nn.ModuleDict(
            {
                "network": self.network,
                "objectives": self.objectives.to(self.device),
            }
        )
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.parts, recipe.settings.weight_decay),
            fused=True,
            betas=(0.9, 0.98),
        )
        self.progress = PretrainingProgress()
        self.batch: Pieces = np.zeros((0, 0), np.uint32)  # the slices of the last step
        self.saved_at = time.monotonic()

    def _check_length(self, recipe_path: Path) -> None:
        length = self.settings.length
        positions = self.encoder.positions
        if positions and length > positions:
            raise ConfigError(
                f"{recipe_path}: length = {length}, but the network has {positions} positions"
            )

    def _corpus(self, recipe: PretrainingRecipe) -> Corpus:
        """The texts of the recipe as pieces, which are cut now unless that was done before."""
        folder = Path(self.settings.pieces or self.output / PIECES)
        sources = []
        for text in recipe.texts:
            pieces = cut(text.path, self.encoder, self.pipeline.tokenize, folder)
            sources.append(TextSource(pieces, text.part))
        return Corpus(sources, self.framing.needs(self.settings.length), self.settings.seed)

    def run(self, show: bool) -> None:
        """Train from the current progress to the end, and save the pipeline."""
        steps = self.settings.steps
        with tqdm(
            total=steps,
            initial=self.progress.step,
            unit=" steps",
            disable=None if show else True,
            mininterval=1,
        ) as bar:
            try:
                while self.progress.step < steps:
                    with undisturbed():
                        self.step()
                    bar.update()
                    self._show(bar)
                    self._look(bar)
            except KeyboardInterrupt:
                self.save()
                raise
        self.network.eval()
        self.pipeline.to_disk(self.output / RESULT, half=self.settings.half)

    def _show(self, bar: Any) -> None:
        """Write the running means of the losses behind the bar."""
        shown = {}
        for name, loss in self.progress.loss.items():
            shown[name] = f"{loss:.3f}"
        bar.set_postfix(shown, refresh=False)

    def _look(self, bar: Any) -> None:
        """Evaluate, and save a checkpoint, when it is time."""
        is_last = self.progress.step == self.settings.steps
        if is_last or self.progress.step % self.settings.evaluate_every == 0:
            with undisturbed():
                self._evaluate(bar)
                self.save()
        elif time.monotonic() - self.saved_at > 60 * self.settings.checkpoint_minutes:
            with undisturbed():
                self.save()

    def sequences(
        self,
        slices: Pieces,
        *seed: int,
    ) -> Sequences:
        """Slices as rows, on the device; the seed decides how texts are put together."""
        random = np.random.default_rng([self.settings.seed, *seed])
        special = self.encoder.subwords.special if self.framing.special else _NONE
        rows = self.framing.rows(slices, self.settings.length, special, random)
        return rows.to(self.device)

    def losses(
        self,
        sequences: Sequences,
        *seed: int,
    ) -> dict[str, Tensor]:
        """The losses of rows; the seed decides what is hidden."""
        seeds = np.random.SeedSequence([self.settings.seed, *seed])
        [own_seed] = seeds.generate_state(1)
        random = torch.Generator(self.device)
        random.manual_seed(int(own_seed))
        with autocast(self.device, self.settings.mixed_precision):
            return losses(self.objectives.values(), self.network, sequences, random)

    def step(self) -> None:
        """One step of the optimizer."""
        begin_batch()
        self.parts.train()
        number = self.progress.step
        factor = schedule(number / self.settings.steps, self.settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * factor
        self.batch = self.corpus.batch(number, self.settings.rows)
        losses = self.losses(self.sequences(self.batch, number), number)
        total = torch.stack(list(losses.values())).sum()
        named_losses = {}
        for name, loss in losses.items():
            named_losses[f"objectives.{name}"] = loss
        weights = dict(self.parts.named_parameters())
        with self._finite(number + 1):
            values = descend(self.optimizer, total, named_losses, weights, self.settings.clip)
        self.progress.step += 1
        self._follow(dict(zip(losses, values.values(), strict=True)))

    def _finite(self, step: int) -> AbstractContextManager[None]:
        """What is no finite number within this context ends the pretraining, see `finite`."""
        return finite(step, self.output / LAST, lambda: list(map(self._title, self.batch)))

    def _title(self, pieces: Pieces) -> str:
        """How a slice of the texts begins."""
        numbers = pieces[:_TITLE] & NUMBER
        spelled = self.encoder.subwords.spell(numbers)
        return repr(" ".join(spelled))

    def _check_weights(self) -> None:
        """No weights that are no numbers are saved. Errors: `ProcessingError`."""
        with self._finite(self.progress.step):
            check_finite(dict(self.parts.named_parameters()))

    def _follow(self, losses: Mapping[str, float]) -> None:
        """Update the running mean of each loss, over the last hundred steps or so."""
        means = self.progress.loss
        steps = min(self.progress.step, 100)
        for name, loss in losses.items():
            mean = means.get(name, loss)
            means[name] = mean + (loss - mean) / steps

    @torch.no_grad()
    def _evaluate(self, bar: Any) -> None:
        """The losses on held-out texts, the same texts and the same hidden words each time."""
        self.parts.eval()
        batch = self.settings.rows
        random = np.random.default_rng(self.settings.seed)
        order = random.permutation(self.corpus.held_out)
        numbers = order[: EVALUATED * batch]
        values: dict[str, list[float]] = {}
        for begin in range(0, len(numbers), batch):
            end = begin + batch
            slices = self.corpus.read(numbers[begin:end])
            rows = self.sequences(slices, 0, begin)
            losses = self.losses(rows, 0, begin)
            for name, loss in losses.items():
                of_name = values.setdefault(name, [])
                of_name.append(float(loss))
        held_out = {}
        for name, of_name in values.items():
            mean = float(np.mean(of_name))
            held_out[name] = mean
        row = {
            "step": self.progress.step,
            "loss": dict(self.progress.loss),
            "held_out": held_out,
        }
        self.progress.history.append(row)
        write_log(self.output / LOG, self.progress.history)
        release_memory()
        figures = []
        for name, mean in held_out.items():
            figures.append(f"{name} {mean:.4f}")
        listed = "  ".join(figures)
        bar.write(f"step {self.progress.step:>7}  held out: {listed}")

    def save(self) -> None:
        """Write the checkpoint."""
        self._check_weights()
        tensors = dict(self.parts.state_dict())
        progress = dict(vars(self.progress))
        made_of = origins_of(pretraining_sections(self.recipe), self.device.type)
        save_checkpoint(self.output / LAST, tensors, self.optimizer, progress, made_of)
        self.saved_at = time.monotonic()

    def resume(self) -> None:
        """Go back to the checkpoint. Errors: `ConfigError` for one of another recipe."""
        tensors, progress = load_checkpoint(self.output / LAST, self.optimizer)
        try:
            self.parts.load_state_dict(tensors)
        except RuntimeError as error:
            raise ConfigError(
                f"{self.output / LAST} belongs to another recipe: "
                "choose another folder, or no --resume"
            ) from error
        self.progress = PretrainingProgress(**progress)


def parameter_groups(
    parts: nn.Module,
    decay: float,
) -> list[dict[str, Any]]:
    """The parameters for the optimizer: biases and norms do not decay (Devlin et al. 2019)."""
    matrices = []
    vectors = []
    for parameter in parts.parameters():
        if not parameter.requires_grad:
            continue
        if parameter.ndim > 1:
            matrices.append(parameter)
        else:
            vectors.append(parameter)
    return [
        {"params": matrices, "weight_decay": decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
