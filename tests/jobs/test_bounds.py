"""Records beyond all bounds cost themselves: neither memory, nor time, nor other records.

Modules: jobs.records, jobs.text_records, jobs.parquet
"""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.chaos import run_alone
from helpers.jobs import errors, job, rows
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipekit.errors import ConfigError, JobStopped
from pipekit.jobs import Limits, Reading, annotate
from pipekit.jobs.inputs import records
from pipekit.jobs.records import Position, Source

LARGE = 1000  # bytes of the record in the middle


def conllu(word: str, newdoc: bool = True) -> bytes:
    comment = "# newdoc\n" if newdoc else ""
    return f"{comment}1\t{word}{chr(9)}_{chr(9)}_\t_\t_\t_\t_\t_\t_\n\n".encode()


def padded(before: str, after: str) -> bytes:
    """`LARGE` bytes that begin and end so."""
    return f"{before}{'x' * (LARGE - len(before) - len(after))}{after}".encode()


def block() -> bytes:
    """A sentence of CoNLL-U of `LARGE` bytes, with an empty line behind it."""
    head, _, tail = conllu("@").partition(b"@")
    return head + b"x" * (LARGE - len(head) - len(tail) + 1) + tail


FORMATS: dict[str, tuple[str, str | None, list[bytes]]] = {
    "a line": ("txt", None, [b"a\n", padded("", "\n"), b"b\n"]),
    "a last line": ("txt", None, [b"a\n", b"b\n", padded("", "")]),
    "lines": ("txt", "paragraph", [b"a\n\n", padded("x\n", "\n") + b"\n", b"b\n"]),
    "jsonl": ("jsonl", None, [b'{"text":"a"}\n', padded('{"text":"', '"}\n'), b'{"text":"b"}\n']),
    "csv": ("csv", None, [b"text,n\na,1\n", padded("x,", "\n"), b"b,2\n"]),
    "a csv cell": ("csv", None, [b"text,n\na,1\n", padded('"x\n', '",1\n'), b"b,2\n"]),
    "tsv": ("tsv", None, [b"text\tn\na\t1\n", padded("x\t", "\n"), b"b\t2\n"]),
    "a sentence": ("conllu", None, [conllu("a"), block(), conllu("b")]),
    "a document": ("conllu", "document", [conllu("a"), block(), conllu("b")]),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("pack", ["", ".gz", ".xz", ".bz2"])
def test_a_record_at_the_limit_is_read_and_a_larger_one_fails(
    pack: str, name: str, tmp_path: Path
) -> None:
    if pack and name not in ("a line", "jsonl"):
        return  # decompression is the same for all
    format, unit, parts = FORMATS[name]
    source = tmp_path / f"a.{format}{pack}"
    packed = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}
    source.write_bytes(packed[pack](b"".join(parts)))
    for limit in (LARGE + 1, LARGE, LARGE - 1):
        output = tmp_path / f"{limit}.jsonl"
        reading = Reading(unit=unit, max_record=limit)
        report = annotate(job(source, output, reading=reading))
        assert report.failed == (limit < LARGE), errors(output)
        # The second line of a cell that was given up is read again, as a row.
        assert report.documents == 3 - (report.failed and name != "a csv cell")
        assert {"a", "b"} <= {row["text"].strip() for row in rows(output)}
    place = next(i for i, part in enumerate(parts) if len(part) >= LARGE)
    error = errors(output)[0]
    assert error["byte"] == len(b"".join(parts[:place]))
    assert error["line"] == b"".join(parts[:place]).count(b"\n") + 1
    assert f"has {LARGE} bytes, more than --max-record {LARGE - 1}" in error["reason"]


def test_a_whole_file_has_the_limit_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x\n" * 500)
    (tmp_path / "b.txt").write_bytes(b"b")
    sources = [tmp_path / "a.txt", tmp_path / "b.txt"]
    annotate(job(sources, tmp_path / "o.jsonl", reading=Reading(unit="file", max_record=1000)))
    assert len(rows(tmp_path / "o.jsonl")) == 2
    annotate(job(sources, tmp_path / "p.jsonl", reading=Reading(unit="file", max_record=999)))
    assert [row["text"] for row in rows(tmp_path / "p.jsonl")] == ["b"]
    [error] = errors(tmp_path / "p.jsonl")
    assert (error["line"], error["byte"]) == (1, 0) and "has 1000 bytes" in error["reason"]


