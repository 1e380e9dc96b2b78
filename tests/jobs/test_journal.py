"""A journal that lies is not believed, and neither are files that it does not describe.

Modules: jobs.beginnings, jobs.journal, jobs.resuming
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest
from helpers.jobs import blank, errors, job, lines, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipekit.errors import ConfigError, DataError, JobStopped, StoreError
from pipekit.jobs import Job, Limits, Reading, Shard, Source, Target, annotate
from pipekit.jobs import journal as journals
from pipekit.jobs.beginnings import Beginning
from pipekit.jobs.journal import Journal
from pipekit.jobs.records import Position
from pipekit.storage.files import File

COUNT = 400  # records, of which two are bad: number 200 and, where the job stops, number 390
LARGE_CHUNKS = {"batch_words": 100}


def journal_of(output: Path) -> Path:
    return output.with_name(output.name + ".journal")


def stopped(source: Path, output: Path, **more: object) -> Journal:
    """The journal of a job that stopped at its second bad record."""
    with pytest.raises(JobStopped):
        annotate(job(source, output, limits=Limits(1, 0.0), options=LARGE_CHUNKS, **more))
    journal = Journal.read_from(journal_of(output))
    assert journal is not None and journal.documents > 200
    return journal


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of which two are bad, near the middle and near the end."""
    return padded(tmp_path_factory.mktemp("many") / "a.jsonl", bad=(200, 390))


def padded(path: Path, bad: tuple[int, ...] = ()) -> Path:
    """Records of few words and many bytes."""
    fields = [{"text": f"Слово {i}.", "pad": os.urandom(400).hex()} for i in range(COUNT)]
    for number in bad:
        fields[number] = {}
    path.write_text("".join(json.dumps(row) + "\n" for row in fields), encoding="utf-8")
    return path


# -- the journal


def test_any_flipped_bit_of_a_journal_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl.journal"
    journal = Journal({"inputs": {"0 a": ["txt", 9]}}, Position(0, 8, 7, 6), [Beginning(8, 7)])
    journal.write(path)
    data = bytearray(path.read_bytes())
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"o\.jsonl\.journal: .*--overwrite begins"):
            Journal.read_from(path)
        data[bit // 8] ^= 1 << bit % 8
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(DataError, match="--overwrite begins"):
            Journal.read_from(path)
    path.write_bytes(data)
    assert Journal.read_from(path) == journal


_BEGINNINGS = st.builds(Beginning, st.integers(0, 2**63), st.integers(0, 2**32 - 1))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.text(st.characters()), max_size=3),
    output=_BEGINNINGS,
    read=st.lists(_BEGINNINGS, max_size=3),
    position=st.builds(Position, *[st.integers(0, 2**63)] * 5),
)
def test_a_journal_gives_back_what_it_was_told(
    names: list[str],
    output: Beginning,
    read: list[Beginning],
    position: Position,
    tmp_path: Path,
) -> None:
    made_of = {"inputs": {name: ["txt", 1, None] for name in names}}
    journal = Journal(made_of, position, read, output)
    journal.write(tmp_path / "journal")
    assert Journal.read_from(tmp_path / "journal") == journal
    assert json.loads((tmp_path / "journal").read_bytes())["output"] == list(output)


def test_journals_of_other_versions_and_other_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "o.journal"
    for data, what in [
        (b'{"version": 1, "documents": 5}', "version 1, of a pipekit that wrote no checksums"),
        (b"", "no journal of a job, or was damaged"),
        (b"[" * 100_000, "no journal of a job, or was damaged"),
        (b'{"version": 2}', "was altered, its checksum does not hold"),
    ]:
        path.write_bytes(data)
        with pytest.raises(DataError, match=f"{what}.*--overwrite"):
            Journal.read_from(path)


@pytest.mark.parametrize(
    "lie",
    [
        lambda journal: replace(journal, position=journal.position._replace(input=5)),
        lambda journal: replace(journal, position=journal.position._replace(number=7)),
        lambda journal: replace(journal, documents=7),
        lambda journal: replace(journal, output=Beginning(-1, 0)),
        lambda journal: replace(journal, output=journal.errors),
        lambda journal: replace(journal, errors=journal.output),
        lambda journal: replace(journal, read=[Beginning(100, 5)]),
    ],
)
def test_a_lie_under_a_right_checksum_is_seen_by_its_contradictions(
    lie: Callable[[Journal], Journal], many: Path, tmp_path: Path
) -> None:
    output = tmp_path / "o.jsonl"
    journal = stopped(many, output)
    before = output.read_bytes()
    lie(journal).write(journal_of(output))
    with pytest.raises((DataError, ConfigError), match="--overwrite"):
        annotate(job(many, output, begin="resume", options=LARGE_CHUNKS))
    assert output.read_bytes() == before


