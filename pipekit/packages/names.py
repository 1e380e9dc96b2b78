"""Names of new packages: a distribution, a module, the parts that it brings."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import NamedTuple

from pipekit import builtin
from pipekit.errors import ConfigError
from pipekit.registry import Registry

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_PREFIX = "pipekit_"
_LONGEST = 64


class PackageNames(NamedTuple):
    """The names of a new package.

    Attributes:
        distribution: as pip knows it, such as "pipekit-contacts".
        module: as Python imports it, such as "pipekit_contacts".
        part: what its parts are called, such as "contacts".
        class_name: how its classes begin, such as "Contacts".
    """

    distribution: str
    module: str
    part: str
    class_name: str


def package_names(name: str) -> PackageNames:
    """The names of a package that is called `name`.

    Errors: `ConfigError` for a name that pip or Python would not take, and for one that is taken.
    """
    if len(name) > _LONGEST or not _DISTRIBUTION.fullmatch(name):
        raise ConfigError(
            f"{name!r:.80} cannot name a package: use up to {_LONGEST} of a-z, 0-9, '-', '_' and "
            "'.', beginning and ending with a letter or digit, such as pipekit-contacts"
        )
    module = re.sub(r"[-.]+", "_", name).lower()
    part = module.removeprefix(_PREFIX)
    check_module(module, name)
    if not part.isidentifier():
        raise ConfigError(f"{name!r}: {part!r} cannot name a part: begin it with a letter")
    class_name = "".join(word.capitalize() for word in part.split("_"))
    return PackageNames(name, module, part, class_name)


def check_module(
    module: str,
    name: str,
) -> None:
    """Check that Python can import a new module of this name.

    Args:
        name: the name of the package, for messages.

    Errors: `ConfigError` for what is no name of a module, and for one that hides another.
    """
    if not module.isidentifier() or keyword.iskeyword(module):
        raise ConfigError(
            f"{name!r} cannot name a package: Python would import it as {module!r}, "
            "which is no name of a module"
        )
    if module in sys.stdlib_module_names or module == builtin.DISTRIBUTION.partition("-")[0]:
        raise ConfigError(f"{name!r} would hide the module {module!r} of another package")


def check_not_installed(names: PackageNames) -> None:
    """Errors: `ConfigError` for a distribution or a module that is installed already."""
    try:
        version = distribution(names.distribution).version
    except PackageNotFoundError:
        version = ""
    if version:
        raise ConfigError(
            f"{names.distribution} {version} is installed already: choose another name"
        )
    if find_spec(names.module) is not None:
        raise ConfigError(
            f"{names.distribution}: a module {names.module!r} is there already: choose another name"
        )


def check_part_name(
    parts: Registry,
    name: str,
) -> None:
    """Errors: `ConfigError` for the name of a part that an installed package brings."""
    if name in parts.names():
        raise ConfigError(
            f"the {parts.kind} {name!r} is there already, brought by {parts.brought_by(name)}: "
            "choose another name"
        )
