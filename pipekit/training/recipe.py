"""A recipe: everything that a training is, as one TOML file.

    [training]          settings of the loop, see `TrainingSettings`
    [pipeline]          lang, given (layers that documents bring and no component writes), and meta
                        data of the result: name, version, …
    [tokenizer]         {type, …}
    [encoders.NAME]     {type, …}
    [components.NAME]   {type, encoder = "NAME", …}
    [[train]] [[dev]]   corpora: path, format, and options of the reader

A part may be {source = PATH} instead: the part of that name in a saved pipeline, with its settings
and weights. PATH may be the name of an installed pipeline, such as "ru_core". `part` names a part
of another name. Other keys are changes of its settings; weights that still fit are kept.

A corpus may have `repeat`, how often it counts in each epoch; `until`, the share of the epochs in
which it takes part; `mapping` and `table`, rules that rewrite its annotations (see
`pipekit.corpora.token_rules` and `span_rules`); and without = [{path = …}], corpora whose documents
are left out.

Paths are relative to the folder of the recipe. `${NAME}` stands for an environment variable;
`${PIPEKIT_DATA}`, where it is unset, for `../shared/data` beside the folder that holds `recipes/`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pipekit.corpora.sources import CorpusSource
from pipekit.corpora.toml import TABLE, TABLES
from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.settings import Between, Probability, check_value, check_values
from pipekit.training.toml import (
    Factor,
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

SECTIONS = {
    "training": TABLE,
    "pipeline": TABLE,
    "tokenizer": TABLE,
    "encoders": TABLE,
    "components": TABLE,
    "train": TABLES,
    "dev": TABLES,
}
_STEPS = 2_000  # of a training, at least
_STEPS_OF_EPOCH = 100  # as far as batches of _BATCH_WORDS make so many
_BATCH_WORDS = (200, 1_500)
_EPOCHS = (10, 100)
_SOURCE = {"path": str, "format": str, "repeat": float, "until": float, "without": TABLES}


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the training loop, the section [training].

    Attributes:
        seed: of all random choices; on a CPU the same seed gives the same weights.
        epochs: passes over the training data; unset, see `pace`.
        batch_words: words in a step of the optimizer; unset, see `pace`.
        learning_rate, warmup, weight_decay: of AdamW (Loshchilov and Hutter 2019); the rate rises
            over the share `warmup` of all steps, then falls to zero along a cosine.
        clip: the largest norm of all gradients together (Pascanu et al. 2013).
        average: the decay with which weights are averaged at each step (Polyak and Juditsky 1992);
            0 for none. The averages are saved as the result.
        losses: factors on the losses of components, by name; 1 by default.
        score: the figure that chooses the best pipeline, such as "tagger.pos", or several, of which
            the mean counts.
        patience: stop after so many evaluations without a better score; 0 for never.
        evaluate_every: epochs between evaluations.
        checkpoint_minutes: minutes between checkpoints, which are also written at evaluations.
        mixed_precision: bfloat16 if the device has units for it.
        lowercase: the share of training documents that are shown in lower case, drawn anew in each
            epoch.
        freeze: parts and layers that never change, see `pipekit.training.layers`.
        unfreeze: encoders, or layers of them, that are frozen at first while the components learn.
            Their layers begin to learn one after another, the top first, at equal distances, and
            the lowest after this share of all steps (gradual unfreezing, Howard and Ruder 2018).
            `patience` counts from then on.
        rates: factors on the learning rate of parts or layers; the factors of a weight are
            multiplied.
        layer_decay: each layer of an encoder learns at this factor of the rate of the layer above
            (Howard and Ruder 2018, Clark et al. 2020); its top layer at the full rate.
        decay_biases: whether `weight_decay` applies to biases and norms, all tensors of one axis.
        start: a saved pipeline; parts of the same name begin with its weights.
        calibrate: components whose scores are fitted to the share of right predictions on the dev
            documents, once the best pipeline is there, see `pipekit calibrate`.
        half: whether the result is stored as float16.
        threads: of torch on the CPU; 0 leaves them as they are.
    """

    seed: Seed = 1
    epochs: Steps | None = None
    batch_words: Steps | None = None
    learning_rate: LearningRate = 2e-3
    warmup: Probability = 0.05
    weight_decay: LearningRate = 1e-4
    clip: GradientNorm = 5.0
    average: Probability = 0.0
    losses: Mapping[str, Factor] = field(default_factory=dict)
    score: str | Sequence[str] = ()
    patience: Annotated[int, Between(0, 1_000_000)] = 0
    evaluate_every: Steps = 1
    checkpoint_minutes: Minutes = 5.0
    mixed_precision: bool = True
    lowercase: Probability = 0.0
    freeze: Sequence[str] = ()
    unfreeze: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    layer_decay: float = 1.0
    decay_biases: bool = True
    start: str = ""
    calibrate: Sequence[str] = ()
    half: bool = False
    threads: Threads = 0


