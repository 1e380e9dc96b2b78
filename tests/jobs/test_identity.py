"""Nothing that exists is lost by a job: inputs, files of the pipeline, files of others.

Modules: jobs.identity
"""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.jobs import TEXTS, blank, errors, job, lines, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipekit import cli
from pipekit.errors import ConfigError, DataError, PipekitError
from pipekit.jobs import Job, Source, Target, annotate

COMPANIONS = ["", ".journal", ".errors.jsonl"]


def contents(folder: Path) -> dict[str, bytes | str]:
    """Each file of a folder with its bytes, each link with its target."""
    return {
        path.name: os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in folder.iterdir()
    }


@pytest.mark.parametrize("link", [os.symlink, os.link, None], ids=["symlink", "hard link", "name"])
@pytest.mark.parametrize("companion", [*COMPANIONS, ".rows"])
@pytest.mark.parametrize("begin", ["new", "overwrite", "resume"])
def test_an_input_is_no_part_of_the_output(
    begin: str, companion: str, link: Callable[[Path, Path], None] | None, tmp_path: Path
) -> None:
    output = tmp_path / ("o.parquet" if companion == ".rows" else "o.jsonl")
    part = output.with_name(output.name + companion)
    source = lines(tmp_path / "a.jsonl" if link else part)
    if link:
        link(source, part)
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match=r"is among the inputs, and would be lost: choose"):
        annotate(Job(blank, [Source.of(source, "jsonl")], Target.of(output), begin=begin))
    assert contents(tmp_path) == before


def test_a_link_to_a_folder_is_seen_through(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    source = lines(tmp_path / "a" / "a.jsonl")
    with pytest.raises(ConfigError, match="among the inputs"):
        annotate(job(source, tmp_path / "b" / "a.jsonl", begin="overwrite"))


@pytest.mark.parametrize("begin", ["new", "overwrite", "resume"])
def test_parts_of_an_output_are_different_files(begin: str, tmp_path: Path) -> None:
    source, output = lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl"
    (tmp_path / "o.jsonl.errors.jsonl").symlink_to(output)
    with pytest.raises(ConfigError, match=r"the file of failures .* is the same file as"):
        annotate(job(source, output, begin=begin))
    assert not output.exists()


@pytest.mark.parametrize("begin", ["new", "resume"])
def test_failures_of_others_are_refused_by_name(begin: str, tmp_path: Path) -> None:
    source, output = lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl"
    (tmp_path / "diary.txt").write_bytes(b"dear diary")
    (tmp_path / "o.jsonl.errors.jsonl").symlink_to("diary.txt")
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match=r"o\.jsonl\.errors\.jsonl is there already.*--overwrite"):
        annotate(job(source, output, begin=begin))
    assert contents(tmp_path) == before
    assert annotate(job(source, output, begin="overwrite")).documents == len(TEXTS)
    assert not errors(output) and len(rows(output)) == len(TEXTS)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    begin=st.sampled_from(["new", "resume"]),
    ending=st.sampled_from(["jsonl", "docs"]),
    placed=st.dictionaries(
        st.sampled_from(["o", "o.journal", "o.errors.jsonl", "b"]),
        st.sampled_from(["file", "empty", "folder", "a", "b", "o", "o.journal", "o.errors.jsonl"]),
    ),
    hard=st.booleans(),
)
def test_whatever_lies_there_is_there_afterwards(
    begin: str,
    ending: str,
    placed: dict[str, str],
    hard: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    names = {name: name.replace("o", f"o.{ending}", 1) for name in ("o", "o.journal")}
    names |= {"o.errors.jsonl": f"o.{ending}.errors.jsonl", "a": "a.jsonl", "b": "b.jsonl"}
    source = lines(folder / "a.jsonl", ["Кот.", "Дом."])
    source.write_bytes(source.read_bytes() + b"{}\n")
    for name, what in placed.items():
        path = folder / names[name]
        if what == "folder":
            path.mkdir()
        elif what in ("file", "empty"):
            path.write_bytes(b"of somebody" if what == "file" else b"")
        elif hard and (folder / names[what]).is_file():
            os.link(folder / names[what], path)
        elif not hard:
            path.symlink_to(names[what])
    held = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    links = {path: os.readlink(path) for path in folder.iterdir() if path.is_symlink()}
    try:
        annotate(job(source, folder / names["o"], begin=begin))
    except PipekitError as error:
        assert str(folder) in str(error)
    assert {path: os.readlink(path) for path in links} == links
    for path, data in held.items():
        assert path.read_bytes() == data or not data


def test_an_empty_file_and_a_link_outlive_a_job_that_fails(tmp_path: Path) -> None:
    def fails() -> None:
        raise ConfigError("no such pipeline")

    source = lines(tmp_path / "a.jsonl")
    (tmp_path / "o.jsonl").write_bytes(b"")
    (tmp_path / "p.jsonl").symlink_to("o.jsonl")
    for name in ("o.jsonl", "p.jsonl", "new.jsonl"):
        with pytest.raises(ConfigError, match="no such pipeline"):
            annotate(job(source, tmp_path / name, fails))  # type: ignore[arg-type]
    assert set(contents(tmp_path)) == {"a.jsonl", "o.jsonl", "p.jsonl"}


# -- what is no file


def test_a_file_of_the_system_is_no_output(tmp_path: Path) -> None:
    source = Source.of(lines(tmp_path / "a.jsonl"))
    with (tmp_path / "o.jsonl").open("wb") as file:
        paths = [f"/dev/fd/{file.fileno()}", f"/proc/self/fd/{file.fileno()}"]
        for path in paths:
            for begin in ("new", "overwrite", "resume"):
                with pytest.raises(ConfigError, match="is a file of the system: - is standard"):
                    annotate(Job(blank, [source], Target(Path(path), "jsonl"), begin=begin))


def test_a_device_or_a_pipe_is_written_into(model: Path, tmp_path: Path) -> None:
    """As `-o >(gzip > o.gz)` and `-o /dev/null` of a shell; nothing stands beside it."""
    source = lines(tmp_path / "a.jsonl")
    annotate(job(source, tmp_path / "o.jsonl"))
    os.mkfifo(tmp_path / "pipe")
    found = tmp_path / "found"
    with found.open("wb") as out, subprocess.Popen(["cat", tmp_path / "pipe"], stdout=out) as cat:
        assert cli.main(["apply", str(model), str(source), "-o", str(tmp_path / "pipe")]) == 0
        assert cat.wait(timeout=30) == 0
    assert found.read_bytes() == (tmp_path / "o.jsonl").read_bytes()
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("pipe.")]


