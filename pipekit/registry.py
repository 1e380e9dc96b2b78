"""What can be built by name, and who brings it.

A registry maps a short name to a factory. Names come from entry points of installed packages; pipekit's own parts stand in
`builtin.py` in the same form. Nothing is imported before it is asked for by name, and one package that does not import is an error for
its own names only.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import catalogue

from pipekit import builtin
from pipekit.errors import (
    ConfigError,
    PluginConflictError,
    PluginImportError,
    PluginMissingError,
    UnknownComponentError,
    UnknownNameError,
    near,
)

_NAME = re.compile(r"\w[\w.\-]{0,79}", re.ASCII)
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def check_name(name: object, what: str) -> str:
    """The name, if it may stand in a config. Names never become paths; they would be harmless as such.

    Errors: `ConfigError` naming it.
    """
    if (
        not isinstance(name, str)
        or not _NAME.fullmatch(name)
        or ".." in name
        or _RESERVED.fullmatch(name)
    ):
        raise ConfigError(
            f"{name!r} cannot name {what}: use 1 to 80 of a-z, A-Z, 0-9, '_', '-', '.', beginning with a letter or digit"
        )
    return name


@dataclass(frozen=True)
class Supplier:
    """Who brings a name: the distribution with its version, and the entry point's target."""

    package: str
    version: str
    target: str
    entry: EntryPoint | None = None

    def load(self, kind: str, name: str) -> Any:
        """Import the object. Errors: `PluginImportError` naming package, version, entry point and reason."""
        try:
            module, _, attribute = self.target.partition(":")
            found = (
                self.entry.load()
                if self.entry is not None
                else getattr(importlib.import_module(module), attribute)
            )
            if not callable(found):
                raise TypeError(f"this is no class or function but {found!r:.60}")
            return found
        except (Exception, SystemExit) as error:
            raise PluginImportError(
                f"the {kind} {name!r} is brought by {self.package} {self.version} ({self.target}), which does not import: "
                f"{type(error).__name__}: {error}. Mend or uninstall it: pip uninstall {self.package}"
            ) from error

    def __str__(self) -> str:
        return f"{self.package} {self.version} ({self.target})"


class Registry:
    """Factories of one kind, found by name.

    Args:
        kind: what it holds, a singular noun for messages; the entry-point group is `pipekit_<kind>s`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.group = f"pipekit_{kind}s"
        self._registered = catalogue.create("pipekit", f"{kind}s", entry_points=False)

    def register(self, name: str, factory: Callable[..., Any] | None = None) -> Any:
        """Add a factory under a name for this process, also as a decorator. Errors: `PluginConflictError` if the name is taken."""
        check_name(name, f"a {self.kind}")
        if factory is None:
            return lambda function: self.register(name, function)
        if name in self.names():
            raise PluginConflictError(
                f"the {self.kind} {name!r} is there already, brought by {self.supplier(name)}: choose another name"
            )
        self._registered.register(name, func=factory)
        return factory

    def unregister(self, name: str) -> None:
        """Take back what `register` added."""
        catalogue.REGISTRY.pop(("pipekit", f"{self.kind}s", name))

    def names(self) -> list[str]:
        """All names, without importing anything."""
        return sorted(
            {
                *builtin.PARTS.get(self.group, {}),
                *(e.name for e in entry_points(group=self.group)),
                *self._registered.get_all(),
            }
        )

    def suppliers(self, name: str) -> list[Supplier]:
        """Who brings the name: one, or several that conflict, or none."""
        found = []
        target = builtin.PARTS.get(self.group, {}).get(name)
        if target is not None:
            found.append(Supplier(builtin.DISTRIBUTION, _own_version(), target))
        for entry in _distinct(entry_points(group=self.group, name=name)):
            dist = entry.dist
            found.append(
                Supplier(
                    dist.name if dist else "?", dist.version if dist else "?", entry.value, entry
                )
            )
        if name in self._registered:
            factory = self._registered.get(name)
            found.append(
                Supplier("this process", "-", f"{factory.__module__}:{factory.__qualname__}")
            )
        return found

    def supplier(self, name: str) -> Supplier:
        """The one who brings the name. Errors: `UnknownNameError` with near names, `PluginConflictError` naming both packages."""
        found = self.suppliers(name)
        if not found:
            error = UnknownComponentError if self.kind == "component" else UnknownNameError
            raise error(f"no {self.kind} is called {name!r}.{near(name, self.names())}")
        if len(found) > 1:
            raise PluginConflictError(
                f"the {self.kind} {name!r} is brought by {len(found)} packages: {'; '.join(map(str, found))}. Uninstall all but one of them"
            )
        return found[0]

    def get(self, name: str) -> Callable[..., Any]:
        """The factory of that name, imported now. Errors: those of `supplier`, and `PluginImportError`."""
        supplier = self.supplier(name)
        if name in self._registered:
            return self._registered.get(name)  # type: ignore[no-any-return]
        return supplier.load(self.kind, name)  # type: ignore[no-any-return]

    def build(self, config: Mapping[str, Any], where: str) -> Any:
        """The part that a config describes, `{"type": name, **arguments}`.

        Errors: `ConfigError` naming `where`, the key that does not fit, and what the factory takes.
        """
        if not isinstance(config.get("type"), str):
            raise ConfigError(f"{where} needs a type, one of: {', '.join(self.names())}")
        arguments = {key: value for key, value in config.items() if key != "type"}
        factory = self.get(config["type"])
        check_arguments(factory, arguments, f"{where} (type {config['type']!r})")
        return factory(**arguments)

    def require(self, name: str, package: str, where: str) -> None:
        """Be sure that a saved part can be built. Errors: `PluginMissingError` with the package that brought it."""
        if not self.suppliers(name):
            raise PluginMissingError(
                f"{where} needs the {self.kind} {name!r}, which {package} brought when the pipeline was saved and which is not installed: "
                f"pip install {package}"
            )


def check_arguments(factory: Callable[..., Any], arguments: Iterable[str], where: str) -> None:
    """Be sure that a factory takes these keyword arguments. Errors: `ConfigError` naming the wrong or missing key, and what it takes."""
    parameters = inspect.signature(factory).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    given = set(arguments)
    for key in sorted(given - parameters.keys()):
        raise ConfigError(f"{where} takes no {key!r}.{near(key, parameters)}")
    for key, parameter in parameters.items():
        if key not in given and parameter.default is parameter.empty:
            raise ConfigError(f"{where} needs {key!r}. It takes: {', '.join(parameters)}")


def _distinct(entries: Iterable[EntryPoint]) -> list[EntryPoint]:
    """One entry for each distribution: one that lies twice on the path is listed twice."""
    return list({(e.dist.name if e.dist else "", e.value): e for e in entries}.values())


@cache
def _own_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(builtin.DISTRIBUTION)
    except PackageNotFoundError:
        return "0+source"


tokenizers = Registry("tokenizer")
encoders = Registry("encoder")
components = Registry("component")
readers = Registry("reader")
pipelines = Registry("pipeline")
