"""Words as subword pieces: how vocabularies cut words and texts, and join pieces again.

No other module uses the `tokenizers` library, which is an extra.

A word is cut alone, together with the space before it where there is one. So each piece belongs to
exactly one word:

    words    кот      сидел          .
    spaced   True     True           False
    pieces   ▁кот     ▁си дел        .
    borders  0        1              3        4

Whole texts are cut and put together again, too, for networks that write:

    text     кот сидел.      ids ─▶ encode      text ◀─ join ─ ids

A vocabulary is kept as plain data: the text of the `tokenizer.json` that all such libraries read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.allowance import take
from pipekit.errors import ConfigError, PipekitFormatError, cure
from pipekit.words.arrays import Ints, offsets

if TYPE_CHECKING:
    from tokenizers import Tokenizer

START = "▁"  # the space before a word, in the pieces of BPE and Unigram
PAD = "[PAD]"
UNK = "[UNK]"
CLS = "[CLS]"
SEP = "[SEP]"
MASK = "[MASK]"
SPECIAL = (PAD, UNK, CLS, SEP, MASK)
# The names of the special pieces in published vocabularies; the first that a vocabulary has counts.
ALIASES = {
    PAD: (PAD, "<pad>"),
    UNK: (UNK, "<unk>"),
    CLS: (CLS, "<s>", "<cls>", "<|endoftext|>"),
    SEP: (SEP, "</s>", "<sep>", "<|endoftext|>"),
    MASK: (MASK, "<mask>"),
}
_BYTE_SPACE = "Ġ"  # the space before a word, in the pieces of byte-level BPE
_NO_CUT = "a vocabulary of subwords does not cut"
_LOST = "\ufffd"  # what an unknown piece is in a text
_REPEATED_GROUP = re.compile(r"(?<!\\)\)[*+{]")
_PER_BYTE = 64  # bytes of memory that a vocabulary takes for each byte of its text
BETWEEN = "\x1f"  # between the words of a text for a trainer; no word has it inside


class Cut(NamedTuple):
    """The pieces of words.

    Attributes:
        ids: the numbers of the pieces, int64[pieces].
        borders: the piece at which each word begins, int64[words + 1]. No word is without pieces.
    """

    ids: Ints
    borders: Ints


class PlacedPieces(NamedTuple):
    """The pieces of a text.

    Attributes:
        ids: their numbers, int64[pieces].
        ends: the character behind each, int64[pieces].
    """

    ids: Ints
    ends: Ints


class Special(NamedTuple):
    """The numbers of the pieces that stand for no text."""

    pad: int
    unknown: int
    cls: int
    sep: int
    mask: int


class Subwords:
    """Cuts words into pieces.

        subwords = learn_subwords([text_of(doc) for doc in docs], "bpe", size=8_000)
        ids, borders = subwords.cut(["кот", "сидел", "."], [True, True, False])
        subwords.spell(ids)                          # ["▁кот", "▁си", "дел", "."]

    Args:
        table: the text of a `tokenizer.json` in UTF-8, uint8[bytes].

    Errors: `ConfigError` where the `tokenizers` library is missing, `PipekitFormatError` for a text
    that the library cannot read.
    """

    def __init__(self, table: NDArray[np.uint8]) -> None:
        self.table = np.asarray(table, dtype=np.uint8)

    def __len__(self) -> int:
        """How many pieces there are, the special ones included."""
        return 1 + max(self._numbers.values(), default=-1)

    @cached_property
    def special(self) -> Special:
        """The numbers of the special pieces. Errors: `PipekitFormatError` where one is missing."""
        return Special(*map(self.number, SPECIAL))

    def cut(
        self,
        words: Sequence[str],
        spaced: Sequence[bool],
    ) -> Cut:
        """The pieces of words; a word that has none is one unknown piece.

        Args:
            words: the words.
            spaced: whether white space stands before each.
        """
        unknown = self._unknown
        texts = []
        for word, is_spaced in zip(words, spaced, strict=True):
            texts.append(" " + word if is_spaced else word)
        ids_of_words = [encoding.ids or [unknown] for encoding in self._encode(texts)]
        borders = offsets(map(len, ids_of_words))
        pieces = int(borders[-1])
        ids = np.fromiter(chain.from_iterable(ids_of_words), np.int64, pieces)
        is_reserved = np.isin(ids, self._reserved)
        return Cut(np.where(is_reserved, unknown, ids), borders)

    def encode(self, texts: Sequence[str]) -> list[Ints]:
        """The pieces of whole texts, white space included, int64[pieces] for each.

        A vocabulary of WordPiece does not tell one kind of white space from another.
        """
        encoded = []
        for encoding in self._encode(list(texts)):
            encoded.append(np.array(encoding.ids, dtype=np.int64))
        return encoded

    def place(self, texts: Sequence[str]) -> list[PlacedPieces]:
        """The pieces of whole texts, as `encode` gives them, and where each ends."""
        placed = []
        with _format_errors(_NO_CUT):
            encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
            for encoding in encodings:
                ids = np.array(encoding.ids, dtype=np.int64)
                ends = np.array([end for _, end in encoding.offsets], dtype=np.int64)
                placed.append(PlacedPieces(ids, ends))
        return placed

    def join(self, ids: Iterable[int]) -> str:
        """The text of pieces. Special pieces have none; an unknown one is U+FFFD.

        subwords.join(subwords.encode(["кот сидел."])[0])       # «кот сидел.»
        """
        names = []
        for number in ids:
            if int(number) == self._unknown:
                names.append(_LOST)
            elif int(number) not in self._reserved:
                names.append(self._names.get(int(number), _LOST))
        text: str = self._joiner.decode(names)
        return text

    @cached_property
    def keeps_spaces(self) -> bool:
        """Whether pieces tell where spaces stand; those of WordPiece do not."""
        return type(self._tokenizer.model).__name__ != "WordPiece"

    @cached_property
    def _joiner(self) -> Any:
        """The library's way from pieces to text, by what the vocabulary marks."""
        decoders = tokenizers_library().decoders
        content = json.loads(self.table.tobytes())
        if not self.keeps_spaces:
            prefix = content["model"].get("continuing_subword_prefix", "##")
            return decoders.WordPiece(prefix, cleanup=False)
        if '"ByteLevel"' in json.dumps(content.get("pre_tokenizer")):
            return decoders.ByteLevel()
        marks = decoders.Metaspace(replacement=START, prepend_scheme="never")
        return decoders.Sequence([decoders.ByteFallback(), marks])

    def _encode(self, texts: list[str]) -> list[Any]:
        with _format_errors(_NO_CUT):
            encode = self._tokenizer.encode_batch_fast
            try:
                return list(encode(texts, add_special_tokens=False))
            except (UnicodeEncodeError, TypeError):  # lone surrogates
                valid = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
                return list(encode(valid, add_special_tokens=False))

    def words(self) -> dict[int, str]:
        """The pieces that are whole words, without the space before them, by number."""
        numbers: dict[str, int] = {}
        for piece, number in self._numbers.items():
            name = piece.removeprefix(START).removeprefix(_BYTE_SPACE)
            numbers[name] = number
        cut = self.cut(list(numbers), [True] * len(numbers))
        lengths = np.diff(cut.borders)
        first = cut.ids[cut.borders[:-1]]
        is_whole = (lengths == 1) & (first == [*numbers.values()])
        words = {}
        for name, whole in zip(numbers, is_whole, strict=True):
            if name and whole:
                words[numbers[name]] = name
        return words

    def spell(self, ids: Iterable[int]) -> list[str]:
        """The pieces of these numbers, as the vocabulary has them."""
        return [self._names.get(int(number), UNK) for number in ids]

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        take(_PER_BYTE * self.table.size, "a vocabulary of subwords")
        return _tokenizer(self.table.tobytes())

    @cached_property
    def _added(self) -> list[dict[str, Any]]:
        return _added_tokens(json.loads(self.table.tobytes()))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The number of each piece."""
        numbers: dict[str, int] = dict(self._tokenizer.get_vocab())
        for token in self._added:
            numbers[token["content"]] = token["id"]
        return numbers

    @cached_property
    def _reserved(self) -> list[int]:
        """The numbers that no text may have, not even a word with the spelling of the piece."""
        special = {token["id"] for token in self._added if token["special"]}
        for name in SPECIAL:
            special.add(self.number(name, -1))
        return sorted(special - {self._unknown, -1})

    @cached_property
    def _unknown(self) -> int:
        """The unknown piece; -1 in a vocabulary of bytes without any, which knows all texts."""
        return self.number(UNK, -1)

    @cached_property
    def _names(self) -> dict[int, str]:
        return {number: name for name, number in self._numbers.items()}

    def number(
        self,
        name: str,
        default: int | None = None,
    ) -> int:
        """The number of a piece by its name; a special one may have any of its `ALIASES`.

        Args:
            default: where there is no such piece.

        Errors: `PipekitFormatError` where there is none, and no default.
        """
        aliases = ALIASES.get(name, (name,))
        for alias in aliases:
            if alias in self._numbers:
                return self._numbers[alias]
        if default is not None:
            return default
        needed = "it" if aliases == (name,) else f"one of {', '.join(aliases)}"
        raise PipekitFormatError(
            f"this vocabulary of {len(self)} pieces has no {name}: {needed} is needed"
        )


# -- tokenizer.json


@lru_cache(maxsize=8)
def _tokenizer(text: bytes) -> Tokenizer:
    """The library's tokenizer for the text of a `tokenizer.json`, changed to cut single words.

    It never finds special pieces in a text, truncates nothing and pads nothing.
    """
    library = tokenizers_library()
    with _format_errors("a vocabulary of subwords cannot be read"):
        content: dict[str, Any] = json.loads(text)
        _check_patterns(content)
        added = _added_tokens(content)
        content["truncation"] = None
        content["padding"] = None
        content["post_processor"] = None
        content["added_tokens"] = _hide_added(added, content["model"])
        content["model"] = _hide_in_model(added, content["model"])
        dumped = json.dumps(content, ensure_ascii=False)
        tokenizer: Tokenizer = library.Tokenizer.from_str(dumped)
        _check_numbers(tokenizer, content["added_tokens"])
        return tokenizer


def _check_patterns(content: Any) -> None:
    """Refuse regular expressions that repeat a group.

    They may take a time that doubles with each letter, and no published vocabulary has them.
    """
    if isinstance(content, list):
        for item in content:
            _check_patterns(item)
    if not isinstance(content, dict):
        return
    for key, item in content.items():
        if key == "Regex" and _REPEATED_GROUP.search(str(item)):
            raise ValueError(f"the pattern {item!r:.80} repeats a group: nobody can tell how long")
        if key not in ("vocab", "merges"):
            _check_patterns(item)


def _check_numbers(
    tokenizer: Tokenizer,
    added: list[dict[str, Any]],
) -> None:
    """The library does not read the numbers of added pieces, but counts on."""
    for token in added:
        name = token["content"]
        number = token["id"]
        if tokenizer.token_to_id(name) != number:
            raise ValueError(
                f"the added piece {name!r} has the number {number},"
                " which does not follow the others"
            )


@contextmanager
def _format_errors(message: str) -> Iterator[None]:
    """Raise the errors of the library as `PipekitFormatError`.

    The library raises Exception itself, or its PanicException, which is no Exception.
    """
    try:
        yield
    except BaseException as error:
        name = type(error).__name__
        if isinstance(error, Exception) or name == "PanicException":
            raise PipekitFormatError(f"{message}: {str(error) or name}") from error
        raise


def _added_tokens(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pieces that a `tokenizer.json` adds to those of its model, such as the special ones."""
    return list(content.get("added_tokens") or ())


