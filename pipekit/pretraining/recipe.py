"""A recipe of pretraining: everything that it is, as one TOML file.

    [pretraining]       settings of the loop, see `PretrainingSettings`
    [objectives.NAME]   what the encoder learns by, with its settings: masked, replaced, next,
                        order, permutation for a bert, causal for a causal one
    [encoder]           {type = "bert" or "causal", subwords = PATH of a vocabulary, …} as in a
                        recipe of training, or {source = PATH}, an encoder that learns on
    [pipeline]          lang, and meta data of the result
    [[text]]            path: a file with a document a line (.txt, .gz, .xz), or a pattern of such
                        names; part: the share of it that is read

Paths are as in a recipe of training.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pipekit.corpora.toml import TABLE, TABLES, check_table
from pipekit.errors import ConfigError
from pipekit.settings import Between, Probability, check_values
from pipekit.training.toml import (
    GradientNorm,
    LearningRate,
    Minutes,
    Seed,
    Steps,
    Threads,
    check_sections,
    filled,
    read_toml,
    settings_of,
)

PRETRAINING_SECTIONS = {
    "pretraining": TABLE,
    "objectives": TABLE,
    "encoder": TABLE,
    "pipeline": TABLE,
    "text": TABLES,
}
_TEXT_FILES = {"path": str, "part": float}


@dataclass(frozen=True)
class PretrainingSettings:
    """Settings of the loop, the section [pretraining].

    Attributes:
        seed: of all random choices; on a CPU the same seed gives the same weights.
        steps: steps of the optimizer.
        rows, length: texts in a batch, and pieces of each text, special pieces included.
        learning_rate, warmup, weight_decay: of AdamW; the rate rises over the share `warmup` of all
            steps, then falls to zero along a cosine.
        clip: the largest norm of all gradients together.
        evaluate_every: steps between evaluations on held-out texts.
        checkpoint_minutes: minutes between checkpoints.
        mixed_precision: bfloat16 if the device has units for it.
        pieces: the folder for the texts as pieces, which several recipes may share; by default one
            in the output folder.
        vectors: files of static word vectors that are added to the initial vectors of pieces.
        half: whether the result is stored as float16.
        threads: of torch on the CPU; 0 leaves them as they are.
    """

    seed: Seed = 1
    steps: Steps = 10_000
    rows: Steps = 32
    length: Annotated[int, Between(4, 65_536)] = 128
    learning_rate: LearningRate = 5e-4
    warmup: Probability = 0.05
    weight_decay: LearningRate = 0.01
    clip: GradientNorm = 1.0
    evaluate_every: Steps = 1_000
    checkpoint_minutes: Minutes = 5.0
    mixed_precision: bool = True
    pieces: str = ""
    vectors: Sequence[str] = ()
    half: bool = True
    threads: Threads = 0


@dataclass(frozen=True)
class TextFiles:
    """A file of texts, and the share of it that is read."""

    path: Path
    part: Annotated[float, Between(1e-9, 1)] = 1.0


@dataclass(frozen=True)
class PretrainingRecipe:
    """A recipe as read; `path` is where it stands."""

    path: Path
    settings: PretrainingSettings
    objectives: Mapping[str, Mapping[str, Any]]
    encoder: Mapping[str, Any]
    pipeline: Mapping[str, Any]
    texts: Sequence[TextFiles]


def read_pretraining_recipe(
    path: Path,
    overrides: Sequence[str] = (),
) -> PretrainingRecipe:
    """The recipe in a TOML file.

    Args:
        overrides: settings that replace those of the file, such as "pretraining.steps=300".

    Errors: `ConfigError` naming the file, the section and the key, with near names.
    """
    raw = filled(read_toml(path, overrides), path.resolve().parent)
    check_sections(raw, PRETRAINING_SECTIONS, path)
    if not isinstance(raw.get("encoder"), Mapping):
        raise ConfigError(
            f'{path}: [encoder] is missing: it says what learns, for instance type = "bert"'
        )
    texts: list[TextFiles] = []
    for number, entry in enumerate(raw.get("text", ()), start=1):
        texts += _texts(entry, f"{path}: [[text]] number {number}")
    if not texts:
        raise ConfigError(f"{path}: [[text]] names no text to learn from")
    settings = settings_of(
        PretrainingSettings,
        raw.get("pretraining", {}),
        f"{path}: [pretraining]",
    )
    return PretrainingRecipe(
        path=path,
        settings=settings,
        objectives=raw.get("objectives") or _usual_objectives(raw["encoder"]),
        encoder=raw["encoder"],
        pipeline=raw.get("pipeline", {}),
        texts=texts,
    )


def _usual_objectives(encoder: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What an encoder learns by where its recipe names nothing."""
    if encoder.get("type") == "causal":
        return {"causal": {}}
    return {"masked": {}}


def pretraining_sections(recipe: PretrainingRecipe) -> dict[str, Any]:
    """All that a pretraining depends on, section by section, with every default."""
    texts = [{"path": str(text.path), "part": text.part} for text in recipe.texts]
    return {
        "pretraining": asdict(recipe.settings),
        "objectives": recipe.objectives,
        "encoder": recipe.encoder,
        "pipeline": recipe.pipeline,
        "text": texts,
    }


def _texts(
    entry: Mapping[str, Any],
    where: str,
) -> list[TextFiles]:
    """The files of one [[text]]."""
    check_table(entry, _TEXT_FILES, where)
    if "path" not in entry:
        raise ConfigError(f'{where} needs path = "…"')
    paths = sorted(glob.glob(entry["path"]))
    if not paths:
        raise ConfigError(f"{where}: no file is there: {entry['path']}")
    part = entry.get("part", 1.0)
    check_values(TextFiles, {"part": part}, where)
    return [TextFiles(Path(path), part) for path in paths]