def test_a_document_of_many_sentences_has_the_limit_too(tmp_path: Path) -> None:
    data = conllu("a") + conllu("x") + conllu("x", newdoc=False) * 9 + conllu("b")
    (tmp_path / "a.conllu").write_bytes(data)
    size = data.index(b"b") - data.index(b"x") - 10  # empty lines are not counted
    reading = Reading(unit="document", max_record=size - 5)
    annotate(job(tmp_path / "a.conllu", tmp_path / "o.jsonl", reading=reading))
    assert [row["text"] for row in rows(tmp_path / "o.jsonl")] == ["a", "b"]
    assert [error["line"] for error in errors(tmp_path / "o.jsonl")] == [4]


def test_a_doc_has_the_limit_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("раз\n" + "два " * 300 + "\nтри\n", encoding="utf-8")
    annotate(job(tmp_path / "a.txt", tmp_path / "a.docs"))
    annotate(job(tmp_path / "a.docs", tmp_path / "o.jsonl", reading=Reading(max_record=1000)))
    assert [row["text"] for row in rows(tmp_path / "o.jsonl")] == ["раз", "три"]
    [error] = errors(tmp_path / "o.jsonl")
    assert error["record"] == 2 and "more than the 1000 that may be" in error["reason"]


def test_a_row_of_parquet_has_the_limit_too(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    texts = ["a", "x" * 900, None, "b"]
    tags = [["t"], ["y" * 40, "z" * 52], None, []]
    notes = [{"n": "q"}, None, {"n": None}, {"n": "q"}]
    table = pa.table({"text": texts, "tags": tags, "note": notes, "number": [1, 2, None, 4]})
    parquet.write_table(table, tmp_path / "a.parquet")
    for limit, read in ((1001, True), (1000, True), (999, False)):
        output = tmp_path / f"{limit}.jsonl"
        annotate(job(tmp_path / "a.parquet", output, reading=Reading(max_record=limit)))
        kept = ["a", "x" * 900, "b"] if read else ["a", "b"]
        assert [row["text"] for row in rows(output)] == kept
    assert rows(output)[0]["tags"] == ["t"] and rows(output)[0]["note"] == {"n": "q"}
    assert [error["row"] for error in errors(output)] == [2, 3]


@pytest.mark.parametrize("name", ["a line", "csv", "a csv cell", "a document"])
def test_a_job_goes_on_behind_a_record_that_was_too_large(name: str, tmp_path: Path) -> None:
    format, unit, parts = FORMATS[name]
    (tmp_path / f"a.{format}").write_bytes(b"".join(parts))
    reading = Reading(unit=unit, max_record=LARGE - 1)
    given_job = {"reading": reading, "options": {"batch_words": 1}}
    annotate(job(tmp_path / f"a.{format}", tmp_path / "whole.jsonl", **given_job))
    output = tmp_path / "o.jsonl"
    with pytest.raises(JobStopped):
        limits = Limits(0, 0.0)
        annotate(job(tmp_path / f"a.{format}", output, limits=limits, **given_job))
    annotate(job(tmp_path / f"a.{format}", output, begin="resume", **given_job))
    assert rows(output) == rows(tmp_path / "whole.jsonl")
    assert errors(output) == errors(tmp_path / "whole.jsonl")
    with pytest.raises(ConfigError, match="--max-record was 999 and is 1000"):
        reading = Reading(unit=unit, max_record=LARGE)
        annotate(job(tmp_path / f"a.{format}", output, begin="resume", reading=reading))


MEMORY = """
import resource, sys
from pathlib import Path
import pipekit
from pipekit.jobs import Job, Reading, Source, Target, annotate
from helpers.jobs import job

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

folder = Path(sys.argv[1])
reading = Reading(max_record=1 << 20)
annotate(job(folder / "small.jsonl", folder / "o.jsonl", reading=reading, begin="overwrite"))
before = peak()
for path in map(Path, sys.argv[2:]):
    report = annotate(job(path, path.with_suffix(".out.jsonl"), reading=reading))
    assert report.documents == 1 and report.failed, report
print(peak() - before)
"""


def test_memory_is_that_of_the_limit(tmp_path: Path) -> None:
    """A line and an archive of 100 MB, rows of 600 MB: none of them is ever held."""
    (tmp_path / "small.jsonl").write_bytes(b'{"text": "a"}\n')
    line, archive = tmp_path / "line.jsonl", tmp_path / "archive.jsonl.gz"
    with line.open("wb") as file:
        file.truncate(100_000_000)
        file.seek(0, 2)
        file.write(b'\n{"text": "a"}\n')
    with gzip.open(archive, "wb", compresslevel=1) as packed:
        for _ in range(100):
            packed.write(bytes(1_000_000))
        packed.write(b'\n{"text": "a"}\n')
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    dictionary = pa.DictionaryArray.from_arrays([0] * 300 + [1], ["x" * 2_000_000, "a"])
    rows_of_one = tmp_path / "rows.parquet"
    parquet.write_table(
        pa.table({"text": dictionary}), rows_of_one, dictionary_pagesize_limit=1 << 24
    )
    assert rows_of_one.stat().st_size < 1 << 20
    assert int(run_alone(MEMORY, tmp_path, line, archive)) < 30
    assert int(run_alone(MEMORY, tmp_path, rows_of_one)) < 100
    line.unlink()


# -- tables


def naive(data: bytes) -> Iterator[tuple[int, list[str] | None]]:
    """The rows of a table and where they begin, None for a fault that was read to its end."""
    left = data.splitlines(keepends=True)
    byte = 0
    while left:
        reader = csv.reader((line.decode() for line in left), strict=True)
        try:
            cells = next(reader, None)
            count = reader.line_num
        except csv.Error:
            cells, count = None, 1
        if cells != []:
            yield byte, cells
        byte += len(b"".join(left[:count]))
        left = left[count:]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet='aя",\n', max_size=40))
