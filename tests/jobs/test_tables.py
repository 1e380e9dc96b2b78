"""Tables as people have them: delimiters, encodings, line ends, names that are there twice.

Modules: jobs.reading, jobs.text_records, jobs.row_tables
"""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest
from helpers.doc_strategies import tagged
from helpers.jobs import job, rows

import pipekit
from pipekit import Doc, cli, frames, write_docs
from pipekit.errors import ConfigError
from pipekit.jobs import Job, Reading, Source, Target, annotate
from pipekit.jobs.inputs import records
from pipekit.jobs.records import Position

TABLE = 'n,text\n1,Мама мыла раму.\n2,"Кот,\nспит"\n3,Да.\n'
TEXTS = ["Мама мыла раму.", "Кот,\nспит", "Да."]

READ: dict[str, tuple[str, bytes, Reading]] = {
    "semicolon": ("a.csv", TABLE.replace(",", ";").encode(), Reading()),
    "tab": ("a.csv", TABLE.replace(",", "\t").encode(), Reading()),
    "bar of a tsv": ("a.tsv", TABLE.replace(",", "|").encode(), Reading()),
    "any": ("a.csv", TABLE.replace(",", "#").encode(), Reading(delimiter="#")),
    "CR": ("a.csv", TABLE.replace("\n", "\r").encode(), Reading()),
    "CRLF": ("a.csv", TABLE.replace("\n", "\r\n").encode(), Reading()),
    "utf-16": ("a.csv", TABLE.encode("utf-16"), Reading()),
    "utf-16 CR": ("a.csv", TABLE.replace("\n", "\r").encode("utf-16"), Reading()),
    "utf-16 gz": ("a.csv.gz", gzip.compress(TABLE.encode("utf-16")), Reading()),
    "cp1251": ("a.csv", TABLE.encode("cp1251"), Reading(encoding="cp1251")),
    "cp1251 jsonl": (
        "a.jsonl",
        "".join(f'{{"text": "{text}"}}\n'.replace("\nс", "\\nс") for text in TEXTS).encode(
            "cp1251"
        ),
        Reading(encoding="cp1251"),
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_as_it_is_from_any_of_its_records(name: str, tmp_path: Path) -> None:
    file, data, reading = READ[name]
    path = tmp_path / file
    path.write_bytes(data)
    source = Source.of(path)
    found = list(records([source], reading, Position()))
    assert [record.reason for record in found] == [None] * 3
    texts = [record.fields["text"].replace("\r\n", "\n").replace("\r", "\n") for record in found]
    separated = [text.replace(",", _comma(name)) for text in TEXTS]
    assert texts == separated
    for number, record in enumerate(found[:-1], 1):
        rest = list(records([source], reading, record.after))
        assert [r.fields for r in rest] == [r.fields for r in found[number:]]


def _comma(name: str) -> str:
    return {"semicolon": ";", "tab": "\t", "bar of a tsv": "|", "any": "#"}.get(name, ",")


REFUSED: dict[str, tuple[str, bytes, Reading, str]] = {
    "the text twice": ("a.csv", b"text,text\na,b\n", Reading(), "two columns 'text'"),
    "another column twice": ("a.csv", b"n,text,n\n1,a,2\n", Reading(), "two columns 'n'"),
    "two without a name": ("a.csv", b"text,,\na,1,2\n", Reading(), "two columns ''"),
    "names in cp1251": ("a.csv", "текст,text\na,b\n".encode("cp1251"), Reading(), "--encoding"),
    "another delimiter": ("a.csv", b"n#text\n1#a\n", Reading(), "--delimiter"),
    "no such column": ("a.csv", "текст;кто\nа;я\n".encode(), Reading(), "Known: кто, текст"),
    "a word as delimiter": ("a.csv", b"text\na\n", Reading(delimiter=";;"), "one character"),
    "a delimiter of lines": ("a.jsonl", b"{}", Reading(delimiter=";"), "is for tables"),
    "no encoding": ("a.csv", b"text\na\n", Reading(encoding="base64"), "such as cp1251"),
    "an encoding of Docs": ("a.docs", b"", Reading(encoding="cp1251"), "is for texts"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_would_lose_something_is_refused_with_the_cure(
    name: str, tmp_path: Path
) -> None:
    file, data, reading, message = REFUSED[name]
    (tmp_path / file).write_bytes(data)
    with pytest.raises(ConfigError, match=message) as caught:
        annotate(job(tmp_path / file, tmp_path / "o.jsonl", reading=reading))
    assert "Known: none" not in str(caught.value)


def test_the_command_line_names_encoding_and_delimiter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, output, model = tmp_path / "a.csv", tmp_path / "o.jsonl", tmp_path / "m.pipekit"
    job(path, output).pipeline().to_disk(model)
    path.write_bytes("n#text\n1#Кот.\n".encode("cp866"))
    command = ["apply", str(model), str(path), "-o", str(output), "--delimiter", "#"]
    assert cli.main([*command, "--encoding", "cp866"]) == 0
    assert [row["text"] for row in rows(output)] == ["Кот."]
    assert cli.main([*command, "--encoding", "cp1251", "--resume"]) == 1
    assert "--encoding was 'cp866' and is 'cp1251'" in capsys.readouterr().err


def test_an_encoding_that_does_not_fit_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe" + "Кот".encode("utf-16-le") + b"\x00")
    with pytest.raises(ValueError, match=r"a\.txt: is not utf-16"):
        annotate(job(tmp_path / "a.txt", tmp_path / "o.jsonl"))


# -- tables that are written


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("format", ["csv", "csv-tokens", "csv-spans", "csv-relations"])
def test_csv_has_a_row_for_what_was_asked(tmp_path: Path, format: str) -> None:
    """The rows are those that the tables of `pipekit.frames` have."""
    write_docs([tagged(), Doc(words=[]), Doc(words=["a", '🙂"\n'])], tmp_path / "in.docs")
    output = Target.of(tmp_path / "out.csv", format)
    nlp = pipekit.blank("ru")
    report = annotate(Job(lambda: nlp, [Source.of(tmp_path / "in.docs")], output))
    assert report is not None
    own = read_csv(tmp_path / "out.csv")
    kind = {"csv": "docs"}.get(format, format.removeprefix("csv-"))
    every = [tagged(), Doc(words=[]), Doc(words=["a", '🙂"\n'])]
    table = frames.to_arrow(every, kind).to_pylist()  # type: ignore[arg-type]
    assert [row.get("text") for row in own] == [row.get("text") for row in table]
    if kind == "relations":
        assert [(row["head_text"], row["label"], row["score"]) for row in own] == [
            ("Мама", "МОЕТ", "0.5")
        ]
    if kind == "spans":
        assert [(row["start_char"], row["label"]) for row in own] == [("0", "PER"), ("10", "")]
    if kind == "docs":
        assert (own[0]["doc"], own[0]["cats.быт"], own[1]["cats.быт"]) == ("пример", "0.75", "")
        assert [span["text"] for span in json.loads(own[0]["ents"])] == ["Мама", "раму"]


def test_a_table_without_rows_has_its_header(tmp_path: Path) -> None:
    write_docs([Doc(words=["а"])], tmp_path / "in.docs")
    nlp = pipekit.blank("ru")
    output = Target.of(tmp_path / "out.csv", "csv-spans")
    annotate(Job(lambda: nlp, [Source.of(tmp_path / "in.docs")], output))
    text = (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    assert text == "doc,layer,row,start,end,start_char,end_char,text\n"


def test_json_lines_of_one_shape_have_the_same_keys_for_all_documents(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(TABLE, encoding="utf-8")
    nlp = pipekit.blank("ru")
    output = Target.of(tmp_path / "out.jsonl", "jsonl-tables")
    annotate(Job(lambda: nlp, [Source.of(tmp_path / "in.csv")], output))
    with (tmp_path / "out.jsonl").open(encoding="utf-8") as lines:
        own = [json.loads(line) for line in lines]
    keys = ["doc", "text", "fields", "tokens", "spans", "relations", "about"]
    assert [list(row) for row in own] == [keys] * 3
    assert [row["text"] for row in own] == TEXTS and own[1]["fields"] == {"n": "2"}
    assert {tuple(token) for row in own for token in row["tokens"]} == {
        ("i", "start", "end", "text", "sent_start")
    }
