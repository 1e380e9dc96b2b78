"""Vocabularies of subwords that others have published, from their files.

Words are cut one by one, each with the space before it or without. So a step that puts a space, or
the mark of one, before every text is taken out of a vocabulary as it is read. All else is cut as by
its own library:

    file ─► content of a tokenizer.json ─► without such steps (`unprefixed`) ─► Subwords
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from pipekit import resources
from pipekit.errors import ConfigError, PipekitFormatError
from pipekit.resources import resource_path
from pipekit.storage import store
from pipekit.subwords.cutter import ALIASES, SPECIAL, UNK, Subwords, from_text
from pipekit.subwords.learning import learn_subwords
from pipekit.subwords.sentencepiece import tokenizer_json

# The files that hold a vocabulary, the most complete first.
FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
_MAX_BYTES = 2**28  # of a file; the greatest published ones have a tenth of it
_LONGEST = 100  # letters of a word that WordPiece cuts
# The values of `model_type` and `tokenizer_class` for SentencePiece models with numbers of their
# own, and for those without capitals and accents.
_SHIFTED = {"xlm-roberta", "XLMRobertaTokenizer", "XLMRobertaTokenizerFast"}
_RENUMBERED = {"camembert", "CamembertTokenizer", "CamembertTokenizerFast"}
_ALBERT = {"albert", "AlbertTokenizer", "AlbertTokenizerFast"}


def from_settings(
    settings: str | Mapping[str, Any],
    texts: Iterable[str],
) -> Subwords:
    """The subwords that a recipe asks for.

    Args:
        settings: the file or folder that holds a vocabulary, a pipeline that has one, or else the
            settings of `learn_subwords`.
        texts: the texts of which one is learned.
    """
    if isinstance(settings, str):
        path = resource_path(settings)
        if path.suffix == store.SUFFIX:
            return Subwords(resources.read(settings, "subwords")["subwords"])
        return read_vocabulary(path)
    return learn_subwords(texts, **settings)


def read_vocabulary(
    path: Path,
    needed: Sequence[str] = SPECIAL,
) -> Subwords:
    """The vocabulary in a file, or in a folder with one of `FILES`.

    A `tokenizer.json` is complete. Beside the other files, `merges.txt`, `tokenizer_config.json`
    and `config.json` are read as well.

    Args:
        needed: the special pieces that the vocabulary must have.

    Errors: `ConfigError` naming the file and its fault, or the files that are read.
    """
    file = path
    if path.is_dir():
        file = _in_folder(path)
    try:
        content = unprefixed(_content(file))
        subwords = from_text(json.dumps(content, ensure_ascii=False))
        _check_that_it_cuts(subwords, needed)
    except OSError as error:
        raise ConfigError(f"{file}: the vocabulary cannot be read: {error.strerror}") from error
    except ConfigError:
        raise
    except Exception as error:  # the tokenizers library raises Exception itself
        raise ConfigError(
            f"{file}: holds no vocabulary of subwords that can be read:"
            f" {str(error) or type(error).__name__}"
        ) from error
    return subwords


def _check_that_it_cuts(
    subwords: Subwords,
    needed: Sequence[str],
) -> None:
    """Raise the errors of a faulty vocabulary now, and not at its first use."""
    for name in needed:
        subwords.number(name)
    letter = "а"
    unassigned = "\u0378"
    subwords.cut([letter, unassigned], [True, False])


def _in_folder(folder: Path) -> Path:
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(
        f"{folder}: holds no vocabulary of subwords; these are read: {', '.join(FILES)}"
    )


def _content(file: Path) -> dict[str, Any]:
    """The content of a `tokenizer.json`, or of the one that a file of another format stands for."""
    if file.name == "merges.txt":
        return _byte_level(file)
    if file.suffix == ".txt":
        return _wordpiece(file)
    if file.suffix == ".model":
        return _sentencepiece(file)
    if file.name.endswith("vocab.json"):
        merges = file.name.removesuffix("vocab.json") + "merges.txt"
        if file.with_name(merges).is_file():
            return _byte_level(file)
    content = _json(file)
    if not isinstance(content.get("model"), dict):
        raise PipekitFormatError(
            "it says no model: give a tokenizer.json, or vocab.json with merges.txt beside it"
        )
    return content


# -- reading


def _bytes(file: Path) -> bytes:
    if file.stat().st_size > _MAX_BYTES:
        raise PipekitFormatError(f"it has more than {_MAX_BYTES} bytes")
    return file.read_bytes()


def _text(file: Path) -> str:
    text = _bytes(file).decode("utf-8-sig")
    return text.replace("\r\n", "\n")


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: is no JSON in UTF-8: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: is no JSON object")
    return content


def _config_beside(file: Path) -> dict[str, Any]:
    """The configs beside a file; that of the tokenizer goes before that of the network."""
    config: dict[str, Any] = {}
    for name in ("config.json", "tokenizer_config.json"):
        path = file.with_name(name)
        if path.is_file():
            config |= _json(path)
    return config


def _special_tokens(pieces: Mapping[str, int]) -> list[dict[str, Any]]:
    """The special pieces of a vocabulary, as a `tokenizer.json` has them."""
    numbered = []
    for alias in chain.from_iterable(ALIASES.values()):
        if alias in pieces:
            numbered.append((pieces[alias], alias))
    return [_special_token(number, alias) for number, alias in sorted(numbered)]


def _special_token(
    number: int,
    piece: str,
) -> dict[str, Any]:
    return {
        "id": number,
        "content": piece,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


# -- formats


def _wordpiece(file: Path) -> dict[str, Any]:
    """A piece a line, cut as by BERT."""
    lines = _text(file).removesuffix("\n").split("\n")
    pieces = {piece: number for number, piece in enumerate(lines)}
    special = _special_tokens(pieces)
    config = _config_beside(file)
    is_lower = config.get("do_lower_case")
    if is_lower is None:
        is_lower = _is_lower(pieces.keys() - {token["content"] for token in special})
    return {
        "version": "1.0",
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": config.get("tokenize_chinese_chars") is not False,
            "strip_accents": config.get("strip_accents"),
            "lowercase": bool(is_lower),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {
            "type": "WordPiece",
            "unk_token": _unknown_of(pieces),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": _LONGEST,
            "vocab": pieces,
        },
    }


def _is_lower(pieces: Iterable[str]) -> bool:
    """Whether no piece has a capital, but for places kept free."""
    used = [piece for piece in pieces if not piece.startswith("[unused")]
    return all(piece == piece.lower() for piece in used)


def _unknown_of(pieces: Mapping[str, int]) -> str:
    for alias in ALIASES[UNK]:
        if alias in pieces:
            return alias
    return UNK


def _byte_level(file: Path) -> dict[str, Any]:
    """Byte-level BPE (Radford et al. 2019): numbers of the pieces, and merges in their order."""
    stem = file.name.removesuffix("vocab.json").removesuffix("merges.txt")
    pieces = _json(file.with_name(stem + "vocab.json"))
    lines = _text(file.with_name(stem + "merges.txt")).split("\n")
    if "Ġ" not in pieces:
        raise PipekitFormatError(
            "this BPE is not of bytes (it has no piece Ġ): convert it to a tokenizer.json"
        )
    merges = []
    for line in lines:
        if line and not line.startswith("#version"):
            merges.append(line.split(" "))
    return {
        "version": "1.0",
        "added_tokens": _special_tokens(pieces),
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {
            "type": "BPE",
            "vocab": pieces,
            "merges": merges,
        },
    }


def _sentencepiece(file: Path) -> dict[str, Any]:
    """A SentencePiece model, with the normalizers that its tokenizer puts before the model's."""
    config = _config_beside(file)
    kinds = {str(config.get("model_type")), str(config.get("tokenizer_class"))}
    if kinds & _RENUMBERED:
        raise PipekitFormatError(
            "CamemBERT numbers its pieces otherwise: convert it to a tokenizer.json"
        )
    is_albert = bool(kinds & _ALBERT)
    before: list[dict[str, Any]] = []
    if is_albert:
        before += [_quotes_as_one("``"), _quotes_as_one("''")]
    if is_albert and not config.get("keep_accents", False):
        before += [{"type": "NFKD"}, {"type": "StripAccents"}]
    if config.get("do_lower_case", is_albert):
        before.append({"type": "Lowercase"})
    is_shifted = bool(kinds & _SHIFTED)
    return tokenizer_json(_bytes(file), before, is_shifted)


