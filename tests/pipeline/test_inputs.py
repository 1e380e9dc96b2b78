"""What callers hand to a pipeline: columns are read, and what would be taken apart is refused.

Modules: pipeline.inputs
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import pipekit
from pipekit import Doc, Pipeline
from pipekit.errors import ConfigError, DocError, ProcessingError

TEXTS = ["Мама мыла.", "Папа спал."]


@pytest.fixture(scope="module")
def nlp() -> Pipeline:
    return pipekit.blank("ru")


def of_pandas() -> Any:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    return pandas.DataFrame({"text": TEXTS, "id": [1, 2]})


def of_polars() -> Any:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    return polars.DataFrame({"text": TEXTS, "id": [1, 2]})


def of_arrow() -> Any:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    return arrow.table({"text": TEXTS, "id": [1, 2]})


class Frame:
    """What data frames of all libraries have in common: iterating gives names or columns."""

    columns: ClassVar[list[str]] = ["text", "id"]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> list[str]:
        return TEXTS


class Rows:
    """A sequence of the old protocol, as datasets of torch are."""

    def __getitem__(self, row: int) -> str:
        return TEXTS[row]


class Slow:
    """An asynchronous source."""

    def __aiter__(self) -> Iterator[str]:
        return iter(TEXTS)


FRAMES = [Frame, of_pandas, of_polars, of_arrow]


@pytest.mark.parametrize("frame", FRAMES)
def test_a_table_is_refused_and_its_column_is_read(nlp: Pipeline, frame: Callable[[], Any]) -> None:
    table = frame()
    with pytest.raises(ConfigError, match=r'df\["text"\]; its columns: text, id'):
        nlp.pipe(table)
    docs: list[Any] = list(nlp.pipe(table["text"]))
    assert [doc.text for doc in docs] == TEXTS
    pairs: list[Any] = list(nlp.pipe(zip(table["text"], [1, 2], strict=True), as_tuples=True))
    assert [(doc.text, row) for doc, row in pairs] == list(zip(TEXTS, [1, 2], strict=True))


@pytest.mark.parametrize(
    "container",
    [list, tuple, iter, np.array, lambda texts: (t for t in texts), lambda texts: Rows()],
)
def test_any_row_of_texts_is_read_as_plain_strings(
    nlp: Pipeline, container: Callable[[list[str]], Iterable[Any]]
) -> None:
    docs: list[Any] = list(nlp.pipe(container(TEXTS)))
    assert [doc.text for doc in docs] == TEXTS
    assert {type(doc.text) for doc in docs} == {str}
    assert [Doc.from_bytes(doc.to_bytes()).text for doc in docs] == TEXTS


def test_workers_name_an_item_as_one_process_does(nlp: Pipeline) -> None:
    entries = [("раз", 1), "ab", (np.str_("три"), 3)]
    pairs: list[Any] = list(nlp.pipe(entries, as_tuples=True, on_error="record", n_process=2))
    assert [(doc.text, row) for doc, row in pairs] == [("раз", 1), ("", None), ("три", 3)]
    assert "document 1 is of type str: pairs of a text" in pairs[1][0].error


@pytest.mark.parametrize(
    ("texts", "cure"),
    [
        ({"a": "Мама"}, r"type dict: pass its values, data\.values\(\)"),
        (b"bytes", r"data\.decode"),
        (np.array([TEXTS]), r"type ndarray: pass one column"),
        (np.array("Мама"), "pass one column"),
        (Path("texts.txt"), r"open\(path, encoding"),
        (5, "type int: pass a list"),
        (None, "type NoneType: pass a list"),
        (Slow(), r"\[text async for text in source\]"),
    ],
)
def test_a_container_of_something_else_is_refused_by_the_call(
    nlp: Pipeline, texts: Any, cure: str
) -> None:
    with pytest.raises(ConfigError, match=f"pipe takes many texts or Docs, .*{cure}"):
        nlp.pipe(texts)


Row = namedtuple("Row", ["text", "id"])


@pytest.mark.parametrize(
    ("entry", "cure"),
    [
        ({"text": "Мама"}, r'type dict.*row\["text"\]'),
        (("Мама", 1), "type tuple.*as_tuples=True"),
        (Row("Мама", 1), "type Row.*as_tuples=True"),
        (["Мама", "Папа"], "type list.*for text in batch"),
        (b"bytes", "type bytes.*decode"),
        (None, r"type NoneType.*dropna\(\)"),
        (float("nan"), r"type float.*fillna"),
        (3.5, "type float: give texts or Docs$"),
        (Doc(words=["а"])[0:1], r"type Span.*span\.as_doc\(\)"),
        (Doc(words=["а"])[0], r"type Token.*record\.text"),
        (Path("a.txt"), r"type \w+Path.*read_text"),
    ],
)
def test_an_item_that_is_no_text_is_named_with_the_cure(
    nlp: Pipeline, entry: Any, cure: str
) -> None:
    with pytest.raises(ProcessingError, match=f"document 1 is of {cure}"):
        list(nlp.pipe(["раз", entry, "три"]))
    docs: list[Any] = list(nlp.pipe(["раз", entry, "три"], on_error="skip"))
    assert [doc.text for doc in docs] == ["раз", "три"]
    with pytest.raises(ProcessingError, match=f"document 0 is of {cure}"):
        nlp(entry)


@pytest.mark.parametrize(
    ("entry", "cure"),
    [
        ({"text": "Мама", "id": 1}, r'type dict.*\(row\["text"\], row\)'),
        ("ab", "type str.*without as_tuples"),
        (Doc(words=["а", "б"]), "type Doc.*without as_tuples"),
        (("Мама", 1, 2), r"has 3 parts.*\(text, \(all, the, rest\)\)"),
        (("Мама",), "has 1 parts"),
        ((), "has 0 parts"),
        ({"Мама", "Папа"}, "type set"),
        (None, "type NoneType"),
        (5, "type int"),
    ],
)
def test_what_is_no_pair_is_named_and_not_taken_apart(nlp: Pipeline, entry: Any, cure: str) -> None:
    entries = [("раз", 1), entry, ["три", 3]]
    with pytest.raises(ProcessingError, match=f"document 1 .*{cure}"):
        list(nlp.pipe(entries, as_tuples=True))
    pairs: list[Any] = list(nlp.pipe(entries, as_tuples=True, on_error="record"))
    assert [(doc.text, row) for doc, row in pairs] == [("раз", 1), ("", None), ("три", 3)]
    assert "pairs of a text and a context" in pairs[1][0].error


def test_one_text_is_looked_at_wherever_one_is_asked_for(nlp: Pipeline) -> None:
    reader = pipekit.blank("ru")
    reader.add_encoder("main", "gru", width=8)
    reader.add_pipe("qa", encoder="main")
    with pytest.raises(ConfigError, match="the text is of type list: give texts or Docs"):
        reader.encode(TEXTS)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the text is of type NoneType"):
        reader.answer(None, "Кто?")  # type: ignore[arg-type]
    for pair in ("ab", {"text": "Мама"}, ("Мама", "Кто?", 1)):
        with pytest.raises(ConfigError, match=r"pair 1 .* pairs of a text and a question"):
            list(reader.answer_pairs([("Мама мыла.", "Кто?"), pair]))  # type: ignore[list-item]


def test_the_text_of_a_pair_is_looked_at_too(nlp: Pipeline) -> None:
    with pytest.raises(ProcessingError, match="document 0 is of type int: give texts or Docs"):
        list(nlp.pipe([(1, "Мама")], as_tuples=True))


@pytest.mark.parametrize("words", ["abc", "Мама"])
def test_a_doc_of_one_string_is_not_a_doc_of_letters(words: str) -> None:
    with pytest.raises(DocError, match=r"not one string: Doc\(words=text\.split\(\)\)"):
        Doc(words=words)


def test_a_doc_is_made_of_any_iterable_of_words() -> None:
    doc = Doc(words=iter(["Мама", "мыла"]), spaces=(flag for flag in (False, True)))
    assert doc.text == "Мамамыла "
