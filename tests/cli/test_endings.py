"""Output that cannot be written ends with a code and a line, whatever the reason.

Modules: cli.endings
"""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.jobs import TEXTS, blank, lines
from helpers.processes import run
from helpers.tiny import TEN

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


def commands(model: Path, folder: Path) -> dict[str, list[str]]:
    """Some that print, and one that does not."""
    source = str(lines(folder / "b.jsonl"))
    return {
        "rows": ["apply", str(model), source, "-o", "-"],
        "run": ["run", str(model), "Мама мыла раму."],
        "info": ["info", str(model)],
        "help": ["run", "--help"],
        "file": ["apply", str(model), source, "-o", str(folder / "o.jsonl")],
    }


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A stream that is always full, and no device that others use."""
    path = tmp_path / "full"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))
        path.write_bytes(b"")
    except OSError:
        return Path("/dev/full")
    return path


def ended(arguments: list[str], redirect: str, folder: Path) -> tuple[int, str]:
    """The code of a command and what it says, with its streams redirected by a shell."""
    errors = folder / "stderr"
    errors.write_bytes(b"")
    command = shlex.join([sys.executable, "-m", "pipekit", *arguments])
    done = run(["bash", "-c", f"{command} {redirect}".format(errors=errors)], 120)
    assert not done.hung
    return done.code, errors.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("verb", "unbuffered"), [("rows", ""), ("rows", "1"), ("run", ""), ("info", "1"), ("help", "")]
)
def test_a_full_standard_output_ends_with_four_and_a_line(
    verb: str,
    unbuffered: str,
    model: Path,
    tmp_path: Path,
    full: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    code, message = ended(commands(model, tmp_path)[verb], f">{full} 2>{{errors}}", tmp_path)
    assert code == 4 and message.count("\n") == 1, message
    assert "standard output" in message and "No space left on device" in message


@pytest.mark.parametrize("verb", ["rows", "help"])
def test_a_closed_standard_output_is_like_a_full_one(
    verb: str, model: Path, tmp_path: Path
) -> None:
    code, message = ended(commands(model, tmp_path)[verb], ">&- 2>{errors}", tmp_path)
    assert code == 4 and message.count("\n") == 1, message
    assert "standard output" in message and "Bad file descriptor" in message


def test_without_any_stream_a_job_is_done_and_nothing_is_written_into_its_files(
    model: Path, tmp_path: Path
) -> None:
    """As services and cron start it: what it opens first would be its standard output."""
    command = [*commands(model, tmp_path)["file"], "--processes", "2"]
    assert ended(command, "<&- >&- 2>&-", tmp_path)[0] == 0
    written = (tmp_path / "o.jsonl").read_text(encoding="utf-8")
    assert len(list(map(json.loads, written.splitlines()))) == len(TEXTS)


def test_messages_that_nobody_can_read_change_no_code(
    model: Path, tmp_path: Path, full: Path
) -> None:
    both = f">{full} 2>{full}"
    assert ended(commands(model, tmp_path)["run"], both, tmp_path)[0] == 4
    assert ended(["nosuch"], ">&- 2>&-", tmp_path)[0] == 2
    assert ended(commands(model, tmp_path)["file"], f"2>{full}", tmp_path)[0] == 0


def test_a_standard_input_that_is_closed_is_no_empty_text(model: Path, tmp_path: Path) -> None:
    code, message = ended(["run", str(model)], "<&- 2>{errors}", tmp_path)
    assert code == 1
    assert message == "pipekit run: standard input: cannot be read: Bad file descriptor\n"


def test_a_result_that_cannot_be_written_ends_with_four(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "t.txt"
    texts.write_text("Мама мыла раму.\n", encoding="utf-8")
    command = ["subwords", str(texts), "-o", str(tmp_path / "none" / "s.json"), "--size", "60"]
    assert main(command) == 4
    assert "could not be written" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_no_vocabulary_is_learned_from_no_text(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "t.txt"
    texts.write_text(text, encoding="utf-8")
    assert main(["subwords", str(texts), "-o", str(tmp_path / "s.json"), "--size", "60"]) == 1
    assert f"there is no text in {texts}" in capsys.readouterr().err
    assert not (tmp_path / "s.json").exists()


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


def copied(source: Path, path: Path) -> Path:
    """A copy under a name that is no Unicode."""
    try:
        path.write_bytes(source.read_bytes())
    except OSError:
        pytest.skip("the file system takes Unicode alone")
    return path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["check"], 0), (["check", "--json"], 0), (["evaluate", "MODEL", "--json"], 0)],
)
def test_a_name_that_is_no_unicode_is_printed(
    arguments: list[str], code: int, model: Path, tmp_path: Path
) -> None:
    corpus = copied(TEN, tmp_path / "ten\udce9.conllu")
    words = [str(model) if word == "MODEL" else word for word in arguments]
    out = tmp_path / "out"
    found, message = ended([*words, str(corpus)], f">{out} 2>{{errors}}", tmp_path)
    assert (found, message) == (code, "")
    written = out.read_text(encoding="utf-8")
    assert "ten\\udce9.conllu" in written or arguments == ["check"]
    if "--json" in arguments:
        assert "ten\udce9.conllu" in json.dumps(json.loads(written), ensure_ascii=False)


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
