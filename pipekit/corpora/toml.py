"""TOML files of rules and recipes: read, and checked to have the shape that is asked for."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from pipekit.errors import ConfigError, near

TEXT = "a string"
TEXTS = "a list of strings"
FLAG = "true or false"
NUMERIC = "a number"
TABLE = "a table"
TABLES = "a list of tables"
MAPPED = "a table of strings"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _all_in_list(
    value: Any,
    test: Callable[[Any], bool],
) -> bool:
    return isinstance(value, list | tuple) and all(map(test, value))


_TESTS: dict[str, Callable[[Any], bool]] = {
    TEXT: _is_text,
    TEXTS: lambda value: _all_in_list(value, _is_text),
    FLAG: lambda value: isinstance(value, bool),
    NUMERIC: _is_number,
    TABLE: _is_table,
    TABLES: lambda value: _all_in_list(value, _is_table),
    MAPPED: lambda value: _is_table(value) and all(map(_is_text, value.values())),
}


def load_toml(path: str | Path) -> dict[str, Any]:
    """The content of a TOML file. Errors: `ConfigError` naming the file, and the line if it has."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # digits without end, brackets without end
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error


def check_shape(
    value: Any,
    shape: str,
    where: str,
) -> None:
    """Check a value of a TOML file. Errors: `ConfigError` naming the place.

    check_shape(7, TEXTS, "[train] path")     # [train] path is 7: it must be a list of strings
    """
    if not _TESTS[shape](value):
        raise ConfigError(f"{where} is {value!r:.60}: it must be {shape}")


def check_table(
    table: Any,
    shapes: Mapping[str, str],
    where: str,
) -> None:
    """Check the keys and values of a table. Errors: `ConfigError` naming the place and the key."""
    check_shape(table, TABLE, where)
    for key, value in table.items():
        if key not in shapes:
            raise ConfigError(f"{where} has no {key!r}.{near(key, shapes)}")
        check_shape(value, shapes[key], f"{where}: {key}")