@given(data=st.binary(max_size=300), first=st.integers(0, 300), second=st.integers(0, 400))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_beginning_is_that_of_its_bytes_however_it_grew(
    data: bytes, first: int, second: int, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(data)
    whole = Beginning(len(data[:second]), crc32(data[:second]))
    assert Beginning().then(data[:first]).then(data[first:second]) == Beginning().then(
        data[: max(first, second)]
    )
    assert Beginning().grown(tmp_path / "x", second) == whole
    assert whole.is_of(tmp_path / "x")


# -- the files that it describes


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "docs", "parquet"])
def test_outputs_and_failures_that_were_altered_are_refused(
    ending: str, many: Path, tmp_path: Path
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    output = tmp_path / f"o.{ending}"
    stopped(many, output)
    body = tmp_path / "o.parquet.rows" if ending == "parquet" else output
    for path in (body, tmp_path / f"o.{ending}.errors.jsonl"):
        right = path.read_bytes()
        altered = bytearray(right)
        altered[len(right) // 3] ^= 1
        path.write_bytes(altered)
        with pytest.raises(ConfigError, match=rf"{re.escape(path.name)} was altered.*--overwrite"):
            annotate(job(many, output, begin="resume", options=LARGE_CHUNKS))
        path.write_bytes(right + b"what came after the last commit")
    assert annotate(job(many, output, begin="resume", options=LARGE_CHUNKS)).documents == COUNT - 2
    assert len(errors(output)) == 2


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "docs", "parquet"])
def test_an_input_whose_middle_was_changed_is_refused(
    ending: str, many: Path, tmp_path: Path
) -> None:
    source = tmp_path / f"in.{ending}"
    if ending == "jsonl":
        source.write_bytes(many.read_bytes())
    elif ending == "jsonl.gz":
        source.write_bytes(gzip.compress(many.read_bytes()))
    else:
        if ending == "parquet":
            pytest.importorskip("pyarrow")
        annotate(job(many, source, options={}, limits=Limits()))
        os.remove(journal_of(source))
    first = padded(tmp_path / "first.jsonl")
    bad = lines(tmp_path / "last.jsonl", ["Два."] * 3)
    bad.write_bytes(bad.read_bytes() + b"{}\n{}\n{}\n{}\n")
    sources, output = [first, source, bad], tmp_path / "o.jsonl"
    with pytest.raises(JobStopped):
        annotate(job(sources, output, limits=Limits(3, 0.0), options=LARGE_CHUNKS))
    whole = rows(output)
    for path in (first, source):
        times = os.stat(path)
        right = path.read_bytes()
        altered = bytearray(right)
        assert len(right) > 1 << 17  # of both ends, 64 KB are looked at anyway
        altered[len(right) // 2] ^= 1
        path.write_bytes(altered)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        with pytest.raises(ConfigError, match=rf"input .*{path.name} was changed"):
            annotate(job(sources, output, begin="resume", options=LARGE_CHUNKS))
        path.write_bytes(right)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    annotate(job(sources, output, begin="resume", options=LARGE_CHUNKS))
    assert rows(output)[: len(whole)] == whole


def test_what_was_read_grows_with_the_inputs(many: Path, tmp_path: Path) -> None:
    more = lines(tmp_path / "b.jsonl")
    annotate(
        job([many, more], tmp_path / "o.jsonl", reading=Reading(shard=Shard(2, 3)), options={})
    )
    journal = Journal.read_from(journal_of(tmp_path / "o.jsonl"))
    assert journal is not None
    assert journal.read[0] == Beginning().then(many.read_bytes())
    assert journal.read[1].is_of(more) and journal.read[1].size > more.stat().st_size // 2
    assert journal.output.is_of(tmp_path / "o.jsonl")


def test_a_finished_output_that_was_cut_is_not_said_to_be_finished(tmp_path: Path) -> None:
    source, output = lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl"
    annotate(job(source, output))
    output.write_bytes(output.read_bytes()[:-5])
    with pytest.raises(ConfigError, match=r"is shorter than the \d+ bytes"):
        annotate(job(source, output, begin="resume"))


# -- at the edges


def test_a_journal_of_another_version_is_refused_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "o.jsonl.journal"
    with monkeypatch.context() as later:
        later.setattr(journals, "_VERSION", 99)
        Journal({}, Position(0, 0, 0, 0), []).write(path)
    with pytest.raises(DataError, match="has version 99, this pipekit reads"):
        Journal.read_from(path)


def test_an_output_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    source, output = lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl"
    annotate(job(source, output))
    made = output.read_bytes()
    output.unlink()
    annotate(job(source, output))
    assert output.read_bytes() == made


def test_an_output_that_is_not_finished_is_neither_begun_anew_nor_resumed_unasked(
    many: Path, tmp_path: Path
) -> None:
    stopped(many, tmp_path / "o.jsonl")
    with pytest.raises(ConfigError, match=r"not finished: --resume goes on.*--overwrite begins"):
        annotate(job(many, tmp_path / "o.jsonl"))


def test_what_came_over_a_pipe_cannot_be_resumed(many: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.jsonl"
    stopped(many, output)
    again = Job(blank, [Source.of(Path("-"), "jsonl")], Target.of(output), begin="resume")
    with pytest.raises(ConfigError, match="standard input cannot be read a second time"):
        annotate(again)


def test_formats_that_cannot_be_written_so_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'parquet' is not written as \.gz"):
        Target.of(tmp_path / "o.parquet.gz")
    with pytest.raises(ConfigError, match=r"--to is 'jsnl'.*jsonl"):
        Target.of(tmp_path / "o", "jsnl")


def test_an_output_that_cannot_be_begun_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: File, size: int) -> None:
        raise StoreError("no room")

    source, output = lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl"
    with monkeypatch.context() as full, pytest.raises(StoreError, match="no room"):
        full.setattr(File, "truncate", fail)
        annotate(job(source, output))
    annotate(job(source, output, begin="overwrite"))  # its lock is free
    assert len(rows(output)) == 8


def test_failures_of_a_job_that_writes_to_a_stream_go_to_standard_error(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    source = lines(tmp_path / "a.jsonl")
    source.write_text(source.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    sources = [Source.of(source)]
    annotate(Job(blank, sources, Target.of(Path("-"), "jsonl"), limits=Limits(commit_seconds=0.0)))
    written = capfdbinary.readouterr()
    assert len(written.out.splitlines()) == 8
    assert b"a.jsonl" in written.err
