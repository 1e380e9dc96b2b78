"""Names that go away say so, and are gone when their release has come.

Modules: deprecation
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

import pytest
from helpers.places import ROOT
from packaging.version import Version

from pipekit import PipekitWarning, builtin
from pipekit.deprecation import deprecated
from pipekit.errors import PipekitDeprecationWarning


@deprecated("length(text)", since="0.4", until="0.6")
def count(
    text: str,
    factor: int = 1,
) -> int:
    """How many letters."""
    return factor * len(text)


class Counter:
    @deprecated("count", since="0.4", until="1.0")
    def total(self, text: str) -> int:
        return len(text)


def test_a_deprecated_function_works_and_each_call_says_what_to_write() -> None:
    with pytest.warns(PipekitDeprecationWarning) as caught:
        assert count("кот", factor=2) == 6
    (warning,) = caught
    message = "count is deprecated since 0.4 and goes away in 0.6: use length(text)"
    assert str(warning.message) == message == count.__deprecated__  # type: ignore[attr-defined]
    assert warning.filename == __file__  # of the caller, who can mend it
    assert (count.__name__, count.__doc__) == ("count", "How many letters.")


def test_a_method_can_be_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match=r"Counter\.total is deprecated since 0\.4"):
        assert Counter().total("кот") == 3


def test_whoever_silences_the_warnings_of_pipekit_silences_this_one() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", PipekitWarning)
        assert count("кот") == 3


# -- the policy


def promised(source: str) -> Iterator[tuple[str, str, str]]:
    """Each deprecated function of a module: its name, since when it warns, and when it goes."""
    for node in ast.walk(ast.parse(source)):
        for decorator in getattr(node, "decorator_list", ()):
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "deprecated":
                releases = {item.arg: ast.literal_eval(item.value) for item in decorator.keywords}
                yield node.name, releases["since"], releases["until"]


def faults(
    source: str,
    release: str,
) -> list[str]:
    """What a module breaks of the policy at a release."""
    faults = []
    now = Version(Version(release).base_version)
    for name, since, until in promised(source):
        gone = Version(until)
        first = Version(since)
        if now >= gone:
            faults.append(f"{name} was to go away in {until}")
        if first > now and first.release[:2] != (now.major, now.minor + 1):
            faults.append(f"{name} warns since {since}, which is to come")
        if gone.major == first.major and gone.minor < first.minor + 2:
            faults.append(f"{name} warns for less than two minor releases")
    return faults


def test_no_name_stays_longer_than_promised() -> None:
    broken = {}
    for path in sorted((ROOT / "pipekit").rglob("*.py")):
        broken[str(path)] = faults(path.read_text(encoding="utf-8"), builtin.RELEASE)
    assert not {name: lines for name, lines in broken.items() if lines}


@pytest.mark.parametrize(
    ("since", "until", "release", "fault"),
    [
        ("0.4", "0.6", "0.5.3", None),
        ("0.4", "0.6", "0.3.0", None),  # of the release that is being made
        ("0.4", "1.0", "0.9.0", None),
        ("0.4", "0.6", "0.6.0", "old was to go away in 0.6"),
        ("0.4", "0.6", "0.6.0.dev1", "old was to go away in 0.6"),
        ("0.4", "0.6", "1.2.0", "old was to go away in 0.6"),
        ("0.4", "0.5", "0.4.0", "old warns for less than two minor releases"),
        ("0.9", "1.1", "0.3.0", "old warns since 0.9, which is to come"),
    ],
)
def test_the_policy_is_held(
    since: str,
    until: str,
    release: str,
    fault: str | None,
) -> None:
    source = f"@deprecated('new', since={since!r}, until={until!r})\ndef old(): ..."
    assert faults(source, release) == ([] if fault is None else [fault])
