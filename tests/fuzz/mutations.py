"""Inputs that are well formed up to one place: trees, texts and bytes with a change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

ODD_NUMBERS = (
    *(0, 1, 2, 3, 16, 255, 256, 65_536, 50_001, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64),
    *(-1, -2, -(2**31), -(2**63), 10**30, 10**400, 0.5, -0.0, 1e308, 1e-320),
    *(float("nan"), float("inf"), float("-inf")),
)
ODD_TEXTS = (
    *("", " ", "\n", "\r\n", "\t", "\x00", "\x1f", "\x85", "\u2028", "\ufeff", "\u00ad", "\u200b"),
    *("\ud800", "\udfff", "\ufffe", "\U0010ffff", "и\u0306", "ё", "İ", "ß", "ﬁ", "²", "١", "½"),
    *("_", "#", "-", "1-2", "1.1", "=", "|", '"', "'", ",", ";", ":", "\\", "/", "..", "[", "{"),
    *("null", "true", "NaN", "-1", "9" * 5_000, "а" * 300, "tokens", "start", "label", "text"),
    *("👨‍👩‍👧‍👦", "т.е.", "https://a.рф/?q=1", "mail@site.ru", "SpaceAfter=No", "# newdoc id = 1"),
)
ODD_THINGS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, {"a": 1}, b"")

Path = tuple[Any, ...]


def paths(tree: Any, here: Path = ()) -> Iterator[Path]:
    """The ways to all things in a tree of lists and mappings."""
    yield here
    if isinstance(tree, dict):
        for key, inner in tree.items():
            yield from paths(inner, (*here, key))
    elif isinstance(tree, list):
        for number, inner in enumerate(tree):
            yield from paths(inner, (*here, number))


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def odd(chance: Random) -> Any:
    """A value that a reader may not expect."""
    return deepcopy(chance.choice(chance.choice((ODD_NUMBERS, ODD_TEXTS, ODD_THINGS))))


def changed_tree(tree: Any, chance: Random) -> Any:
    """A tree with a change or several: of a value, of a key, of the length of a list."""
    tree = deepcopy(tree)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        tree = _changed_once(tree, chance)
    return tree


def _changed_once(tree: Any, chance: Random) -> Any:
    ways = list(paths(tree))
    path = chance.choice(ways)
    value = _changed_value(_at(tree, path), _at(tree, chance.choice(ways)), chance)
    if not path:
        return value if chance.random() < 0.1 else tree
    holder = _at(tree, path[:-1])
    key = path[-1]
    change = chance.randrange(8)
    if change == 0:
        del holder[key]
    elif change == 1 and isinstance(holder, list):
        holder.insert(key, deepcopy(holder[key]))
    elif change == 1:
        holder[str(chance.choice(ODD_TEXTS))] = holder[key]
    else:
        holder[key] = value
    return tree


def _changed_value(value: Any, other: Any, chance: Random) -> Any:
    way = chance.randrange(4)
    if way == 0:
        return deepcopy(other)
    if way == 1 or isinstance(value, dict | list):
        return odd(chance)
    if isinstance(value, bool) or value is None:
        return odd(chance)
    if isinstance(value, int | float):
        return value + chance.choice((-1, 1, 7, 1_000))
    if isinstance(value, bytes):
        return changed_bytes(value, chance)
    return changed_text(str(value), chance)


def changed_bytes(data: bytes, chance: Random) -> bytes:
    """Bytes with a part changed, left out, doubled or put elsewhere."""
    if not data:
        return chance.randbytes(chance.randrange(1, 9))
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.choice((1, 1, 2, 4, 8, 64, 1_000)))
    part = data[start:end]
    way = chance.randrange(5)
    if way == 0:
        part = chance.randbytes(len(part))
    elif way == 1:
        part = b""
    elif way == 2:
        part = part * chance.choice((2, 3, 30))
    elif way == 3:
        part = bytes([part[0] ^ (1 << chance.randrange(8))]) + part[1:]
    else:
        part = chance.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * len(part)
    return data[:start] + part + data[end:]


def changed_text(text: str, chance: Random) -> str:
    """A text with a part changed, left out, doubled, or replaced by what is odd."""
    start = chance.randrange(len(text) + 1)
    end = min(len(text), start + chance.choice((0, 1, 2, 5, 20)))
    part = chance.choice(("", text[start:end] * 2, *(chance.choice(ODD_TEXTS) for _ in range(4))))
    return text[:start] + part + text[end:]


def text_of(data: bytes) -> str:
    """Bytes as a text, which may have lone surrogates."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def changed_lines(data: bytes, chance: Random, cell: str = "\t") -> bytes:
    """A text file with a change of a line, or of a cell of a line."""
    lines = text_of(data).split("\n")
    for _ in range(chance.choice((1, 1, 2, 4))):
        number = chance.randrange(len(lines))
        way = chance.randrange(7)
        if way == 0 and len(lines) > 1:
            del lines[number]
        elif way == 1:
            lines.insert(number, chance.choice(lines))
        elif way == 2:
            lines.insert(number, str(chance.choice(ODD_TEXTS)))
        elif way == 3:
            lines[number] = changed_text(lines[number], chance)
        else:
            cells = lines[number].split(cell)
            place = chance.randrange(len(cells))
            cells[place] = _changed_cell(cells, place, chance)
            lines[number] = cell.join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _changed_cell(cells: list[str], place: int, chance: Random) -> str:
    way = chance.randrange(4)
    if way == 0:
        return chance.choice(cells)
    if way == 1:
        return str(chance.choice(ODD_TEXTS))
    if way == 2:
        return str(chance.choice(ODD_NUMBERS))
    return changed_text(cells[place], chance)


Mutate = Callable[[bytes, Random], bytes]


def of_lines(cell: str = "\t") -> Mutate:
    return lambda data, chance: changed_lines(data, chance, cell)


def of_json(data: bytes, chance: Random) -> bytes:
    """JSON with a change of the tree; JSON lines with a change of one of them."""
    lines = data.split(b"\n")
    number = chance.randrange(len(lines))
    try:
        tree = json.loads(lines[number])
    except (ValueError, RecursionError):
        return changed_lines(data, chance, ",")
    lines[number] = json.dumps(changed_tree(tree, chance), default=str).encode()
    return b"\n".join(lines)


def of_text(data: bytes, chance: Random) -> bytes:
    text = text_of(data)
    return changed_text(text, chance).encode("utf-8", "surrogatepass")
