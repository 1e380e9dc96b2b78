"""What callers hand to a pipeline: texts or Docs, one or many, alone or in pairs.

People have lists, generators, columns of pandas, polars or Arrow, data frames, rows of files. What
holds texts is read; what would be iterated in another way than meant is refused, with the cure.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipekit.doc import Doc, Span
from pipekit.errors import ConfigError
from pipekit.pipeline.streams import Item

_SHOWN = 8  # names of columns in a message


@dataclass(frozen=True)
class Misfit:
    """The place in a stream of something that is no pair.

    Attributes:
        reason: what it is, and the cure.
    """

    reason: str


def check_many(texts: object) -> None:
    """Errors: `ConfigError` for what does not hold many texts or Docs in a row, with the cure."""
    if isinstance(texts, str | Doc):
        raise ConfigError("pipe takes many texts or Docs: for one, call nlp(text)")
    cure = _cure_of_container(texts)
    if cure:
        kind = type(texts).__name__
        raise ConfigError(f"pipe takes many texts or Docs, and nothing of type {kind}: {cure}")


def _cure_of_container(texts: object) -> str | None:
    """What to pass instead; None where it may be passed itself."""
    kind = type(texts)
    if isinstance(texts, bytes | bytearray):
        return 'data.decode("utf-8") is a text'
    if isinstance(texts, Mapping):
        return (
            "pass its values, data.values(); with their keys, "
            "((text, key) for key, text in data.items()) and as_tuples=True"
        )
    if hasattr(kind, "collect"):  # of polars or Spark
        return "collect its rows first, then pass one column"
    for attribute in ("column_names", "columns"):
        if hasattr(kind, attribute):
            names = list(map(str, getattr(texts, attribute)))
            listed = ", ".join(names[:_SHOWN])
            return f'pass the column with the texts, such as df["text"]; its columns: {listed}'
    if getattr(texts, "ndim", 1) != 1:
        return "pass one column of it, table[:, 0]"
    if isinstance(texts, os.PathLike):
        return 'pass what it holds, line by line: open(path, encoding="utf-8")'
    if hasattr(kind, "__aiter__"):
        return "collect the texts first, [text async for text in source]"
    if not hasattr(kind, "__iter__") and not hasattr(kind, "__getitem__"):
        return "pass a list, a generator, or a column of a data frame"
    return None


def items(
    numbered: Iterable[tuple[int, Any]],
    as_tuples: bool,
) -> Iterator[Item]:
    """What the caller passed, with its number in the stream, as items."""
    for number, entry in numbered:
        if not as_tuples:
            yield Item(number, _as_source(entry))
            continue
        fault = pair_fault(entry, "a context")
        if fault:
            yield Item(number, Misfit(fault))  # type: ignore[arg-type]
        else:
            source, context = entry
            yield Item(number, _as_source(source), context)


def _as_source(entry: Any) -> Any:
    """A text as a plain string, where numpy or Arrow have wrapped it; all else as it is."""
    if type(entry) is str or isinstance(entry, Doc):
        return entry
    if isinstance(entry, str):
        return str.__str__(entry)
    if hasattr(entry, "as_py"):  # a scalar of Arrow
        return entry.as_py()
    return entry


def pair_fault(
    entry: object,
    second: str,
) -> str | None:
    """Why something is no pair of a text and `second`, for messages; None where it is one."""
    wanted = f"pairs of a text and {second} are needed"
    if isinstance(entry, tuple | list):
        if len(entry) == 2:
            return None
        return f"has {len(entry)} parts: {wanted}, such as (text, (all, the, rest))"
    kind = type(entry).__name__
    if isinstance(entry, str | Doc):
        return f"is of type {kind}: {wanted}; texts alone go without as_tuples"
    if isinstance(entry, Mapping):
        return f'is of type {kind}: {wanted}, such as ((row["text"], row) for row in rows)'
    return f"is of type {kind}: {wanted}, such as (text, row)"


def source_fault(source: object) -> str:
    """Why something is no text and no Doc, for messages, with the cure."""
    if isinstance(source, Misfit):
        return source.reason
    fault = f"is of type {type(source).__name__}: give texts or Docs"
    cure = _cure_of_source(source)
    return f"{fault}; {cure}" if cure else fault


def _cure_of_source(source: object) -> str | None:
    is_nan = isinstance(source, float) and source != source
    if source is None or is_nan or type(source).__name__ == "NAType":
        return 'a missing value is left out, column.dropna(), or filled, column.fillna("")'
    if isinstance(source, Mapping):
        return 'of a row, its text, row["text"]'
    if isinstance(source, bytes | bytearray):
        return 'data.decode("utf-8") is a text'
    if isinstance(source, Span):
        return "of a span, span.text or span.as_doc()"
    if isinstance(source, os.PathLike):
        return 'of a file, path.read_text(encoding="utf-8")'
    if isinstance(source, tuple):
        return "pairs of a text and a context go with as_tuples=True"
    if isinstance(source, list):
        return "one by one: (text for batch in batches for text in batch)"
    if hasattr(source, "text"):
        return "of a record, its text, record.text"
    return None
