"""Corpora in other encodings, with other line ends and delimiters, and with names twice.

Modules: corpora.readers.encodings
"""

from __future__ import annotations

from pathlib import Path

import pytest

import pipekit
from pipekit.corpora.readers import Problem, read_brat, read_conllu
from pipekit.corpora.readers.table import read_table
from pipekit.errors import ConfigError, DataError

TABLE = 'text,label\n"Мама, мыла",a\nДа,b\n'
tokenize = pipekit.blank("ru").tokenize

READ: dict[str, tuple[bytes, dict[str, str]]] = {
    "semicolon": (TABLE.replace(",", ";").encode(), {}),
    "tab": (TABLE.replace(",", "\t").encode(), {}),
    "CR": (TABLE.replace("\n", "\r").encode(), {}),
    "utf-16": (TABLE.encode("utf-16"), {}),
    "cp1251": (TABLE.encode("cp1251"), {"encoding": "cp1251"}),
    "any": (TABLE.replace(",", "#").encode(), {"delimiter": "#"}),
}


@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_as_it_is(name: str, tmp_path: Path) -> None:
    data, options = READ[name]
    (tmp_path / "a.csv").write_bytes(data)
    docs = list(read_table(tmp_path / "a.csv", tokenize=tokenize, **options))
    assert [(len(doc.text), doc.cats) for doc in docs] == [(10, {"a": 1.0}), (2, {"b": 1.0})]


def test_columns_and_encodings_that_say_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label,label\na,b,c\n")
    with pytest.raises(DataError, match="two columns 'label'"):
        list(read_table(path, tokenize=tokenize))
    path.write_bytes(b"")
    with pytest.raises(DataError, match="an empty first line"):
        list(read_table(path, tokenize=tokenize))
    with pytest.raises(ConfigError, match="encoding is 'klingon'"):
        list(read_table(path, tokenize=tokenize, encoding="klingon"))


def test_utf_16_is_read_by_its_mark_in_every_format(tmp_path: Path) -> None:
    line = "1\tКот\t_\t_\t_\t_\t_\t_\t_\t_\n\n"
    (tmp_path / "a.conllu").write_bytes(line.encode("utf-16"))
    assert [doc.text for doc in read_conllu(tmp_path / "a.conllu")] == ["Кот"]


@pytest.mark.parametrize("kind", ["T", "R"])
def test_an_id_that_is_there_twice_is_named(kind: str, tmp_path: Path) -> None:
    lines = {"T": "T1\tPER 0 3\tКот\n", "R": "R1\tIS Arg1:T1 Arg2:T1\n"}
    (tmp_path / "a.txt").write_text("Кот", encoding="utf-8")
    (tmp_path / "a.ann").write_text(lines["T"] + lines["R"] + lines[kind], encoding="utf-8")
    with pytest.raises(DataError, match=rf"a\.ann:3: {kind}1 is there already, in line"):
        list(read_brat(tmp_path, tokenize=tokenize))
    problems: list[Problem] = []
    [doc] = read_brat(tmp_path, tokenize=tokenize, on_problem=problems.append)
    assert (len(doc.ents), len(doc.relations), len(problems)) == (1, 1, 1)


def test_an_annotation_without_its_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.ann").write_text("T1\tPER 0 3\tКот\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.ann: has no a\.txt beside it"):
        list(read_brat(tmp_path, tokenize=tokenize))
