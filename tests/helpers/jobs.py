"""Small jobs, and what they leave."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pipekit
from pipekit import Pipeline
from pipekit.jobs import Job, Limits, Source, Target

TEXTS = [
    "Мама мыла раму.",
    "Кот спит на окне.",
    "",
    "Мы живём в Москве. Там снег.",
    "Он купил три книги.",
    "Привет 🙂!",
    "Да",
    "Нет.",
]
OFTEN = Limits(commit_seconds=0.0)


def blank() -> Pipeline:
    return pipekit.blank("ru")


def job(
    source: Path | list[Path], output: Path, pipeline: Callable[[], Pipeline] = blank, **given: Any
) -> Job:
    sources = [Source.of(path) for path in ([source] if isinstance(source, Path) else source)]
    given.setdefault("options", {"batch_words": 4})
    only = given.pop("only", ())
    return Job(pipeline, sources, Target.of(output, only=only), **{"limits": OFTEN, **given})


def lines(path: Path, texts: list[str] = TEXTS) -> Path:
    records = [json.dumps({"id": i, "text": text}) for i, text in enumerate(texts)]
    path.write_text("".join(f"{record}\n" for record in records), encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    opener: Any = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix, open)
    with opener(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def errors(output: Path) -> list[dict[str, Any]]:
    path = output.with_name(output.name + ".errors.jsonl")
    return rows(path) if path.exists() else []
