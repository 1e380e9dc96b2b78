"""Cases as lines of text."""

from __future__ import annotations

from helpers.places import CASES


def read_cases(name: str) -> list[str]:
    """The lines of a file in tests/cases/ but for empty ones and comments."""
    lines = (CASES / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]
