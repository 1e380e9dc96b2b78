"""SentencePiece models (Kudo and Richardson 2018) as the text of a `tokenizer.json`.

Such a model is a protocol buffer. Of its fields, only those are read that say how words are cut:

    1  pieces       1 text, 2 score, 3 kind
    2  trainer      3 algorithm, 24 whether the space comes after a word instead of before it
    3  normalizer   2 table of characters, 4 whether runs of spaces become one
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from struct import unpack
from typing import Any, NamedTuple

from pipekit.errors import PipekitFormatError
from pipekit.subwords.cutter import ALIASES, MASK, PAD, START

WireMessage = Mapping[int, list[Any]]  # the values of each field, in their order

UNIGRAM = 1  # kinds of model; 3 are words, 4 characters
BPE = 2
# Kinds of piece.
_NORMAL = 1
_UNKNOWN = 2
_CONTROL = 3
_OWN = 4
_UNUSED = 5
_BYTE = 6
# Kinds of value, in the wire format.
_VARINT = 0
_FIXED64 = 1
_BYTES = 2
_FIXED32 = 5
_FIXED_LENGTHS = {_FIXED32: 4, _FIXED64: 8}  # in bytes
_VARINT_BITS = 70  # the most bits of a number
_SPECIAL_NAMES = frozenset().union(*ALIASES.values())


class ModelPiece(NamedTuple):
    """A piece of a model: its spelling, its logarithmic probability or its rank, and its kind."""

    text: str
    score: float
    kind: int


# The first pieces of XLM-RoBERTa, in place of the first three of its model.
_SHIFTED = (
    ModelPiece("<s>", 0.0, _CONTROL),
    ModelPiece("<pad>", 0.0, _CONTROL),
    ModelPiece("</s>", 0.0, _CONTROL),
    ModelPiece("<unk>", 0.0, _UNKNOWN),
)


_PRE_TOKENIZER = {
    "type": "Metaspace",
    "replacement": START,
    "prepend_scheme": "never",
    "split": True,
}


def tokenizer_json(
    data: bytes,
    before: list[dict[str, Any]] | None = None,
    shift: bool = False,
) -> dict[str, Any]:
    """The content of a `tokenizer.json` that cuts words as a model does.

    The space that the model puts before each text is left out. A mask and a padding, where the
    model has none, take the numbers behind its own pieces.

    Args:
        data: the model file.
        before: normalizers that go before those of the model.
        shift: whether pieces are numbered as by XLM-RoBERTa, <s>, <pad>, </s>, <unk> first.

    Errors: `PipekitFormatError` for what is no such model, or one that is not supported.
    """
    model = fields(data)
    trainer = fields(_last(model, 2, b""))
    normalizer = fields(_last(model, 3, b""))
    algorithm = _last(trainer, 3, UNIGRAM)
    if algorithm not in (UNIGRAM, BPE) or _last(trainer, 24, 0):
        raise PipekitFormatError(
            "of SentencePiece models those by Unigram and BPE are read,"
            " with the space before a word"
        )
    pieces = _pieces(model, shift)
    unknown = _number_of_unknown(pieces)
    steps = [*(before or ()), *_normalizers(normalizer)]
    build = _bpe
    if algorithm == UNIGRAM:
        build = _unigram
    return {
        "version": "1.0",
        "added_tokens": _added_tokens(pieces),
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": dict(_PRE_TOKENIZER),
        "model": build(pieces, unknown),
    }


# -- pieces


def _pieces(
    model: WireMessage,
    shift: bool,
) -> list[ModelPiece]:
    """All pieces in the order of their numbers, with a mask and a padding."""
    pieces = [_piece(fields(message)) for message in model.get(1, ())]
    mask = MASK
    if shift:
        pieces[:3] = _SHIFTED
        mask = "<mask>"
    for name, text in ((MASK, mask), (PAD, PAD)):
        texts = {piece.text for piece in pieces}
        if texts.isdisjoint(ALIASES[name]):
            pieces.append(ModelPiece(text, 0.0, _CONTROL))
    return pieces


def _piece(message: WireMessage) -> ModelPiece:
    text = _last(message, 1, b"")
    score = unpack("<f", _last(message, 2, b"\0\0\0\0"))[0]
    if not text or not math.isfinite(score):
        raise PipekitFormatError(
            "this SentencePiece model has a piece without a text, or with a score that is no number"
        )
    return ModelPiece(text.decode("utf-8"), score, _last(message, 3, _NORMAL))


def _number_of_unknown(pieces: list[ModelPiece]) -> int:
    for number, piece in enumerate(pieces):
        if piece.kind == _UNKNOWN:
            return number
    raise PipekitFormatError("this SentencePiece model has no piece for what is unknown")


def _added_tokens(pieces: list[ModelPiece]) -> list[dict[str, Any]]:
    added = []
    for number, piece in enumerate(pieces):
        if _is_added(piece):
            added.append(_added(number, piece))
    return added


def _is_added(piece: ModelPiece) -> bool:
    return piece.kind in (_UNKNOWN, _CONTROL, _OWN, _UNUSED) or piece.text in _SPECIAL_NAMES


def _added(
    number: int,
    piece: ModelPiece,
) -> dict[str, Any]:
    return {
        "id": number,
        "content": piece.text,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": piece.kind != _OWN,
    }


# -- the parts of a tokenizer.json


def _unigram(
    pieces: list[ModelPiece],
    unknown: int,
) -> dict[str, Any]:
    return {
        "type": "Unigram",
        "unk_id": unknown,
        "vocab": [[piece.text, piece.score] for piece in pieces],
        "byte_fallback": _has_bytes(pieces),
    }


def _bpe(
    pieces: list[ModelPiece],
    unknown: int,
) -> dict[str, Any]:
    return {
        "type": "BPE",
        "unk_token": pieces[unknown].text,
        "fuse_unk": True,
        "byte_fallback": _has_bytes(pieces),
        "vocab": {piece.text: number for number, piece in enumerate(pieces)},
        "merges": _merges(pieces),
    }


def _has_bytes(pieces: list[ModelPiece]) -> bool:
    return any(piece.kind == _BYTE for piece in pieces)


def _merges(pieces: list[ModelPiece]) -> list[list[str]]:
    """The merges of a model by BPE, which names none.

    It merges any two neighbours that are a piece together, the piece of the highest score first.
    """
    scores = {piece.text: piece.score for piece in pieces if piece.kind in (_NORMAL, _OWN)}
    merges = []
    for text in sorted(scores, key=scores.__getitem__, reverse=True):
        for border in range(1, len(text)):
            left = text[:border]
            right = text[border:]
            if left in scores and right in scores:
                merges.append([left, right])
    return merges


def _normalizers(normalizer: WireMessage) -> Iterator[dict[str, Any]]:
    table = _last(normalizer, 2, b"")
    if table:
        yield {
            "type": "Precompiled",
            "precompiled_charsmap": base64.b64encode(table).decode("ascii"),
        }
    if _last(normalizer, 4, 1):
        yield {
            "type": "Replace",
            "pattern": {"Regex": " {2,}"},
            "content": " ",
        }


# -- protocol buffers


def fields(data: bytes) -> WireMessage:
    """The fields of a message by their numbers: ints for varints, bytes for all else.

    Errors: `PipekitFormatError` for what is no such message.
    """
    message: dict[int, list[Any]] = {}
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        values = message.setdefault(key >> 3, [])
        kind = key & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            values.append(value)
            continue
        if kind == _BYTES:
            length, place = _varint(data, place)
        elif kind in _FIXED_LENGTHS:
            length = _FIXED_LENGTHS[kind]
        else:
            raise PipekitFormatError(
                f"this is no SentencePiece model: there is a value of kind {kind} at byte {place}"
            )
        end = place + length
        if end > len(data):
            raise PipekitFormatError(
                "this is no SentencePiece model, or one cut short:"
                f" a value at byte {place} ends behind its message"
            )
        values.append(data[place:end])
        place = end
    return message


def _varint(
    data: bytes,
    place: int,
) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = 0
    for shift in range(0, _VARINT_BITS, 7):
        if place >= len(data):
            raise PipekitFormatError(
                "this is no SentencePiece model, or one cut short: it ends within a number"
            )
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise PipekitFormatError(
        f"this is no SentencePiece model: the number that ends at byte {place} is too long"
    )


def _last(
    message: WireMessage,
    number: int,
    default: Any,
) -> Any:
    """The last value of a field, which counts in this format, or the default.

    Errors: `PipekitFormatError` where the value is of another kind than the default.
    """
    value = message.get(number, (default,))[-1]
    if type(value) is not type(default):
        raise PipekitFormatError(
            f"this is no SentencePiece model: its field {number} is of another kind"
        )
    return value
