"""A recipe completed: each setting that it has or leaves out, what it means, and who reads it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from pipekit import registry
from pipekit.encoders.embed import EmbedderSettings
from pipekit.encoders.sequence import SequenceEncoder
from pipekit.pipeline import loading
from pipekit.training.building import FIXED
from pipekit.training.checking import PART_KINDS, saved_part
from pipekit.training.recipe import Recipe, TrainingSettings
from pipekit.words.features import FeatureMaker

UNSET = object()
_PASSED = {"tables", "tokenize", "on_problem", "path"}  # what pipekit passes, and no recipe has
_OF_CORPORA = {
    "repeat": (1, "how often the corpus counts in each epoch"),
    "until": (1.0, "the share of the epochs in which the corpus takes part"),
    "mapping": (UNSET, "a TOML file of rules that rewrite the annotations"),
    "table": (UNSET, "the table of these rules"),
    "without": (UNSET, "corpora whose documents are left out, [{path = …}]"),
}
_ENTRY = re.compile(r"(\w+(?:, \w+)*): (.*)")
_COMMENT = 96  # characters


class RecipeSetting(NamedTuple):
    """A setting of a recipe.

    Attributes:
        section: such as "[encoders.main]".
        key, value: as in the recipe; the value of what is unset is None.
        origin: "recipe", "default", or the pipeline that a part comes from.
        reader: who reads it: "module:object", with the package that brings it.
        meaning: from the documentation of the reader; "" where it says nothing.
    """

    section: str
    key: str
    value: Any
    origin: str
    reader: str
    meaning: str


def completed_recipe(recipe: Recipe) -> list[RecipeSetting]:
    """All settings of a recipe in its order, those that it leaves out among them."""
    settings = list(_pipeline(recipe))
    training = recipe.raw.get("training", {})
    settings += _of_factory("[training]", training, TrainingSettings, "pipekit.training.recipe")
    tokenizer = recipe.pipeline.get("tokenizer") or {}
    settings += _part("[tokenizer]", tokenizer, registry.tokenizers, recipe.pipeline["lang"])
    for kind, registered in PART_KINDS:
        for name, part in recipe.pipeline.get(kind, {}).items():
            settings += _of_part(kind, name, part, registered)
    for kind in ("train", "dev"):
        for corpus in recipe.raw.get(kind, ()):
            settings += _corpus(f"[[{kind}]]", corpus)
    return settings


def completed_toml(settings: list[RecipeSetting]) -> str:
    """Settings as a recipe that means the same: defaults stand in it as comments."""
    in_recipe = {setting.section for setting in settings if setting.origin == "recipe"}
    lines: list[str] = []
    section = ""
    reader = ""
    for setting in settings:
        is_new_corpus = setting.section.startswith("[[") and setting.key == "path"
        if setting.section != section or is_new_corpus:
            section = setting.section
            reader = ""
            may_be_absent = section == "[tokenizer]" or section.endswith(".features]")
            mark = "# " if may_be_absent and section not in in_recipe else ""
            lines += ["", f"{mark}{section}"]
        if setting.reader != reader:
            reader = setting.reader
            lines.append(f"# -- read by {reader}")
        lines += _setting_lines(setting)
    return "\n".join(lines).strip()


def _setting_lines(setting: RecipeSetting) -> list[str]:
    """The meaning of a setting, and the setting."""
    lines = []
    if setting.meaning:
        lines.append(f"# {setting.meaning}")
    value = "(unset)"
    if setting.value is not None:
        value = toml_value(setting.value)
    line = f"{_toml_key(setting.key)} = {value}"
    if setting.origin != "recipe":
        line = f"# {line}    # {setting.origin}"
    return [*lines, line]


def toml_value(value: Any) -> str:
    """A plain value as TOML."""
    if isinstance(value, Mapping):
        pairs = [f"{_toml_key(str(key))} = {toml_value(item)}" for key, item in value.items()]
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return json.dumps(value, ensure_ascii=False, default=str)


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _pipeline(recipe: Recipe) -> Iterator[RecipeSetting]:
    own = {"lang": "the language, whose tokenizer cuts the texts", "given": ""}
    own["given"] = "layers that documents bring and no component writes"
    raw = recipe.raw.get("pipeline", {})
    for key in dict.fromkeys([*own, *raw]):
        origin = "recipe" if key in raw else "default"
        value = raw.get(key, recipe.pipeline.get(key))
        meaning = own.get(key, "")
        yield RecipeSetting("[pipeline]", key, value, origin, "pipekit.pipeline", meaning)


def _of_part(
    kind: str,
    name: str,
    part: Mapping[str, Any],
    registered: registry.Registry,
) -> Iterator[RecipeSetting]:
    """The settings of an encoder or a component."""
    section = f"[{kind}.{name}]"
    if "source" not in part:
        yield from _part(section, part, registered, name)
        return
    saved = loading.load(part["source"], device="cpu")
    there = saved_part(kind, name, part, saved).settings
    reader = _reader(registered, there["type"])
    for key in ("source", "part"):
        if key in part:
            yield RecipeSetting(section, key, part[key], "recipe", reader, "")
    for key, value in there.items():
        is_changed = key in part and part[key] != FIXED
        origin = "recipe" if is_changed else f"of {part['source']}"
        yield RecipeSetting(section, key, part.get(key, value), origin, reader, "")


def _part(
    section: str,
    part: Mapping[str, Any],
    registered: registry.Registry,
    name: str,
) -> Iterator[RecipeSetting]:
    """The settings of a new part."""
    type_name = part.get("type", name)
    factory: Any = registered.get(type_name)
    reader = _reader(registered, type_name)
    origin = "recipe" if "type" in part else "default"
    yield RecipeSetting(section, "type", type_name, origin, reader, "")
    rest = {key: value for key, value in part.items() if key not in ("type", "features")}
    inventory = getattr(factory, "inventory", "")
    for setting in _of_factory(section, rest, factory, reader):
        if setting.key == "features":
            continue
        if setting.key == inventory and not setting.value:
            meaning = "what it can say; unset, all that the training documents have"
            setting = setting._replace(value=None, meaning=meaning)
        yield setting
    for key in getattr(factory, "recipe_keys", ()):
        if key not in rest:
            meaning = f"read by prepare of {type_name}, from the training documents"
            yield RecipeSetting(section, key, None, "default", reader, meaning)
    if "features" in inspect.signature(factory).parameters:
        yield from _features(section, part, factory)


def _features(
    section: str,
    part: Mapping[str, Any],
    factory: Any,
) -> Iterator[RecipeSetting]:
    """The settings of the word features below an encoder."""
    features = part.get("features")
    if features is None and not issubclass(factory, SequenceEncoder):
        return
    inner = f"{section[:-1]}.features]"
    for owner in (EmbedderSettings, FeatureMaker):
        own = {field.name for field in fields(owner)}
        values = {key: value for key, value in (features or {}).items() if key in own}
        reader = f"{owner.__module__}:{owner.__name__}"
        for setting in _of_factory(inner, values, owner, reader):
            if setting.key != "vector_hashes":
                yield setting


def _corpus(
    section: str,
    corpus: Mapping[str, Any],
) -> Iterator[RecipeSetting]:
    """The settings of a corpus, and the options of its reader."""
    format_name = corpus["format"]
    reader = _reader(registry.readers, format_name)
    yield RecipeSetting(section, "path", corpus["path"], "recipe", reader, "")
    yield RecipeSetting(section, "format", format_name, "recipe", reader, "")
    options = {}
    for key, value in corpus.items():
        if key not in ("path", "format", *_OF_CORPORA):
            options[key] = value
    for key, (default, meaning) in _OF_CORPORA.items():
        if key in corpus:
            yield RecipeSetting(section, key, corpus[key], "recipe", reader, meaning)
        elif default is not UNSET:
            yield RecipeSetting(section, key, default, "default", reader, meaning)
    yield from _of_factory(section, options, registry.readers.get(format_name), reader)


def _of_factory(
    section: str,
    values: Mapping[str, Any],
    factory: Callable[..., Any],
    reader: str,
) -> Iterator[RecipeSetting]:
    """The parameters of a factory: those that are set, then the defaults of all others."""
    meanings = documented(factory)
    defaults = {}
    for key, parameter in inspect.signature(factory).parameters.items():
        if key not in _PASSED and parameter.kind is not parameter.VAR_KEYWORD:
            defaults[key] = parameter.default
    for key, value in values.items():
        yield RecipeSetting(section, key, value, "recipe", reader, meanings.get(key, ""))
    for key, default in defaults.items():
        if key in values or default is inspect.Parameter.empty:
            continue
        if not isinstance(default, bool | int | float | str | list | tuple | dict):
            default = None
        yield RecipeSetting(section, key, default, "default", reader, meanings.get(key, ""))


def documented(factory: Callable[..., Any]) -> dict[str, str]:
    """What the documentation of a factory, and of its base classes, says of each argument."""
    owners = getattr(factory, "__mro__", (factory,))
    meanings: dict[str, str] = {}
    for owner in reversed(owners):
        meanings.update(_entries(inspect.cleandoc(owner.__doc__ or "")))
    return meanings


def _entries(docstring: str) -> dict[str, str]:
    """The entries under "Args:" or "Attributes:", each as one short line."""
    meanings: dict[str, str] = {}
    names: list[str] = []
    is_within = False
    for line in docstring.splitlines():
        if line in ("Args:", "Attributes:"):
            is_within = True
            continue
        if line and not line.startswith(" "):
            is_within = False
        if not is_within or not line.strip():
            continue
        entry = _ENTRY.fullmatch(line.strip())
        is_new = entry is not None and not line.startswith("     ")
        if entry is not None and is_new:
            names = entry[1].split(", ")
            text = entry[2]
        else:
            text = line.strip()
        for name in names:
            meanings[name] = f"{meanings.get(name, '')} {text}".strip() if not is_new else text
    return {name: _short(text) for name, text in meanings.items()}


def _short(text: str) -> str:
    """As much of a text as a comment holds."""
    if len(text) <= _COMMENT:
        return text
    return f"{text[:_COMMENT].rpartition(' ')[0]} …"


def _reader(
    registered: registry.Registry,
    name: str,
) -> str:
    supplier = registered.supplier(name)
    return f"{supplier.target} of {supplier.package} {supplier.version}"
