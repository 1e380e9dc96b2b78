"""Vocabularies of subwords that others have made, from the files in which they come.

Words are cut one by one, each with the space before it or without one. So what puts a space, or the mark of one, before every text is
taken out of a vocabulary as it is read; else its pieces are those of its own library.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipekit.errors import ConfigError, PipekitFormatError
from pipekit.subwords.cutter import ALIASES, SPECIAL, UNKNOWN, Subwords, from_text, learn_subwords
from pipekit.subwords.sentencepiece import tokenizer_json

# The files that hold a vocabulary, the one that says most first.
FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
_MAX_BYTES = 2**28  # of a file; the greatest that are published have a tenth
_LONGEST = 100  # letters of a word that WordPiece cuts
# Whose SentencePiece models are numbered otherwise, by `model_type` and `tokenizer_class`; and whose lose capitals and accents.
_SHIFTED = {"xlm-roberta", "XLMRobertaTokenizer", "XLMRobertaTokenizerFast"}
_RENUMBERED = {"camembert", "CamembertTokenizer", "CamembertTokenizerFast"}
_ALBERT = {"albert", "AlbertTokenizer", "AlbertTokenizerFast"}


def from_settings(given: str | Mapping[str, Any], texts: Iterable[str]) -> Subwords:
    """What a recipe says of subwords: the file or folder that holds a vocabulary, or how one is learned from its texts."""
    return (
        read_vocabulary(Path(given)) if isinstance(given, str) else learn_subwords(texts, **given)
    )


def read_vocabulary(path: Path) -> Subwords:
    """The vocabulary in a file, or in a folder that holds one of FILES.

    A `tokenizer.json` says all; beside the others, `merges.txt`, `tokenizer_config.json` and `config.json` are read too.
    Errors: `ConfigError` naming the file and what is wrong with it, or what is read.
    """
    file = _in_folder(path) if path.is_dir() else path
    try:
        found = from_text(json.dumps(unprefixed(_told(file)), ensure_ascii=False))
        found.cut(
            ["а", "\u0378"], [True, False]
        )  # so that what cannot cut is refused here: a letter, and a character that there is not
    except OSError as error:
        raise ConfigError(f"{file}: the vocabulary cannot be read: {error.strerror}") from error
    except ConfigError:
        raise
    except Exception as error:  # the tokenizers library raises Exception itself
        raise ConfigError(
            f"{file}: holds no vocabulary of subwords that can be read: {str(error) or type(error).__name__}"
        ) from error
    return found


def _in_folder(folder: Path) -> Path:
    found = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if found is None:
        raise ConfigError(
            f"{folder}: holds no vocabulary of subwords; these are read: {', '.join(FILES)}"
        )
    return found


def _told(file: Path) -> dict[str, Any]:
    """What a `tokenizer.json` says or would say."""
    if file.suffix == ".txt" and file.name != "merges.txt":
        return _wordpiece(file)
    if file.suffix == ".model":
        return _sentencepiece(file)
    if file.name == "merges.txt" or (
        file.name.endswith("vocab.json")
        and file.with_name(file.name[:-10] + "merges.txt").is_file()
    ):
        return _byte_level(file)
    found = _json(file)
    if not isinstance(found.get("model"), dict):
        raise PipekitFormatError(
            "it says no model: give a tokenizer.json, or vocab.json with merges.txt beside it"
        )
    return found


# -- what stands beside


def _bytes(file: Path) -> bytes:
    if file.stat().st_size > _MAX_BYTES:
        raise PipekitFormatError(f"it has more than {_MAX_BYTES} bytes")
    return file.read_bytes()


def _text(file: Path) -> str:
    return _bytes(file).decode("utf-8-sig").replace("\r\n", "\n")


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: is no JSON in UTF-8: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: is no JSON object")
    return found


def _beside(file: Path) -> dict[str, Any]:
    """What the configs beside a file say, that of the tokenizer above that of the network."""
    found: dict[str, Any] = {}
    for name in ("config.json", "tokenizer_config.json"):
        if file.with_name(name).is_file():
            found |= _json(file.with_name(name))
    return found


def _special(pieces: Mapping[str, int]) -> list[dict[str, Any]]:
    """The special pieces of a vocabulary, as a `tokenizer.json` has them."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    known = {alias for name in SPECIAL for alias in ALIASES[name]}
    found = sorted((number, piece) for piece, number in pieces.items() if piece in known)
    return [{"id": number, "content": piece, **flags, "special": True} for number, piece in found]


# -- formats


