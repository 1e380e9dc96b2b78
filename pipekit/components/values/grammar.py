"""The grammar of values: regular expressions over the kinds of words, a letter for each word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from pipekit.components.values.kinds import value_data


class ValueWords(NamedTuple):
    """Words that a rule describes.

    Attributes:
        start, end: places in the string of kinds.
        label: of the value.
        read: the name of the function that reads it.
    """

    start: int
    end: int
    label: str
    read: str


class Grammar:
    """The rules of a language as one expression; each kind is looked at a bounded number of times.

        Grammar(value_data("ru")).find("..dMy.")        # 12 мая 2021 among other words

    Args:
        data: ``data/<language>.toml``.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        parts = dict(data["grammar"]["parts"])
        branches = []
        self._rules = []
        for number, rule in enumerate(data["grammar"]["rules"]):
            branches.append(f"(?P<r{number}>{_expanded(rule['words'], parts)})")
            self._rules.append((rule["label"], rule["read"]))
        self._pattern = re.compile("|".join(branches))

    def find(self, kinds: str) -> Iterator[ValueWords]:
        """The words of values, from the left, without overlap."""
        for match in self._pattern.finditer(kinds):
            label, read = self._rules[int((match.lastgroup or "r0")[1:])]
            yield ValueWords(
                match.start(),
                match.end(),
                label,
                read,
            )


@cache
def grammar(lang: str) -> Grammar:
    """The grammar of a language, made once. Errors: as of `value_data`."""
    return Grammar(value_data(lang))


def _expanded(
    pattern: str,
    parts: Mapping[str, str],
) -> str:
    """A pattern with the parts that it names, and without spaces."""
    names = re.compile(
        "|".join(
            sorted(
                parts,
                key=len,
                reverse=True,
            )
        )
    )
    while names.search(pattern):
        pattern = names.sub(
            lambda match: parts[match[0]],
            pattern,
        )
    return pattern.replace(" ", "")
