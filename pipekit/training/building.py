"""A recipe becomes data and a pipeline.

Corpora are read; parts are new, or come from saved pipelines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit import registry
from pipekit.corpora.sources import CorpusSource, read_source
from pipekit.doc import Doc
from pipekit.errors import ConfigError, DataError
from pipekit.parts.contracts import Prepared, Tables
from pipekit.pipeline import Pipeline, loading, saving
from pipekit.settings import check_values
from pipekit.training.checking import PART_KINDS, check_recipe, saved_part
from pipekit.training.recipe import Recipe, TrainingSettings
from pipekit.training.toml import PATH_KEYS
from pipekit.training.transfer import merge_settings, modules, shared, shortened, start_from

FIXED = "fixed"  # the labels of a part that must not grow
_OF_SOURCE = ("source", "part")  # keys that say which part of which pipeline


@dataclass(frozen=True)
class PreparedParts:
    """A pipeline with its data.

    Attributes:
        until: float64[train], the share of the epochs in which each training document takes part.
    """

    pipeline: Pipeline
    train: list[Doc]
    until: NDArray[np.float64]
    dev: list[Doc]


class Origin(NamedTuple):
    """Where a part comes from: a saved pipeline, and the part there, as "encoders.name"."""

    path: str
    part: str


class SavedPipelines:
    """The saved pipelines that parts come from; each is read once."""

    def __init__(self) -> None:
        self._by_path: dict[str, Pipeline] = {}

    def get(self, path: str) -> Pipeline:
        """The pipeline in a file, or that of a package by its name."""
        if path not in self._by_path:
            self._by_path[path] = loading.load(path, device="cpu")
        return self._by_path[path]


@dataclass
class Blueprint:
    """What a pipeline will be built from.

    Attributes:
        config: the config of the pipeline.
        saved: the saved pipelines that parts come from.
        tables: the tables of its parts, by "kind/name".
        origins: the origin of each part that comes from a saved pipeline, by "kind.name".
    """

    config: dict[str, Any]
    saved: SavedPipelines
    tables: dict[str, Tables] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)


def prepare(recipe: Recipe) -> PreparedParts:
    """Read the corpora, complete the settings of the parts from them, and build the pipeline.

    Errors: those of `check_recipe`, before a corpus is read; `DataError` where the training corpora
    hold no document with words.
    """
    config = _own_settings(recipe, ("lang", "tokenizer"))
    tokenize = Pipeline(config).tokenize
    saved = SavedPipelines()
    check_recipe(recipe, saved.get)
    train = [doc for doc in recipe.docs.get("train", ()) if len(doc)]
    until = [1.0] * len(train)
    for source in recipe.train:
        for doc in read_source(source, tokenize):
            if len(doc):
                train.append(doc)
                until.append(source.until)
    dev = list(recipe.docs.get("dev", ()))
    for source in recipe.dev:
        dev += read_source(source, tokenize)
    if not train:
        raise DataError(f"{recipe.path}: [[train]] names no document to learn from")
    pipeline = build_pipeline(recipe, train, saved)
    pipeline.meta["data"] = {
        "train": _data_title(recipe.train, train),
        "dev": _data_title(recipe.dev, dev),
    }
    return PreparedParts(pipeline, train, np.array(until), dev)


def _data_title(
    sources: Sequence[CorpusSource],
    docs: Sequence[Doc],
) -> str:
    """What documents were read from, and how many there are, for the model card."""
    names = dict.fromkeys(source.path.name for source in sources)
    words = sum(map(len, docs))
    return f"{', '.join(names) or 'in memory'}: {len(docs):,} documents, {words:,} words"


def _own_settings(
    recipe: Recipe,
    keys: Sequence[str],
) -> dict[str, Any]:
    """Settings of the pipeline itself, those of some keys."""
    settings = {}
    for key in keys:
        if key in recipe.pipeline:
            settings[key] = recipe.pipeline[key]
    return settings


def build_pipeline(
    recipe: Recipe,
    docs: Sequence[Doc],
    saved: SavedPipelines | None = None,
) -> Pipeline:
    """The pipeline of a recipe, before it learns.

    A part with a `source` is the part of a saved pipeline. The other parts are new, and begin with
    the weights of the pipeline that `start` names. How many tensors came from saved pipelines is
    printed.

    Args:
        docs: the training documents, which complete the settings of new parts.
        saved: the saved pipelines that have been read already.

    Errors: `ConfigError` for a part that the saved pipeline lacks, and where no tensor fits.
    """
    config = _own_settings(recipe, ("lang", "tokenizer", "given"))
    blueprint = Blueprint(config, saved or SavedPipelines())
    for kind, registered in PART_KINDS:
        config[kind] = {}
        parts = recipe.pipeline.get(kind, {})
        for name, part in parts.items():
            if "source" in part:
                _take(blueprint, kind, name, part, docs, recipe.settings)
            else:
                _invent(blueprint, kind, name, part, registered, docs)
    pipeline = Pipeline(config, shared(blueprint.tables), recipe.meta)
    _load_weights(pipeline, blueprint, recipe.settings.start)
    return pipeline


def _invent(
    blueprint: Blueprint,
    kind: str,
    name: str,
    part: Mapping[str, Any],
    registered: registry.Registry,
    docs: Sequence[Doc],
) -> None:
    """The settings and tables of a new part."""
    if FIXED in part.values():
        raise ConfigError(
            f'[{kind}.{name}] "{FIXED}" is for the labels of a part with a source: a new part has '
            "those of the training documents, or a list of them"
        )
    settings = dict(part)
    type_name = settings.pop("type", name)
    factory = registered.get(type_name)
    check_values(factory, settings, f"[{kind}.{name}]")
    if hasattr(factory, "prepare"):
        settings, blueprint.tables[f"{kind}/{name}"] = factory.prepare(settings, docs)
    blueprint.config[kind][name] = {"type": type_name, **settings}


def _take(
    blueprint: Blueprint,
    kind: str,
    name: str,
    part: Mapping[str, Any],
    docs: Sequence[Doc],
    training: TrainingSettings,
) -> None:
    """The settings and tables of a part of a saved pipeline, with the changes of the recipe."""
    path = part["source"]
    saved = blueprint.saved.get(path)
    kind_there, name_there, settings = saved_part(kind, name, part, saved)
    parts = getattr(saved, kind_there)
    tables = saving.tables(parts[name_there])
    changes = _changes(part)
    if changes:
        _check_changes(kind, name, changes)
        settings = merge_settings(settings, changes)
        if kind == "encoders":
            settings, tables = _completed(settings, tables, docs)
    if kind == "components":
        settings, tables = _grown(name, part, Prepared(settings, tables), docs, training)
    origin = Origin(path, f"{kind_there}.{name_there}")
    blueprint.origins[f"{kind}.{name}"] = origin
    blueprint.config[kind][name] = settings
    blueprint.tables[f"{kind}/{name}"] = tables


def _changes(part: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in which a part shall differ from its source."""
    changes = {}
    for key, value in part.items():
        if key in _OF_SOURCE or value == FIXED:
            continue
        changes[key] = value
    return changes


