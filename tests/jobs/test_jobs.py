"""Jobs over whole corpora: what they read and write, and how they survive.

A job that died at any moment, and went on, leaves the bytes of one that never died.

Modules: jobs.annotating, jobs.doc_records, jobs.formats, jobs.inputs, jobs.job, jobs.journal,
    jobs.origin, jobs.outputs, jobs.parquet, jobs.progress, jobs.reading, jobs.records,
    jobs.resuming, jobs.rows, jobs.text_records
"""

from __future__ import annotations

import errno
import gzip
import json
import lzma
import os
import re
import resource
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from helpers.chaos import (
    apply_job,
    children,
    committed,
    failing_at,
    job_outputs,
    run_alone,
    running,
    wait_until,
)
from helpers.jobs import TEXTS, blank, errors, job, lines, rows
from helpers.packages import Site
from helpers.synced import Synced, watched
from helpers.tiny import TEN, learn, recipe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pipekit
from pipekit import Batch, Pipeline, cli, registry
from pipekit.errors import ConfigError, DataError, JobStopped, StoreError
from pipekit.jobs import Limits, Reading, Shard, Target, annotate
from pipekit.jobs.parquet import kind_of, merged_kinds
from pipekit.storage import files


@registry.components.register("fails_on_cats")
class FailsOnCats:
    """A component that a word breaks."""

    requires: tuple[str, ...] = ()
    assigns: tuple[str, ...] = ("seen",)

    def __call__(self, batch: Batch) -> None:
        for doc in batch.docs:
            if "Кот" in doc.text:
                raise ValueError("a cat")
            doc.add_layer("seen", "doc", 1).set("words", [len(doc)])


@registry.components.register("counts")
class Counts:
    """A component that remembers how many documents came at once."""

    requires: tuple[str, ...] = ()
    assigns: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, batch: Batch) -> None:
        self.sizes.append(len(batch.docs))


@pytest.fixture(autouse=True)
def mended() -> Iterator[None]:
    yield
    files.failpoint = None


# -- what is read


