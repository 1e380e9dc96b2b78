"""Recipes as TOML: files read, settings overridden and checked, paths and variables filled in."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pipekit.corpora.toml import load_toml
from pipekit.errors import ConfigError, near
from pipekit.registry import check_arguments, pipelines
from pipekit.settings import Between, check_value

PATH_KEYS = ("path", "lexicon", "vectors", "subwords", "pieces", "mapping", "start", "source")
PIPELINE_KEYS = ("start", "source")  # they name pipelines: files, or those of packages
TABLE_KEYS = ("lexicon", "vectors", "subwords")  # files, or pipelines that have such tables
_VARIABLE = re.compile(r"\$\{(\w+)\}")
S = TypeVar("S")


def read_toml(
    file: Path,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """A recipe as it stands in its file.

    Args:
        overrides: settings that replace those of the file, such as "training.epochs=3"; the values
            are TOML.

    Errors: `ConfigError` naming the file.
    """
    if file.suffix != ".toml":
        raise ConfigError(
            f"{file}: a recipe is a .toml file; "
            "data files are named inside it, under [[train]] and [[dev]]"
        )
    raw = load_toml(file)
    for override in overrides:
        _override(raw, override)
    return raw


def check_sections(
    raw: Mapping[str, Any],
    sections: Mapping[str, Any],
    file: Path,
) -> None:
    """Errors: `ConfigError` naming a section that recipes of this kind do not have.

    Args:
        sections: the shape of each, `TABLE` or `TABLES` of `pipekit.corpora.toml`.
    """
    for section, content in raw.items():
        if section not in sections:
            raise ConfigError(f"{file}: unknown section {section!r}.{near(section, sections)}")
        check_value(content, sections[section], f"{file}: [{section}]")


Seed = Annotated[int, Between(0, 2**32 - 1)]
Steps = Annotated[int, Between(1, 1_000_000_000)]
"""How many steps, epochs, words or rows."""
Threads = Annotated[int, Between(0, 1_024)]
LearningRate = Annotated[float, Between(0, 1_000)]
GradientNorm = Annotated[float, Between(1e-6, 1e6)]
Factor = Annotated[float, Between(0, 1e6)]
Minutes = Annotated[float, Between(0, 1e6)]


def settings_of(
    kind: type[S],
    section: Mapping[str, Any],
    where: str,
) -> S:
    """A section as a dataclass of settings, all of which have defaults.

    Args:
        kind: its annotations declare types and ranges, see `pipekit.settings`.
        where: the section, for messages.

    Errors: `ConfigError` naming `where`, the key, and what it takes.
    """
    check_arguments(kind, section, where)
    return kind(**section)


def _override(
    raw: dict[str, Any],
    override: str,
) -> None:
    """Set one value of a recipe; numbers in the key are places in a list: train.0.path=…"""
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(
            f"--set {override}: write section.key=value, for instance training.epochs=3"
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, last = key.split(".")
    place: Any = raw
    for section in sections:
        place = place[int(section)] if isinstance(place, list) else place.setdefault(section, {})
    place[int(last) if isinstance(place, list) else last] = value


def data_folder(base: Path) -> str:
    """The folder that `${PIPEKIT_DATA}` stands for.

    That is the variable, or else `shared/data` beside the project that holds the folder `base`.
    """
    folder = os.environ.get("PIPEKIT_DATA")
    if folder:
        return folder
    for parent in (base, *base.parents):
        if (parent / "pyproject.toml").exists():
            return str(parent.parent / "shared" / "data")
    return "data"


def filled(
    value: Any,
    base: Path,
    key: str = "",
) -> Any:
    """A recipe with variables filled in, and with absolute paths under PATH_KEYS.

    The names of installed pipelines stay names.

    Args:
        base: the folder of the recipe.
        key: the key that the value stands under.
    """
    if isinstance(value, Mapping):
        return {name: filled(inner, base, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, base, key) for inner in value]
    if not isinstance(value, str):
        return value
    text = _VARIABLE.sub(lambda match: _variable(match[1], base), value)
    return _path(text, base, key) if key in PATH_KEYS and text else text


def _path(
    text: str,
    base: Path,
    key: str,
) -> str:
    """A path as an absolute one; the name of an installed pipeline, which no file hides, stays."""
    path = base / text
    if key in (*PIPELINE_KEYS, *TABLE_KEYS) and not path.exists() and text in pipelines.names():
        return text
    return str(path)


def _variable(
    name: str,
    base: Path,
) -> str:
    if name == "PIPEKIT_DATA":
        return data_folder(base)
    if name not in os.environ:
        raise ConfigError(f"the recipe names the environment variable {name}, which is not set")
    return os.environ[name]
