"""A new plugin: a package with parts that work, and with tests that ask the usual questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipekit import builtin, registry
from pipekit.errors import ConfigError, near
from pipekit.packages.names import (
    PackageNames,
    check_not_installed,
    check_part_name,
    package_names,
)
from pipekit.packages.templates import render_template, write_files
from pipekit.registry import Registry


class PluginKind(NamedTuple):
    """A kind of part that a plugin brings.

    Attributes:
        summary: what it is, for the help and the description of the package.
        group: of entry points.
        parts: the registry; None for listeners, which any number of packages bring.
        target: the object behind the entry point, a template.
    """

    summary: str
    group: str
    parts: Registry | None
    target: str


PLUGIN_KINDS = {
    "component": PluginKind(
        "a component by rules",
        "pipekit_components",
        registry.components,
        "{{module}}.component:{{class}}Component",
    ),
    "head": PluginKind(
        "a component that learns",
        "pipekit_components",
        registry.components,
        "{{module}}.head:{{class}}Head",
    ),
    "encoder": PluginKind(
        "an encoder",
        "pipekit_encoders",
        registry.encoders,
        "{{module}}.encoder:{{class}}Encoder",
    ),
    "reader": PluginKind(
        "a reader of a corpus format",
        "pipekit_readers",
        registry.readers,
        "{{module}}.reader:{{reader}}",
    ),
    "tokenizer": PluginKind(
        "a tokenizer",
        "pipekit_tokenizers",
        registry.tokenizers,
        "{{module}}.tokenizer:{{class}}Tokenizer",
    ),
    "listener": PluginKind(
        "a listener to hooks",
        "pipekit",
        None,
        "{{module}}.listener",
    ),
}
"""What `pipekit init plugin` writes, by the name of its option."""


def write_plugin(
    name: str,
    kinds: Sequence[str] = ("component",),
    parent: Path = Path(),
) -> Path:
    """Write a package with parts of some kinds, and return its folder.

        write_plugin("pipekit-contacts", ["component", "reader"])

    Args:
        name: of the distribution; its parts are called like it, without "pipekit-".
        kinds: of `PLUGIN_KINDS`.
        parent: the folder in which the folder of the package is made.

    Errors: `ConfigError` for a kind that there is not, a name that pip or Python would not take,
    and for a name or a folder that is taken.
    """
    for kind in kinds:
        if kind not in PLUGIN_KINDS:
            raise ConfigError(f"a plugin has no {kind!r}.{near(kind, PLUGIN_KINDS)}")
    names = package_names(name)
    check_not_installed(names)
    values = _values(names, kinds)
    for kind in kinds:
        registered = PLUGIN_KINDS[kind].parts
        if registered is not None:
            check_part_name(registered, _part_name(kind, values))
    folder = parent / name
    write_files(folder, _files(values, kinds))
    return folder


def _values(
    names: PackageNames,
    kinds: Sequence[str],
) -> dict[str, str]:
    """The values of the templates."""
    major, minor, *_ = builtin.RELEASE.split(".")
    summaries = ", ".join(PLUGIN_KINDS[kind].summary for kind in PLUGIN_KINDS if kind in kinds)
    values = {
        "distribution": names.distribution,
        "module": names.module,
        "part": names.part,
        "class": names.class_name,
        "reader": f"read_{names.part}",
        "learner": names.part,
        "column": f"{names.part}_label",
        "least": f"{major}.{minor}",
        "kinds": ", ".join(kind for kind in PLUGIN_KINDS if kind in kinds),
        "summary": f"For pipekit: {summaries}",
    }
    if "component" in kinds:  # of the same registry, so one of them needs another name
        values["learner"] = f"{names.part}_labels"
    entry_points = ""
    for kind in PLUGIN_KINDS:
        if kind in kinds:
            entry_points += _entry_point(kind, values, entry_points)
    values["entry_points"] = entry_points
    return values


def _entry_point(
    kind: str,
    values: dict[str, str],
    before: str,
) -> str:
    """The lines of pyproject.toml for a part, behind those of the parts before it."""
    header = f"[project.entry-points.{PLUGIN_KINDS[kind].group}]\n"
    target = PLUGIN_KINDS[kind].target
    for key, value in values.items():
        target = target.replace("{{" + key + "}}", value)
    line = f'{_part_name(kind, values)} = "{target}"\n'
    if header in before:
        return line
    return f"\n{header}{line}"


def _part_name(
    kind: str,
    values: dict[str, str],
) -> str:
    """The name of a part in its registry."""
    return values["learner" if kind == "head" else "part"]


def _files(
    values: dict[str, str],
    kinds: Sequence[str],
) -> dict[str, str]:
    """The files of the package."""
    module = values["module"]
    usage = ""
    files = {}
    for kind in PLUGIN_KINDS:
        if kind in kinds:
            usage += render_template(f"plugin/{kind}.md", values)
            files[f"src/{module}/{kind}.py"] = render_template(f"plugin/{kind}.py", values)
            files[f"tests/test_{kind}.py"] = render_template(f"plugin/test_{kind}.py", values)
    files["README.md"] = render_template("plugin/README.md", {**values, "usage": usage.rstrip()})
    files["pyproject.toml"] = render_template("plugin/pyproject.toml", values)
    files[f"src/{module}/__init__.py"] = render_template("plugin/__init__.py", values)
    files[f"src/{module}/py.typed"] = ""
    return files