FORMATS: dict[str, tuple[str, bytes]] = {
    "txt": ("a.txt", "Раз.\nДва.\n".encode()),
    "a byte order mark and CRLF": ("a.txt", b"\xef\xbb\xbf" + "Раз.\r\nДва.\r\n".encode()),
    "jsonl": ("a.jsonl", '{"text": "Раз."}\n\n{"text": "Два."}'.encode()),
    "csv": ("a.csv", 'n,text\n1,Раз.\n\n2,"Два."\n'.encode()),
    "tsv": ("a.tsv", "n\ttext\n1\tРаз.\n2\tДва.\n".encode()),
    "gz": (
        "a.jsonl.gz",
        gzip.compress('{"text": "Раз."}\n'.encode()) + gzip.compress('{"text": "Два."}\n'.encode()),
    ),
    "xz": ("a.txt.xz", lzma.compress("Раз.\nДва.\n".encode())),
    "conllu": (
        "a.conllu",
        "1\tРаз.\t_\t_\t_\t_\t_\t_\t_\t_\n\n1\tДва.\t_\t_\t_\t_\t_\t_\t_\t_\n\n".encode(),
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_gives_its_texts(name: str, tmp_path: Path) -> None:
    path = tmp_path / FORMATS[name][0]
    path.write_bytes(FORMATS[name][1])
    assert annotate(job(path, tmp_path / "o.jsonl")).documents == 2
    assert [row["text"] for row in rows(tmp_path / "o.jsonl")] == ["Раз.", "Два."]


@pytest.mark.parametrize(
    ("unit", "texts"),
    [("file", ["а\nб\n\nв\n"]), ("paragraph", ["а\nб", "в"]), ("line", ["а", "б", "", "в"])],
)
def test_a_document_of_plain_text_is_a_line_a_paragraph_or_a_file(
    unit: str, texts: list[str], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("а\nб\n\nв\n", encoding="utf-8")
    annotate(job(tmp_path / "a.txt", tmp_path / "o.jsonl", reading=Reading(unit=unit)))
    assert [row["text"] for row in rows(tmp_path / "o.jsonl")] == texts


def test_the_text_may_lie_deeper_and_all_fields_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": {"body": "Кот."}, "n": [1, null]}\n', encoding="utf-8")
    annotate(job(tmp_path / "a.jsonl", tmp_path / "o.jsonl", reading=Reading("a.body")))
    [row] = rows(tmp_path / "o.jsonl")
    assert (row["text"], row["n"], row["a"]) == ("Кот.", [1, None], {"body": "Кот."})


def test_conllu_keeps_its_tokens_columns_and_comments(tmp_path: Path) -> None:
    annotate(job(TEN, tmp_path / "o.conllu"))
    told, found = (
        path.read_text(encoding="utf-8").replace("SpaceAfter=No\n\n", "_\n\n")
        for path in (TEN, tmp_path / "o.conllu")
    )
    assert [line for line in found.splitlines() if line] == [
        line for line in told.splitlines() if line
    ]
    annotate(job(TEN, tmp_path / "whole.jsonl", reading=Reading(unit="document")))
    assert sum(len(row["sents"]) for row in rows(tmp_path / "whole.jsonl")) == 10


def test_a_file_of_docs_goes_in_and_out(tmp_path: Path) -> None:
    annotate(job(lines(tmp_path / "a.jsonl"), tmp_path / "a.docs"))
    annotate(job(tmp_path / "a.docs", tmp_path / "b.docs"))
    assert (tmp_path / "a.docs").read_bytes() == (tmp_path / "b.docs").read_bytes()
    found = list(pipekit.read_docs(tmp_path / "b.docs"))
    assert ([doc.text for doc in found], found[1].name) == (TEXTS, "1")


BAD: list[tuple[str, bytes, int, str]] = [
    ("a.jsonl", b'{"text": "a"}\n{"text": \n{"text": "b"}\n', 2, "is not JSON"),
    ("a.jsonl", b'{"text": "a"}\n{"text": null}\n{"text": "b"}\n', 2, "but null"),
    ("a.jsonl", b'{"text": "a"}\n{"txet": "c"}\n{"text": "b"}\n', 2, "Did you mean|Known: txet"),
    ("a.jsonl", b'{"text": "a"}\n{"text": "\xcf"}\n{"text": "b"}\n', 2, "is no UTF-8.*0xcf"),
    ("a.jsonl", b'{"text": "a"}\n' + b"[" * 100_000 + b'\n{"text": "b"}\n', 2, "is not JSON"),
    ("a.txt", b"a\n\xff\xfe\nb\n", 2, "is no UTF-8"),
    ("a.csv", b"text,n\na,1\nb\nb,2\n", 3, "has 1 cells"),
    ("a.csv", b'text,n\na,1\n"c,1\nb,2\n', 3, "is no row"),
    ("a.csv", b"text,n\na,1\n\xcf,1\nb,2\n", 3, "is no UTF-8"),
    ("a.conllu", b"1\ta" + b"\t_" * 8 + b"\n\n1\tc\n\n1\tb" + b"\t_" * 8 + b"\n", 3, "2 columns"),
]


@pytest.mark.parametrize(("name", "data", "line", "reason"), BAD)
def test_a_bad_record_costs_itself_and_its_place_is_told(
    name: str, data: bytes, line: int, reason: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    found = annotate(job(tmp_path / name, tmp_path / "o.jsonl"))
    assert ([row["text"] for row in rows(tmp_path / "o.jsonl")], found.failed) == (["a", "b"], 1)
    [error] = errors(tmp_path / "o.jsonl")
    assert (error["line"], error["file"]) == (line, str(tmp_path / name))
    assert error["byte"] == len(b"".join(data.splitlines(keepends=True)[: line - 1]))
    assert re.search(reason, error["reason"])


def test_what_breaks_a_component_costs_itself(tmp_path: Path) -> None:
    def breaks() -> Pipeline:
        nlp = blank()
        nlp.add_pipe("fails_on_cats")
        return nlp

    annotate(job(lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl", breaks))
    assert [row["id"] for row in rows(tmp_path / "o.jsonl")] == [0, 2, 3, 4, 5, 6, 7]
    [error] = errors(tmp_path / "o.jsonl")
    assert (error["line"], error["reason"]) == (
        2,
        "document, 'Кот спит на окне.': fails_on_cats failed: ValueError: a cat",
    )


def test_twenty_thousand_lines_with_forty_two_bad_ones(tmp_path: Path) -> None:
    bad = [b"{", b'{"text": null}', b'{"text": "\xff"}', b"[]", b'{"a": "b"}', b'"text"']
    data = [
        bad[i % 6] if i % 480 == 7 else json.dumps({"text": f"{i}"}).encode() for i in range(20_000)
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(data))
    found = annotate(job(tmp_path / "a.jsonl", tmp_path / "o.jsonl", options={}, limits=Limits()))
    assert (found.documents, found.failed) == (19_958, 42)
    assert [error["line"] for error in errors(tmp_path / "o.jsonl")] == [
        i + 1 for i in range(20_000) if i % 480 == 7
    ]
    with pytest.raises(
        JobStopped, match=r"11 records failed, more than --max-errors 10.*--resume"
    ) as stopped:
        annotate(job(tmp_path / "a.jsonl", tmp_path / "p.jsonl", options={}, limits=Limits(10)))
    assert stopped.value.code == 3
    annotate(
        job(tmp_path / "a.jsonl", tmp_path / "p.jsonl", begin="resume", options={}, limits=Limits())
    )
    assert rows(tmp_path / "p.jsonl") == rows(tmp_path / "o.jsonl") and errors(
        tmp_path / "p.jsonl"
    ) == errors(tmp_path / "o.jsonl")


def test_a_job_that_cannot_succeed_ends_early(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"body": "а"}\n' * 5000, encoding="utf-8")
    with pytest.raises(JobStopped, match=r"the first 1000 records all failed.*Known: body"):
        annotate(job(tmp_path / "a.jsonl", tmp_path / "o.jsonl"))


@pytest.mark.parametrize("most", [0, 1, 2])
def test_a_job_ends_with_the_first_error_beyond_its_limit(most: int, tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "а"}\n{}\n' * 9, encoding="utf-8")
    with pytest.raises(
        JobStopped, match=f"{most + 1} records failed, more than --max-errors {most}"
    ):
        annotate(job(source, tmp_path / "o.jsonl", limits=Limits(max_errors=most)))
    annotate(job(source, tmp_path / "p.jsonl", limits=Limits(max_errors=9)))


def test_a_truncated_archive_costs_its_end(tmp_path: Path) -> None:
    whole = lines(tmp_path / "a.jsonl", [f"Слово {i}." for i in range(500)]).read_bytes()
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(whole)[:-200])
    found = annotate(
        job(
            [tmp_path / "a.jsonl.gz", lines(tmp_path / "b.jsonl")], tmp_path / "o.jsonl", options={}
        )
    )
    assert 0 < found.documents - len(TEXTS) < 500 and found.failed == 1
    assert "damaged" in errors(tmp_path / "o.jsonl")[0]["reason"]


# -- what is written


def test_chosen_annotations_alone_are_written(tmp_path: Path) -> None:
    source = lines(tmp_path / "a.jsonl")
    annotate(job(source, tmp_path / "o.jsonl", only=["sents"]))
    assert {key for row in rows(tmp_path / "o.jsonl") for key in row} == {"id", "text", "sents"}
    with pytest.raises(
        ConfigError, match=r"--only sentz: nothing writes that. Did you mean 'sents'"
    ):
        annotate(job(source, tmp_path / "p.jsonl", only=["sentz"]))
    assert not (tmp_path / "p.jsonl").exists()


def test_parquet_goes_in_and_out(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "a.jsonl").write_text(
        '{"text": "Мама мыла раму.", "n": 1, "x": "а"}\n'
        '{"text": "Кот.", "n": 2.5, "x": 1, "e": {}}\n'
        '{"text": ""}\n',
        encoding="utf-8",
    )
    annotate(job(tmp_path / "a.jsonl", tmp_path / "o.parquet"))
    table = parquet.read_table(tmp_path / "o.parquet").to_pylist()
    assert ([row["n"] for row in table], [row["x"] for row in table]) == (
        [1.0, 2.5, None],
        ['"а"', "1", None],
    )
    assert [token["text"] for token in table[0]["tokens"]] == ["Мама", "мыла", "раму", "."]
    assert {path.name for path in tmp_path.iterdir()} == {
        "a.jsonl",
        "o.parquet",
        "o.parquet.journal",
    }
    annotate(
        job(
            tmp_path / "o.parquet",
            tmp_path / "p.jsonl",
            reading=Reading(shard=Shard(2, 2)),
            only=["sents"],
        )
    )
    assert [row["text"] for row in rows(tmp_path / "p.jsonl")] == ["Кот."]


_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@settings(max_examples=50)
@given(st.lists(st.recursive(_VALUES, lambda x: st.lists(x) | st.dictionaries(st.text(), x))))
def test_the_type_of_values_does_not_depend_on_where_they_are_cut(values: list[Any]) -> None:
    half = len(values) // 2
    assert kind_of(values) == merged_kinds(kind_of(values[:half]), kind_of(values[half:]))


@pytest.mark.parametrize("of", [2, 3])
def test_shards_are_parts_of_the_whole(of: int, tmp_path: Path) -> None:
    sources = [lines(tmp_path / "a.jsonl"), lines(tmp_path / "b.jsonl", TEXTS[::-1])]
    annotate(job(sources, tmp_path / "all.jsonl"))
    whole = (tmp_path / "all.jsonl").read_bytes().splitlines()
    for part in range(1, of + 1):
        annotate(job(sources, tmp_path / f"{part}.jsonl", reading=Reading(shard=Shard(part, of))))
        assert (tmp_path / f"{part}.jsonl").read_bytes().splitlines() == whole[part - 1 :: of]


# -- what survives


def test_a_finished_job_says_so_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    source, output = lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl"
    first = annotate(job(source, output, begin="resume"))
    assert annotate(job(source, output, begin="resume")) == first._replace(before=True)
    with pytest.raises(ConfigError, match=r"is there already.*--overwrite"):
        annotate(job(source, output))
    with pytest.raises(ConfigError, match="settings: --batch-words was 4 and is 5"):
        annotate(job(source, output, begin="resume", options={"batch_words": 5}))
    with pytest.raises(ConfigError, match="pipeline: contents was"):
        annotate(
            job(
                source,
                output,
                lambda: Pipeline({"tokenizer": {"type": "whitespace"}}),
                begin="resume",
            )
        )
    data = bytearray(source.read_bytes())
    data[20] ^= 1
    source.write_bytes(data)
    with pytest.raises(ConfigError, match=r"input a\.jsonl was changed.*its contents"):
        annotate(job(source, output, begin="resume"))
    annotate(job(source, output, begin="overwrite"))
    with pytest.raises(ConfigError, match="is among the inputs"):
        annotate(job(output, output, begin="overwrite"))


def test_an_output_that_was_cut_is_not_gone_on_with(tmp_path: Path) -> None:
    source, output = lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl"
    source.write_bytes(source.read_bytes() + b"{}")
    with pytest.raises(JobStopped, match="more than --max-errors 0"):
        annotate(job(source, output, limits=Limits(0, 0.0)))
    output.write_bytes(b"")
    with pytest.raises(ConfigError, match=r"is shorter than the \d+ bytes"):
        annotate(job(source, output, begin="resume"))


class Dies(BaseException):
    """A process that is gone."""


def stop_at(
    at: int, source: Path, output: Path, error: BaseException | None = None, **given: Any
) -> None:
    """A job that may break at an I/O call."""

    def fail() -> None:
        raise error or Dies

    with failing_at(at, fail), suppress(Dies, StoreError):
        annotate(job(source, output, **{"begin": "resume", **given}))


KILLED = """
import sys
import time
from pathlib import Path
from textwrap import indent
import pipekit
from helpers.chaos import killed_at
from pipekit.jobs import Job, Limits, Source, Target, annotate

source, output = Path(sys.argv[1]), Path(sys.argv[2])
nlp = pipekit.blank("ru")
def job():
    sources, target = [Source.of(source)], Target.of(output)
    options, limits = {"batch_words": 4}, Limits(None, 0.0)
    annotate(Job(lambda: nlp, sources, target, options=options, begin="resume", limits=limits))
def left():
    paths = [p for p in output.parent.iterdir() if p.name.startswith(output.name)]
    return {p.name: p.read_bytes() for p in paths if not p.name.endswith(".journal")}
def clear():
    for p in output.parent.iterdir():
        p.unlink()
job()
whole = left()
clear()
at = 1
while killed_at(at, job, short=300):
    job()
    assert left() == whole, (at, left(), whole)
    clear()
    at += 1
print(at - 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "conllu.xz", "docs", "parquet"])
def test_a_job_killed_at_any_moment_ends_with_the_bytes_of_one_that_was_not(
    ending: str, tmp_path: Path
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    source = lines(tmp_path / "a.jsonl", TEXTS[:4])
    source.write_bytes(source.read_bytes().replace(b'{"id": 2', b'{"id": '))
    (tmp_path / "out").mkdir()
    assert int(run_alone(KILLED, source, tmp_path / "out" / f"o.{ending}")) > 15


def test_a_journal_tells_of_nothing_that_does_not_lie_on_the_disk(tmp_path: Path) -> None:
    source = lines(tmp_path / "a.jsonl", TEXTS * 3)
    with source.open("a", encoding="utf-8") as file:
        file.write("no json\n" * 3)
    output = tmp_path / "o.jsonl"
    target = Target.of(output)
    told: list[tuple[int, int]] = []

    def check(disk: Synced, beside: Path, path: Path) -> None:
        if path != target.journal:
            return
        journal = json.loads(beside.read_bytes())
        rows_size, errors_size = journal["output"][0], journal["errors"][0]
        assert disk.is_certain(output, rows_size), journal
        if errors_size:
            assert disk.is_certain(target.errors, errors_size), journal
        told.append((rows_size, errors_size))

    with watched(check):
        annotate(job(source, output))
    assert len(set(told)) > 5 and told[-1] == (output.stat().st_size, target.errors.stat().st_size)


def test_a_shard_that_was_killed_ends_with_the_bytes_of_one_that_was_not(tmp_path: Path) -> None:
    source = lines(tmp_path / "a.jsonl", TEXTS * 2)
    reading = Reading(shard=Shard(2, 3))
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    annotate(job(source, tmp_path / "whole" / "o.jsonl", reading=reading))
    output = tmp_path / "broken" / "o.jsonl"
    stop_at(20, source, output, reading=reading)
    assert 0 < json.loads(output.with_name("o.jsonl.journal").read_bytes())["documents"] < 5
    annotate(job(source, output, begin="resume", reading=reading))
    assert job_outputs(output) == job_outputs(tmp_path / "whole" / "o.jsonl")


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    deaths=st.lists(st.integers(1, 40), max_size=5),
    seconds=st.sampled_from([0.0, 1e9]),
    ending=st.sampled_from(["jsonl", "jsonl.gz"]),
)
def test_any_number_of_deaths_and_full_disks_change_nothing(
    deaths: list[int], seconds: float, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("deaths")
    source = lines(folder / "a.jsonl", [*TEXTS, "\ud800 Кот", *TEXTS])
    data = source.read_bytes().splitlines(keepends=True)
    source.write_bytes(b"".join([*data[:3], b"{}\n", *data[3:]]))
    for name in ("whole", "broken"):
        (folder / name).mkdir()
    limits = Limits(None, seconds)
    annotate(job(source, folder / "whole" / f"o.{ending}", limits=limits))
    output = folder / "broken" / f"o.{ending}"
    for number, at in enumerate(deaths):
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        stop_at(at, source, output, full if number % 2 else None, limits=limits)
    annotate(job(source, output, begin="resume", limits=limits))
    assert job_outputs(output) == job_outputs(folder / "whole" / f"o.{ending}")


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A small network whose scores are written to their last digit."""
    encoder = {"type": "gru", "width": 32}
    parts = {"classifier": {"type": "classifier", "encoder": "main"}}
    source = {"path": str(TEN), "format": "ten"}
    raw = recipe(encoder, parts, epochs=3) | {"train": [source]}
    return learn(raw, tmp_path_factory.mktemp("scores"))


def test_scores_are_those_of_an_unbroken_job_to_the_last_digit(
    scores: Pipeline, tmp_path: Path
) -> None:
    texts = [
        f"{text} {more}"
        for more in ("Мама мыла раму.", "Кот спит", "В Москве снег и лёд", "…")
        for text in TEXTS * 3
    ]
    source = lines(tmp_path / "a.jsonl", texts)
    for name in ("whole", "broken", "workers"):
        (tmp_path / name).mkdir()
    options = {"batch_words": 12}
    annotate(job(source, tmp_path / "whole" / "o.jsonl", lambda: scores, options=options))
    output = tmp_path / "broken" / "o.jsonl"
    for at in (25, 14, 31, 60):
        stop_at(at, source, output, pipeline=lambda: scores, options=options)
    annotate(job(source, output, lambda: scores, options=options, begin="resume"))
    assert "cats" in rows(output)[0]
    assert job_outputs(output) == job_outputs(tmp_path / "whole" / "o.jsonl")


def test_chunks_end_where_those_of_the_pipeline_end(tmp_path: Path) -> None:
    nlp = blank()
    nlp.add_pipe("counts")
    annotate(job(lines(tmp_path / "a.jsonl", TEXTS * 4), tmp_path / "o.jsonl.gz", lambda: nlp))
    data, members = (tmp_path / "o.jsonl.gz").read_bytes(), []
    while data:
        unpacked = zlib.decompressobj(31)
        members.append(unpacked.decompress(data).count(b"\n"))
        data = unpacked.unused_data
    assert members == nlp.components["counts"].sizes  # type: ignore[attr-defined]


# -- processes


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "blank.pipekit"
    blank().to_disk(path)
    return path


def test_a_killed_process_goes_on_and_another_job_is_kept_out(model: Path, tmp_path: Path) -> None:
    source, output = (
        lines(tmp_path / "a.jsonl", [f"Слово {i}, и ещё одно." for i in range(20_000)]),
        tmp_path / "o.jsonl",
    )
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
        before = (
            json.loads(output.with_name("o.jsonl.journal").read_bytes())["documents"]
            if output.exists()
            else 0
        )
        process = apply_job(model, source, output, "--resume")
        committed(output, process, before + 1)
        if number == signal.SIGINT:
            with pytest.raises(ConfigError, match=rf"another job writes .*, process {process.pid}"):
                annotate(job(source, output, begin="resume"))
        process.send_signal(number)
        told = process.communicate(timeout=60)[1]
        assert (
            process.returncode
            == {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}[number]
        ), told
        if number != signal.SIGKILL:
            assert "--resume goes on" in told
    options = {"batch_words": 20}
    resumed = annotate(
        job(
            source,
            output,
            lambda: pipekit.load(model),
            begin="resume",
            options=options,
            limits=Limits(),
        )
    )
    assert resumed.documents == 20_000
    (tmp_path / "whole").mkdir()
    annotate(job(source, tmp_path / "whole" / "o.jsonl", options=options, limits=Limits()))
    assert job_outputs(output) == job_outputs(tmp_path / "whole" / "o.jsonl")


def test_a_full_disk_ends_with_four_and_what_was_committed_stands(
    model: Path, tmp_path: Path
) -> None:
    source, output = lines(tmp_path / "a.jsonl", TEXTS * 50), tmp_path / "o.jsonl"
    process = apply_job(
        model,
        source,
        output,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
    )
    told = process.communicate(timeout=60)[1]
    assert (process.returncode, "File too large" in told, "--resume" in told) == (4, True, True), (
        told
    )
    annotate(
        job(
            source, output, lambda: pipekit.load(model), begin="resume", options={"batch_words": 20}
        )
    )
    assert [row["id"] for row in rows(output)] == list(range(400))


def test_standard_input_and_output(model: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pipekit",
        "apply",
        str(model),
        "-",
        "-o",
        "-",
        "--format",
        "txt",
        "--only",
        "sents",
    ]
    done = subprocess.run(
        command, input="Раз.\nДва.\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["Раз.", "Два."], (
        done.stderr
    )


DISTURBING = """
import os, re, signal

class Disturbing:
    requires = ()
    assigns = ()

    def __call__(self, batch):
        for doc in batch.docs:
            if "убить" in doc.text:
                os.kill(os.getpid(), signal.SIGKILL)
            if "увязнуть" in doc.text:
                re.fullmatch("(а+)+", "а" * 60 + "б")
"""


@pytest.fixture
def disturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A pipeline file whose component dies and hangs on words."""
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site.folder))
    site.install(
        "pipekit-disturbing",
        DISTURBING,
        {"pipekit_components": "disturbing = pipekit_disturbing:Disturbing"},
    )
    nlp = blank()
    nlp.add_pipe("disturbing")
    nlp.to_disk(tmp_path / "disturbed.pipekit")
    yield tmp_path / "disturbed.pipekit"
    site.forget()


def test_documents_that_hang_or_kill_are_among_the_errors_and_the_others_come_out(
    disturbed: Path, tmp_path: Path
) -> None:
    texts = [f"Слово {i}." + {5: " убить", 30: " увязнуть"}.get(i, "") for i in range(60)]
    source, output = lines(tmp_path / "a.jsonl", texts), tmp_path / "o.jsonl"
    options = {"n_process": 2, "doc_timeout": 1.5, "batch_words": 40}
    with pytest.raises(JobStopped, match="more than --max-errors 1"):
        annotate(
            job(
                source,
                output,
                lambda: pipekit.load(disturbed),
                options=options,
                limits=Limits(1, 0.0),
            )
        )
    assert 0 < len(rows(output)) < 58
    done = annotate(
        job(source, output, lambda: pipekit.load(disturbed), options=options, begin="resume")
    )
    assert (done.documents, done.failed) == (58, 2)
    assert [row["id"] for row in rows(output)] == [i for i in range(60) if i not in (5, 30)]
    killed, hung = errors(output)
    assert (killed["line"], hung["line"], killed["file"]) == (6, 31, str(source))
    assert (
        "Слово 5. убить': its worker process was killed by SIGKILL" in killed["reason"]
        and "in 'disturbing'" in killed["reason"]
    )
    assert hung["reason"].endswith("took longer than doc_timeout=1.5 s in 'disturbing'")


def test_a_second_interruption_waits_for_no_document(disturbed: Path, tmp_path: Path) -> None:
    source, output = (
        lines(tmp_path / "a.jsonl", ["Слово."] * 40 + ["увязнуть"] + ["Слово."] * 40),
        tmp_path / "o.jsonl",
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    process = apply_job(disturbed, source, output, "--processes", "2", env=environment)
    committed(output, process, 40)  # all that come before the batch with the one that hangs
    family = children(process.pid)
    for _ in range(2):
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=10)[1]
    assert (process.returncode, said.endswith("interrupted\n")) == (130, True), said
    assert wait_until(lambda: not any(map(running, family)), seconds=5)
    assert rows(output)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_field_whose_name_is_taken_is_kept_as_input(ending: str, tmp_path: Path) -> None:
    source, output = tmp_path / "a.jsonl", tmp_path / f"o.{ending}"
    source.write_text(
        '{"id": 1, "text": "Мама мыла.", "tokens": 2, "sents": "одно", "input": "сайт"}\n',
        encoding="utf-8",
    )
    annotate(job(source, output, only=["sents"]))
    [row] = (
        rows(output)
        if ending == "jsonl"
        else pytest.importorskip("pyarrow.parquet").read_table(output).to_pylist()
    )
    assert (row["id"], row["tokens"], row["sents"]) == (1, 2, [{"start": 0, "end": 10}])
    assert row["input"] == {"sents": "одно", "input": "сайт"}


def test_a_timeout_for_a_document_asks_for_workers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="takes n_process=2 or more"):
        annotate(
            job(lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl", options={"doc_timeout": 5.0})
        )
    assert (
        cli.main(
            [
                "apply",
                "x",
                str(tmp_path / "a.jsonl"),
                "-o",
                str(tmp_path / "o.jsonl"),
                "--doc-timeout",
                "5",
            ]
        )
        == 1
    )
    assert "--doc-timeout takes --processes 2 or more" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["batch_words 0", "max_errors -1", "commit_seconds nan"])
def test_a_number_without_a_meaning_is_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipekit.blank("ru").to_disk(tmp_path / "p.pipekit")
    name, value = option.split()
    paths = [
        str(tmp_path / "p.pipekit"),
        str(lines(tmp_path / "a.jsonl")),
        "-o",
        str(tmp_path / "o.jsonl"),
    ]
    assert cli.main(["apply", *paths, "--" + name.replace("_", "-"), value]) == 1
    assert f"{name} is {value}: it is " in capsys.readouterr().err
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize("ending", ["jsonl", "conllu", "docs"])
def test_rows_of_workers_are_those_of_one_process(
    ending: str, scores: Pipeline, tmp_path: Path
) -> None:
    source = lines(tmp_path / "a.jsonl", [*TEXTS, "\ud800 Кот"])
    source.write_bytes(
        source.read_bytes() + '{"text": 5}\n{"text": "Кот", "больше": {"a": [1]}}\n'.encode()
    )
    for n in (1, 2):
        (tmp_path / str(n)).mkdir()
        options = {"batch_words": 12, "n_process": n}
        annotate(
            job([source, TEN], tmp_path / str(n) / f"o.{ending}", lambda: scores, options=options)
        )
    assert job_outputs(tmp_path / "1" / f"o.{ending}") == job_outputs(
        tmp_path / "2" / f"o.{ending}"
    )
    assert len(errors(tmp_path / "2" / f"o.{ending}")) == 1


# -- a job that cannot begin

# What is wrong from the start: the name of the input, its bytes, and the complaint.
CANNOT_BEGIN: dict[str, tuple[str, bytes, str]] = {
    "a table without the column": ("a.csv", "body\nРаз.\n".encode(), "no column 'text'"),
    "a damaged Parquet file": ("a.parquet", b"PAR1xxxxPAR1", "cannot be read"),
    "no archive": ("a.parquet", b"", "cannot be read"),
}


@pytest.mark.parametrize("before", [None, "what was there\n"])
@pytest.mark.parametrize("name", CANNOT_BEGIN)
def test_a_job_that_cannot_begin_leaves_everything_as_it_was(
    name: str, before: str | None, tmp_path: Path
) -> None:
    if name.endswith("Parquet file"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install pyarrow")
    file, data, complaint = CANNOT_BEGIN[name]
    source = tmp_path / file
    source.write_bytes(data)
    output = tmp_path / "out" / "o.jsonl"
    output.parent.mkdir()
    if before is not None:
        output.write_text(before, encoding="utf-8")
    for _ in range(2):
        begin = "new" if before is None else "overwrite"
        with pytest.raises((ConfigError, DataError), match=complaint):
            annotate(job(source, output, begin=begin))
        left = {path.name: path.read_text("utf-8") for path in output.parent.iterdir()}
        assert left == ({} if before is None else {"o.jsonl": before})


WITHOUT_ARROW = """
import sys
sys.modules["pyarrow"] = None
from pipekit import cli
for _ in range(2):
    print(cli.main(["apply", sys.argv[1], sys.argv[2], "-o", sys.argv[3]]))
print("torch" in sys.modules)
"""


def test_an_output_of_parquet_without_pyarrow_is_refused_at_once(
    model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out" / "o.parquet"
    printed = run_alone(WITHOUT_ARROW, model, lines(tmp_path / "a.jsonl"), output)
    assert printed == "1\n1\nFalse\n"
    assert not output.parent.exists()


WHILE_TAKEN = """
import sys
import time
from pipekit import cli
from pipekit.storage import files
with files.File(sys.argv[2], append=True):
    code = cli.main(["apply", "no pipeline is loaded", sys.argv[1], "-o", sys.argv[2], "--resume"])
print(code, "torch" in sys.modules)
"""


def test_an_output_that_is_taken_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    assert run_alone(WHILE_TAKEN, lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl") == "1 False\n"


WITHOUT_NETWORKS = """
import sys
from pipekit import cli
code = cli.main(["apply", *sys.argv[1:3], "-o", sys.argv[3], "--processes", "2"])
print(code, "torch" in sys.modules)
"""


def test_a_pipeline_without_networks_needs_no_torch(model: Path, tmp_path: Path) -> None:
    program = f'if __name__ == "__main__":\n{indent(WITHOUT_NETWORKS, "    ")}'
    assert (
        run_alone(program, model, lines(tmp_path / "a.jsonl"), tmp_path / "o.jsonl") == "0 False\n"
    )
    assert len(rows(tmp_path / "o.jsonl")) == len(TEXTS)
