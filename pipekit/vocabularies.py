"""Vocabularies of subwords that others have made, from the files in which they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipekit.errors import ConfigError
from pipekit.subwords import Subwords, from_text, learn


def from_settings(given: str | Mapping[str, Any], texts: Iterable[str]) -> Subwords:
    """What a recipe says of subwords: the file or folder that holds a vocabulary, or how one is learned from its texts."""
    return read(Path(given)) if isinstance(given, str) else learn(texts, **given)


def read(path: Path) -> Subwords:
    """The vocabulary in a file or in a folder. Errors: `ConfigError` naming it and what is read."""
    try:
        return from_text(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: the vocabulary cannot be read: {error.strerror}") from error
