"""Pretrain the encoder of ru_core as a language model of raw text, for the training of the tagger.

The state of the forward cell after each word predicts the next one, that of the backward cell the
one before (Peters et al. 2018). The words to choose from are those of the batch, by the vectors
that the encoder's own embedder makes of them, so that it learns too. How frequent a word is goes
into its score, and so does how likely a batch has it (Bengio and Senecal 2008): what context says
is left to learn.

    python recipes/ru_core/pretrain.py recipes/ru_core/ru_core.toml \\
        --data "$PIPEKIT_DATA/text" --out build/pretrained.pipekit

Half an hour on one core. The result is a pipeline without components; `start` in the recipe names
it. A run that was interrupted goes on from its checkpoint, beside the result, when the same command
is given again.
"""

from __future__ import annotations

import argparse
import lzma
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from pipekit import Pipeline, registry
from pipekit.doc import Doc
from pipekit.encoders.recurrent import Recurrent
from pipekit.errors import ConfigError
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Encoder
from pipekit.pipeline.streams import gather
from pipekit.training.checkpoint import load_checkpoint, save_checkpoint
from pipekit.training.computing import schedule
from pipekit.training.recipe import read_recipe

SHARES = {
    "ru_modern": 0.2,
    "ru_technical": 0.12,
    "ru_fiction": 0.68,
}  # of the characters that are read; of the modern texts that is all
CHARS = 120_000_000
BATCH_WORDS = 2_000
CHUNK = 4_000  # lines that are tokenized together
LONGEST = 400  # characters of a line; longer ones are left out
RATE = 3e-3
WARMUP = 0.02
DECAY = 0.01
CLIP = 1.0
WIDTH = 256
DROPOUT = (
    0.1  # of the encoder and its embedder: less than for the tagger, since no text is read twice
)
MINUTES = 3.0  # between checkpoints
SEED = 1
ENCODER = "main"


class Predictor(nn.Module):
    """The loss of an encoder on its own text; `states` is the width of one direction."""

    def __init__(self, states: int, words: int) -> None:
        super().__init__()
        self.states = states
        self.ahead = nn.Linear(states, WIDTH)
        self.back = nn.Linear(states, WIDTH)
        self.target = nn.Linear(words, WIDTH)

    def forward(self, rows: Tensor, batch: Batch, priors: Tensor) -> Tensor:
        """The loss of rows of an encoder, [left | right | embedded].

        `priors` are added to the scores of the distinct words.
        """
        index = torch.from_numpy(batch.distinct.index)
        left, right, embedded = rows.split(
            [self.states, self.states, rows.shape[1] - 2 * self.states], dim=1
        )  # type: ignore[no-untyped-call]
        first = torch.zeros(len(priors), dtype=torch.int64).scatter_(
            0, index, torch.arange(len(index))
        )
        targets = self.target(embedded[first])
        inner = torch.ones(len(index), dtype=torch.bool)
        inner[torch.from_numpy(batch.sequences[1:]) - 1] = False
        place = inner.nonzero()[:, 0]
        lost = [
            functional.cross_entropy((query @ targets.t()).float() + priors, answers)
            for query, answers in (
                (self.ahead(left[place]), index[place + 1]),
                (self.back(right[place + 1]), index[place]),
            )
        ]
        return torch.stack(lost).mean()


def read(folder: Path) -> list[str]:
    """Lines of all texts in their shares, in an order that the seed decides."""
    random, lines = np.random.default_rng(SEED), []
    for name, share in SHARES.items():
        pool = []
        for path in sorted(folder.glob(f"{name}*.txt.xz")):
            with lzma.open(path, "rt", encoding="utf-8") as file:
                pool += [
                    line
                    for line in map(str.strip, tqdm(file, desc=path.name, unit=" lines"))
                    if 2 < len(line) <= LONGEST
                ]
        order = random.permutation(len(pool))
        ends = np.cumsum([len(pool[i]) for i in order])
        lines += [pool[i] for i in order[: int(np.searchsorted(ends, share * CHARS))]]
    return [lines[i] for i in random.permutation(len(lines))]


