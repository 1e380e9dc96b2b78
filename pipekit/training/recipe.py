"""A recipe: everything that a training is, as one TOML file.

    [training]      settings of the loop, see `TrainingSettings`
    [pipeline]      lang, given (layers that the documents bring and no component writes), and meta data of the result: name, version, …
    [tokenizer]     {type, …}
    [encoders.NAME] {type, …}
    [components.NAME] {type, encoder = "NAME", …}
                    a part may instead be {source = PATH}: that of the same name in a saved pipeline, with its settings and weights;
                    `part` names one of another name, and settings beside these are changed, where the weights that still fit are kept
    [[train]] [[dev]]  path, format, and the reader's own options; `repeat` counts a source more than once in each epoch, `until` is the
                    share of the epochs in which it takes part; `mapping` and `table` name rules that rewrite it (see `mapping` and
                    `span_mapping`), and without = [{path = …}] leaves out documents that stand in other corpora too

Paths are relative to the recipe's folder; `${NAME}` stands for an environment variable, and `${PIPEKIT_DATA}`, where it is unset, for
`../shared/data` beside the folder that holds `recipes/`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipekit.corpora.sources import CorpusSource
from pipekit.errors import ConfigError
from pipekit.training.toml import check_sections, filled, read_toml, settings_of

SECTIONS = ("training", "pipeline", "tokenizer", "encoders", "components", "train", "dev")


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the training loop, the section [training].

    Attributes:
        seed: of every random choice; on a CPU the same seed gives the same weights.
        epochs: passes over the training data.
        batch_words: words in a step of the optimizer.
        learning_rate, warmup, weight_decay: of AdamW (Loshchilov and Hutter 2019); the rate rises over the share `warmup` of all steps and
            then falls along a cosine to zero.
        clip: the largest norm of all gradients together (Pascanu et al. 2013).
        average: weights are averaged with this decay at each step (Polyak and Juditsky 1992); 0 for none. The average is what is kept.
        losses: a weight for the loss of each component, 1 where none is given.
        score: the figure that chooses the best model, for instance "tagger.pos", or several, of which the mean is taken.
        patience: stop after so many evaluations without a better score; 0 for never.
        evaluate_every: epochs between evaluations; checkpoints are written along with them and every `checkpoint_minutes`.
        mixed_precision: bfloat16 where the device has the units for it.
        lowercase: the share of training documents that are shown in lower case, drawn anew in each epoch.
        freeze: what stays as it is: parts such as "encoders.main", layers such as "encoders.main[:3]", see `pipekit.training.layers`.
        unfreeze: encoders, or layers of them, that begin frozen, while the components learn: their layers begin to learn one after
            another, the top first, at equal distances, and the lowest after this share of all steps (gradual unfreezing, Howard and
            Ruder 2018). `patience` counts from then on.
        rates: factors on the learning rate of parts or layers; all that are meant for a weight are multiplied.
        layer_decay: the layers of an encoder learn at this factor of the rate of the layer above (Howard and Ruder 2018, Clark et al.
            2020); its top layer learns at the full rate.
        decay_biases: whether `weight_decay` is for biases and norms too, for all tensors of one axis.
        start: a saved pipeline whose weights the parts of the same name begin with.
        half: whether the result is stored as float16.
        threads: of torch on the CPU; 0 leaves them as they are.
    """

    seed: int = 1
    epochs: int = 10
    batch_words: int = 1500
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 1e-4
    clip: float = 5.0
    average: float = 0.0
    losses: Mapping[str, float] = field(default_factory=dict)
    score: str | Sequence[str] = ()
    patience: int = 0
    evaluate_every: int = 1
    checkpoint_minutes: float = 5.0
    mixed_precision: bool = True
    lowercase: float = 0.0
    freeze: Sequence[str] = ()
    unfreeze: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    layer_decay: float = 1.0
    decay_biases: bool = True
    start: str = ""
    half: bool = False
    threads: int = 0


@dataclass(frozen=True)
class Recipe:
    """A recipe as read; `path` is where it stands."""

    path: Path
    settings: TrainingSettings
    pipeline: Mapping[str, Any]
    meta: Mapping[str, Any]
    train: Sequence[CorpusSource]
    dev: Sequence[CorpusSource]
    raw: Mapping[str, Any]


def read_recipe(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a TOML file, with overrides such as "training.epochs=3", whose values are TOML too.

    Errors: `ConfigError` naming the file, the section and the key, with near names.
    """
    file = Path(path)
    raw = read_toml(file, overrides)
    return parse_recipe(raw, file)


def parse_recipe(raw: Mapping[str, Any], file: Path = Path("recipe.toml")) -> Recipe:
    """The recipe in a mapping of the same shape as the file."""
    check_sections(raw, SECTIONS, file)
    for kind in ("encoders", "components"):
        for name, part in raw.get(kind, {}).items():
            if not isinstance(part, Mapping):
                raise ConfigError(
                    f'{file}: [{kind}] {name} = {part!r}: a part is a table, [{kind}.{name}] with type = "…"'
                )
    raw = filled(raw, file.resolve().parent)
    meta = dict(raw.get("pipeline", {}))
    own = {"lang": meta.pop("lang", "ru"), "given": meta.pop("given", [])}
    pipeline = {**own, **{k: raw[k] for k in ("tokenizer", "encoders", "components") if k in raw}}
    return Recipe(
        file,
        _settings(raw.get("training", {}), file),
        pipeline,
        meta,
        _sources(raw, "train", file),
        _sources(raw, "dev", file),
        raw,
    )


def _settings(section: Mapping[str, Any], file: Path) -> TrainingSettings:
    for key, value in section.items():
        if isinstance(getattr(TrainingSettings(), key, None), Mapping):
            section = {**section, key: _numbers(value, f"{file}: [training] {key}")}
        if key == "freeze" and isinstance(value, str):
            raise ConfigError(
                f"{file}: [training] freeze = {value!r}: a list is needed, such as [{value!r}]"
            )
    return settings_of(
        TrainingSettings,
        section,
        f"{file}: [training]",
        at_least_one=("epochs", "batch_words", "evaluate_every"),
    )


def _numbers(value: Any, setting: str) -> dict[str, float]:
    """A table of numbers under dotted names: TOML reads `encoders.main = 0.1` as a table in a table."""
    if not isinstance(value, Mapping):
        raise ConfigError(
            f'{setting} = {value!r}: names with a number each are needed, such as {{ "encoders.main" = 0.5 }}'
        )
    found: dict[str, float] = {}
    for key, inner in value.items():
        numbers = (
            {"": inner} if isinstance(inner, int | float) else _numbers(inner, f"{setting}.{key}")
        )
        found |= {f"{key}.{name}".rstrip("."): number for name, number in numbers.items()}
    return found


def _sources(raw: Mapping[str, Any], part: str, file: Path) -> list[CorpusSource]:
    sources = []
    for i, entry in enumerate(raw.get(part, ())):
        for key in ("path", "format"):
            if not isinstance(entry.get(key), str):
                raise ConfigError(f'{file}: [[{part}]] number {i + 1} needs {key} = "…"')
        options = {k: v for k, v in entry.items() if k not in ("path", "format", "repeat", "until")}
        sources.append(
            CorpusSource(
                Path(entry["path"]),
                entry["format"],
                int(entry.get("repeat", 1)),
                float(entry.get("until", 1)),
                options,
            )
        )
    return sources
