"""What settings and tables declare of themselves, and how much memory a file may take.

Modules: settings, tables, allowance
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from pipekit.allowance import allowed, is_limited, take
from pipekit.errors import ConfigError, CorruptModelError
from pipekit.settings import Between, LabelList, Length, Rate, check_values, names_of
from pipekit.tables import Table, TextLines, by_prefix, check_tables


class Part:
    def __init__(
        self,
        width: Annotated[int, Between(2, 8, step=2)] = 2,
        dropout: Rate = 0.0,
        flag: bool = False,
        norm: Literal["pre", "post"] = "pre",
        name: Annotated[str, Length(1, 3)] | None = None,
        labels: LabelList = (),
        shares: Mapping[str, Annotated[float, Between(0, 1)]] | None = None,
        other: Any = None,
        bare=None,  # type: ignore[no-untyped-def]
    ) -> None: ...


GOOD: list[tuple[str, Any]] = [
    ("width", 8),
    ("dropout", 0),
    ("dropout", 0.5),
    ("flag", True),
    ("norm", "post"),
    ("name", None),
    ("name", "abc"),
    ("labels", ["a"]),
    ("labels", ("a", "b")),
    ("shares", {"a": 1}),
    ("other", object()),
    ("bare", object()),
    ("unknown to it", object()),
]
WRONG: list[tuple[str, Any, str]] = [
    ("width", 3, "width = 3: an integer from 2 to 8, a multiple of 2 is needed"),
    ("width", True, "width = True: an integer"),
    ("width", 2.0, "width = 2.0: an integer"),
    ("width", "2", "width = '2': an integer"),
    ("width", None, "width = None: an integer"),
    ("dropout", math.nan, "dropout = nan: a number from 0 to 0.99 is needed"),
    ("dropout", -1, "dropout = -1: a number"),
    ("dropout", False, "dropout = False: a number"),
    ("flag", 1, "flag = 1: true or false is needed"),
    ("norm", "prae", r"norm = 'prae': 'pre' or 'post' is needed. Did you mean 'pre'\?"),
    ("norm", ["pre"], r"norm = \['pre'\]: 'pre' or 'post'"),
    ("name", "abcd", "name = 'abcd': a text of length 1 to 3 or nothing is needed"),
    ("labels", "abc", "labels = 'abc': a list of length"),
    ("labels", ["a", 5], r"labels\[1\] = 5: a text"),
    ("labels", ["a"] * 20_000, r"labels = \[.*\.\.\.\]: a list of length 0 to 16384 is needed"),
    ("shares", {"a": {"b": 1}}, r"shares\.a = .*: a number from 0 to 1"),
    ("shares", [1], r"shares = \[1\]: a table of settings or nothing is needed"),
]


@pytest.mark.parametrize(("key", "value"), GOOD)
def test_a_value_that_its_annotation_allows_passes(key: str, value: Any) -> None:
    check_values(Part, {key: value}, "[a.part]")


@pytest.mark.parametrize(("key", "value", "message"), WRONG)
def test_another_value_is_named_with_what_is_needed(key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=r"^\[a.part\]: " + message) as caught:
        check_values(Part, {key: value}, "[a.part]")
    assert len(str(caught.value)) < 300


def test_a_plugin_with_names_for_a_type_checker_alone_is_left_alone() -> None:
    def factory(width: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821, UP037

    check_values(factory, {"width": "any"}, "[a.part]")


# -- tables

DECLARED = {
    "keys": Table("uint32", "rules", order="unique", filled=True),
    "rows": Table("integer", "rules", most="rows"),
    "values": Table("float32", "rows 2", least=-1, most=1),
    "names": TextLines("rows", most=100, longest=8),
    "more": Table("bool", "rows", needed=False),
}


def good_tables() -> dict[str, np.ndarray]:
    return {
        "keys": np.array([1, 5, 9], np.uint32),
        "rows": np.array([0, 1, 1], np.uint8),
        "values": np.array([[0.5, 0], [1, -1]], np.float32),
        "names": np.frombuffer("раз\nдва".encode(), np.uint8),
    }


def test_tables_as_declared_tell_the_sizes_of_their_axes() -> None:
    sizes = check_tables(good_tables(), DECLARED, "rules")
    assert sizes == {"rules": 3, "rows": 2}


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("keys", np.array([5, 1, 9], np.uint32), "its values are not unique"),
        ("keys", np.array([1, 1, 9], np.uint32), "its values are not unique"),
        ("keys", np.array([1, 5, 9]), r"of int64\[3\] does not fit: uint32\[rules\] is needed"),
        ("keys", np.array([], np.uint32), "it is empty"),
        ("rows", np.array([0, 1, 2], np.uint8), "values from 0 to 2 do not lie from 0 to 1"),
        ("rows", np.array([0, 1, -1], np.int8), "values from -1 to 1 do not lie from 0 to 1"),
        ("rows", np.array([0, 1], np.uint8), "there are 3 rules"),
        ("rows", np.array([0.0, 1, 1]), r"integer\[rules\] is needed"),
        ("values", np.array([[0.5, np.nan], [1, 1]], np.float32), "infinite or NaN"),
        ("values", np.array([[0.5, 2], [1, 1]], np.float32), "do not lie from -1 to 1"),
        ("values", np.ones((2, 3), np.float32), "there are 2 2"),
        ("names", np.frombuffer(b"a\nb\nc", np.uint8), "it holds 3 strings"),
        ("names", np.frombuffer(b"a\n" + b"b" * 9, np.uint8), "more than 8 bytes"),
        ("names", np.frombuffer(b"a\n\xff", np.uint8), "it is no UTF-8"),
        ("nmaes", np.zeros(1), r"takes no table 'nmaes'. Did you mean 'names'\?"),
        ("rows", None, "rules: table 'rows' is missing"),
    ],
)
def test_a_table_that_is_not_as_declared_is_named(
    name: str, array: np.ndarray | None, message: str
) -> None:
    tables = {**good_tables(), name: array}
    with pytest.raises(ConfigError, match=message):
        check_tables({n: a for n, a in tables.items() if a is not None}, DECLARED, "rules")


def test_tables_of_no_group_are_named() -> None:
    array = np.zeros(1)
    groups = by_prefix({"a.x": array, "b.y.z": array}, ("a", "b", "c"), "it")
    assert groups == [{"x": array}, {"y.z": array}, {}]
    with pytest.raises(ConfigError, match=r"it takes no table 'd.x', only a\.…, b\.…"):
        by_prefix({"d.x": array}, ("a", "b"), "it")


# -- memory


def test_what_is_taken_beyond_an_allowance_is_refused_and_without_one_nothing_is() -> None:
    take(1 << 60, "a table")
    with allowed(1_000, "a.pipekit"):
        assert is_limited()
        take(600, "a table")
        with pytest.raises(CorruptModelError, match=r"a\.pipekit: another takes 600 bytes"):
            take(600, "another")
    assert not is_limited()
    take(1 << 60, "a table")


def test_names_are_a_list_of_texts_and_a_text_is_one_name() -> None:
    assert names_of("ner", "exclude") == names_of(iter(["ner"]), "exclude") == ["ner"]
    assert names_of((), "exclude") == []
    for wrong in (None, 3, [3], [["ner"]], [b"ner"]):
        with pytest.raises(ConfigError, match=r"^exclude = .*: a name or a list of names"):
            names_of(wrong, "exclude")  # type: ignore[arg-type]
