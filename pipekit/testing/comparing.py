"""What documents say, as plain data that can be compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipekit import Doc
from pipekit.doc.columns import Column

TOLERANCE = 1e-4  # of numbers: a batch computes its sums in another order than a single document


def annotation_values(
    doc: Doc,
    names: Sequence[str],
) -> dict[str, Any]:
    """The values of the layers and columns that a component assigns, by their addresses.

    Args:
        names: as in `assigns`: "pos", "ents", "ents.sentiment", "sents".
    """
    values: dict[str, Any] = {}
    for name in names:
        layer_name, _, beginning = name.partition(".")
        if layer_name in doc.layers and layer_name != "tokens":
            layer = doc.layers[layer_name]
            values[layer_name] = layer.size
            for column in sorted(layer):
                if column.startswith(beginning):
                    values[f"{layer_name}.{column}"] = _plain(layer[column])
        token_column = "sent_start" if name == "sents" else name
        if token_column in doc.tokens:
            values[token_column] = _plain(doc.tokens[token_column])
    return values


def certain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Annotations without their scores: what the gold layers of training documents hold too."""
    shown = {}
    for name, column in values.items():
        is_score = isinstance(column, list) and any(isinstance(item, float) for item in column)
        if not is_score and not name.endswith(".score"):
            shown[name] = column
    return shown


def _plain(column: Column) -> list[Any]:
    if column.labels is not None:
        return list(column.strings())
    plain: list[Any] = column.values.tolist()
    return plain


def assert_alike(
    actual: Any,
    expected: Any,
    where: str = "",
) -> None:
    """Compare plain data; numbers may differ by `TOLERANCE`. Errors: `AssertionError`.

    Args:
        where: the place within the data, for the message.
    """
    if isinstance(expected, Mapping):
        assert sorted(actual) == sorted(expected), where
        for key, value in expected.items():
            assert_alike(actual[key], value, f"{where} {key}")
    elif isinstance(expected, list | tuple):
        assert len(actual) == len(expected), where
        for number, value in enumerate(expected):
            assert_alike(actual[number], value, f"{where}[{number}]")
    elif isinstance(expected, float) and isinstance(actual, float):
        are_unset = math.isnan(actual) and math.isnan(expected)
        are_near = math.isclose(actual, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        assert are_unset or are_near, f"{where}: {actual} instead of {expected}"
    else:
        assert actual == expected, where
