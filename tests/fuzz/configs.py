"""Targets: recipes of trainings and pretrainings, configs of pipelines, rules, as TOML.

What a user writes is trusted with the size of what it asks for, so sizes are made small here; but
every mistake is named by an error of pipekit's own.
"""

from __future__ import annotations

import json
import math
import tomllib
from random import Random
from typing import Any

from fuzz import places
from fuzz.harness import Target
from fuzz.mutations import changed_lines, changed_tree
from pipekit import Doc, Pipeline
from pipekit.corpora.span_rules import read_rules
from pipekit.pretraining.recipe import read_pretraining_recipe
from pipekit.training.recipe import read_recipe

_LARGEST = 64


def check_recipe(data: bytes) -> None:
    read_recipe(places.file("r.toml", data))


def check_pretraining(data: bytes) -> None:
    read_pretraining_recipe(places.file("r.toml", data))


def check_config(data: bytes) -> None:
    """A pipeline that can be built annotates a text."""
    try:
        config = tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        return
    nlp = Pipeline(_small(config))
    assert nlp.config == Pipeline(nlp.config).config
    list(nlp.pipe(["Мама мыла раму.", ""]))


def _small(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _small(inner) for key, inner in tree.items()}
    if isinstance(tree, list):
        return [_small(inner) for inner in tree]
    if type(tree) is int:
        return max(-_LARGEST, min(tree, _LARGEST))
    return tree


def check_rules(data: bytes) -> None:
    """Rules that can be read rewrite a document."""
    path = places.file("rules.toml", data)
    for table in ("spans", "tokens"):
        rewrite = read_rules(path, table)
        doc = Doc(words=["Иванов", "пришёл"])
        for name, values in (("pos", ["NOUN", "VERB"]), ("lemma", ["иванов", "прийти"])):
            doc.tokens.set(name, values)
        doc.tokens.set("morph", ["Case=Nom", None])
        doc.set_spans("ents", [doc[0:1], doc[0:2]])
        rewrite([doc, doc])


# -- TOML


def toml(tree: Any) -> str:
    """A tree as TOML, with a line for each of its keys."""
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in tree.items())


def _key(key: Any) -> str:
    return json.dumps(str(key))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return json.dumps("" if value is None else str(value))


def mutate_toml(data: bytes, chance: Random) -> bytes:
    try:
        tree = changed_tree(tomllib.loads(data.decode()), chance)
    except (ValueError, RecursionError):
        return changed_lines(data, chance, " ")
    if not isinstance(tree, dict) or chance.random() < 0.1:
        return changed_lines(data, chance, " ")
    try:
        return toml(tree).encode("utf-8", "surrogatepass")
    except ValueError:
        return data


TARGETS = {
    "recipe": Target(check_recipe, mutate_toml),
    "pretraining": Target(check_pretraining, mutate_toml),
    "config": Target(check_config, mutate_toml),
    "rules": Target(check_rules, mutate_toml),
}
