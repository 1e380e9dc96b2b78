"""What earlier releases have written loads for ever, and gives what it gave.

The files of a release lie in a folder of its name. `*.pipekit` are pipelines that were trained for
a second on ten sentences, weights as float16; the `.jsonl` beside each holds what the release gave
for `TEXTS`, in float32 on a CPU. `annotated.docs` are the Docs of "bilstm".

A "bert" of 0.1.0 or 0.2.0 is no BERT of today, and is refused by name: no file of it lies here.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.places import GOLDEN, ROOT
from helpers.tiny import ten

import pipekit

RELEASES = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
PIPELINES = [path for release in RELEASES for path in sorted(release.glob("*.pipekit"))]
TEXTS = [
    *(doc.text for doc in ten()),
    "Анна Иванова и кот на окне. Дети играли в Москве 5 мая, было весело!",
    "",
    "Ёж 😀 e-mail: a@b.ru",
]


def recorded_in(path: Path) -> list[Any]:
    """What a release said of each text, as `Doc.to_dict` says it today: keys were added since."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [pipekit.Doc.from_dict(json.loads(line)).to_dict() for line in lines]


def assert_alike(value: Any, recorded: Any, where: str = "") -> None:
    """The same data; scores may differ in the digits that another processor computes otherwise."""
    if isinstance(recorded, float):
        assert math.isclose(value, recorded, abs_tol=1e-4), where
    elif isinstance(recorded, dict):
        assert value.keys() == recorded.keys(), where
        for key, inner in recorded.items():
            assert_alike(value[key], inner, f"{where}.{key}")
    elif isinstance(recorded, list):
        assert len(value) == len(recorded), where
        for row, inner in enumerate(recorded):
            assert_alike(value[row], inner, f"{where}[{row}]")
    else:
        assert value == recorded, where


def test_every_release_of_the_changelog_has_its_folder() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d[\d.]*)$", changelog, re.MULTILINE)
    assert len(released) >= 3
    assert {release.name for release in RELEASES} == set(released)


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: f"{path.parent.name} {path.stem}")
def test_a_pipeline_of_an_earlier_release_gives_what_it_gave(path: Path) -> None:
    torch.set_num_threads(1)
    nlp = pipekit.load(path, device="cpu", precision="float32")
    docs = [doc.to_dict() for doc in nlp.pipe(TEXTS)]
    assert_alike(docs, recorded_in(path.with_suffix(".jsonl")))


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_docs_of_an_earlier_release_are_read_and_written_as_the_same_bytes(
    release: Path, tmp_path: Path
) -> None:
    docs = list(pipekit.read_docs(release / "annotated.docs"))
    assert [doc.to_dict() for doc in docs] == recorded_in(release / "bilstm.jsonl")
    pipekit.write_docs(docs, tmp_path / "again.docs")
    assert (tmp_path / "again.docs").read_bytes() == (release / "annotated.docs").read_bytes()
