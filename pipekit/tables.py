"""Tables of parts: the type, the shape and the bounds of each, declared beside its owner.

    RULES = {
        "keys": Table("uint32", "rules", order="rising"),
        "sizes": Table("integer", "rules", least=1, most=99),
        "rows": Table("integer", "rules", most="rows"),     # each below the size of the axis "rows"
        "table": Table("float32", "rows width"),
        "names": TextLines("rows", most=1_000, longest=64),
    }
    sizes = check_tables(tables, RULES, "the rules")        # {"rules": 7, "rows": 3, "width": 5}

An axis has one size, whatever tables have it. Numbers are finite. A file may hold anything under
right checksums, so what computes with a table may rely on its declaration alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from pipekit.errors import ConfigError, near

_INTEGERS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64"
_MOST = 1 << 31  # of integers: numbers of rows, sizes, letters


@dataclass(frozen=True, slots=True)
class Table:
    """The declaration of a table.

    Args:
        dtypes: names of dtypes, apart by spaces; "integer" for those of all integers.
        axes: the names of its axes, apart by spaces; a number is the size itself.
        least, most: the bounds of its values, both included; where `most` names an axis, values
            are below its size. Integers have 0 and 2**31 where nothing else is said; hashes, of
            which an order is asked, and floats have none.
        order: "rising", or "unique" where no value stands there twice.
        filled: whether there is a value at least.
        needed: whether it may not be missing.
    """

    dtypes: str
    axes: str
    least: float | None = None
    most: float | str | None = None
    order: Literal["", "rising", "unique"] = ""
    filled: bool = False
    needed: bool = True


@dataclass(frozen=True, slots=True)
class TextLines:
    """The declaration of a table of strings, uint8[bytes]: UTF-8, apart by line breaks.

    Args:
        axis: whose size the number of strings is.
        most: how many strings there may be.
        longest: how many bytes each may have.
        needed: whether it may not be missing.
    """

    axis: str
    most: int
    longest: int
    needed: bool = True


Declarations = Mapping[str, Table | TextLines]
Arrays = Mapping[str, NDArray[Any]]


def check_tables(
    tables: Arrays,
    declared: Declarations,
    where: str,
    **sizes: int,
) -> dict[str, int]:
    """Check tables against their declarations.

    Args:
        where: what owns them, for messages.
        sizes: axes whose size something else tells.

    Returns: the size of each axis.

    Errors: `ConfigError` naming the table that is unknown, missing, or not as it is declared.
    """
    check_names(tables, declared, where)
    for name, table in declared.items():
        place = f"{where}: table {name!r}"
        if name not in tables and table.needed:
            raise ConfigError(f"{place} is missing")
        if name in tables:
            _measure(tables[name], table, sizes, place)
    for name, array in tables.items():
        table = declared[name]
        if isinstance(table, Table):
            _check_values(array, table, sizes, f"{where}: table {name!r}")
    return sizes


def check_names(
    tables: Arrays,
    names: Mapping[str, Any],
    where: str,
) -> None:
    """Errors: `ConfigError` naming a table that is not among the names."""
    for name in tables:
        if name not in names:
            raise ConfigError(f"{where} takes no table {name!r:.80}.{near(name[:80], names)}")


def by_prefix(
    tables: Arrays,
    prefixes: tuple[str, ...],
    where: str,
) -> list[dict[str, NDArray[Any]]]:
    """The tables of each group, by the rest of their names.

    For instance the groups "lexicon" and "lemmas" of ``{"lexicon.tags": a, "lemmas.keys": b}`` are
    ``[{"tags": a}, {"keys": b}]``.

    Errors: `ConfigError` naming a table that belongs to no group.
    """
    groups: dict[str, dict[str, NDArray[Any]]] = {prefix: {} for prefix in prefixes}
    for name, array in tables.items():
        prefix, _, rest = name.partition(".")
        if prefix not in groups:
            known = ", ".join(f"{prefix}.…" for prefix in prefixes)
            raise ConfigError(f"{where} takes no table {name!r:.80}, only {known}")
        groups[prefix][rest] = array
    return list(groups.values())


def _measure(
    array: NDArray[Any],
    table: Table | TextLines,
    sizes: dict[str, int],
    place: str,
) -> None:
    """Check dtype and shape, and take down the sizes of axes that are new."""
    if isinstance(table, TextLines):
        _measure_text(array, table, sizes, place)
        return
    axes = table.axes.split()
    dtypes = _INTEGERS if table.dtypes == "integer" else table.dtypes
    if array.dtype.name not in dtypes.split() or array.ndim != len(axes):
        _refuse(array, f"{table.dtypes}[{', '.join(axes)}] is needed", place)
    for axis, size in zip(axes, array.shape, strict=True):
        expected = int(axis) if axis.isdigit() else sizes.setdefault(axis, size)
        if size != expected:
            _refuse(array, f"there are {expected} {axis}", place)
    if table.filled and not array.size:
        _refuse(array, "it is empty", place)


def _measure_text(
    array: NDArray[Any],
    table: TextLines,
    sizes: dict[str, int],
    place: str,
) -> None:
    if array.dtype.name != "uint8" or array.ndim != 1:
        _refuse(array, "uint8[bytes] is needed", place)
    breaks = np.flatnonzero(array == ord("\n"))
    count = len(breaks) + 1
    if not array.size and sizes.get(table.axis) == 0:
        return
    if count > table.most or count != sizes.setdefault(table.axis, count):
        _refuse(array, f"it holds {count} strings, not as many as {table.axis}", place)
    lengths = np.diff(breaks, prepend=-1, append=len(array)) - 1
    if lengths.max() > table.longest:
        _refuse(array, f"a string has more than {table.longest} bytes", place)
    try:
        array.tobytes().decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(array, f"it is no UTF-8: {error.reason} at byte {error.start}", place)


def _check_values(
    array: NDArray[Any],
    table: Table,
    sizes: Mapping[str, int],
    place: str,
) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        _refuse(array, "a number is infinite or NaN", place)
    least, most = _bounds(table, sizes)
    if array.size and not (least <= array.min() and array.max() <= most):
        reason = f"values from {array.min()} to {array.max()} do not lie from {least} to {most}"
        _refuse(array, reason, place)
    if table.order and not _rises(array, table.order):
        _refuse(array, f"its values are not {table.order}", place)


def _bounds(
    table: Table,
    sizes: Mapping[str, int],
) -> tuple[float, float]:
    least: float = -math.inf
    most: float = math.inf
    if table.dtypes == "integer":
        least, most = 0, _MOST
    if table.least is not None:
        least = table.least
    if isinstance(table.most, str):
        most = sizes[table.most] - 1
    elif table.most is not None:
        most = table.most
    return least, most


def _rises(
    array: NDArray[Any],
    order: str,
) -> bool:
    before = array[:-1]
    after = array[1:]
    if order == "unique":
        return bool((before < after).all())
    return bool((before <= after).all())


def _refuse(
    array: NDArray[Any],
    reason: str,
    place: str,
) -> NoReturn:
    raise ConfigError(f"{place} of {array.dtype.name}{list(array.shape)} does not fit: {reason}")
