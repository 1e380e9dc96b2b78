"""The bill of materials of a release: CycloneDX 1.6, the same bytes for the same release."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement


def bill(
    project: dict[str, Any],
    files: Iterable[Path],
    models: dict[str, str],
    moment: int,
) -> str:
    """The bill of one distribution.

    Args:
        project: the table `project` of its pyproject.toml.
        files: what is released of it, sdist and wheel.
        models: SHA-256 of the pipeline files that it holds, by their names.
        moment: the time of the release, seconds since 1970.
    """
    name, version = project["name"], project["version"]
    root = _component(name, version, ComponentType.LIBRARY)
    parts = [_released(path) for path in sorted(files)]
    parts += [_model(path, sha256) for path, sha256 in sorted(models.items())]
    needed = [_needed(line) for line in sorted(project["dependencies"])]
    document = Bom(components=[*parts, *needed], dependencies=[Dependency(root.bom_ref)])
    document.metadata.component = root
    document.metadata.timestamp = datetime.fromtimestamp(moment, UTC)
    document.register_dependency(root, needed)
    sums = "".join(str(entry.content) for part in parts for entry in part.hashes)
    document.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"{name} {version} {sums}")
    return make_outputter(document, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(
        indent=2
    )


def _component(
    name: str,
    version: str | None,
    kind: ComponentType,
) -> Component:
    url = PackageURL("pypi", name=name, version=version)
    return Component(name=name, version=version, type=kind, purl=url, bom_ref=str(url))


def _needed(line: str) -> Component:
    """A dependency; its version is that of the environment in which the release was tested."""
    name = Requirement(line).name
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        version = None
    part = _component(name, version, ComponentType.LIBRARY)
    part.description = f"required: {line}"
    return part


def _released(path: Path) -> Component:
    return _hashed(path.name, ComponentType.FILE, sha256_of(path))


def _model(
    path: str,
    sha256: str,
) -> Component:
    return _hashed(path, ComponentType.MACHINE_LEARNING_MODEL, sha256)


def _hashed(
    name: str,
    kind: ComponentType,
    sha256: str,
) -> Component:
    return Component(
        name=name,
        type=kind,
        bom_ref=f"file:{name}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
    )


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
