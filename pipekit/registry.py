"""Parts that are built by name, and the packages that bring them.

A registry maps a short name to a factory, the class or function that builds a part. Names come from
entry points of installed packages; pipekit's own parts stand in `builtin.py` in the same form.

Only the module of the requested name is imported. A package that does not import breaks its own
names and no others.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import catalogue

from pipekit import builtin, installed
from pipekit.errors import (
    ConfigError,
    DataError,
    PluginConflictError,
    PluginImportError,
    PluginMissingError,
    PluginVersionError,
    UnknownComponentError,
    UnknownNameError,
    cure,
    near,
)
from pipekit.installed import Entry
from pipekit.settings import check_values

THIS_PROCESS = "this process"  # the package of names that `register` added
_NAME = re.compile(r"\w[\w.\-]{0,79}", re.ASCII)
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows' devices


def check_name(
    name: object,
    what: str,
) -> str:
    """The name, if a config may hold it.

    The rule is strict enough for file names, although names never become paths.

    Errors: `ConfigError` naming it.
    """
    if not isinstance(name, str) or not _is_name(name):
        raise ConfigError(
            f"{name!r} cannot name {what}: use 1 to 80 of a-z, A-Z, 0-9, '_', '-', '.', "
            "beginning with a letter or digit"
        )
    return name


def _is_name(text: str) -> bool:
    if ".." in text or _RESERVED.fullmatch(text):
        return False
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True)
class Supplier:
    """A package that brings a name.

    Attributes:
        package, version: the distribution; "this process" for a name that `register` added.
        target: "module:object".
        entry: the entry point; None for names without one.
    """

    package: str
    version: str
    target: str
    entry: Entry | None = None

    def load(
        self,
        kind: str,
        name: str,
    ) -> Any:
        """Import the factory.

        Errors: `PluginImportError` naming package, version, entry point and reason; before the
        import, `PluginVersionError` for a package that requires another version of pipekit.
        """
        refusal = self.entry and self.entry.package.refusal()
        if refusal:
            raise PluginVersionError(f"the {kind} {name!r} is brought by {self}, which {refusal}")
        try:
            factory = self._import()
            if not callable(factory):
                raise TypeError(f"this is no class or function but {factory!r:.60}")
        except (Exception, SystemExit) as error:
            raise PluginImportError(
                f"the {kind} {name!r} is brought by {self}, which does not import: "
                f"{type(error).__name__}: {error}. "
                f"Mend or uninstall it: pip uninstall {self.package}"
            ) from error
        return factory

    def _import(self) -> Any:
        if self.entry is not None:
            return self.entry.load()
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def __str__(self) -> str:
        return f"{self.package} {self.version} ({self.target})"


class Registry:
    """Factories of one kind by name.

    Args:
        kind: what the factories build, a singular noun for messages. The group of entry points is
            `pipekit_<kind>s`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.group = f"pipekit_{kind}s"
        self._registered = catalogue.create("pipekit", f"{kind}s", entry_points=False)

    def register(
        self,
        name: str,
        factory: Callable[..., Any] | None = None,
    ) -> Any:
        """Add a factory under a name, for this process only.

        A definition that runs again, such as the cell of a notebook, replaces its older version;
        pipelines keep the parts that they have.

        Errors: `PluginConflictError` if the name is taken, `ConfigError` for what is no factory.

            components.register("shout", Shout)

            @components.register("shout")       # the same, as a decorator
            class Shout: ...
        """
        check_name(name, f"a {self.kind}")
        if factory is None:
            return lambda function: self.register(name, function)
        if not callable(factory):
            raise ConfigError(f"the {self.kind} {name!r} is no class or function: {factory!r:.80}")
        if name in self.names() and not self._is_rerun(name, factory):
            cure = "choose another name"
            if name in self._registered:
                cure += f", or take that one back, registry.{self.kind}s.unregister({name!r})"
            raise PluginConflictError(
                f"the {self.kind} {name!r} is there already, brought by {self.brought_by(name)}: "
                f"{cure}"
            )
        self._registered.register(name, func=factory)
        return factory

    def _is_rerun(
        self,
        name: str,
        factory: Callable[..., Any],
    ) -> bool:
        """Whether a factory is the registered definition again, at the top of a module."""
        if name not in self._registered:
            return False
        target = _target(factory)
        return "<" not in target and target == _target(self._registered.get(name))

    def unregister(self, name: str) -> None:
        """Take back what `register` added."""
        catalogue.REGISTRY.pop(("pipekit", f"{self.kind}s", name))

    def names(self) -> list[str]:
        """All names, in order; nothing is imported."""
        names = set(builtin.PARTS.get(self.group, {}))
        names.update(entry.name for entry in installed.entries(self.group))
        names.update(self._registered.get_all())
        return sorted(names)

    def is_own(self, name: str) -> bool:
        """Whether pipekit itself brings a name."""
        return name in builtin.PARTS.get(self.group, {})

    def suppliers(self, name: str) -> list[Supplier]:
        """The packages that bring a name: none, one, or several in conflict."""
        suppliers = []
        target = builtin.PARTS.get(self.group, {}).get(name)
        if target is not None:
            suppliers.append(Supplier(builtin.DISTRIBUTION, builtin.RELEASE, target))
        for entry in installed.entries(self.group, name):
            package = entry.package
            suppliers.append(Supplier(package.name, package.version, entry.target, entry))
        if name in self._registered:
            target = _target(self._registered.get(name))
            suppliers.append(Supplier(THIS_PROCESS, "-", target))
        return suppliers

    def brought_by(self, name: str) -> str:
        """The packages that bring a name, for messages; the name where there is none."""
        suppliers = self.suppliers(name)
        return "; ".join(map(str, suppliers)) or repr(name)

    def supplier(self, name: str) -> Supplier:
        """The only package that brings a name.

        Errors: `UnknownNameError` with near names, `PluginConflictError` naming all packages.
        """
        suppliers = self.suppliers(name)
        if not suppliers:
            cures = near(name, self.names()) + installed.unreadable()
            message = f"no {self.kind} is called {name!r}.{cures}"
            if self.kind == "component":
                raise UnknownComponentError(message)
            raise UnknownNameError(message)
        if len(suppliers) > 1:
            packages = "; ".join(map(str, suppliers))
            raise PluginConflictError(
                f"the {self.kind} {name!r} is brought by {len(suppliers)} packages: {packages}. "
                "Uninstall all but one of them"
            )
        return suppliers[0]

    def get(self, name: str) -> Callable[..., Any]:
        """The factory of a name, imported now.

        Errors: those of `supplier`, and `PluginImportError`.
        """
        supplier = self.supplier(name)
        if name in self._registered:
            return self._registered.get(name)  # type: ignore[no-any-return]
        return supplier.load(self.kind, name)  # type: ignore[no-any-return]

    def build(
        self,
        config: Mapping[str, Any],
        where: str,
        around: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> Any:
        """The part that a config describes.

        Args:
            where: the part, for messages.
            around: makes a context in which the part is built, once its module is imported.

        Errors: `ConfigError` naming `where`, the key that does not fit, its value, and what the
        factory takes.

            components.build({"type": "ner", "labels": ["PER"]}, "[components.ner]")
        """
        arguments = dict(config)
        name = arguments.pop("type", None)
        if not isinstance(name, str):
            names = ", ".join(self.names())
            raise ConfigError(f"{where} needs a type, one of: {names}")
        factory = self.get(name)
        place = f"{where} (type {name!r})"
        check_arguments(factory, arguments, place)
        try:
            with around():
                return factory(**arguments)
        except (ConfigError, DataError) as error:
            raise type(error)(f"{place}: {error}") from error

    def require(
        self,
        name: str,
        package: str,
        where: str,
    ) -> None:
        """Check that a saved part can be built.

        Errors: `PluginMissingError` naming `package`, which brought the part when it was saved.
        """
        if self.suppliers(name):
            return
        if package == THIS_PROCESS:
            raise PluginMissingError(
                f"{where} needs the {self.kind} {name!r}, which {package} brought when the "
                "pipeline was saved: a class that a process registers itself is in no file. "
                f"Register it before the pipeline is loaded, registry.{self.kind}s.register"
                f"({name!r}, …); for worker processes, at the top level of the script. A class of "
                "a notebook, or one for other machines, goes into a package with an entry point "
                f"of the group {self.group}"
            )
        raise PluginMissingError(
            f"{where} needs the {self.kind} {name!r}, which {package} brought when the "
            f"pipeline was saved and which is not installed: {cure(package)}, or get it where the "
            f"pipeline comes from{installed.unreadable()}"
        )


def _target(factory: Callable[..., Any]) -> str:
    """Where a factory is defined, "module:name"."""
    name = getattr(factory, "__qualname__", f"<{type(factory).__name__}>")
    return f"{getattr(factory, '__module__', '')}:{name}"


def check_arguments(
    factory: Callable[..., Any],
    arguments: Mapping[str, Any],
    where: str,
) -> None:
    """Check that a factory takes exactly these keyword arguments, and values like these.

    Errors: `ConfigError` naming the unknown or missing key, and what the factory takes; or the key
    whose value does not fit its annotation, see `pipekit.settings`.
    """
    check_values(factory, arguments, where)
    check_keys(factory, arguments, where)
    parameters = inspect.signature(factory).parameters
    for key, parameter in parameters.items():
        if key in arguments or parameter.kind in _ANY_NUMBER:
            continue
        if parameter.default is parameter.empty:
            names = ", ".join(parameters)
            raise ConfigError(f"{where} needs {key!r}. It takes: {names}")


_ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def check_keys(
    factory: Callable[..., Any],
    keys: Iterable[str],
    where: str,
    others: Iterable[str] = (),
) -> None:
    """Check that a factory takes keyword arguments of these names.

    Args:
        others: names that may stand beside, for the message.

    Errors: `ConfigError` naming the first that it does not take, and those that it does.
    """
    parameters = inspect.signature(factory).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return
    unknown = {*keys} - parameters.keys()
    for key in sorted(unknown):
        similar = near(key, {*parameters, *others})
        raise ConfigError(f"{where} takes no {key!r}.{similar}")


tokenizers = Registry("tokenizer")
encoders = Registry("encoder")
decoders = Registry("decoder")
components = Registry("component")
readers = Registry("reader")
pipelines = Registry("pipeline")

BY_KIND = {"tokenizer": tokenizers, "encoders": encoders, "components": components}
"""The registries of the parts of a pipeline, by the keys of its config."""
