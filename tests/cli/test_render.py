"""Pictures from the command line, and documents on a terminal.

Modules: cli.render, cli.terminal.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import pipekit
from pipekit import Doc, Span, write_docs
from pipekit.cli import main
from pipekit.cli.terminal import has_colours, is_terminal, terminal_lines


def anna() -> Doc:
    doc = Doc(words=["Анна", "Петрова", "из", "Рима", "."], spaces=[True, True, True, False, False])
    doc.ents = [Span(doc, 0, 2, "PER"), Span(doc, 3, 4, "LOC")]
    return doc


def test_files_of_docs_become_pages_and_drawings(tmp_path: Path) -> None:
    write_docs([anna()] * 3, tmp_path / "a.docs")
    for name in ("page.html", "page.svg"):
        assert main(["render", str(tmp_path / "a.docs"), "-o", str(tmp_path / name)]) == 0
        page = (tmp_path / name).read_text(encoding="utf-8")
        assert page.count("PER") == 3


def test_the_number_of_documents_is_limited_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_docs([anna()] * 3, tmp_path / "a.docs")
    command = ["render", str(tmp_path / "a.docs"), "-o", str(tmp_path / "p.html"), "--limit", "2"]
    assert main(command) == 0
    assert "2 documents, and there are more: --limit 0 draws all" in capsys.readouterr().out
    assert main([*command[:-1], "0"]) == 0
    assert "3 documents\n" in capsys.readouterr().out
    assert main([*command[:-1], "-1"]) == 1
    assert "--limit is -1" in capsys.readouterr().err


def test_corpora_are_drawn_with_what_they_annotate(tmp_path: Path) -> None:
    treebank = tmp_path / "tree.conllu"
    lines = [
        ("1", "Анна", "Анна", "PROPN", "_", "_", "2", "nsubj", "_", "_"),
        ("2", "спит", "спать", "VERB", "_", "_", "0", "root", "_", "_"),
    ]
    treebank.write_text("\n".join(map("\t".join, lines)) + "\n\n", encoding="utf-8")
    page = tmp_path / "page.html"
    assert main(["render", str(treebank), "--style", "dep", "-o", str(page)]) == 0
    assert ">nsubj</text>" in page.read_text(encoding="utf-8")


def test_another_suffix_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", str(tmp_path / "none.docs"), "-o", str(tmp_path / "p.png")]) == 1
    assert "choose .html or .svg" in capsys.readouterr().err
    assert main(["render", str(tmp_path / "none.docs"), "-o", str(tmp_path / "p.svg")]) == 1
    assert "none.docs" in capsys.readouterr().err


def test_evaluate_writes_every_mistake_in_its_context(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = tmp_path / "blank.pipekit"
    pipekit.blank("ru").to_disk(blank)
    treebank = tmp_path / "some.conllu"
    rows = [f"{n}\t{word}" + "\t_" * 8 for n, word in enumerate(("Рим-Милан", "спит"), 1)]
    treebank.write_text("\n".join(rows) + "\n\n", encoding="utf-8")
    page = tmp_path / "errors.html"
    command = ["evaluate", str(blank), str(treebank), "--errors"]
    assert main([*command, str(page)]) == 0
    assert f"every mistake in its context: {page}" in capsys.readouterr().out
    assert "tokens: " in page.read_text(encoding="utf-8")
    assert main([*command, str(page), "--json"]) == 0
    assert capsys.readouterr().out.startswith("{")
    assert main([*command, str(tmp_path / "errors.pdf")]) == 1


# -- a terminal


def test_names_stand_in_brackets() -> None:
    first, *_ = terminal_lines(anna(), colours=False)
    assert first == "[Анна Петрова PER] из [Рима LOC]."


def test_nested_and_crossing_names_close_with_their_labels() -> None:
    doc = anna()
    doc.ents = [Span(doc, 0, 4, "A"), Span(doc, 0, 2, "B"), Span(doc, 1, 5, "C")]
    first, *_ = terminal_lines(doc, colours=False)
    assert first == "[[Анна [Петрова B] из Рима A]. C]"


def test_colours_are_those_of_the_labels_and_the_text_commands_no_terminal() -> None:
    doc = Doc(words=["Анна", "\x1b[31m"])
    doc.ents = [Span(doc, 0, 1, "PER")]
    lines = list(terminal_lines(doc, colours=True))
    assert lines[0] == "[Анна \x1b[48;5;25;38;5;231mPER\x1b[0m] ␛[31m"
    assert "\x1b" not in "".join(lines[1:])


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "is_screen", "shown", "coloured"),
    [
        ({}, True, True, True),
        ({}, False, False, False),
        ({"NO_COLOR": "1"}, True, True, False),
        ({"NO_COLOR": ""}, True, True, True),
        ({"TERM": "dumb"}, True, True, False),
        ({"FORCE_COLOR": "1"}, False, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, True, False),
    ],
)
def test_colours_are_written_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    is_screen: bool,
    shown: bool,
    coloured: bool,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", Screen() if is_screen else io.StringIO())
    assert is_terminal() == shown
    assert has_colours() == coloured
