"""Lists of Russian names for normal forms: pipekit/words/data/ru.names.toml.

    python recipes/names/lists.py

First names by gender, and last names that their endings do not show to be such: Ким, Толстой, Заяц,
from `registers`.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from registers import rows

RAREST = 5  # how often a name stands in the registers that the package counted
RAREST_LAST = 20  # the same of last names, but for those that lose a vowel (Заяц, Зайца)
GENDERS = {"men": "m", "women": "f"}
REGULAR = re.compile("(?:[оеё]в|[иы]н|[сц]к)(?:а|ий|ая)?$|(?:ко|ых|их)$")
FLEETING = re.compile("(?:[оеё][кл]|[ея]ц|е[йнл]ь?)$")
OUTPUT = Path(__file__).resolve().parents[2] / "pipekit" / "words" / "data" / "ru.names.toml"
HEAD = """\
# Names of people, in small letters with ё as е, the most frequent ones first.
# From russiannames 2.0.0 (Ivan Begtin, BSD-3-Clause), by recipes/names/lists.py.
"""


def listed(name: str, chosen: list[dict[str, Any]]) -> str:
    chosen.sort(key=lambda row: (-row["count"], row["text"]))
    names = [row["text"].lower().replace("ё", "е") for row in chosen]
    lines = "\n".join(textwrap.wrap(" ".join(dict.fromkeys(names)), 120))
    return f'{name} = """\n{lines}\n"""\n'


first_names = rows("names", RAREST)
last_names = rows("surnames", RAREST)
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
