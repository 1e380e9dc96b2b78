"""A table of somebody's, as columns whose values are checked where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipekit.errors import DataError, near
from pipekit.frames.arrays import Read, arrow_module, read_array
from pipekit.words.arrays import Ints


@dataclass(frozen=True)
class FrameTable:
    """A table, as columns.

    Attributes:
        name: what it is called in messages.
        table: as pyarrow has it.
        columns: its columns of numbers and strings.
        fixed: the names of those that are no annotations.
        borders: of a sorted table, where the rows of each document begin, and the end.
    """

    name: str
    table: Any
    columns: Mapping[str, Read]
    fixed: Sequence[str]
    borders: Ints

    @classmethod
    def read(
        cls,
        name: str,
        table: Any,
        fixed: Sequence[str],
    ) -> FrameTable:
        pa = arrow_module()
        try:
            whole = table if isinstance(table, pa.Table) else pa.table(table)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise DataError(f"the table {name!r} cannot be read as columns: {error}") from error
        columns = {}
        for column in whole.column_names:
            is_index = column.startswith("__index_level_")  # of pandas
            if is_index or pa.types.is_nested(whole.schema.field(column).type):
                continue
            where = f"the table {name!r}: column {column!r}"
            columns[column] = read_array(whole.column(column), where)
        return cls(
            name,
            whole,
            columns,
            fixed,
            np.array([0, whole.num_rows]),
        )

    def __getitem__(self, column: str) -> Read:
        read = self.columns.get(column)
        if read is None:
            hint = near(column, self.columns)
            raise DataError(f"the table {self.name!r} has no column {column!r}.{hint}")
        if read.is_null.any():
            row = int(np.flatnonzero(read.is_null)[0])
            raise DataError(
                f"the table {self.name!r}: column {column!r} has no value in row {row}: fill it in"
            )
        return read

    def ints(self, column: str) -> Ints:
        """Errors: `DataError` for a column that is missing, has gaps, or holds no integers."""
        read = self[column]
        values = read.integers()
        if values is None:
            raise DataError(f"the table {self.name!r}: column {column!r} holds no integers")
        return values

    def keys(self) -> list[Any]:
        """The document of each row."""
        if "doc" not in self.columns:
            return [0] * self.table.num_rows
        return self["doc"].plain()

    def sorted(
        self,
        order: Mapping[Any, int],
        *by: str,
    ) -> FrameTable:
        """The rows in the order of documents, within a document by other columns, if there are."""
        keys = self.keys()
        try:
            numbers = np.array([order[key] for key in keys], dtype=np.int64)
        except KeyError as error:
            raise DataError(
                f"the table {self.name!r} has rows of the document {error}, which no other table "
                "has"
            ) from None
        criteria = [self.ints(name) for name in by if name in self.columns]
        rows = np.lexsort([*criteria[::-1], numbers])
        columns = {name: read.take(rows) for name, read in self.columns.items()}
        borders = np.searchsorted(numbers[rows], np.arange(len(order) + 1))
        return FrameTable(
            self.name,
            self.table,
            columns,
            self.fixed,
            borders,
        )

    def rows_of(self, number: int) -> tuple[int, int]:
        return int(self.borders[number]), int(self.borders[number + 1])

    def described(self) -> list[Any]:
        """The layers of each document, as `to_arrow` has them; None where nothing tells."""
        if "layers" not in self.table.column_names:
            return [None] * self.table.num_rows
        described: list[Any] = self.table.column("layers").to_pylist()
        return described
