"""The layers of a Doc by name. All that is written passes one check: some names have their kind."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, NoReturn

from pipekit.doc.layer import Layer
from pipekit.errors import DocError

TOKENS = "tokens"  # the layer that each Doc has
ATTRIBUTES = "attributes"  # custom attributes of the document, see `Attr`
COLUMN = "column"
NAMED_KINDS = {
    TOKENS: "token",
    "pos": COLUMN,
    "morph": COLUMN,
    "lemma": COLUMN,
    "head": COLUMN,
    "dep": COLUMN,
    "sents": COLUMN,
    "sent_start": COLUMN,
    "ents": "span",
    "answers": "span",
    "relations": "link",
    "cats": "doc",
    "sentiment": "doc",
    "questions": "doc",
    "meta": "doc",
    ATTRIBUTES: "doc",
}
"""Names that stand for one kind of layer, or for a column of tokens. Other names are free."""
_CURES = {
    "token": "add columns to it with doc.tokens.set(...)",
    COLUMN: "write it with doc.tokens.set(...)",
    "span": "write spans there, doc.spans[name] = [doc[0:2]]",
    "link": "choose another name for yours",
    "doc": "choose another name for yours",
}


class Layers(dict[str, Layer]):
    """Layers by name, with a check of all that is written. It reads as any dict does.

        doc.layers["terms"] = span_layer([0], [2])

    Errors: `DocError` for a name that stands for another kind, see `NAMED_KINDS`; for what is no
    layer; and for a Doc without its layer of tokens, or with another number of them.
    """

    __slots__ = ()

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        if not isinstance(layers, dict | Mapping):  # a dict first, which is quick to tell
            kind = type(layers).__name__
            raise DocError(
                f"the layers of a document are layers by name, and nothing of type {kind}"
            )
        if TOKENS not in layers:
            raise DocError(f"the layer {TOKENS!r} is missing: each document has it")
        super().__init__()
        for name, layer in layers.items():
            self[name] = layer

    def __setitem__(
        self,
        name: str,
        layer: Layer,
    ) -> None:
        is_plain = type(layer) is Layer and type(name) is str and name.isascii()
        if not is_plain or name == TOKENS or NAMED_KINDS.get(name, layer.kind) != layer.kind:
            _check(name, layer, self)
        dict.__setitem__(self, name, layer)

    def __delitem__(self, name: str) -> None:
        if name == TOKENS:
            raise DocError(f"the layer {TOKENS!r} is the document's own: it stays")
        dict.__delitem__(self, name)

    # The other ways to write, by these two.
    update = MutableMapping.update
    setdefault = MutableMapping.setdefault
    pop = MutableMapping.pop
    popitem = MutableMapping.popitem
    clear = MutableMapping.clear

    def __ior__(  # type: ignore[override, misc]
        self,
        layers: Mapping[str, Layer],
    ) -> Layers:
        self.update(layers)
        return self


def _check(
    name: Any,
    layer: Any,
    layers: Layers,
) -> None:
    if not isinstance(name, str):
        raise DocError(f"{name!r:.80} cannot name a layer: a name is a string")
    if not isinstance(layer, Layer):
        kind = type(layer).__name__
        raise DocError(f"the layer {name!r} cannot be of type {kind}: make a pipekit.Layer")
    if NAMED_KINDS.get(name, layer.kind) != layer.kind:
        _refuse_kind(name, layer)
    if name == TOKENS and name in layers and layers[name].size != layer.size:
        raise DocError(
            f"the layer {name!r} cannot have {layer.size} rows: "
            f"the document has {layers[name].size} tokens"
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DocError(f"{name!r:.80} cannot name a layer: it holds a lone surrogate") from None


def _refuse_kind(
    name: str,
    layer: Layer,
) -> NoReturn:
    kind = NAMED_KINDS[name]
    cure = _CURES[kind]
    if kind == COLUMN:
        raise DocError(f"{name!r} is a column of the layer {TOKENS!r}, and no layer: {cure}")
    raise DocError(
        f"the layer {name!r} is of kind {kind!r}, and one of kind {layer.kind!r} "
        f"cannot take its place: {cure}"
    )
