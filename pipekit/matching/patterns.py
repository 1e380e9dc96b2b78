"""The pattern language of the token matcher: lists of dicts, as spaCy's users write them.

    [{"LOWER": "ул."}, {"IS_TITLE": True, "OP": "+"}, {"TEXT": ",", "OP": "?"}, {"IS_DIGIT": True}]

A dict is an item: conditions that a token meets, and how often. It has these keys:

    TEXT (ORTH), LOWER, NORM, SHAPE, PREFIX, SUFFIX     the word, see `word_views`
    LENGTH                                              its number of letters
    IS_ALPHA, IS_DIGIT, IS_TITLE, LIKE_NUM, …           flags of the word: true or false
    LEMMA, POS, MORPH, TAG, DEP, IS_SENT_START          columns of tokens
    ENT_TYPE                                            the label of the span of "ents" around it
    the name of another column, or "_": {name: …}       columns of plugins, labels or numbers
    OP                  "!" another token, "?" "+" "*" "{3}" "{2,4}" "{2,}" "{,4}"; else exactly one

and the value of a key is what the token has there, or a dict of conditions that all hold:

    IN, NOT_IN                            a list: one of these, none of these
    REGEX                                 a regular expression that is in it somewhere
    IS_SUBSET, IS_SUPERSET, INTERSECTS    a list; of MORPH, of features such as "Case=Nom"
    == != >= <= > <                       a number, of LENGTH and of columns of numbers

{} is any token. An unset value is the empty string, and no number. Words of a pattern are spelled
as the view spells them: {"LOWER": "Ул."} is {"LOWER": "ул."}.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, NoReturn

from pipekit.errors import ConfigError, near
from pipekit.matching.regexes import check_regex
from pipekit.matching.word_views import FLAGS, NUMBERS, STRINGS, spelled

WORD = "word"  # the source of views of the word itself; other sources are columns
ENTS = "ents"  # the source of labels of the spans around tokens

Test = Literal["listed", "is", "regex", "number", "subset", "superset", "meets"]

_COLUMNS = {
    "LEMMA": "lemma",
    "POS": "pos",
    "MORPH": "morph",
    "TAG": "tag",
    "DEP": "dep",
    "IS_SENT_START": "sent_start",
    "SENT_START": "sent_start",
    "ENT_TYPE": ENTS,
}
_COMPARISONS = ("==", "!=", ">=", "<=", ">", "<")
_LISTS = {
    "IN": "listed",
    "NOT_IN": "listed",
    "IS_SUBSET": "subset",
    "IS_SUPERSET": "superset",
    "INTERSECTS": "meets",
}
_TESTS = (*_LISTS, "REGEX", *_COMPARISONS)
_REFUSED = {
    "IS_STOP": "pipekit has no list of stop words: write your own, {'LOWER': {'IN': [...]}}",
    "ENT_IOB": "ask for the label of the span around the token: ENT_TYPE",
    "FUZZY": "words that are nearly alike are not looked for: write a REGEX",
}
_QUANTIFIER = re.compile(r"\{(\d{0,9})(,?)(\d{0,9})\}")
_TIMES: dict[str, tuple[int, int | None]] = {
    "1": (1, 1),
    "!": (1, 1),
    "?": (0, 1),
    "+": (1, None),
    "*": (0, None),
}
MOST_TIMES = 255  # of {n,m}
_MOST_ITEMS = 255  # of a pattern
_MOST_CONDITIONS = 32  # of an item


class Condition(NamedTuple):
    """What a token has to have.

    Attributes:
        source: `WORD`, `ENTS`, or the name of a column of tokens.
        view: how a word is looked at, a name of `word_views`; "" for a column.
        test: how the value is compared.
        value: strings in order; a regular expression; comparisons with numbers; nothing of flags.
        negated: whether it must not be so.
    """

    source: str
    view: str
    test: Test
    value: tuple[Any, ...]
    negated: bool = False


class PatternItem(NamedTuple):
    """Tokens in a row that meet the same conditions.

    Attributes:
        conditions: all of them hold.
        negated: whether it must not be so.
        least, most: how many tokens; `most` is None where there may be any number.
    """

    conditions: tuple[Condition, ...]
    negated: bool
    least: int
    most: int | None


def read_pattern(
    pattern: Any,
    where: str,
) -> list[PatternItem]:
    """The items of a pattern.

    Args:
        where: what the pattern is called in messages, such as "streets.jsonl:3".

    Errors: `ConfigError` naming the pattern, the item, the key, and near names.

        read_pattern([{"LOWER": "ул."}, {"IS_TITLE": True}], "the pattern of STREET")
    """
    if not isinstance(pattern, list | tuple) or not pattern:
        raise ConfigError(f"{where}: {pattern!r:.80}: a pattern is a list of dicts, not empty")
    if len(pattern) > _MOST_ITEMS:
        raise ConfigError(f"{where}: {len(pattern)} items: a pattern has at most {_MOST_ITEMS}")
    items = []
    for number, item in enumerate(pattern, 1):
        place = f"{where}: item {number}"
        items.append(_read_item(item, place))
    return items


def columns_read(patterns: Iterable[Sequence[PatternItem]]) -> list[str]:
    """The token columns, and the layer "ents", that patterns look at, in order.

    Borders of sentences are "sents", as components call them.
    """
    columns: set[str] = set()
    for pattern in patterns:
        for item in pattern:
            for condition in item.conditions:
                columns.add(condition.source)
    columns.discard(WORD)
    if "sent_start" in columns:
        columns.remove("sent_start")
        columns.add("sents")
    return sorted(columns)


def _read_item(
    item: Any,
    where: str,
) -> PatternItem:
    if not isinstance(item, Mapping):
        raise ConfigError(f"{where} is {item!r:.80}: a dict such as {{'LOWER': 'word'}} is needed")
    conditions: list[Condition] = []
    operator = "1"
    for key, value in item.items():
        if not isinstance(key, str):
            raise ConfigError(f"{where}: the key {key!r:.80} is no string")
        place = f"{where}: {key[:80]}"
        if key.upper() == "OP":
            operator = value
        elif key == "_":
            conditions += _of_columns(value, place)
        else:
            conditions += _of_key(key, value, place)
    if len(conditions) > _MOST_CONDITIONS:
        raise ConfigError(f"{where} has more than {_MOST_CONDITIONS} conditions")
    least, most = _times(operator, f"{where}: OP")
    return PatternItem(
        tuple(dict.fromkeys(conditions)),
        operator == "!",
        least,
        most,
    )


def _of_columns(
    columns: Any,
    where: str,
) -> list[Condition]:
    """The conditions on columns of plugins, {name: value, …}."""
    if not isinstance(columns, Mapping):
        raise ConfigError(f"{where} = {columns!r:.80}: columns by name are needed")
    conditions = []
    for name, value in columns.items():
        place = f"{where}: {name!s:.80}"
        conditions += _of_column(str(name), value, place)
    return conditions


def _of_key(
    key: str,
    value: Any,
    where: str,
) -> list[Condition]:
    name = key.upper()
    view = "text" if name == "ORTH" else key.lower()
    if view in STRINGS:
        return _of_strings(WORD, view, value, where)
    if view in NUMBERS:
        return _of_numbers(WORD, view, value, where)
    if view in FLAGS:
        if not isinstance(value, bool):
            raise ConfigError(f"{where} = {value!r:.80}: true or false is needed")
        return [
            Condition(
                source=WORD,
                view=view,
                test="is",
                value=(),
                negated=not value,
            )
        ]
    if name in _COLUMNS:
        return _of_column(_COLUMNS[name], value, where)
    if name in _REFUSED:
        raise ConfigError(f"{where}: {_REFUSED[name]}")
    if key == name:  # columns of tokens have small letters
        _refuse_name(where, key, _names())
    return _of_column(key, value, where)


def _names() -> list[str]:
    views = (*STRINGS, *NUMBERS, *FLAGS)
    return [
        *(view.upper() for view in views),
        "ORTH",
        *_COLUMNS,
        "OP",
        "_",
    ]


def _of_column(
    column: str,
    value: Any,
    where: str,
) -> list[Condition]:
    """Conditions on a column: of labels where they compare strings, else of numbers."""
    keys: Sequence[Any] = ()
    values = [value]
    if isinstance(value, Mapping):
        keys = list(value)
        values = list(value.values())
    is_number = any(isinstance(operand, int | float) for operand in values[:1])
    if is_number or any(key in _COMPARISONS for key in keys):
        return _of_numbers(column, "", value, where)
    return _of_strings(column, "", value, where)


def _of_strings(
    source: str,
    view: str,
    value: Any,
    where: str,
) -> list[Condition]:
    if isinstance(value, str):
        return [_listed(source, view, [value])]
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} = {value!r:.80}: a string, or a dict of conditions, is needed")
    conditions = []
    for key, operand in value.items():
        place = f"{where}: {key!s:.80}"
        if key in _LISTS:
            strings = _strings(operand, place)
            condition = _of_list(source, view, key, strings)
        elif key == "REGEX":
            condition = _of_regex(source, view, operand, place)
        else:
            _refuse_test(place, key)
        conditions.append(condition)
    return conditions


def _of_list(
    source: str,
    view: str,
    key: str,
    strings: list[str],
) -> Condition:
    if key in ("IN", "NOT_IN"):
        return _listed(
            source,
            view,
            strings,
            negated=key == "NOT_IN",
        )
    test: Any = _LISTS[key]
    return Condition(
        source=source,
        view=view,
        test=test,
        value=_ordered(strings),
    )


def _listed(
    source: str,
    view: str,
    strings: list[str],
    *,
    negated: bool = False,
) -> Condition:
    if source == "morph":
        strings = list(map(_in_order, strings))
    elif source == WORD:
        strings = spelled(view, strings)
    return Condition(
        source=source,
        view=view,
        test="listed",
        value=_ordered(strings),
        negated=negated,
    )


def _ordered(strings: list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(strings)))


def _in_order(morph: str) -> str:
    """Features in the order of Universal Dependencies: "Number=Sing|Case=Nom" as "Case=…"."""
    features = morph.split("|")
    features.sort(key=str.lower)
    return "|".join(features)


def _of_regex(
    source: str,
    view: str,
    operand: Any,
    where: str,
) -> Condition:
    """A regular expression, or a dict of IN or NOT_IN with several of them."""
    negated = False
    regexes = [operand]
    if isinstance(operand, Mapping):
        is_list = operand.keys() <= {"IN", "NOT_IN"}
        if len(operand) != 1 or not is_list:
            raise ConfigError(f"{where} = {operand!r:.80}: a string, or IN or NOT_IN, is needed")
        [(key, listed)] = operand.items()
        negated = key == "NOT_IN"
        regexes = _strings(listed, f"{where}: {key}")
    for regex in regexes:
        if not isinstance(regex, str):
            raise ConfigError(f"{where} = {regex!r:.80}: a string is needed")
    translated = [check_regex(regex, where) for regex in regexes]
    return Condition(
        source=source,
        view=view,
        test="regex",
        value=tuple(translated),
        negated=negated,
    )


def _of_numbers(
    source: str,
    view: str,
    value: Any,
    where: str,
) -> list[Condition]:
    if not isinstance(value, Mapping):
        value = {"==": value}
    conditions = []
    for key, operand in value.items():
        place = f"{where}: {key!s:.80}"
        if key in ("IN", "NOT_IN"):
            listed = _list(operand, place)
            numbers = {_number(number, place) for number in listed}
            pairs = [("==", number) for number in sorted(numbers)]
        elif key in _COMPARISONS:
            pairs = [(key, _number(operand, place))]
        else:
            _refuse_test(place, key)
        condition = Condition(
            source=source,
            view=view,
            test="number",
            value=tuple(pairs),
            negated=key == "NOT_IN",
        )
        conditions.append(condition)
    return conditions


def _number(
    value: Any,
    where: str,
) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{where} = {value!r:.80}: a number is needed")
    return float(value)


def _list(
    value: Any,
    where: str,
) -> list[Any]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise ConfigError(f"{where} = {value!r:.80}: a list is needed")
    return list(value)


def _strings(
    value: Any,
    where: str,
) -> list[str]:
    strings = _list(value, where)
    for string in strings:
        if not isinstance(string, str):
            raise ConfigError(f"{where} has {string!r:.80}: a list of strings is needed")
    return strings


def _refuse_name(
    where: str,
    name: str,
    names: Iterable[str],
) -> NoReturn:
    raise ConfigError(f"{where}: there is no {name[:80]!r}.{near(name[:80], names)}")


def _refuse_test(
    where: str,
    key: Any,
) -> NoReturn:
    name = str(key)
    for refused, cure in _REFUSED.items():
        if name.startswith(refused):
            raise ConfigError(f"{where}: {cure}")
    _refuse_name(where, name, _TESTS)


def _times(
    operator: Any,
    where: str,
) -> tuple[int, int | None]:
    """How many tokens an operator takes: the least, and the most if there is a limit."""
    if isinstance(operator, str) and operator in _TIMES:
        return _TIMES[operator]
    quantifier = None
    if isinstance(operator, str):
        quantifier = _QUANTIFIER.fullmatch(operator)
    if quantifier is None:
        operators = ["!", "?", "+", "*", "{n}", "{n,m}", "{n,}", "{,m}"]
        raise ConfigError(f"{where} = {operator!r:.80}: one of {', '.join(operators)} is needed")
    low, comma, high = quantifier.groups()
    least = int(low or 0)
    most: int | None = least
    if comma:
        most = int(high) if high else None
    is_wrong = not low and not high
    if high and not comma:
        is_wrong = True
    if most is not None and most < least:
        is_wrong = True
    if is_wrong or max(least, most or 0) > MOST_TIMES:
        raise ConfigError(f"{where} = {operator!r}: {{n,m}} takes n up to m, at most {MOST_TIMES}")
    return least, most
