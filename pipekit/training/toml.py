"""Recipes as TOML: files read, settings overridden and checked, paths and variables filled in."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from pipekit.errors import ConfigError, near

PATH_KEYS = ("path", "lexicon", "vectors", "subwords", "pieces", "mapping", "start", "source")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
S = TypeVar("S")


def read_toml(file: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """A recipe as it stands in its file, with overrides such as "training.epochs=3", whose values are TOML too.

    Errors: `ConfigError` naming the file.
    """
    if file.suffix != ".toml":
        raise ConfigError(
            f"{file}: a recipe is a .toml file; data files are named inside it, under [[train]] and [[dev]]"
        )
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}") from error
    for override in overrides:
        _override(raw, override)
    return raw


def check_sections(raw: Mapping[str, Any], known: Iterable[str], file: Path) -> None:
    """Errors: `ConfigError` naming a section that no recipe of this kind has."""
    for section in raw:
        if section not in known:
            raise ConfigError(f"{file}: unknown section {section!r}.{near(section, known)}")


def settings_of(
    kind: type[S], section: Mapping[str, Any], where: str, at_least_one: Iterable[str] = ()
) -> S:
    """A dataclass of settings, all of which have defaults, from a section. Errors: `ConfigError` naming `where` and the key."""
    known, defaults = [f.name for f in fields(kind)], kind()  # type: ignore[arg-type]
    for key, value in section.items():
        if key not in known:
            raise ConfigError(f"{where} takes no {key!r}.{near(key, known)}")
        default = getattr(defaults, key)
        if isinstance(default, int | float) and not isinstance(value, int | float):
            raise ConfigError(f"{where} {key} = {value!r}: a number is needed, such as {default}")
        if key in at_least_one and value < 1:
            raise ConfigError(f"{where} {key} = {value!r}: at least 1 is needed")
    return kind(**section)


def _override(raw: dict[str, Any], override: str) -> None:
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
    """What `${PIPEKIT_DATA}` stands for: the variable, or the folder `shared/data` beside the project that holds `base`."""
    given = os.environ.get("PIPEKIT_DATA")
    if given:
        return given
    beside = (
        parent.parent / "shared" / "data"
        for parent in (base, *base.parents)
        if (parent / "pyproject.toml").exists()
    )
    return str(next(beside, Path("data")))


def filled(value: Any, base: Path, key: str = "") -> Any:
    """A recipe with variables filled in and strings under PATH_KEYS made absolute; `base` is its folder."""
    if isinstance(value, Mapping):
        return {k: filled(v, base, k) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(v, base, key) for v in value]
    if not isinstance(value, str):
        return value
    text = _VARIABLE.sub(
        lambda m: data_folder(base) if m[1] == "PIPEKIT_DATA" else _variable(m[1]), value
    )
    return str(base / text) if key in PATH_KEYS and text else text


def _variable(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise ConfigError(
            f"the recipe names the environment variable {name}, which is not set"
        ) from None
