"""Saving when the power fails: the old pipeline or the new one loads, and none but the new one
once the save has returned.

Modules: storage.files, storage.store
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.disk import State, Trace, lost, names, recorded

from pipekit.errors import CorruptModelError
from pipekit.storage import files, store

WORDS = 2_000  # 16 sectors of bytes


def save(path: Path, which: int) -> None:
    store.save(path, {"which": which}, {"words": np.full(WORDS, which, dtype=np.int32)})


def found(path: Path) -> int | None:
    """Which pipeline loads; None where there is no file, and -1 where it is damaged."""
    if not path.exists():
        return None
    try:
        contents = store.load_container(path)
    except CorruptModelError:
        return -1
    assert (contents.tensors["words"] == contents.header["which"]).all()
    return int(contents.header["which"])


@pytest.fixture
def saving(tmp_path: Path) -> Trace:
    """Two saves of one file, the first of a new one."""
    folder = tmp_path / "before"
    folder.mkdir()
    path = folder / "m.pipekit"
    with recorded(folder) as trace:
        save(path, 1)
        trace.promise(1)
        save(path, 2)
        trace.promise(2)
    return trace


@pytest.fixture
def keeps(tmp_path: Path) -> Callable[[State], bool]:
    def keeps_promise(state: State) -> bool:
        allowed = {None: (None, 1), 1: (1, 2), 2: (2,)}
        strays = [name for name in state.contents if name != "m.pipekit"]
        assert all(name.startswith(".pipekit-") for name in strays)
        return found(tmp_path / "after" / "m.pipekit") in allowed[state.promise]

    return keeps_promise


def test_the_old_pipeline_or_the_new_survives_a_loss_of_power(
    saving: Trace, keeps: Callable[[State], bool], tmp_path: Path
) -> None:
    assert len(list(saving.states(chances=100))) > 50
    assert not names(lost(saving, tmp_path / "after", keeps, chances=100))


@pytest.mark.slow
def test_the_old_pipeline_or_the_new_survives_any_of_many_losses_of_power(
    saving: Trace, keeps: Callable[[State], bool], tmp_path: Path
) -> None:
    assert not names(lost(saving, tmp_path / "after", keeps, chances=2_000))


@pytest.mark.parametrize("forgotten", ["sync", "sync names"])
def test_the_model_notices_a_forgotten_fsync(
    forgotten: str, saving: Trace, keeps: Callable[[State], bool], tmp_path: Path
) -> None:
    assert any(lost(saving.without(forgotten), tmp_path / "after", keeps))


def test_the_model_notices_a_file_that_is_written_in_place(
    keeps: Callable[[State], bool], tmp_path: Path
) -> None:
    folder = tmp_path / "before"
    folder.mkdir()
    path = folder / "m.pipekit"
    save(path, 1)
    with recorded(folder, promised=1) as trace:
        with files.File(path, append=True) as file:
            file.truncate(0)
            file.write(store.to_bytes({"which": 2}, {"words": np.full(WORDS, 2, dtype=np.int32)}))
            file.sync()
        trace.promise(2)
    assert any(lost(trace, tmp_path / "after", keeps))
