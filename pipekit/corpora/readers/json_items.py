"""Items of a JSON file, one at a time with the line of each: of a list, or one behind another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from pipekit.corpora.readers.files import CorpusFile

_BETWEEN = " \t\r\n,"


class JsonItem(NamedTuple):
    """An object of a file, and the line at which it begins."""

    line: int
    data: dict[str, Any]


def json_items(file: CorpusFile) -> Iterator[JsonItem]:
    """The objects of a file with a JSON list, or with an object a line. Other items are faults."""
    text = file.text()
    decoder = json.JSONDecoder()
    place = _skip(text, 0)
    is_list = text[place : place + 1] == "["
    if is_list:
        place = _skip(text, place + 1)
    line = 1
    counted = 0
    while place < len(text):
        if is_list and text[place] == "]":
            return
        line += text.count(
            "\n",
            counted,
            place,
        )
        counted = place
        try:
            item, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            file.fail(line, "json", f"is not JSON: {error}: export the file again")
            return
        if isinstance(item, dict):
            yield JsonItem(line, item)
        else:
            file.fail(line, "json", f"holds {str(item)[:40]!r} where a task is an object: {{…}}")
        place = _skip(text, end)
    if is_list:
        file.fail(
            line,
            "json",
            "ends within its list: the export is not whole, make it again",
        )


def _skip(
    text: str,
    place: int,
) -> int:
    """The next place that is neither white space nor a comma."""
    while place < len(text) and text[place] in _BETWEEN:
        place += 1
    return place