def batches(pipeline: Pipeline, lines: list[str]) -> Iterator[list[Doc]]:
    """The lines, tokenized on the way."""
    starts = range(0, len(lines), CHUNK)
    return gather(
        (doc for start in starts for doc in pipeline.tokenize(lines[start : start + CHUNK])),
        len,
        BATCH_WORDS,
    )


class Priors:
    """What a word's frequency says of it."""

    def __init__(self, pipeline: Pipeline, lines: list[str]) -> None:
        self.batches = 0
        found = []
        for docs in tqdm(batches(pipeline, lines), desc="counting", unit=" batches"):
            words = Batch(docs).words
            found.append(words.hashes(words.starts, words.ends))
            self.batches += 1
        self.hashes, counts = np.unique(np.concatenate(found), return_counts=True)
        share = counts / counts.sum()
        self.logs = np.log(share / -np.expm1(-BATCH_WORDS * share)).astype(np.float32)

    def __call__(self, batch: Batch) -> Tensor:
        """By distinct word: log of its share of the text, less log of its chance in a batch."""
        words = batch.distinct.words
        return torch.from_numpy(
            self.logs[np.searchsorted(self.hashes, words.hashes(words.starts, words.ends))]
        )


def build(recipe: Path) -> Pipeline:
    """A pipeline that has the recipe's encoder, untrained."""
    parsed = read_recipe(recipe).pipeline
    settings = {**parsed["encoders"][ENCODER], "dropout": DROPOUT}
    settings["features"] = {**settings["features"], "dropout": DROPOUT}
    kind = settings.pop("type")
    encoder: type[Encoder] = registry.encoders.get(kind)  # type: ignore[assignment]
    prepared, tables = encoder.prepare(settings, [])
    config: dict[str, Any] = {
        "lang": parsed["lang"],
        "encoders": {ENCODER: {"type": kind, **prepared}},
    }
    return Pipeline(config, {f"encoders/{ENCODER}": tables})


def pretrain(pipeline: Pipeline, lines: list[str], checkpoint: Path) -> None:
    encoder = pipeline.encoders[ENCODER]
    if not isinstance(encoder, Recurrent) or not encoder.skip:
        raise ConfigError(
            "only a recurrent encoder with skip = true can be pretrained: "
            "its two directions are told apart by their place"
        )
    predictor = Predictor((encoder.width - encoder.embed.width) // 2, encoder.embed.width)
    parts = nn.ModuleDict({"encoder": encoder, "predictor": predictor}).train()
    optimizer = torch.optim.AdamW(parts.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
    priors = Priors(pipeline, lines)
    step, mean = 0, 0.0
    if checkpoint.exists():
        weights, progress = load_checkpoint(checkpoint, optimizer)
        if progress["steps"] != priors.batches:
            raise ConfigError(f"{checkpoint} is of a run over other text: delete it")
        parts.load_state_dict(weights)
        step, mean = progress["step"], progress["loss"]
    saved = time.monotonic()
    with tqdm(total=priors.batches, initial=step, unit=" steps", mininterval=1) as bar:
        for number, docs in enumerate(batches(pipeline, lines)):
            if number < step:
                continue
            for group in optimizer.param_groups:
                group["lr"] = RATE * schedule(number / priors.batches, WARMUP)
            batch = Batch(docs)
            with torch.autocast("cpu", torch.bfloat16):
                loss = predictor(encoder(encoder.features(batch)), batch, priors(batch))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parts.parameters(), CLIP)
            optimizer.step()
            mean += (float(loss.detach()) - mean) / min(number + 1, 100)
            bar.update()
            bar.set_postfix(loss=f"{mean:.3f}", refresh=False)
            if time.monotonic() - saved > 60 * MINUTES:
                progress = {"step": number + 1, "steps": priors.batches, "loss": mean}
                save_checkpoint(checkpoint, dict(parts.state_dict()), optimizer, progress)
                saved = time.monotonic()
    encoder.eval()


def main() -> None:
    parser = argparse.ArgumentParser(
        description="The encoder of a recipe as a language model of raw text."
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with ru_*.txt.xz")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(SEED)
    pipeline = build(arguments.recipe)
    checkpoint = arguments.out.with_suffix(".checkpoint")
    pretrain(pipeline, read(arguments.data), checkpoint)
    pipeline.to_disk(arguments.out)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
