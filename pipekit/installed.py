"""What installed packages bring: their entry points, read without importing any of them.

A package whose files are damaged harms no other. What can be read of it works, `faults` says what
cannot, and a warning says so once. `importlib.metadata.entry_points` fails on the first package
that it cannot read, and opens the files of all packages at each call; here a file is read once, as
long as it stays the same.

Source: the specification of entry points, packaging.python.org/specifications/entry-points.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any, NamedTuple

from pipekit import builtin
from pipekit.errors import ConfigError, PipekitWarning

FILE = "entry_points.txt"
_MOST_BYTES = 1_000_000  # of a file of entry points; a large package has some ten thousand
_TARGET = re.compile(r"[\w.]+\s*(:\s*[\w.]+\s*)?(\[.*\]\s*)?")  # module:object, and extras
_OURS = "pipekit"  # how the names of the groups that pipekit reads begin
_REQUIREMENT = re.compile(r"\s*pipekit[-_.]+nlp(?![-.\w])", re.IGNORECASE)

_warned: set[str] = set()
_Looks = tuple[tuple["Distribution", "Listing"], ...]
_looked_at: ContextVar[_Looks] = ContextVar("looked_at", default=())


@dataclass(frozen=True)
class Package:
    """An installed distribution.

    Attributes:
        name, version: as its metadata say; where these are damaged, as its folder is called.
        requires: what it requires of pipekit, such as "pipekit-nlp>=0.3,<1".
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def refusal(self) -> str | None:
        """Why this version of pipekit may not import the package; None where it may.

        A development version counts as the release that it leads to.
        """
        from packaging.requirements import InvalidRequirement, Requirement
        from packaging.version import Version

        version = Version(builtin.RELEASE).base_version
        for line in self.requires:
            try:
                requirement = Requirement(line)
            except InvalidRequirement:
                return f"requires {line!r}, which is no requirement: mend or uninstall {self.name}"
            marker = requirement.marker
            if marker is not None and not marker.evaluate({"extra": ""}):
                continue
            if not requirement.specifier.contains(version, prereleases=True):
                wanted = f"{builtin.DISTRIBUTION}{requirement.specifier}"
                return (
                    f"requires {wanted}, and installed is {builtin.RELEASE}: "
                    f"install such a pipekit, or another version of {self.name}"
                )
        return None


class Entry(NamedTuple):
    """An entry point: a name that a package brings, and the object that it stands for."""

    group: str
    name: str
    target: str
    distribution: Distribution

    @property
    def package(self) -> Package:
        """The package that brings the name."""
        return _package(self.distribution)

    def load(self) -> Any:
        """Import the object. Errors: whatever the import raises."""
        return EntryPoint(self.name, self.target, self.group).load()


class Listing(NamedTuple):
    """A file of entry points.

    Attributes:
        entries: group, name and target of each.
        faults: what is wrong with the file.
    """

    entries: tuple[tuple[str, str, str], ...] = ()
    faults: tuple[str, ...] = ()


def entries(
    group: str,
    name: str | None = None,
) -> list[Entry]:
    """The entry points of a group, or those of one name, in the order of the packages.

    A package that lies twice on the path of imports brings what its first copy brings.
    """
    entries = []
    damaged = []
    for distribution, listing in _listings():
        if listing.faults:
            damaged += _titled(distribution, listing)
        for of_group, of_name, target in dict.fromkeys(listing.entries):
            if of_group == group and name in (None, of_name):
                entries.append(Entry(of_group, of_name, target, distribution))
    _warn_once(damaged)
    return entries


def faults() -> list[str]:
    """What is wrong with installed packages, each fault with its package and file.

    A package whose entry points cannot be read is named whatever it is for: it may bring something
    to pipekit.
    """
    faults = []
    for distribution, listing in _listings():
        faults += _titled(distribution, listing)
        if listing.entries:
            package = _package(distribution)
            damage = _metadata(distribution).fault
            refusal = package.refusal()
            faults += [f"{package}: {fault}" for fault in (damage, refusal) if fault]
    return faults


def normal_version(text: str) -> str:
    """A version as packages write it: "1.0rc1" for "1.0-RC1". Errors: `ConfigError`."""
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(text))
    except InvalidVersion:
        raise ConfigError(
            f"{text!r:.80} is no version: write one such as 1.0 or 0.2.dev1"
        ) from None


def unreadable() -> str:
    """The end of a message about a name that is missing: the packages that may have brought it."""
    damaged = []
    for distribution, listing in _listings():
        damaged += _titled(distribution, listing)
    if not damaged:
        return ""
    return f" Entry points that cannot be read may bring it: {'; '.join(damaged)}."