class Pace(NamedTuple):
    """How often the training documents are read, and how many words a step reads."""

    epochs: int
    batch_words: int


def pace(
    settings: TrainingSettings,
    words: int,
) -> Pace:
    """The pace of a training on so many words.

    What a recipe leaves unset follows from the size of the data: little data is cut into small
    batches and read more often, so that every training has some 2,000 steps, as far as 100 epochs
    of 200 words a step allow. `recipes/benchmarks/defaults.py` measures it.

        words      epochs  batch_words  steps
        3,000      100     200          1500
        15,000     27      200          2025
        150,000    20      1500         2000
        1,000,000  10      1500         6670
    """
    batch_words = settings.batch_words
    if batch_words is None:
        share = words // _STEPS_OF_EPOCH
        batch_words = min(max(share, _BATCH_WORDS[0]), _BATCH_WORDS[1])
    epochs = settings.epochs
    if epochs is None:
        steps = max(words // batch_words, 1)
        wanted = math.ceil(_STEPS / steps)
        epochs = min(max(wanted, _EPOCHS[0]), _EPOCHS[1])
    return Pace(epochs, batch_words)


def tell_pace(
    own: Pace,
    settings: TrainingSettings,
    words: int,
) -> None:
    """Print what of the pace follows from the size of the data."""
    parts = []
    for key, value in own._asdict().items():
        if getattr(settings, key) is None:
            parts.append(f"{key} = {value}")
    if parts:
        print(f"[training] {', '.join(parts)}: what suits {words:,} words")


@dataclass(frozen=True)
class Recipe:
    """A recipe as read.

    Attributes:
        path: where it stands.
        docs: documents in memory, "train" and "dev", instead of the corpora of these names.
    """

    path: Path
    settings: TrainingSettings
    pipeline: Mapping[str, Any]
    meta: Mapping[str, Any]
    train: Sequence[CorpusSource]
    dev: Sequence[CorpusSource]
    raw: Mapping[str, Any]
    docs: Mapping[str, Sequence[Doc]] = field(default_factory=dict)

    def with_docs(
        self,
        part: str,
        docs: Sequence[Doc],
    ) -> Recipe:
        """The recipe with documents in memory instead of the corpora under [[train]] or [[dev]].

        Args:
            part: "train" or "dev".

        Errors: `ConfigError` naming the first item that is no Doc.
        """
        for number, doc in enumerate(docs):
            if not isinstance(doc, Doc):
                raise ConfigError(f"{part}[{number}] = {doc!r:.60}: a Doc is needed")
        corpora: dict[str, Any] = {part: ()}
        return replace(self, **corpora, docs={**self.docs, part: docs})


def read_recipe(
    path: str | os.PathLike[str],
    overrides: Sequence[str] = (),
) -> Recipe:
    """The recipe in a TOML file.

    Args:
        overrides: settings that replace those of the file, such as "training.epochs=3"; the values
            are TOML.

    Errors: `ConfigError` naming the file, the section and the key, with near names.
    """
    file = Path(path)
    return parse_recipe(read_toml(file, overrides), file)


def parse_recipe(
    raw: Mapping[str, Any],
    file: Path = Path("recipe.toml"),
) -> Recipe:
    """The recipe in a mapping of the same shape as the file. Errors: as `read_recipe`."""
    check_sections(raw, SECTIONS, file)
    for kind in ("encoders", "components"):
        for name, part in raw.get(kind, {}).items():
            if not isinstance(part, Mapping):
                raise ConfigError(
                    f"{file}: [{kind}] {name} = {part!r}: "
                    f'a part is a table, [{kind}.{name}] with type = "…"'
                )
    raw = filled(raw, file.resolve().parent)
    meta = dict(raw.get("pipeline", {}))
    pipeline = {
        "lang": meta.pop("lang", "ru"),
        "given": meta.pop("given", []),
    }
    for key in ("tokenizer", "encoders", "components"):
        if key in raw:
            pipeline[key] = raw[key]
    return Recipe(
        file,
        _settings(raw.get("training", {}), file),
        pipeline,
        meta,
        _sources(raw, "train", file),
        _sources(raw, "dev", file),
        raw,
    )


def recipe_sections(recipe: Recipe) -> dict[str, Any]:
    """All that a training depends on, section by section, with every default."""
    return {
        "training": asdict(recipe.settings),
        "pipeline": recipe.meta,
        **recipe.pipeline,
        "train": recipe.raw.get("train", []),
        "dev": recipe.raw.get("dev", []),
    }


def as_recipe(recipe: Recipe | str | os.PathLike[str] | Mapping[str, Any]) -> Recipe:
    """A recipe as it is, that of a TOML file, or that of a mapping of the same shape.

    Paths of a mapping are relative to the current folder. Errors: as `read_recipe`.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        return parse_recipe(recipe, Path("recipe"))
    return read_recipe(recipe)


def _settings(
    section: Mapping[str, Any],
    file: Path,
) -> TrainingSettings:
    where = f"{file}: [training]"
    defaults = TrainingSettings()
    for key, value in section.items():
        if isinstance(getattr(defaults, key, None), Mapping):
            section = {
                **section,
                key: _numbers(value, f"{where} {key}"),
            }
        if key == "freeze" and isinstance(value, str):
            raise ConfigError(f"{where} freeze = {value!r}: a list is needed, such as [{value!r}]")
    return settings_of(TrainingSettings, section, where)


def _numbers(
    value: Any,
    setting: str,
) -> dict[str, float]:
    """A table of numbers under dotted names.

    TOML reads `encoders.main = 0.1` as a table within a table.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{setting} = {value!r}: names with a number each are needed, "
            'such as { "encoders.main" = 0.5 }'
        )
    numbers: dict[str, float] = {}
    for key, inner in value.items():
        if isinstance(inner, int | float):
            numbers[key] = inner
            continue
        for name, number in _numbers(inner, f"{setting}.{key}").items():
            numbers[f"{key}.{name}"] = number
    return numbers


def _sources(
    raw: Mapping[str, Any],
    part: str,
    file: Path,
) -> list[CorpusSource]:
    """The corpora under [[train]] or [[dev]]."""
    own_keys = ("path", "format", "repeat", "until")
    sources = []
    for number, entry in enumerate(raw.get(part, ()), start=1):
        place = f"{file}: [[{part}]] number {number}"
        for key in _SOURCE.keys() & entry:
            check_value(entry[key], _SOURCE[key], f"{place}: {key}")
        for key in ("path", "format"):
            if key not in entry:
                raise ConfigError(f'{place} needs {key} = "…"')
        check_values(CorpusSource, {key: entry[key] for key in own_keys if key in entry}, place)
        source = CorpusSource(
            path=Path(entry["path"]),
            format=entry["format"],
            repeat=entry.get("repeat", 1),
            until=entry.get("until", 1.0),
            options={key: value for key, value in entry.items() if key not in own_keys},
        )
        sources.append(source)
    return sources
