"""Docs as tables, and back: round trips, what people's own tables may lack, and what is refused.

Modules: frames.arrays, frames.tables, frames.reading,
frames.back
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.doc_strategies import docs, tagged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipekit import Doc, Layer, frames
from pipekit.corpora.readers import read_conllu
from pipekit.errors import ConfigError, DataError, DocError

TAKEN = {"doc", "i", "start", "end", "text", "layer", "row", "target", "head", "tail"}
TAKEN |= {"start_char", "end_char", "head_text", "tail_text"}


def plain(layer: Layer) -> dict[str, Any]:
    columns = {name: [layer[name][row] for row in range(layer.size)] for name in layer}
    return {"kind": layer.kind, "size": layer.size, "columns": columns}


def says(doc: Doc) -> dict[str, Any]:
    """All that a Doc says; the widths of numbers are not compared."""
    layers = {name: plain(layer) for name, layer in doc.layers.items()}
    targets = [layer.target for layer in doc.layers.values()]
    return {
        "text": doc.text,
        "words": doc.words,
        "name": doc.name,
        "error": doc.error,
        "layers": layers,
        "targets": targets,
    }


def is_regular(some: list[Doc]) -> bool:
    """Whether columns of one name are of one type in all documents, and no name is taken."""
    kinds: dict[tuple[str, str], set[Any]] = {}
    for doc in some:
        for layer in doc.layers.values():
            for column in layer:
                if column in TAKEN - {"start", "end"} and column not in ("head", "tail"):
                    return False
                if column in ("start", "end") and layer.kind not in ("span",):
                    return False
                if column in ("head", "tail") and layer.kind != "link":
                    return False
                if column == "" or layer.size == 0:
                    return False
                own = layer[column]
                kind = "labels" if own.labels is not None else own.values.dtype.newbyteorder("=")
                kinds.setdefault((layer.kind, column), set()).add(kind)
    return all(len(each) == 1 for each in kinds.values())


@pytest.mark.parametrize("make", [frames.to_arrow, frames.to_pandas, frames.to_polars])
def test_documents_come_back_from_their_tables(make: Callable[..., Any]) -> None:
    @given(st.lists(docs(), max_size=2).filter(is_regular))
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    def check(some: list[Doc]) -> None:
        tables = {rows: make(some, rows) for rows in frames.ROWS}
        back = frames.to_docs(**tables)
        assert [says(doc) for doc in back] == [says(doc) for doc in some]

    check()


def test_a_treebank_comes_back_from_its_tables(data: Path) -> None:
    treebank = list(read_conllu(data / "morph/ru_gsd-dev.conllu.gz"))[:300]
    for make in (frames.to_arrow, frames.to_pandas, frames.to_polars):
        back = frames.to_docs(**{rows: make(treebank, rows) for rows in frames.ROWS})
        assert [says(doc) for doc in back] == [says(doc) for doc in treebank]


def test_each_row_says_what_people_look_for() -> None:
    other = Doc(words=["a", "🙂б", "в"])
    other.spans["ents"] = [other[1:3]]
    tokens = frames.to_arrow([tagged(), other]).to_pylist()
    assert [row["text"] for row in tokens] == ["Мама", "мыла", "раму", ".", "a", "🙂б", "в"]
    assert [row["pos"] for row in tokens] == ["NOUN", "VERB", "NOUN", None, None, None, None]
    assert [row["start"] for row in tokens][-2:] == [2, 5]
    spans = frames.to_arrow([tagged(), other], "spans").to_pylist()
    assert [row["text"] for row in spans] == ["Мама", "раму", "🙂б в"]
    assert [(row["start_char"], row["end_char"]) for row in spans] == [(0, 4), (10, 14), (2, 6)]
    [relation] = frames.to_arrow([tagged(), other], "relations").to_pylist()
    assert (relation["head_text"], relation["tail_text"]) == ("Мама", "раму")
    first, second = frames.to_arrow([tagged(), other], "docs").to_pylist()
    assert first["name"] == "пример" and first["cats.быт"] == 0.75 and second["cats.быт"] is None


def test_numbers_are_shared_with_arrow_and_not_copied() -> None:
    doc = Doc(words=["а"] * 1_000)
    doc.tokens.set("weight", np.arange(1_000, dtype=np.float32))
    table = frames.to_arrow([doc])
    assert table.column("weight").type == pa.float32() and not table.column("weight").null_count
    assert pa.types.is_dictionary(frames.to_arrow([tagged()]).column("pos").type)


def test_tables_of_ones_own_become_documents() -> None:
    frame = pd.DataFrame(
        {"doc": ["б", "б", "а"], "text": ["Мама", "мыла", "раму"], "pos": ["NOUN", None, "NOUN"]}
    )
    first, second = frames.to_docs(frame)
    assert (first.text, second.text) == ("Мама мыла", "раму")
    assert [token.pos for token in first] == ["NOUN", None]
    spans = pl.DataFrame({"doc": ["а"], "start": [0], "end": [1], "label": ["THING"]})
    _, second = frames.to_docs(frame, spans)
    assert [(ent.text, ent.label) for ent in second.ents or ()] == [("раму", "THING")]
    with_places = pa.table({"text": ["Да", ",", "он"], "start": [1, 3, 5]})
    [doc] = frames.to_docs(with_places)
    assert (doc.text, doc.words) == ("Да, он", ["Да", ",", "он"])


def test_what_does_not_fit_is_named_with_its_table_and_cure() -> None:
    words = pa.table({"text": ["Мама", "мыла"]})
    with pytest.raises(DataError, match="'tokens' has no column 'text'"):
        frames.to_docs(pa.table({"txt": ["Мама"]}))
    with pytest.raises(DataError, match=r"'spans'.*'end' has no value in row 0: fill it in"):
        frames.to_docs(words, pa.table({"start": [0], "end": pa.array([None], pa.int32())}))
    with pytest.raises(DataError, match=r"document 0 of the tables: layer 'ents'.*from 0 to 2"):
        frames.to_docs(words, pa.table({"start": [0], "end": [9]}))
    with pytest.raises(DataError, match=r"'spans' has rows of the document 7"):
        frames.to_docs(words, pa.table({"doc": [7], "start": [0], "end": [1]}))
    with pytest.raises(DataError, match="'when' holds date32"):
        frames.to_docs(words.append_column("when", pa.array([1, 2], pa.date32())))
    with pytest.raises(DataError, match="'n' of int64 has rows without a value"):
        frames.to_docs(words.append_column("n", pa.array([1, None])))
    with pytest.raises(ConfigError, match="Did you mean 'spans'"):
        frames.to_arrow([], "span")  # type: ignore[arg-type]
    doc = Doc(words=["а"])
    doc.tokens.set("start", [1])
    with pytest.raises(DocError, match="the column 'start' has the name of another one"):
        frames.to_arrow([doc])
    with pytest.raises(DataError, match="cannot be read as columns"):
        frames.to_docs([1, 2])