@pytest.mark.parametrize("number", [3, 7], ids=["null", "full"])
def test_a_device_stays_a_device(number: int, model: Path, tmp_path: Path) -> None:
    source, device = lines(tmp_path / "a.jsonl"), tmp_path / "device"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, number))
        device.write_bytes(b"")
    except OSError:
        pytest.skip("needs the right to make devices")
    for format, code in (("jsonl", 0), ("conllu", 0), ("docs", 0), ("parquet", 1)):
        found = cli.main(["apply", str(model), str(source), "-o", str(device), "--to", format])
        assert found == (4 if number == 7 and not code else code), format
        assert stat.S_ISCHR(device.stat().st_mode)
    assert {path.name for path in tmp_path.iterdir()} == {"a.jsonl", "device"}


def test_a_file_or_a_socket_is_no_folder_for_outputs(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = lines(tmp_path / "a.jsonl")
    (tmp_path / "plain").write_bytes(b"mine")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
    assert "its suffix tells no format" in refused(capsys, model, source, "-o", tmp_path / "plain")
    assert "is a socket" in refused(capsys, model, source, "-o", tmp_path / "sock")
    assert (tmp_path / "plain").read_bytes() == b"mine"
    assert cli.main(["apply", str(model), str(source), "-o", f"{tmp_path / 'new.d'}/"]) == 0
    assert (tmp_path / "new.d" / "a.jsonl").exists()


def test_a_pipe_or_a_folder_is_no_file(tmp_path: Path) -> None:
    source = lines(tmp_path / "a.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "o.jsonl.errors.jsonl").mkdir()
    os.mkfifo(tmp_path / "p.jsonl.journal")
    for output in ("folder.jsonl", "o.jsonl", "p.jsonl"):
        with pytest.raises(ConfigError, match=rf"{output}.* is (no regular file|a folder)"):
            annotate(job(source, tmp_path / output, begin="overwrite"))
    for no_input in ("pipe.jsonl", "folder.jsonl"):
        with pytest.raises(DataError, match=f"{no_input}: is no regular file: give -"):
            annotate(job(tmp_path / no_input, tmp_path / "p.jsonl"))
    assert not (tmp_path / "p.jsonl").exists()


# -- the command line


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "blank.pipekit"
    blank().to_disk(path)
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert cli.main(["apply", *map(str, arguments), "--overwrite"]) == 1
    return capsys.readouterr().err


def test_no_job_of_a_command_takes_what_another_needs(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    source, within = lines(tmp_path / "b.jsonl"), lines(tmp_path / "out" / "c.jsonl")
    before = contents(tmp_path / "out")
    message = refused(capsys, model, source, within, "-o", tmp_path / "out")
    assert "out/c.jsonl is among the inputs" in message
    clash = lines(tmp_path / "b.jsonl.errors.jsonl")
    message = refused(capsys, model, source, clash, "-o", tmp_path / "out")
    assert "is the same file as" in message and "the file of failures" in message
    assert contents(tmp_path / "out") == before


def test_the_pipeline_is_not_overwritten(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, before = lines(tmp_path / "a.jsonl"), model.read_bytes()
    (tmp_path / "o.jsonl").symlink_to(model)
    message = refused(capsys, model, source, "-o", tmp_path / "o.jsonl")
    assert "which the job reads, and would be lost" in message
    message = refused(capsys, model.parent, source, "-o", model, "--to", "jsonl")
    assert "which the job reads, and would be lost" in message
    assert model.read_bytes() == before


def test_standard_streams_are_files_too(model: Path, tmp_path: Path) -> None:
    source = lines(tmp_path / "a.jsonl")
    before = source.read_bytes()
    command = [sys.executable, "-m", "pipekit", "apply", str(model), "--format", "jsonl"]
    overwrite = [*command, "-", "-o", str(source), "--overwrite"]
    with source.open("rb") as stdin:
        first = subprocess.run(
            overwrite, stdin=stdin, capture_output=True, text=True, timeout=60, check=False
        )
    with source.open("ab") as stdout:
        second = subprocess.run(
            [*command, str(source), "-o", "-"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    for run in (first, second):
        assert run.returncode == 1 and "is among the inputs" in run.stderr, run.stderr
    assert source.read_bytes() == before
