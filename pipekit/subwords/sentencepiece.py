"""SentencePiece models (Kudo and Richardson 2018) as the text of a `tokenizer.json`.

Such a model is a protocol buffer, of which this reads what says how words are cut: its pieces with their scores and kinds, the
algorithm, and the table by which characters are normalised.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from struct import unpack
from typing import Any, NamedTuple

from pipekit.errors import PipekitFormatError
from pipekit.subwords.cutter import ALIASES, MASK, PAD, SPECIAL, START

WireMessage = Mapping[int, list[Any]]  # the values of each field, in their order

UNIGRAM, BPE = 1, 2  # kinds of model; 3 are words, 4 characters
_NORMAL, _UNKNOWN, _CONTROL, _OWN, _UNUSED, _BYTE = range(1, 7)  # kinds of piece
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # kinds of value, in the wire format


class ModelPiece(NamedTuple):
    """A piece of a model: how it is written, its logarithmic probability or its rank, and its kind."""

    text: str
    score: float
    kind: int


def tokenizer_json(
    data: bytes, before: list[dict[str, Any]] | None = None, shift: bool = False
) -> dict[str, Any]:
    """What a `tokenizer.json` says that cuts as a model does, but for the space that the model puts before each text.

    Args:
        data: the model file.
        before: normalizers that go before its own.
        shift: whether pieces are numbered as by XLM-RoBERTa, <s>, <pad>, </s>, <unk> first.

    A mask and a padding, where the model has none, take the numbers behind its own. Errors: `PipekitFormatError`.
    """
    model = fields(data)
    trainer, normalizer = (fields(_one(model, number, b"")) for number in (2, 3))
    kind = _one(trainer, 3, UNIGRAM)
    if kind not in (UNIGRAM, BPE) or _one(trainer, 24, 0):
        raise PipekitFormatError(
            "of SentencePiece models those by Unigram and BPE are read, with the space before a word"
        )
    pieces = [_piece(fields(one)) for one in model.get(1, ())]
    if shift:
        pieces = [
            *(ModelPiece(text, 0.0, _CONTROL) for text in ("<s>", "<pad>", "</s>")),
            ModelPiece("<unk>", 0.0, _UNKNOWN),
            *pieces[3:],
        ]
    for name, text in ((MASK, "<mask>" if shift else MASK), (PAD, PAD)):
        if not {piece.text for piece in pieces} & set(ALIASES[name]):
            pieces.append(ModelPiece(text, 0.0, _CONTROL))
    unknown = next((number for number, piece in enumerate(pieces) if piece.kind == _UNKNOWN), None)
    if unknown is None:
        raise PipekitFormatError("this SentencePiece model has no piece for what is unknown")
    steps = [*(before or ()), *_normalizers(normalizer)]
    return {
        "version": "1.0",
        "added_tokens": [
            _added(number, piece) for number, piece in enumerate(pieces) if _is_added(piece)
        ],
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": {
            "type": "Metaspace",
            "replacement": START,
            "prepend_scheme": "never",
            "split": True,
        },
        "model": _unigram(pieces, unknown) if kind == UNIGRAM else _bpe(pieces, unknown),
    }


def _unigram(pieces: list[ModelPiece], unknown: int) -> dict[str, Any]:
    vocab = [[piece.text, piece.score] for piece in pieces]
    return {
        "type": "Unigram",
        "unk_id": unknown,
        "vocab": vocab,
        "byte_fallback": any(piece.kind == _BYTE for piece in pieces),
    }


def _bpe(pieces: list[ModelPiece], unknown: int) -> dict[str, Any]:
    """A model merges any two neighbours that are a piece together, the one of the highest score first."""
    whole = {piece.text: piece.score for piece in pieces if piece.kind in (_NORMAL, _OWN)}
    cuts = (
        (text[:at], text[at:])
        for text in sorted(whole, key=whole.__getitem__, reverse=True)
        for at in range(1, len(text))
    )
    return {
        "type": "BPE",
        "unk_token": pieces[unknown].text,
        "fuse_unk": True,
        "byte_fallback": any(piece.kind == _BYTE for piece in pieces),
        "vocab": {piece.text: number for number, piece in enumerate(pieces)},
        "merges": [[left, right] for left, right in cuts if left in whole and right in whole],
    }


def _normalizers(normalizer: WireMessage) -> Iterator[dict[str, Any]]:
    table = _one(normalizer, 2, b"")
    if table:
        yield {
            "type": "Precompiled",
            "precompiled_charsmap": base64.b64encode(table).decode("ascii"),
        }
    if _one(normalizer, 4, 1):
        yield {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}


def _is_added(piece: ModelPiece) -> bool:
    special = {alias for name in SPECIAL for alias in ALIASES[name]}
    return piece.kind in (_UNKNOWN, _CONTROL, _OWN, _UNUSED) or piece.text in special


def _added(number: int, piece: ModelPiece) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": piece.text, **flags, "special": piece.kind != _OWN}


def _piece(message: WireMessage) -> ModelPiece:
    text, score = _one(message, 1, b""), unpack("<f", _one(message, 2, b"\0\0\0\0"))[0]
    if not text or not math.isfinite(score):
        raise PipekitFormatError(
            "this SentencePiece model has a piece without a text, or with a score that is no number"
        )
    return ModelPiece(text.decode("utf-8"), score, _one(message, 3, _NORMAL))


# -- protocol buffers


def fields(data: bytes) -> WireMessage:
    """The fields of a message: an int for a varint, bytes for all else. Errors: `PipekitFormatError` for what is no such message."""
    found: dict[int, list[Any]] = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind, length = key & 7, 0
        if kind == _VARINT:
            value, at = _varint(data, at)
            found.setdefault(key >> 3, []).append(value)
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise PipekitFormatError(
                f"this is no SentencePiece model: there is a value of kind {kind} at byte {at}"
            )
        if at + length > len(data):
            raise PipekitFormatError(
                f"this is no SentencePiece model, or one cut short: a value at byte {at} ends behind its message"
            )
        found.setdefault(key >> 3, []).append(data[at : at + length])
        at += length
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise PipekitFormatError(
                "this is no SentencePiece model, or one cut short: it ends within a number"
            )
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise PipekitFormatError(
        f"this is no SentencePiece model: the number that ends at byte {at} is too long"
    )


def _one(message: WireMessage, number: int, default: Any) -> Any:
    """The last value of a field, as the format has it. Errors: `PipekitFormatError` where it is of another kind than the default."""
    value = message.get(number, (default,))[-1]
    if type(value) is not type(default):
        raise PipekitFormatError(
            f"this is no SentencePiece model: its field {number} is of another kind"
        )
    return value