def _hide_added(
    added: list[dict[str, Any]],
    model: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Added pieces, with the special ones under names that no text has.

    Special pieces that the model has as well are left out: see `_hide_in_model`.
    """
    hidden = []
    for token in added:
        if not token["special"]:
            hidden.append(token)
        elif token["id"] >= len(model["vocab"]):
            hidden.append({**token, "content": BETWEEN + token["content"]})
    return hidden


def _hide_in_model(
    added: list[dict[str, Any]],
    model: dict[str, Any],
) -> dict[str, Any]:
    """A model with its special pieces, except the unknown one, under names that no text has.

    The pieces keep their numbers. BPE makes a piece only by merging others, so its pieces also keep
    their names.
    """
    special = {token["content"] for token in added if token["special"]}
    special.discard(model.get("unk_token"))

    def hide(name: str) -> str:
        if name in special:
            return BETWEEN + name
        return name

    if model["type"] == "Unigram":
        scores = [[hide(name), score] for name, score in model["vocab"]]
        return {**model, "vocab": scores}
    if model["type"] == "WordPiece":
        numbers = {hide(name): number for name, number in model["vocab"].items()}
        return {**model, "vocab": numbers}
    return model


def tokenizers_library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ConfigError(
            f"subword pieces need the tokenizers library: {cure('tokenizers')}"
        ) from error
    return tokenizers


def from_text(text: str) -> Subwords:
    """The vocabulary in the text of a `tokenizer.json`."""
    table = np.frombuffer(text.encode("utf-8"), dtype=np.uint8)
    return Subwords(table)
