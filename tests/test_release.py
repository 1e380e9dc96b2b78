"""What is released: hashes of model files, the same bytes from two builds, a bill of materials."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.places import ROOT

INDEX = ROOT / "plugins" / "SHA256SUMS"
SCRIPT = ROOT / "recipes" / "release" / "build.py"


def sums(index: Path) -> dict[str, str]:
    """Hashes by names, from a file as sha256sum writes it."""
    hashes = {}
    for line in index.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        hashes[name] = digest
    return hashes


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_the_index_has_the_hash_of_each_model_file() -> None:
    folder = INDEX.parent
    models = sorted(folder.glob("*/src/*/*.pipekit"))
    assert models
    assert sums(INDEX) == {path.relative_to(folder).as_posix(): sha256_of(path) for path in models}


@pytest.mark.slow
def test_two_builds_of_a_commit_give_the_same_bytes(tmp_path: Path) -> None:
    """The script itself compares them and ends with 1 where they differ."""
    for needed in ("build", "hatchling", "cyclonedx"):
        pytest.importorskip(needed, reason="pip install --group release")
    output = tmp_path / "dist"
    command = [sys.executable, str(SCRIPT), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    released = sums(output / "SHA256SUMS")
    assert {*released, "SHA256SUMS"} == {path.name for path in output.iterdir()}
    for name, digest in released.items():
        assert sha256_of(output / name) == digest
    suffixes = sorted(Path(name).suffix for name in released)
    assert suffixes == [".gz", ".gz", ".json", ".json", ".whl", ".whl"]
    distributions = {digest for name, digest in released.items() if ".cdx." not in name}
    assert hashes_in_bills(output) == {*sums(INDEX).values(), *distributions}


def hashes_in_bills(folder: Path) -> set[str]:
    """The hashes of all parts that the bills of a release name."""
    hashes = set()
    for path in folder.glob("*.cdx.json"):
        bill = json.loads(path.read_bytes())
        assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
        for part in bill["components"]:
            hashes.update(entry["content"] for entry in part.get("hashes", ()))
    return hashes
