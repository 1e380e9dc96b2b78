"""Templates: data files of this room with places for values, {{name}}."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from pipekit.errors import ConfigError
from pipekit.storage.files import make_folder

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def template(name: str) -> str:
    """The text of a template, such as "plugin/component.py"."""
    file = resources.files("pipekit.packages") / "data" / f"{name}.template"
    return file.read_text(encoding="utf-8")


def render_template(
    name: str,
    values: Mapping[str, str],
) -> str:
    """A template with its values."""
    return _PLACE.sub(lambda place: values[place[1]], template(name))


def write_files(
    folder: Path,
    files: Mapping[str, str],
) -> None:
    """Write new text files into a folder.

    Errors: `ConfigError` naming what is there already; then nothing is written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already: choose another name, or another folder")
    for name, text in files.items():
        path = folder / name
        make_folder(path.parent)
        path.write_text(text, encoding="utf-8")
