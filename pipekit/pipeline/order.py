"""The order of components: each reads what is written before it, also where some are left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pipekit.errors import ConfigError, near

_Components = Mapping[str, Any]  # by name, in their order


def check_order(
    components: _Components,
    brought: Collection[str],
) -> None:
    """Errors: `ConfigError` for a component that reads what no part before it writes, and for one
    that would replace a layer to which a component before it only adds.

    Args:
        brought: layers that are there before any component: the tokenizer's, the documents' own.
    """
    for name, layer in _unmet(components, brought):
        cure = f"add a component that writes {layer!r}"
        for other, component in components.items():
            if other != name and layer in _assigned(component):
                cure = f"put it after {other!r}"
                break
        raise ConfigError(
            f"component {name!r} reads {layer!r}, which nothing before it writes: {cure}"
        )
    for name, adder, layer in _replaced(components):
        raise ConfigError(
            f"component {name!r} writes {layer!r} anew, and what {adder!r} adds to it is lost: "
            f"put {adder!r} after {name!r}"
        )


def remaining_pipes(
    components: _Components,
    taken: Collection[str] | None,
    left_out: Collection[str],
    brought: Collection[str],
    words: tuple[str, str] = ("enable", "disable"),
) -> list[str]:
    """The names of the components that a selection leaves, in their order.

    Args:
        components: all of them, in an order that is right.
        taken: the only ones to take; None for all.
        left_out: those to leave out.
        brought: as of `check_order`.
        words: what the caller calls `taken` and `left_out`, for messages.

    Errors: `ConfigError` for a component that is not there; and for one that reads what only
    components write that are left out, with all that stay together, or go together.
    """
    for name in (*(taken or ()), *left_out):
        if name not in components:
            raise ConfigError(f"there is no component {name!r}.{near(name, components)}")
    names = [
        name for name in components if (taken is None or name in taken) and name not in left_out
    ]
    selected = {name: components[name] for name in names}
    unmet = list(_unmet(selected, brought))
    if not unmet:
        return names
    name, layer = unmet[0]
    take, leave_out = words
    if left_out or taken is None:
        gone = {*left_out, *dict(unmet)}
        going = [each for each in components if each in gone]
        cure = f"leave out all that need it, {leave_out}={going}, or keep it"
    else:
        cure = f"take all that it needs, {take}={_with_writers(components, names, brought)}"
    writer = _writer_before(components, name, layer)
    raise ConfigError(
        f"component {name!r} reads {layer!r}, which {writer!r} writes and which is left out: {cure}"
    )


def _unmet(
    components: _Components,
    brought: Collection[str],
) -> Iterator[tuple[str, str]]:
    """Each component that lacks a layer, with that layer; what it writes is lacking too."""
    written = set(brought)
    for name, component in components.items():
        missing = [layer for layer in getattr(component, "requires", ()) if layer not in written]
        if missing:
            yield name, missing[0]
        else:
            written.update(_assigned(component))


def _replaced(components: _Components) -> Iterator[tuple[str, str, str]]:
    """Each component that writes a layer anew to which one before it adds, that one, the layer."""
    adders: dict[str, str] = {}
    for name, component in components.items():
        added = getattr(component, "adds_to", ())
        for layer in _assigned(component):
            if layer in added:
                adders[layer] = name
            elif layer in adders:
                yield name, adders[layer], layer


def _with_writers(
    components: _Components,
    names: Collection[str],
    brought: Collection[str],
) -> list[str]:
    """Some components, and those before them that write what they read."""
    together = []
    wanted: set[str] = set()
    for name in reversed(list(components)):
        component = components[name]
        assigned = _assigned(component)
        if name in names or not wanted.isdisjoint(assigned):
            together.append(name)
            wanted.difference_update(assigned)
            wanted.update(getattr(component, "requires", ()))
            wanted.difference_update(brought)
    return together[::-1]


def _writer_before(
    components: _Components,
    reader: str,
    layer: str,
) -> str:
    """The last component before a reader that writes a layer."""
    writer = ""
    for name, component in components.items():
        if name == reader:
            break
        if layer in _assigned(component):
            writer = name
    return writer


def _assigned(component: Any) -> Collection[str]:
    assigned: Collection[str] = getattr(component, "assigns", ())
    return assigned
