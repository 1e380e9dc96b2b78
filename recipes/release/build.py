"""Builds a release twice, shows that the bytes are the same, and writes checksums and a bill.

    pip install . --group release
    python recipes/release/build.py -o dist

The commit is taken, not the working tree: it is unpacked into two folders of different names, and
sdist and wheel of pipekit-nlp and pipekit-ru-core are built in both, with the time of the commit as
their only time (SOURCE_DATE_EPOCH). Where a byte differs, the exit status is 1 and nothing is
written. The folder then holds the distributions, for each a bill of materials
(NAME-VERSION.cdx.json, CycloneDX), and SHA256SUMS over all of them: `sha256sum -c SHA256SUMS`.

With --audit, pip-audit is asked first about known weaknesses of what is installed, over the net.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from bill import bill, sha256_of

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = (".", "plugins/ru_core")
MODELS = "plugins/SHA256SUMS"


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def unpack(
    commit: str,
    folder: Path,
) -> Path:
    """The files of a commit in a new folder."""
    folder.mkdir(parents=True)
    archive = folder.with_suffix(".tar")
    output_of("git", "archive", "-o", str(archive), commit)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()
    return folder


def build(
    source: Path,
    output: Path,
    moment: int,
) -> None:
    """Sdist and wheel of all distributions of an unpacked commit."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(moment)}
    for distribution in DISTRIBUTIONS:
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output)]
        subprocess.run(
            [*command, str(source / distribution)],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )


def differences(
    first: Path,
    second: Path,
) -> list[str]:
    """The names of files that are not the same in both folders."""
    names = {path.name for path in (*first.iterdir(), *second.iterdir())}
    _, unequal, missing = filecmp.cmpfiles(first, second, sorted(names), shallow=False)
    return unequal + missing


def models(source: Path) -> dict[str, dict[str, str]]:
    """SHA-256 of the model files of each distribution, from the index and checked against it.

    Errors: `SystemExit` naming the file that is not what the index says.
    """
    hashes: dict[str, dict[str, str]] = {distribution: {} for distribution in DISTRIBUTIONS}
    index = source / MODELS
    for line in index.read_text(encoding="utf-8").splitlines():
        sha256, _, name = line.partition("  ")
        if sha256_of(index.parent / name) != sha256:
            raise SystemExit(f"{name} is not what {MODELS} says: build the index again")
        for distribution in DISTRIBUTIONS[1:]:
            if f"plugins/{name}".startswith(f"{distribution}/"):
                hashes[distribution][name] = sha256
    return hashes


def write_bills(
    source: Path,
    output: Path,
    moment: int,
) -> None:
    hashes = models(source)
    for distribution in DISTRIBUTIONS:
        text = (source / distribution / "pyproject.toml").read_text(encoding="utf-8")
        project = tomllib.loads(text)["project"]
        tell_of_examples(project)
        name, version = project["name"], project["version"]
        files = output.glob(f"{name.replace('-', '_')}-{version}*")
        path = output / f"{name}-{version}.cdx.json"
        document = bill(project, files, hashes[distribution], moment)
        path.write_text(document + "\n", encoding="utf-8")


def tell_of_examples(project: dict[str, Any]) -> None:
    """Say which addresses of a distribution are examples still."""
    for label, address in project.get("urls", {}).items():
        if "//example.org/" in address:
            print(f"{project['name']}: {label} is {address}: set it first", file=sys.stderr)


def release(
    commit: str,
    output: Path,
) -> int:
    moment = int(output_of("git", "log", "-1", "--format=%ct", commit))
    with tempfile.TemporaryDirectory() as folder:
        sources = [unpack(commit, Path(folder) / name / "source") for name in ("a", "other")]
        builds = [source.with_name("dist") for source in sources]
        for source, built in zip(sources, builds, strict=True):
            build(source, built, moment)
        unequal = differences(*builds)
        if unequal:
            print(f"two builds differ in {', '.join(unequal)}", file=sys.stderr)
            return 1
        output.mkdir(parents=True, exist_ok=True)
        for path in builds[0].iterdir():
            shutil.copy2(path, output)
        write_bills(sources[0], output, moment)
    lines = [f"{sha256_of(path)}  {path.name}" for path in released(output)]
    (output / "SHA256SUMS").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("two builds gave the same bytes:", *lines, sep="\n")
    return 0


def released(output: Path) -> list[Path]:
    return sorted(path for path in output.iterdir() if path.name != "SHA256SUMS")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--commit", default="HEAD")
    parser.add_argument("--audit", action="store_true", help="ask pip-audit about this environment")
    options = parser.parse_args()
    if options.output.is_dir() and any(options.output.iterdir()):
        raise SystemExit(f"{options.output} is not empty: name a new folder with --output")
    if options.audit:
        subprocess.run([sys.executable, "-m", "pip_audit", "--skip-editable"], check=True)
    return release(options.commit, options.output)


if __name__ == "__main__":
    sys.exit(main())
