"""Targets: the readers of jobs, and their journals.

A reader gives a record for whatever it meets. From the position behind any record on, it gives the
same records as before: this is what a job goes on by.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Any

import pipekit
from fuzz import places
from fuzz.harness import Target
from fuzz.mutations import Mutate, changed_bytes, of_json, of_lines
from fuzz.storage import mutate_docs_file
from pipekit import Doc, Pipeline
from pipekit.jobs import Job, Limits, Reading, Source, annotate
from pipekit.jobs import Target as Output
from pipekit.jobs.inputs import records
from pipekit.jobs.records import Position, Record

UNITS: dict[str, tuple[str | None, ...]] = {
    "txt": ("line", "paragraph", "file"),
    "conllu": ("sentence", "document"),
}


def check_records(format: str, suffix: str = "") -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        source = Source.of(places.file(f"a.{format}{suffix}", data))
        for unit in UNITS.get(format, (None,)):
            reading = Reading(unit=unit)
            everything = list(records([source], reading, Position()))
            shown = [show(record) for record in everything]
            for number in sorted({0, len(shown) // 2, len(shown) - 1}):
                if 0 <= number < len(shown) and not is_damage(everything[number]):
                    rest = records([source], reading, everything[number].after)
                    assert [show(record) for record in rest] == shown[number + 1 :]

    return check


def is_damage(record: Record) -> bool:
    return record.reason is not None and record.reason.startswith("the file is damaged")


def show(record: Record) -> tuple[Any, ...]:
    source = record.source.to_bytes() if isinstance(record.source, Doc) else record.source
    return source, record.place, repr(record.fields), record.reason, record.after


# -- journals


@cache
def blank() -> Pipeline:
    return pipekit.blank("ru")


ROWS = [json.dumps({"id": number, "text": f"Слово {number}."}) for number in range(6)]


def job(**options: Any) -> Job:
    folder = places.folder() / "job"
    return Job(
        blank,
        [Source.of(folder / "a.jsonl")],
        Output.of(folder / "o.jsonl"),
        options={"batch_words": 1},
        limits=Limits(commit_seconds=0.0),
        **options,
    )


@cache
def whole() -> bytes:
    """The output of a job that nobody disturbed."""
    folder = places.folder() / "job"
    folder.mkdir(exist_ok=True)
    (folder / "a.jsonl").write_text("\n".join(ROWS), encoding="utf-8")
    annotate(job(begin="overwrite"))
    return (folder / "o.jsonl").read_bytes()


def check_journal(data: bytes) -> None:
    """A job that goes on by a damaged journal is refused, or leaves the right bytes.

    The first byte tells how much of the output is there, below 128 not all of it; the rest, what
    happens to the journal.
    """
    folder = places.folder() / "job"
    expected = whole()
    journal = folder / "o.jsonl.journal"
    begun = _begun_journal()
    share, change = (data[:1] or b"\xff")[0], data[1:]
    journal.write_bytes(_changed_journal(begun, change))
    (folder / "o.jsonl").write_bytes(expected[: len(expected) * share // 128])
    annotate(job(begin="resume"))
    assert (folder / "o.jsonl").read_bytes() == expected


@cache
def _begun_journal() -> bytes:
    """The journal of a job that stopped after some of its rows."""
    from helpers.disk import recorded

    folder = places.folder() / "job"
    for name in ("o.jsonl", "o.jsonl.journal"):
        (folder / name).unlink(missing_ok=True)
    with recorded(folder) as trace:
        annotate(job(begin="overwrite"))
    journals = [
        state.contents["o.jsonl.journal"]
        for state in trace.states()
        if "o.jsonl.journal" in state.contents
    ]
    unfinished = [journal for journal in journals if b'"done": false' in journal]
    return max(unfinished, key=lambda journal: json.loads(journal)["documents"])


def _changed_journal(begun: bytes, change: bytes) -> bytes:
    """A journal with one change, of a digit or of any bytes, drawn from the bytes of the input."""
    if not change:
        return begun
    chance = Random(change)
    if chance.random() < 0.5:
        return changed_bytes(begun, chance)
    at = chance.choice([at for at, byte in enumerate(begun) if chr(byte).isdigit()])
    return begun[:at] + str(chance.randrange(10)).encode() + begun[at + 1 :]


def _any_bytes(data: bytes, chance: Random) -> bytes:
    return changed_bytes(data, chance) or b"\xff"


def _targets() -> Iterator[tuple[str, Target]]:
    mutations: dict[str, Mutate] = {
        "txt": of_lines(" "),
        "jsonl": of_json,
        "csv": of_lines(","),
        "tsv": of_lines("\t"),
        "conllu": of_lines("\t"),
        "docs": mutate_docs_file,
        "parquet": changed_bytes,
    }
    for format, mutate in mutations.items():
        yield f"job_{format}", Target(check_records(format), mutate)
    yield "job_gz", Target(check_records("txt", ".gz"), changed_bytes)
    yield "job_xz", Target(check_records("txt", ".xz"), changed_bytes)
    yield "journal", Target(check_journal, _any_bytes)


TARGETS = dict(_targets())
