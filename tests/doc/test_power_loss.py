"""Appending to a file of Docs when the power fails: what an append that returned has written stays,
and the next append goes on behind it.

Modules: doc.file
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.disk import State, Trace, lost, names, recorded

from pipekit import Doc
from pipekit.doc.file import read_docs, write_docs
from pipekit.errors import PipekitFormatError, PipekitWarning

LONG = 60  # words of a Doc, so that its record lies in several sectors


def numbered(first: int, last: int) -> list[Doc]:
    docs = []
    for number in range(first, last):
        doc = Doc(words=["слово", str(number)] * LONG)
        doc.name = str(number)
        docs.append(doc)
    return docs


def append(path: Path, first: int, last: int) -> None:
    write_docs(numbered(first, last), path, append=True)


def read(path: Path) -> list[str | None]:
    return [doc.name for doc in read_docs(path, on_error="skip")]


@pytest.fixture(params=["to a new file", "behind a record cut short"])
def appending(request: pytest.FixtureRequest, tmp_path: Path) -> Trace:
    folder = tmp_path / "before"
    folder.mkdir()
    path = folder / "x.docs"
    promised = 0
    if request.param != "to a new file":
        promised = 2
        append(path, 0, promised)
        with path.open("ab") as file:
            file.write(path.read_bytes()[8:700])
    with recorded(folder, promised) as trace, warnings.catch_warnings():
        warnings.simplefilter("ignore", PipekitWarning)
        for last in range(promised + 2, promised + 6, 2):
            append(path, last - 2, last)
            trace.promise(last)
    return trace


def keeps(folder: Path) -> Callable[[State], bool]:
    path = folder / "x.docs"

    def keeps_promise(state: State) -> bool:
        promised = [str(number) for number in range(state.promise)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PipekitWarning)
            try:
                if promised and read(path)[: len(promised)] != promised:
                    return False
                append(path, 10, 11)
            except (OSError, PipekitFormatError):
                return False
            after = read(path)
        return after[: len(promised)] == promised and after[-1] == "10"

    return keeps_promise


def test_appended_docs_survive_a_loss_of_power(appending: Trace, tmp_path: Path) -> None:
    after = tmp_path / "after"
    assert len(list(appending.states(chances=100))) > 50
    assert not names(lost(appending, after, keeps(after), chances=100))


@pytest.mark.slow
def test_appended_docs_survive_any_of_many_losses_of_power(
    appending: Trace, tmp_path: Path
) -> None:
    after = tmp_path / "after"
    assert not names(lost(appending, after, keeps(after), chances=2_000))


def test_the_model_notices_a_forgotten_fsync(appending: Trace, tmp_path: Path) -> None:
    after = tmp_path / "after"
    assert any(lost(appending.without("sync"), after, keeps(after)))
    if not appending.before.names:
        assert any(lost(appending.without("sync names"), after, keeps(after)))
