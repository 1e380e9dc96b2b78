"""Output that cannot be written ends with a code and a line, whatever the reason.

Modules: cli.endings
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.jobs import blank, lines

from pipekit.cli import main


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "blank.pipekit"
    blank().to_disk(path)
    return path


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """More rows than a pipe holds."""
    return lines(tmp_path / "a.jsonl", ["Мама мыла раму. " * 20] * 500)


def verbs(model: Path, source: Path) -> list[list[str]]:
    command = [sys.executable, "-m", "pipekit"]
    return [
        [*command, "apply", str(model), str(source), "-o", "-"],
        [*command, "run", str(model), "Мама мыла раму. " * 3000],
    ]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("verb", [0, 1], ids=["apply", "run"])
def test_a_full_standard_output_ends_with_four_and_a_line(
    verb: int, model: Path, long: Path
) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            verbs(model, long)[verb],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 4 and done.stderr.count("\n") == 1, done.stderr
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("verb", [0, 1], ids=["apply", "run"])
def test_a_reader_that_has_seen_enough_ends_it_in_silence(
    verb: int, model: Path, long: Path
) -> None:
    command = verbs(model, long)[verb]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        messages = process.stderr.read()
        assert (process.wait(timeout=60), messages) == (141, "")


def impossible(folder: Path) -> dict[str, Path]:
    (folder / "file").write_bytes(b"x")
    os.symlink("loop", folder / "loop")
    return {
        "Not a directory": folder / "file" / "o.jsonl",
        "File name too long": folder / f"{'o' * 300}.jsonl",
        "File exists": folder / "file" / "deeper" / "o.jsonl",
        "Too many levels of symbolic links": folder / "loop" / "o.jsonl",
    }


def test_an_output_that_cannot_be_there_ends_with_four_and_a_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = lines(tmp_path / "a.jsonl")
    for path in impossible(tmp_path).values():
        for option in ("--resume", "--overwrite"):
            code = main(["apply", str(model), str(source), "-o", str(path), option])
            message = capsys.readouterr().err
            assert code == 4 and message.count("\n") == 1, message
            assert str(path.parent) in message or str(path) in message
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "file", "loop"]


def test_a_name_that_is_no_unicode_is_read_and_named(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "caf\udce9.jsonl"
    try:
        lines(source)
    except OSError:
        pytest.skip("the file system takes Unicode alone")
    command = ["apply", str(model), str(source), "-o", str(tmp_path / "o\udce9.jsonl")]
    assert main([*command, "--resume"]) == 0
    assert main([*command, "--resume"]) == 0
    assert "was finished before" in capsys.readouterr().err