def _wordpiece(file: Path) -> dict[str, Any]:
    """A piece a line, cut as by BERT; lower-cased where the config says so, or says nothing and no piece has a capital."""
    pieces = {
        piece: number for number, piece in enumerate(_text(file).removesuffix("\n").split("\n"))
    }
    said, special = _beside(file), _special(pieces)
    lower = said.get("do_lower_case")
    if lower is None:
        ordinary = pieces.keys() - {token["content"] for token in special}
        lower = not any(
            piece != piece.lower() for piece in ordinary if not piece.startswith("[unused")
        )
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": said.get("tokenize_chinese_chars") is not False,
        "strip_accents": said.get("strip_accents"),
        "lowercase": bool(lower),
    }
    unknown = next((alias for alias in ALIASES[UNKNOWN] if alias in pieces), UNKNOWN)
    model = {
        "type": "WordPiece",
        "unk_token": unknown,
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": _LONGEST,
    }
    cut = {"type": "BertPreTokenizer"}
    return {
        "version": "1.0",
        "added_tokens": special,
        "normalizer": normalizer,
        "pre_tokenizer": cut,
        "model": {**model, "vocab": pieces},
    }


def _byte_level(file: Path) -> dict[str, Any]:
    """Byte-level BPE (Radford et al. 2019): numbers of the pieces, and merges in their order."""
    stem = file.name.removesuffix("vocab.json").removesuffix("merges.txt")
    pieces, lines = (
        _json(file.with_name(stem + "vocab.json")),
        _text(file.with_name(stem + "merges.txt")).split("\n"),
    )
    if "Ġ" not in pieces:
        raise PipekitFormatError(
            "this BPE is not of bytes (it has no piece Ġ): convert it to a tokenizer.json"
        )
    merges = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    return {
        "version": "1.0",
        "added_tokens": _special(pieces),
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {"type": "BPE", "vocab": pieces, "merges": merges},
    }


def _sentencepiece(file: Path) -> dict[str, Any]:
    said = _beside(file)
    kinds = {str(said.get("model_type")), str(said.get("tokenizer_class"))}
    if kinds & _RENUMBERED:
        raise PipekitFormatError(
            "CamemBERT numbers its pieces otherwise: convert it to a tokenizer.json"
        )
    albert = bool(kinds & _ALBERT)
    before: list[dict[str, Any]] = []
    if albert:
        before += [
            {"type": "Replace", "pattern": {"String": quotes}, "content": '"'}
            for quotes in ("``", "''")
        ]
    if albert and not said.get("keep_accents", False):
        before += [{"type": "NFKD"}, {"type": "StripAccents"}]
    if said.get("do_lower_case", albert):
        before.append({"type": "Lowercase"})
    return tokenizer_json(_bytes(file), before, shift=bool(kinds & _SHIFTED))


# -- the space before a text


def unprefixed(told: Mapping[str, Any]) -> dict[str, Any]:
    """A `tokenizer.json` that marks a space only where one stands: none is put before a text, and none before it is taken away."""
    return {
        "version": "1.0",
        "added_tokens": [],
        "decoder": None,
        **told,
        "normalizer": _normalizer(told.get("normalizer")),
        "pre_tokenizer": _pre_tokenizer(told.get("pre_tokenizer")),
        **dict.fromkeys(("truncation", "padding", "post_processor")),
    }


def _normalizer(step: Any) -> Any:
    if not step:
        return None
    if step["type"] == "Sequence":
        return {
            **step,
            "normalizers": [one for one in map(_normalizer, step["normalizers"]) if one],
        }
    return (
        None
        if step["type"] == "Prepend"
        else {**step, "strip_left": False}
        if step["type"] == "Strip"
        else step
    )


def _pre_tokenizer(step: Any) -> Any:
    """Metaspace and ByteLevel without their prefix; and without a split by white space before them, which leaves no space to mark.

    Where another split goes before them, they say nothing of spaces: each of its parts has the prefix, or none has.
    """
    if not step:
        return None
    if step["type"] == "Metaspace":
        return {
            **{key: value for key, value in step.items() if key != "add_prefix_space"},
            "prepend_scheme": "never",
        }
    if step["type"] == "ByteLevel":
        return {**step, "add_prefix_space": False}
    if step["type"] != "Sequence":
        return step
    steps = step["pretokenizers"]
    if len(steps) > 1 and steps[0]["type"] == "WhitespaceSplit" and _prefixes(steps[1]):
        steps = steps[1:]
    return {**step, "pretokenizers": [*map(_pre_tokenizer, steps[:1]), *steps[1:]]}


def _prefixes(step: Mapping[str, Any]) -> bool:
    if step["type"] == "Metaspace":
        return bool(
            step.get("prepend_scheme", "always" if step.get("add_prefix_space", True) else "never")
            != "never"
        )
    return step["type"] == "ByteLevel" and bool(step.get("add_prefix_space", True))
