"""Settings of parts: the type and the range of each, declared where it is declared, and the check.

A setting is a parameter of what it builds. Its annotation is its declaration:

    class Marker:
        def __init__(
            self,
            width: Annotated[int, Between(1, 4_096)] = 256,
            dropout: Rate = 0.3,
            overlaps: Literal["nested", "none"] = "nested",
            labels: LabelList = (),
        ) -> None: ...

Types are those of plain data: bool, int, float, str, None, Literal, lists, mappings, and unions of
these. A float takes an int; an int takes no bool; no number is infinite or NaN. A list may be
written as a list or a tuple. Other annotations, and parameters without one, hold nothing.
"""

from __future__ import annotations

import math
import reprlib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, is_dataclass
from functools import lru_cache
from numbers import Integral, Real
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NoReturn,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pipekit.errors import ConfigError, near


@dataclass(frozen=True, slots=True)
class Between:
    """The range of a number, both ends included; of `step`, the number is a multiple."""

    least: float
    most: float
    step: int = 1

    def holds(self, value: Any) -> bool:
        """Whether a number lies in the range; anything else does."""
        if not isinstance(value, int | float):
            return True
        is_multiple = self.step == 1 or value % self.step == 0
        return is_multiple and self.least <= value <= self.most

    def __str__(self) -> str:
        multiple = f", a multiple of {self.step}" if self.step > 1 else ""
        return f"from {self.least} to {self.most}{multiple}"


@dataclass(frozen=True, slots=True)
class Length:
    """How many characters a text has, or how many items a list or a mapping."""

    least: int
    most: int

    def holds(self, value: Any) -> bool:
        """Whether a value is as long; what has no length is."""
        return not isinstance(value, Sized) or self.least <= len(value) <= self.most

    def __str__(self) -> str:
        return f"of length {self.least} to {self.most}"


Rate = Annotated[float, Between(0, 0.99)]
"""The share of values that dropout drops."""
Probability = Annotated[float, Between(0, 1)]
Threshold = Annotated[float, Between(0.001, 0.999)]
Temperature = Annotated[float, Between(0.01, 100)]
"""What scores are divided by before they become probabilities (Guo et al. 2017)."""
Width = Annotated[int, Between(1, 16_384)]
OptionalWidth = Annotated[int, Between(0, 16_384)]
"""0 stands for a layer that is not there, or for its usual width."""
EvenWidth = Annotated[int, Between(0, 16_384, step=2)]
"""Of two directions together; 0 for none."""
Window = Annotated[int, Between(1, 8_192)]
"""The most tokens that are read at a time."""
HeadCount = Annotated[int, Between(1, 256)]
LayerCount = Annotated[int, Between(1, 256)]
LabelName = Annotated[str, Length(1, 256)]
"""The name of a label, a tag or a layer."""
LabelList = Annotated[Sequence[LabelName], Length(0, 16_384)]


def check_values(
    factory: Callable[..., Any],
    values: Mapping[str, Any],
    where: str,
) -> None:
    """Check values by the annotations of the parameters that they are for.

    Args:
        factory: a class, a function or a dataclass; values of other names are passed over.
        where: what is built, for messages, such as "[components.ner]".

    Errors: `ConfigError` naming `where`, the key, the value, and what is needed.
    """
    declared = annotations_of(factory)
    for key, value in values.items():
        check_value(value, declared.get(key, Any), f"{where}: {key}")


def check_value(
    value: Any,
    kind: Any,
    where: str,
) -> None:
    """Check a value by an annotation.

    Errors: `ConfigError` naming `where`, the value, and what is needed.

        check_value(7, Sequence[str], "[train] path")   # [train] path = 7: a list is needed
    """
    if not _fits(value, kind):
        _refuse(value, kind, where)


def names_of(
    names: str | Iterable[str],
    where: str,
) -> list[str]:
    """Names that somebody passed, as a list. A text is one name, and not its letters.

    Errors: `ConfigError` naming `where` for what is neither.

        names_of("ner", "exclude"), names_of(("ner", "qa"), "exclude")  # ["ner"], ["ner", "qa"]
    """
    if isinstance(names, str):
        return [names]
    listed = list(names) if isinstance(names, Iterable) else [names]
    for name in listed:
        if not isinstance(name, str):
            shown = reprlib.repr(names)
            raise ConfigError(f"{where} = {shown}: a name or a list of names is needed")
    return listed