@example(text='a","\n' * 5)
@example(text='"\na\nb,"\nc,d\n')
def test_rows_are_those_of_reading_each_fault_to_its_end(text: str, tmp_path: Path) -> None:
    data = b"text\n" + text.encode()
    (tmp_path / "a.csv").write_bytes(data)
    source = Source.of(tmp_path / "a.csv")
    got = []
    for record in records([source], Reading(), Position()):
        is_row = not record.reason or "is no row of a table" not in record.reason
        got.append((record.place["byte"], is_row))
    expected = [(byte, cells is not None) for byte, cells in naive(data)]
    assert got == expected[1:]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet='aя",\n', max_size=60), most=st.integers(8, 30))
@example(text='a","\n' * 3 + '"\n', most=12)
def test_rows_behind_any_row_are_the_same_for_a_job_that_goes_on_there(
    text: str, most: int, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(b"text\n" + text.encode())
    source, reading = Source.of(tmp_path / "a.csv"), Reading(max_record=most)
    everything = list(records([source], reading, Position()))
    for number, record in enumerate(everything, 1):
        rest = list(records([source], reading, record.after))
        assert [(row.place, row.source, row.reason) for row in rest] == [
            (row.place, row.source, row.reason) for row in everything[number:]
        ]


def seconds(path: Path) -> float:
    begun = time.process_time()
    assert sum(1 for _ in records([Source.of(path)], Reading(), Position())) > 1
    return time.process_time() - begun


def test_time_grows_with_the_lines_of_a_table_whatever_stands_in_them(tmp_path: Path) -> None:
    """Each line opens a quotation mark that none closes: 16 times the lines, up to 80 times."""
    times = {}
    for count in (1 << 7, 1 << 11):
        (tmp_path / f"{count}.csv").write_bytes(b"text\n" + b'a","\n' * count)
        times[count] = min(seconds(tmp_path / f"{count}.csv") for _ in range(3))
    assert times[1 << 11] < 5 * 16 * times[1 << 7]
