"""Parallel texts: tables, two files, .po.

Modules: corpora.readers.parallel
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pipekit
from pipekit.corpora.readers.parallel import read_parallel
from pipekit.errors import ConfigError, DataError

NLP = pipekit.blank("ru")
PO = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Save"
msgstr "Сохранить"

#, fuzzy
msgid "Open"
msgstr "Открытка"

msgid "Not translated"
msgstr ""

msgid ""
"Two lines "
"of text"
msgstr "Две строки"
"""


def pairs(path: Path, **options: Any) -> list[tuple[str, str]]:
    docs = read_parallel(path, tokenize=NLP.tokenize, **options)
    return [(doc.text, doc.texts["translation"][0].text) for doc in docs]


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_has_no_head(tmp_path: Path) -> None:
    path = file(tmp_path, "a.tsv", "cat\tкот\ttatoeba\n\ndog\tсобака\tphp\n")
    assert pairs(path) == [("cat", "кот"), ("dog", "собака")]
    assert pairs(path, source=2, target=1) == [("кот", "cat"), ("собака", "dog")]
    assert pairs(path, rows=[0.5, 1.0]) == [("dog", "собака")]
    doc = next(read_parallel(path, tokenize=NLP.tokenize))
    assert doc.layers["meta"].values("source") == ["tatoeba"] and doc.name == "a.tsv:1"
    [text] = doc.texts["translation"]
    assert (text.span.start, text.span.end) == (0, len(doc))


def test_two_files_go_line_by_line(tmp_path: Path) -> None:
    russian = file(tmp_path, "a.ru.txt", "кот\n\nсобака\n")
    english = file(tmp_path, "a.en.txt", "cat\n\ndog\n")
    assert pairs(russian, targets=english) == [("кот", "cat"), ("собака", "dog")]
    shorter = file(tmp_path, "b.en.txt", "cat\n")
    with pytest.raises(DataError, match=r"a\.ru\.txt.*2.*has no partner: .*b\.en\.txt ends"):
        pairs(russian, targets=shorter)


def test_a_po_file_gives_what_translators_have_finished(tmp_path: Path) -> None:
    path = file(tmp_path, "django.po", PO)
    expected = [("Save", "Сохранить"), ("Two lines of text", "Две строки")]
    assert pairs(path) == expected
    assert pairs(path, source=2, target=1) == [(b, a) for a, b in expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat\tкот\nalone\n", r"a\.tsv.*2.*has 1 columns: 2 columns with a tab between"),
        ("cat\t \n", r"a\.tsv.*1.*has an empty text"),
    ],
)
def test_a_bad_line_is_named_and_passed_over(tmp_path: Path, text: str, message: str) -> None:
    path = file(tmp_path, "a.tsv", text)
    with pytest.raises(DataError, match=message):
        pairs(path)
    problems: list[Any] = []
    pairs(path, on_problem=problems.append)
    assert len(problems) == 1


def test_no_second_file_is_an_error_of_the_recipe(tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt", "кот\n")
    (tmp_path / "two").mkdir()
    file(tmp_path / "two", "a.txt", "cat\n")
    file(tmp_path / "two", "b.txt", "cat\n")
    with pytest.raises(ConfigError, match="one file is needed, and 2 are there"):
        pairs(path, targets=tmp_path / "two")