@lru_cache(maxsize=1024)
def annotations_of(factory: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a factory's parameters; none where they name what is not there."""
    is_class = isinstance(factory, type) and not is_dataclass(factory)
    owner: Any = factory.__init__ if is_class else factory
    try:
        return get_type_hints(owner, include_extras=True)
    except (NameError, TypeError, AttributeError):  # names for a type checker, or no annotations
        return {}


class _Item(NamedTuple):
    """An item of a list or a mapping: its place there, and the annotation that it must fit."""

    place: str
    value: Any
    kind: Any


def _fits(
    value: Any,
    kind: Any,
) -> bool:
    origin = get_origin(kind)
    arguments = get_args(kind)
    if origin is Annotated:
        return _fits(value, arguments[0]) and all(rule.holds(value) for rule in _rules(kind))
    if origin in (Union, types.UnionType):
        return any(_fits(value, choice) for choice in arguments)
    if origin is Literal:
        return any(_is_same(value, choice) for choice in arguments)
    if (origin or kind) in _LISTS:
        is_container = isinstance(value, list | tuple)
    elif (origin or kind) in _MAPPINGS:
        is_container = isinstance(value, Mapping)
    else:
        return _has_type(value, kind)
    return is_container and all(_fits(item.value, item.kind) for item in _items(value, kind))


_LISTS = (list, tuple, Sequence)
_MAPPINGS = (dict, Mapping)


def _rules(kind: Any) -> list[Between | Length]:
    """The ranges that an annotation declares."""
    return [rule for rule in get_args(kind)[1:] if isinstance(rule, Between | Length)]


def _is_same(
    value: Any,
    choice: Any,
) -> bool:
    return type(value) is type(choice) and value == choice


def _has_type(
    value: Any,
    kind: Any,
) -> bool:
    """Whether a value is of a type of plain data; of other types any value is."""
    is_bool = isinstance(value, bool)
    if kind is bool:
        return is_bool
    if kind is int:
        return isinstance(value, Integral) and not is_bool
    if kind is float:
        return isinstance(value, Real) and not is_bool and math.isfinite(value)
    if kind is str:
        return isinstance(value, str)
    return value is None or kind not in (None, types.NoneType)


def _items(
    value: Any,
    kind: Any,
) -> Iterator[_Item]:
    """The items of a list or a mapping that an annotation says something of."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    arguments = get_args(kind)
    origin = get_origin(kind)
    if isinstance(value, Mapping) and origin in _MAPPINGS:
        for key, item in value.items():
            yield _Item(f".{key}", item, arguments[1])
    elif isinstance(value, list | tuple) and origin in _LISTS:
        for number, item in enumerate(value):
            yield _Item(f"[{number}]", item, arguments[0])


def _refuse(
    value: Any,
    kind: Any,
    place: str,
) -> NoReturn:
    """Errors: `ConfigError` naming the innermost value that does not fit."""
    for choice in _choices(kind):
        for item in _items(value, choice):
            if not _fits(item.value, item.kind):
                _refuse(item.value, item.kind, f"{place}{item.place:.80}")
    needed = " or ".join(_described(choice) for choice in _choices(kind))
    raise ConfigError(
        f"{place} = {reprlib.repr(value)}: {needed} is needed.{_nearest(value, kind)}"
    )


def _choices(kind: Any) -> list[Any]:
    """The types of a union; a type that is none alone. Ranges of lists are left out."""
    if get_origin(kind) in (Union, types.UnionType):
        return [inner for choice in get_args(kind) for inner in _choices(choice)]
    return [kind]


_NAMES = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    None: "nothing",
    types.NoneType: "nothing",
}


def _described(kind: Any) -> str:
    """An annotation in words, such as "an integer from 1 to 256"."""
    origin = get_origin(kind)
    if origin is Annotated:
        ranges = " ".join(map(str, _rules(kind)))
        return f"{_described(get_args(kind)[0])} {ranges}".rstrip()
    if origin is Literal:
        return " or ".join(map(repr, get_args(kind)))
    if (origin or kind) in _LISTS:
        return "a list"
    if (origin or kind) in _MAPPINGS:
        return "a table of settings"
    return _NAMES.get(kind, "another value")


def _nearest(
    value: Any,
    kind: Any,
) -> str:
    """The near name, where names are to be chosen from."""
    if get_origin(kind) is not Literal or not isinstance(value, str):
        return ""
    return near(value[:80], map(str, get_args(kind)))