def _grown(
    name: str,
    part: Mapping[str, Any],
    saved: Prepared,
    docs: Sequence[Doc],
    training: TrainingSettings,
) -> Prepared:
    """The settings and tables of a saved component, with what the documents hold besides.

    Frozen components, and those whose labels the recipe lists, stay as they are.
    """
    head: Any = registry.components.get(saved.settings["type"])
    setting = getattr(head, "inventory", "")
    is_frozen = f"components.{name}" in training.freeze
    is_fixed = FIXED in (part.get("labels"), part.get(setting))
    if not setting or is_frozen or (setting in part and not is_fixed):
        return saved
    old = saved.settings[setting]
    new = [item for item in head.listed(saved.settings, docs) if item not in old]
    where = f"[components.{name}] source = {part['source']!r}"
    if new and is_fixed:
        raise ConfigError(
            f"{where}: its {setting} are fixed, and the training documents have others: "
            f"{shortened(new)}. Leave these out, or let the {setting} grow"
        )
    if new and not training.learning_rate:
        raise ConfigError(
            f"[training] learning_rate = 0 teaches nothing, and {where} needs to learn new "
            f"{setting}: {shortened(new)}. Set a rate, or freeze components.{name}"
        )
    if is_fixed or not training.learning_rate:
        return saved
    grown: Prepared = head.grow(saved, new, docs)
    return grown


def _check_changes(
    kind: str,
    name: str,
    changes: Mapping[str, Any],
) -> None:
    """A source brings the type of a part, and the tables that the weights of a component need."""
    for key, value in changes.items():
        is_table = kind == "components" and key in PATH_KEYS and isinstance(value, str)
        if key == "type" or is_table:
            raise ConfigError(
                f"[{kind}.{name}] has a source, which brings the {key}: leave {key} out"
            )


def _completed(
    settings: Mapping[str, Any],
    tables: Tables,
    docs: Sequence[Doc],
) -> tuple[dict[str, Any], Tables]:
    """Changed settings of an encoder, and its tables.

    Files that the changes name are read; their tables replace the saved ones of the same kind.
    """
    arguments = dict(settings)
    type_name = arguments.pop("type")
    factory: Any = registry.encoders.get(type_name)
    completed, new_tables = factory.prepare(arguments, docs)
    complete = {"type": type_name, **completed}
    replaced = {_kind_of(name) for name in new_tables}
    all_tables: Tables = {}
    for name, array in tables.items():
        if _kind_of(name) not in replaced:
            all_tables[name] = array
    all_tables.update(new_tables)
    return complete, all_tables


def _kind_of(table: str) -> str:
    """The kind of a table: "lexicon" of "lexicon.hashes"."""
    return table.partition(".")[0]


def _load_weights(
    pipeline: Pipeline,
    blueprint: Blueprint,
    start: str,
) -> None:
    """Copy the weights of `start`, and those of the parts with a source."""
    if start:
        pairs = {}
        for name in modules(pipeline):
            if name not in blueprint.origins:
                pairs[name] = name
        start_from(pipeline, blueprint.saved.get(start), pairs, f"[training] start = {start!r}")
    for name, origin in blueprint.origins.items():
        start_from(
            pipeline,
            blueprint.saved.get(origin.path),
            {name: origin.part},
            f"[{name}] source = {origin.path!r}",
        )
