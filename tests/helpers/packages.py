"""Real packages in a folder, as pip installs them.

A package is a module, and a folder with its metadata and entry points.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


class Site:
    """A folder on the path of imports, into which packages are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: set[str] = set()

    def install(
        self,
        name: str,
        source: str,
        entry_points: Mapping[str, str],
        version: str = "1.0",
        requires: Sequence[str] = (),
    ) -> Path:
        """A package of one module, and the folder of its metadata.

        Args:
            entry_points: lines "part = module:object", by group.
            requires: what it depends on, such as "pipekit-nlp>=0.3".
        """
        module = name.replace("-", "_")
        (self.folder / f"{module}.py").write_text(dedent(source), encoding="utf-8")
        metadata = self.folder / f"{module}-{version}.dist-info"
        metadata.mkdir(exist_ok=True)
        headers = METADATA.format(name=name, version=version)
        headers += "".join(f"Requires-Dist: {line}\n" for line in requires)
        (metadata / "METADATA").write_text(headers, encoding="utf-8")
        lines = [f"[{group}]\n{line}\n" for group, line in entry_points.items()]
        (metadata / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        self.modules.add(module)
        importlib.invalidate_caches()
        return metadata

    def uninstall(self, name: str, version: str = "1.0") -> None:
        """Take the package away, as pip would."""
        module = name.replace("-", "_")
        for file in (self.folder / f"{module}-{version}.dist-info").iterdir():
            file.unlink()
        (self.folder / f"{module}-{version}.dist-info").rmdir()
        (self.folder / f"{module}.py").unlink()
        self.forget()
        importlib.invalidate_caches()

    def forget(self) -> None:
        """Let the modules be imported afresh."""
        for module in self.modules:
            sys.modules.pop(module, None)

    def imported(self) -> set[str]:
        """Which of the packages have been imported."""
        return self.modules & sys.modules.keys()
