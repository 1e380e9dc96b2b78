"""A package of a pipeline: a wheel and an sdist with its file and a model card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from pipekit import builtin, registry
from pipekit.errors import ConfigError
from pipekit.installed import normal_version
from pipekit.packages.archives import sdist_bytes, wheel_bytes
from pipekit.packages.card import missing_facts, model_card
from pipekit.packages.names import PackageNames, check_module, check_not_installed
from pipekit.packages.templates import render_template
from pipekit.pipeline import Pipeline
from pipekit.pipeline.loading import load, pipeline_path
from pipekit.registry import check_name
from pipekit.storage import store
from pipekit.storage.files import make_folder, write_atomically

_UNSTATED = "LicenseRef-not-stated"


class ModelPackage(NamedTuple):
    """What was built.

    Attributes:
        wheel, sdist: the files.
        missing: what the model card could not tell, see `pipekit.packages.card.FACTS`.
    """

    wheel: Path
    sdist: Path
    missing: list[str]


def build_package(
    pipeline: str,
    name: str,
    version: str,
    folder: Path = Path("dist"),
    *,
    facts: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> ModelPackage:
    """Build an installable package of a pipeline; nothing is looked up on the net.

        build_package("runs/mine/best.pipekit", "ru_mycorp", "0.1")

    Args:
        pipeline: a file, a folder, or the name of an installed pipeline.
        name: by which `pipekit.load` finds it once the package is installed.
        facts: meta data that replace those of the file, such as {"license": "MIT"}.
        overwrite: replace a package of this version that is in the folder.

    Errors: `ConfigError` for a name or a version that pip would not take, a name that is taken,
    parts that no package brings, and files that are there already; those of `pipekit.load`.
    """
    version = normal_version(version)
    _check_name(name)
    stem = f"{name}-{version}"
    wheel = folder / f"{stem}-py3-none-any.whl"
    sdist = folder / f"{stem}.tar.gz"
    for path in (wheel, sdist):
        if path.exists() and not overwrite:
            raise ConfigError(f"{path} is there already: raise the version, or give --overwrite")
    nlp = load(pipeline, device="cpu")
    requirements = requirements_of(nlp)
    nlp.meta.update({**(facts or {}), "name": name, "version": version, "requires": requirements})
    meta = nlp.meta
    data = _with_meta(store.load_container(pipeline_path(pipeline)), meta)
    about_file = {
        "size": f"{len(data) / 1e6:,.1f} MB",
        "SHA-256": sha256(data).hexdigest(),
        "encoders": _encoders(nlp),
    }
    card = model_card(nlp, name, version, wheel.name, requirements, about_file)
    files = project_files(name, version, meta, requirements)
    text = {key: value.encode() for key, value in files.items()}
    code = {"__init__.py": text.pop(f"src/{name}/__init__.py"), "py.typed": b""}
    code[f"{name}.pipekit"] = data
    text["README.md"] = card.encode()
    metadata = _metadata(name, version, meta, requirements, card).encode()
    make_folder(folder)
    entry_points = f"[pipekit_pipelines]\n{name} = {name}:path\n".encode()
    package = {f"{name}/{key}": content for key, content in code.items()}
    info = {"METADATA": metadata, "entry_points.txt": entry_points}
    write_atomically(wheel, [wheel_bytes(package, f"{stem}.dist-info", info)])
    sources = {f"src/{key}": content for key, content in package.items()}
    write_atomically(sdist, [sdist_bytes({"PKG-INFO": metadata, **text, **sources}, stem)])
    return ModelPackage(wheel, sdist, missing_facts(meta))


def _check_name(name: str) -> None:
    """Errors: `ConfigError` for what cannot name a module and a pipeline, or is another's."""
    check_name(name, "a pipeline")
    check_module(name, name)
    if name != name.lower():
        raise ConfigError(f"{name!r}: pip takes names as if in small letters: {name.lower()!r}")
    names = PackageNames(_distribution(name), name, name, name)
    for supplier in registry.pipelines.suppliers(name):
        if supplier.package.lower().replace("_", "-") == names.distribution:
            return  # an older version of the same package
        raise ConfigError(
            f"a pipeline {name!r} is installed already, brought by {supplier}: choose another name"
        )
    check_not_installed(names)


