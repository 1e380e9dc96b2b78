"""What several tests share."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from helpers.packages import Site
from helpers.processes import limited
from hypothesis import settings

from pipekit.doc import Doc
from pipekit.training.toml import data_folder

# The ordinary run tries the same examples each time, so that a failure is of the change at hand.
# `pytest -m hypothesis --hypothesis-profile search` looks for new ones.
# How long an example takes is for benchmarks to tell.
settings.register_profile("pipekit", deadline=None, derandomize=True, database=None)
settings.register_profile("search", deadline=None, max_examples=500, print_blob=True)
settings.load_profile("pipekit")

# What a shell starts in the background ignores Ctrl-C, and so would all that these tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Processes that tests start say where they are when they end by a fault, or because they hang.
os.environ["PYTHONFAULTHANDLER"] = "1"
# Seconds for a test, which a test that does not hang never takes, whatever else the machine does.
LIMIT = 300.0
SLOW_LIMIT = 3600.0

_TOKEN = re.compile(r"\A\s+|\w+|[^\w\s]")


@pytest.fixture(autouse=True)
def time_limit(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that hangs fails, and tells where it and its processes hang.

    The marker `limit` gives the seconds where others than these are meant.
    """
    seconds = SLOW_LIMIT if request.node.get_closest_marker("slow") else LIMIT
    marker = request.node.get_closest_marker("limit")
    if marker is not None:
        seconds = marker.args[0]
    with limited(seconds):
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of corpora: PIPEKIT_DATA, or shared/data beside the project."""
    folder = Path(data_folder(Path(__file__).parent))
    if not folder.is_dir():
        pytest.skip("no corpora: set PIPEKIT_DATA to their folder")
    return folder


@pytest.fixture
def site(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    """A folder on the path of imports, into which a test installs packages."""
    monkeypatch.syspath_prepend(str(tmp_path))
    packages = Site(tmp_path)
    yield packages
    packages.forget()


@pytest.fixture(scope="session")
def tokenize() -> Callable[[Sequence[str]], list[Doc]]:
    """Letters and digits by the run, other characters one by one."""
    return lambda texts: [_tokenized(text) for text in texts]


def _tokenized(text: str) -> Doc:
    borders = [found.span() for found in _TOKEN.finditer(text)]
    return Doc(text, starts=[start for start, _ in borders], ends=[end for _, end in borders])
