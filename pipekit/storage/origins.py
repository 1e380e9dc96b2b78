"""What a result is made of: files and settings described, and the differences between descriptions.

A result that one pipeline, recipe or corpus began cannot be finished by another. So jobs and
trainings describe what they work from, keep the description beside the result, and name each
difference before they go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

Description = dict[str, Any]
"""What is to be known of inputs, of a pipeline or of settings, without nesting."""

Origins = Mapping[str, Description]
"""Descriptions by kind: "inputs", "pipeline" or "settings"."""

_EDGE = 1 << 16  # bytes at the beginning and at the end of a file that are looked at
_IDENTITY = ("its format", "its size", "the time of its last change", "its contents")


def identity(path: Path) -> list[Any]:
    """Size, time of the last change in nanoseconds, and the SHA-256 of both edges of a file.

    Of a folder: the size of all its files, the latest change, and a hash over names and identities.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        parts = [[str(file.relative_to(path)), *identity(file)] for file in files]
        size = sum(part[1] for part in parts)
        latest = max((part[2] for part in parts), default=0)
        return [size, latest, sha256(repr(parts).encode()).hexdigest()]
    with path.open("rb") as file:
        first = file.read(_EDGE)
        size = file.seek(0, 2)
        file.seek(max(0, size - _EDGE))
        last = file.read(_EDGE)
    return [size, path.stat().st_mtime_ns, sha256(first + last).hexdigest()]


def flattened(
    settings: Any,
    prefix: str = "",
) -> Description:
    """Nested settings under dotted names: {"encoders.main.width": 48, "train.0.repeat": 2}."""
    if isinstance(settings, Mapping):
        items = [(str(key), value) for key, value in settings.items()]
    elif isinstance(settings, list | tuple) and any(isinstance(item, Mapping) for item in settings):
        items = [(str(number), value) for number, value in enumerate(settings)]
    else:
        plain = list(settings) if isinstance(settings, tuple) else settings
        return {prefix: plain}
    description: Description = {}
    for key, value in items:
        description |= flattened(value, f"{prefix}.{key}" if prefix else key)
    return description


def all_changes(
    before: Origins,
    now: Origins,
) -> list[str]:
    """The differences of all kinds of descriptions that are there now, in words."""
    differences = []
    for kind, description in now.items():
        differences += changes(kind, before.get(kind, {}), description)
    return differences


def changes(
    kind: str,
    before: Description,
    now: Description,
) -> list[str]:
    """The differences of two descriptions, in words.

    Args:
        kind: "inputs", "pipeline" or "settings".
    """
    sentences = []
    for name in dict.fromkeys([*before, *now]):
        was = before.get(name)
        is_now = now.get(name)
        if was == is_now:
            continue
        if kind == "inputs":
            file = name.partition(" ")[2]
            sentences.append(f"input {file} {_input_change(was, is_now)}")
        else:
            sentences.append(f"{kind}: {name} was {was!r} and is {is_now!r}")
    return sentences


def _input_change(
    before: list[Any] | None,
    now: list[Any] | None,
) -> str:
    if before is None:
        return "is new"
    if now is None:
        return "is missing"
    changed = []
    for name, was, is_now in zip(_IDENTITY, before, now, strict=False):
        if was != is_now:
            changed.append(name)
    return "was changed: " + ", ".join(changed)
