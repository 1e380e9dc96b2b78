"""What of a recipe is checked before its corpora are read, which may take minutes: all names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

import torch

from pipekit import registry
from pipekit.corpora.sources import check_source
from pipekit.errors import ConfigError, near
from pipekit.parts.contracts import Head
from pipekit.pipeline import Pipeline
from pipekit.registry import check_keys
from pipekit.resources import resource_path
from pipekit.settings import check_values, names_of
from pipekit.storage.origins import flattened
from pipekit.training.layers import part_of
from pipekit.training.recipe import Recipe
from pipekit.training.toml import TABLE_KEYS

PART_KINDS = (("encoders", registry.encoders), ("components", registry.components))
_OF_ALL = ("type", "encoder")  # keys of a part that its type need not take


def check_recipe(
    recipe: Recipe,
    saved_pipeline: Callable[[str], Pipeline],
) -> None:
    """Check the names of types, formats, parts and files in a recipe, and the values of settings.

    Args:
        saved_pipeline: loads a pipeline that parts come from.

    Errors: `ConfigError` naming the place, with near names; `DataError` for a corpus that is not
    there; what `saved_pipeline` raises.
    """
    _check_files(recipe)
    for kind, registered in PART_KINDS:
        parts = recipe.pipeline.get(kind, {})
        for name, part in parts.items():
            if "source" not in part:
                _check_part(kind, name, part, registered)
                continue
            saved = saved_pipeline(part["source"])
            saved_part(kind, name, part, saved)
    encoders = recipe.pipeline.get("encoders", {})
    components = recipe.pipeline.get("components", {})
    for name, part in components.items():
        encoder = part.get("encoder")
        if encoder is not None:
            where = f"[components.{name}] reads the encoder"
            _check_known(encoder, encoders, where)
    _check_training(recipe, encoders, components)
    if recipe.settings.start:
        saved_pipeline(recipe.settings.start)
    for source in recipe.train:
        check_source(source)
    for source in recipe.dev:
        check_source(source)


class SavedPart(NamedTuple):
    """A part of a saved pipeline: its kind, its name, and its settings as a part of a recipe."""

    kind: str
    name: str
    settings: dict[str, Any]


def saved_part(
    kind: str,
    name: str,
    part: Mapping[str, Any],
    saved: Pipeline,
) -> SavedPart:
    """The part that a source means. An encoder may be a component there, a language model.

    Errors: `ConfigError` for a part that the saved pipeline lacks.
    """
    name_there = part.get("part", name)
    configs = saved.configs[kind]
    if name_there in configs:
        return SavedPart(kind, name_there, dict(configs[name_there]))
    others = _language_models(saved) if kind == "encoders" else {}
    if name_there in others:
        return SavedPart("components", name_there, others[name_there])
    hint = ""
    if "part" not in part:
        hint = ' Take a part of another name with part = "NAME".'
    path = part["source"]
    similar = near(name_there, {*configs, *others})
    raise ConfigError(
        f"[{kind}.{name}] source = {path!r}: no {name_there!r} is there.{similar}{hint}"
    )


def _language_models(saved: Pipeline) -> dict[str, dict[str, Any]]:
    """The components that can be encoders, by name, with their settings as such."""
    models = {}
    for name, component in saved.components.items():
        if isinstance(component, Head):
            settings = component.as_encoder(saved.configs["components"][name])
            if settings is not None:
                models[name] = settings
    return models


def _check_part(
    kind: str,
    name: str,
    part: Mapping[str, Any],
    registered: registry.Registry,
) -> None:
    """Check the type of a new part, and its settings as far as its type tells them."""
    where = f"[{kind}.{name}]"
    type_name = part.get("type", name)
    factory = registered.get(type_name)
    settings = dict(part)
    for key in _OF_ALL:
        settings.pop(key, None)
    check_values(factory, settings, where)
    if registered is registry.encoders:
        _check_encoder(type_name, part, where)
    if registered.is_own(type_name):  # what `prepare` of others reads is not known
        of_recipes = getattr(factory, "recipe_keys", ())
        own = settings.keys() - of_recipes
        place = f"{where} (type {type_name!r})"
        check_keys(factory, own, place, of_recipes)


def _check_encoder(
    type_name: str,
    part: Mapping[str, Any],
    where: str,
) -> None:
    """Build an encoder that needs no training documents, which checks all of its settings.

    Encoders of plugins, and those that learn a vocabulary, are built once the corpora are read.
    """
    learns_subwords = type_name == "bert" and not isinstance(part.get("subwords"), str)
    if learns_subwords or not registry.encoders.is_own(type_name):
        return
    settings = {key: value for key, value in part.items() if key != "type"}
    factory: Any = registry.encoders.get(type_name)
    check_keys(factory, settings, f"{where} (type {type_name!r})")
    with torch.random.fork_rng(devices=[]):
        try:
            completed, tables = factory.prepare(settings, [])
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
        registry.encoders.build({"type": type_name, **completed, "tables": tables}, where)


def _check_training(
    recipe: Recipe,
    encoders: Collection[str],
    components: Collection[str],
) -> None:
    """Check the names of parts under [training]."""
    parts = [f"encoders.{name}" for name in encoders]
    parts += [f"components.{name}" for name in components]
    for setting, name in _named_parts(recipe):
        if part_of(name, parts) is None:
            similar = near(name, parts)
            raise ConfigError(f"[training] {setting} names {name!r}.{similar}")
    for name in recipe.settings.losses:
        _check_known(name, components, "[training] losses names")
    for name in names_of(recipe.settings.calibrate, "calibrate"):
        _check_known(name, components, "[training] calibrate names")
        if not recipe.dev:
            raise ConfigError(
                "[training] calibrate fits scores on the dev documents, and there are none: "
                "add a [[dev]]"
            )


def _check_files(recipe: Recipe) -> None:
    """Check that the tables that parts are made of are there."""
    for kind, _ in PART_KINDS:
        parts = recipe.pipeline.get(kind, {})
        settings = flattened(parts, kind)
        for name, value in settings.items():
            place, _, key = name.rpartition(".")
            if key not in TABLE_KEYS or not isinstance(value, str) or not value:
                continue
            try:
                resource_path(value)
            except ConfigError as error:
                raise ConfigError(f"[{place}] {key} = {error}") from None


def _named_parts(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """The settings that name parts or their layers, each with such a name."""
    settings = recipe.settings
    for setting in ("freeze", "unfreeze", "rates"):
        for name in getattr(settings, setting):
            yield setting, name


def _check_known(
    name: object,
    names: Collection[str],
    where: str,
) -> None:
    """Errors: `ConfigError` for a name that is not there."""
    if name not in names:
        text = str(name)
        similar = near(text[:80], names)
        raise ConfigError(f"{where} {name!r:.80}, which is not there.{similar}")
