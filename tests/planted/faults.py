"""Faults to plant: each is a table in a TOML file beside this module.

[name-of-the-fault]
breaks = "What goes wrong with it, in a sentence."
promise = "What pipekit promises, and does not keep with it."
file = "pipekit/room/module.py"
before = "lines that stand there once"
after = "lines that stand there with the fault"
tests = ["tests/room/test_module.py::test_that_goes_red"]
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import NamedTuple

FAULTS = Path(__file__).parent


class Fault(NamedTuple):
    """A small change of the code that breaks a promise.

    Attributes:
        name: its name.
        breaks: what goes wrong with it.
        promise: the promise that it breaks.
        file: the file that it changes, from the root of the project.
        before, after: the lines without it and with it.
        tests: the tests that notice it, all of them, by their names for pytest.
    """

    name: str
    breaks: str
    promise: str
    file: str
    before: str
    after: str
    tests: list[str]

    def places(self, root: Path) -> int:
        """How often the lines stand in the file: a fault that applies has one place."""
        path = root / self.file
        return path.read_text(encoding="utf-8").count(self.before) if path.exists() else 0

    def plant(self, root: Path) -> None:
        """Change the file."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(self.before, self.after), encoding="utf-8")


def all_faults(folder: Path = FAULTS) -> list[Fault]:
    """The faults of all files, in the order in which they stand there."""
    faults = []
    for path in sorted(folder.glob("*.toml")):
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        faults += [Fault(name, **table) for name, table in tables.items()]
    return faults