def _quotes_as_one(quotes: str) -> dict[str, Any]:
    return {
        "type": "Replace",
        "pattern": {"String": quotes},
        "content": '"',
    }


# -- the space before a text


def unprefixed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a `tokenizer.json`, changed to mark a space only where there is one.

    No space is put before a text, and none is taken away there.
    """
    return {
        "version": "1.0",
        "added_tokens": [],
        "decoder": None,
        **content,
        "normalizer": _normalizer(content.get("normalizer")),
        "pre_tokenizer": _pre_tokenizer(content.get("pre_tokenizer")),
        "truncation": None,
        "padding": None,
        "post_processor": None,
    }


def _normalizer(step: Any) -> Any:
    """A normalizer that leaves the beginning of a text as it is; None for one that does no more."""
    if not step or step["type"] == "Prepend":
        return None
    if step["type"] == "Strip":
        return {**step, "strip_left": False}
    if step["type"] != "Sequence":
        return step
    steps = [_normalizer(part) for part in step["normalizers"]]
    return {**step, "normalizers": [part for part in steps if part]}


def _pre_tokenizer(step: Any) -> Any:
    """A pre-tokenizer that puts no space before a text.

    Metaspace and ByteLevel lose their prefix. A split by white space before them is left out, since
    it would leave no space to mark. After another split they have nothing to do with the spaces of
    a text, since each part of that split has the prefix, or none has: so they stay as they are.
    """
    if not step:
        return None
    if step["type"] == "Metaspace":
        step = dict(step)
        step.pop("add_prefix_space", None)
        return {**step, "prepend_scheme": "never"}
    if step["type"] == "ByteLevel":
        return {**step, "add_prefix_space": False}
    if step["type"] != "Sequence":
        return step
    steps = step["pretokenizers"]
    if len(steps) > 1 and steps[0]["type"] == "WhitespaceSplit" and _has_prefix(steps[1]):
        steps = steps[1:]
    first = [_pre_tokenizer(part) for part in steps[:1]]
    return {**step, "pretokenizers": first + steps[1:]}


def _has_prefix(step: Mapping[str, Any]) -> bool:
    """Whether a pre-tokenizer puts a space, or the mark of one, before a text."""
    if step["type"] not in ("Metaspace", "ByteLevel"):
        return False
    if step["type"] == "Metaspace" and "prepend_scheme" in step:
        return bool(step["prepend_scheme"] != "never")
    return bool(step.get("add_prefix_space", True))