def _titled(
    distribution: Distribution,
    listing: Listing,
) -> list[str]:
    """The faults of a file of entry points, each with the package before it."""
    return [f"{_package(distribution)}: {FILE}, {fault}" for fault in listing.faults]


def _warn_once(faults: list[str]) -> None:
    for fault in faults:
        if fault not in _warned:
            _warned.add(fault)
            warnings.warn(f"{fault}. Reinstall the package", PipekitWarning, stacklevel=4)


# -- files of entry points


@contextmanager
def one_look() -> Iterator[None]:
    """A context in which the packages are looked at once, as they are at its beginning.

    A pipeline asks for each of its parts. Where a hundred packages are installed, looking again for
    each took half the time of a load.
    """
    token = _looked_at.set(_looked_at.get() or tuple(_look()))
    try:
        yield
    finally:
        _looked_at.reset(token)


def _listings() -> Iterable[tuple[Distribution, Listing]]:
    """Each package with its file of entry points, as they are now or in `one_look`."""
    return _looked_at.get() or _look()


def _look() -> Iterator[tuple[Distribution, Listing]]:
    """Each package with its file of entry points; of several packages of one name, the first."""
    names = set()
    for distribution in distributions():
        folder = _folder(distribution)
        name = re.sub(r"[-_.]+", "-", _stem(folder)[0]).lower()
        if name in names:
            continue
        names.add(name)
        yield distribution, _listing(distribution, folder)


def _folder(distribution: Distribution) -> Path:
    """Where the metadata of a package lie; of a package in a zip file, a path through that file."""
    path = getattr(distribution, "_path", None)  # a finder of another kind may have no folders
    return Path(str(path or distribution.metadata["Name"]))


def _stem(folder: Path) -> tuple[str, str]:
    """Name and version in the name of a folder such as "pipekit_ner-1.0.dist-info"."""
    name, _, version = folder.stem.partition("-")
    return name, version or "?"


def _listing(
    distribution: Distribution,
    folder: Path,
) -> Listing:
    path = folder / FILE
    try:
        status = os.stat(path)
    except OSError as error:
        if os.path.islink(path):
            return Listing(faults=(f"a link that leads nowhere: {error.strerror}",))
        if folder.is_dir():
            return Listing()  # there is none, as in most packages
        return _read_zipped(distribution)
    return _read(path, (status.st_ino, status.st_size, status.st_mtime_ns))


def _read_zipped(distribution: Distribution) -> Listing:
    try:
        return parse_entry_points(distribution.read_text(FILE) or "")
    except Exception as error:  # whatever importlib meets in a damaged zip file
        return Listing(faults=(f"{type(error).__name__}: {error}",))


@lru_cache(maxsize=10_000)
def _read(
    path: Path,
    state: tuple[int, ...],
) -> Listing:
    """The contents of a file. `state` tells whether it is still the file that was read."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            return Listing(faults=(f"more than {_MOST_BYTES} bytes",))
        return parse_entry_points(data.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        return Listing(faults=(f"{type(error).__name__}: {error}",))


def parse_entry_points(text: str) -> Listing:
    """The entry points of the groups that pipekit reads; a line that is none is a fault."""
    entries = []
    faults = []
    group = ""
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            group = line[1:-1].strip()
            if not line.endswith("]"):
                group = "?"
                faults.append(f"line {number}, {line!r:.80}: a header ends with ]")
            continue
        if not group:
            faults.append(f"line {number}, {line!r:.80}: it stands under no [group]")
        if not group.startswith(_OURS):
            continue
        name, _, target = map(str.strip, line.partition("="))
        if name and _TARGET.fullmatch(target):
            entries.append((group, name, target))
        else:
            faults.append(f"line {number}, {line!r:.80}: write name = module:object")
    return Listing(tuple(entries), tuple(faults))


# -- metadata


class _Metadata(NamedTuple):
    package: Package
    fault: str | None = None


def _package(distribution: Distribution) -> Package:
    return _metadata(distribution).package


def _metadata(distribution: Distribution) -> _Metadata:
    """A package as its metadata say, and what is wrong with them."""
    name, version = _stem(_folder(distribution))
    try:
        headers = distribution.metadata
        requires = distribution.requires or ()
    except Exception as error:  # whatever importlib meets in a damaged file
        return _Metadata(Package(name, version), f"METADATA, {type(error).__name__}: {error}")
    ours = tuple(line for line in requires if _REQUIREMENT.match(line))
    if "Name" in headers and "Version" in headers:
        return _Metadata(Package(headers["Name"], headers["Version"], ours))
    return _Metadata(Package(name, version, ours), "METADATA without a name or a version")
