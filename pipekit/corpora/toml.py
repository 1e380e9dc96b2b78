"""TOML files of rules and recipes: read, and checked to have the shape that is asked for."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipekit.errors import ConfigError, near
from pipekit.settings import check_value

TEXTS = Sequence[str]
TABLE = Mapping[str, Any]
TABLES = Sequence[Mapping[str, Any]]
MAPPED = Mapping[str, str]


def load_toml(path: str | Path) -> dict[str, Any]:
    """The content of a TOML file. Errors: `ConfigError` naming the file, and the line if it has."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # digits without end, brackets without end
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error


def check_table(
    table: Any,
    shapes: Mapping[str, Any],
    where: str,
) -> None:
    """Check the keys and values of a table.

    Args:
        shapes: the type of each value, as `pipekit.settings` knows types.

    Errors: `ConfigError` naming the place and the key.
    """
    check_value(table, TABLE, where)
    for key, value in table.items():
        if key not in shapes:
            raise ConfigError(f"{where} has no {key!r}.{near(key, shapes)}")
        check_value(value, shapes[key], f"{where}: {key}")
