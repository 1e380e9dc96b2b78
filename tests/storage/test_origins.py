"""What a result is made of, described so that a difference can be named.

Modules: storage.origins
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipekit.storage.origins import all_changes, changes, flattened, identity


def test_settings_of_any_depth_have_one_name_each() -> None:
    settings = {"encoders": {"main": {"width": 48}}, "train": [{"repeat": 2}], "score": ("a", "b")}
    assert flattened(settings) == {
        "encoders.main.width": 48,
        "train.0.repeat": 2,
        "score": ["a", "b"],
    }


@pytest.mark.parametrize("place", [0, 70_000, 199_999])
def test_a_file_is_known_by_its_edges_its_size_and_its_time(tmp_path: Path, place: int) -> None:
    path = tmp_path / "a.txt"
    data = bytearray(b"x" * 200_000)
    path.write_bytes(data)
    before = identity(path)
    assert identity(path) == before
    data[place] = ord("y")
    path.write_bytes(data)
    os.utime(path, ns=(0, before[1]))
    is_at_an_edge = place != 70_000
    assert (identity(path) != before) == is_at_an_edge
    os.utime(path, ns=(0, before[1] + 1))
    assert identity(path) != before


def test_a_folder_is_known_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.ann").write_text("T1", encoding="utf-8")
    before = identity(tmp_path)
    assert identity(tmp_path) == before
    (tmp_path / "one" / "b.ann").touch()
    assert identity(tmp_path) != before


def test_each_difference_is_named_and_nothing_else() -> None:
    before = {"inputs": {"0 a.txt": ["text", 1, 2, "x"], "1 b.txt": ["text", 1, 2, "x"]}}
    now = {"inputs": {"0 a.txt": ["text", 9, 2, "y"], "2 c.txt": ["text", 1, 2, "x"]}}
    assert all_changes(before, now) == [
        "input a.txt was changed: its size, its contents",
        "input b.txt is missing",
        "input c.txt is new",
    ]
    assert changes("settings", {"rate": 1}, {"rate": 2}) == ["settings: rate was 1 and is 2"]
    assert not all_changes(now, now)