def _distribution(name: str) -> str:
    return name.replace("_", "-")


def _with_meta(
    container: store.Container,
    meta: Mapping[str, Any],
) -> bytes:
    """The bytes of a pipeline file with other meta data; numbers are stored as they were."""
    whole = store.to_bytes(container.header, container.tensors)
    is_half = len(whole) != container.size
    header = {**container.header, "meta": dict(meta)}
    return store.to_bytes(header, container.tensors, half=is_half)


def requirements_of(pipeline: Pipeline) -> list[str]:
    """What the package of a pipeline depends on: pipekit, and the packages of its parts.

    Errors: `ConfigError` for a part that this process registered, which is in no package.
    """
    extras = set()
    plugins = {}
    for kind, name, settings in _parts(pipeline):
        supplier = registry.BY_KIND[kind].supplier(settings["type"])
        if supplier.package == registry.THIS_PROCESS:
            raise ConfigError(
                f"[{kind}.{name}] is of the type {settings['type']!r}, a class that this process "
                "registered: put it into a package of its own, `pipekit init plugin NAME`"
            )
        if supplier.package != builtin.DISTRIBUTION:
            plugins[supplier.package] = f"{supplier.package}>={supplier.version}"
        if settings["type"] == "bert":
            extras.add("bert")
        if '"REGEX"' in json.dumps(settings, default=str):
            extras.add("matching")
    extra = f"[{','.join(sorted(extras))}]" if extras else ""
    major, minor, *_ = builtin.RELEASE.split(".")
    own = f"{builtin.DISTRIBUTION}{extra}>={major}.{minor},<{int(major) + 1}"
    return [own, *sorted(plugins.values())]


def _parts(pipeline: Pipeline) -> list[tuple[str, str, dict[str, Any]]]:
    """Kind, name and settings of each part."""
    parts = [("tokenizer", "", pipeline.tokenizer_config)]
    for kind, configs in pipeline.configs.items():
        parts += [(kind, name, settings) for name, settings in configs.items()]
    return parts


def project_files(
    name: str,
    version: str,
    meta: Mapping[str, Any],
    requirements: list[str],
    distribution: str = "",
    title: str = "",
) -> dict[str, str]:
    """The files of the project, without its card and the pipeline itself.

    Args:
        distribution: as pip knows it; by default the name with "-" for "_".
        title: what the module's first line says.
    """
    description = str(meta.get("description") or f"{name}: a pipeline of pipekit")
    values = {
        "name": name,
        "version": version,
        "distribution": distribution or _distribution(name),
        "title": title or f"{name}: a pipeline of pipekit",
        "description": _in_quotes(description),
        "license": _in_quotes(str(meta.get("license") or _UNSTATED)),
        "dependencies": ", ".join(f'"{line}"' for line in requirements),
    }
    return {
        "pyproject.toml": render_template("model/pyproject.toml", values),
        f"src/{name}/__init__.py": render_template("model/__init__.py", values),
    }


def _in_quotes(text: str) -> str:
    """A text as it stands between the quotes of a TOML string, in one line."""
    line = " ".join(text.split())
    return json.dumps(line, ensure_ascii=False)[1:-1]


def _metadata(
    name: str,
    version: str,
    meta: Mapping[str, Any],
    requirements: list[str],
    card: str,
) -> str:
    """The core metadata, as pip reads them."""
    description = " ".join(str(meta.get("description") or f"{name}: a pipeline of pipekit").split())
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {_distribution(name)}",
        f"Version: {version}",
        f"Summary: {description}",
        f"License: {' '.join(str(meta.get('license') or 'not stated').split())}",
        "Requires-Python: >=3.11",
    ]
    lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
    lines += ["Description-Content-Type: text/markdown", "", card]
    return "\n".join(lines)


def _encoders(pipeline: Pipeline) -> str:
    """Type and number of weights of each encoder."""
    shown = []
    for name, encoder in pipeline.encoders.items():
        count = sum(weight.numel() for weight in encoder.parameters())
        type_name = pipeline.configs["encoders"][name]["type"]
        shown.append(f"{name}: {type_name}, {count:,} weights")
    return "; ".join(shown) or "none"
