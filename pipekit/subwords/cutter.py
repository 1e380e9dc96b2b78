"""Words as subword pieces: learned vocabularies, and the cut of words by them.

Vocabularies are learned by BPE (Sennrich, Haddow and Birch 2016), Unigram (Kudo 2018) or WordPiece
(Schuster and Nakajima 2012). No other module uses the `tokenizers` library, which is an extra.

A word is cut alone, together with the space before it where there is one. So each piece belongs to
exactly one word:

    words    кот      сидел          .
    spaced   True     True           False
    pieces   ▁кот     ▁си дел        .
    borders  0        1              3        4

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
from pipekit.doc import Doc
from pipekit.errors import ConfigError, PipekitFormatError, near
from pipekit.words.arrays import Ints, offsets

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ALGORITHMS = ("bpe", "unigram", "wordpiece")
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
    CLS: (CLS, "<s>", "<cls>"),
    SEP: (SEP, "</s>", "<sep>"),
    MASK: (MASK, "<mask>"),
}
_BYTE_SPACE = "Ġ"  # the space before a word, in the pieces of byte-level BPE
# The share of pieces that each round of Unigram leaves; the library's 0.75 needs more rounds.
_SHRINKING = 0.6
_REPEATED_GROUP = re.compile(r"(?<!\\)\)[*+{]")
_PER_BYTE = 64  # bytes of memory that a vocabulary takes for each byte of its text
_BETWEEN = "\x1f"  # between the words of a text for a trainer; no word has it inside


class Cut(NamedTuple):
    """The pieces of words.

    Attributes:
        ids: the numbers of the pieces, int64[pieces].
        borders: the piece at which each word begins, int64[words + 1]. No word is without pieces.
    """

    ids: Ints
    borders: Ints


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
        return Special(*map(self._special, SPECIAL))

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
        unknown = self.special.unknown
        texts = []
        for word, is_spaced in zip(words, spaced, strict=True):
            texts.append(" " + word if is_spaced else word)
        ids_of_words = [encoding.ids or [unknown] for encoding in self._encode(texts)]
        borders = offsets(map(len, ids_of_words))
        pieces = int(borders[-1])
        ids = np.fromiter(chain.from_iterable(ids_of_words), np.int64, pieces)
        is_reserved = np.isin(ids, self._reserved)
        return Cut(np.where(is_reserved, unknown, ids), borders)

    def _encode(self, texts: list[str]) -> list[Any]:
        with _format_errors("a vocabulary of subwords does not cut"):
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
        special |= set(self.special)
        special.remove(self.special.unknown)
        return sorted(special)

    @cached_property
    def _names(self) -> dict[int, str]:
        return {number: name for name, number in self._numbers.items()}

    def _special(self, name: str) -> int:
        aliases = ALIASES[name]
        for alias in aliases:
            if alias in self._numbers:
                return self._numbers[alias]
        raise PipekitFormatError(
            f"this vocabulary of {len(self)} pieces has no {name}:"
            f" one of {', '.join(aliases)} is needed"
        )


# -- tokenizer.json


@lru_cache(maxsize=8)
def _tokenizer(text: bytes) -> Tokenizer:
    """The library's tokenizer for the text of a `tokenizer.json`, changed to cut single words.

    It never finds special pieces in a text, truncates nothing and pads nothing.
    """
    library = _library()
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
            hidden.append({**token, "content": _BETWEEN + token["content"]})
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
            return _BETWEEN + name
        return name

    if model["type"] == "Unigram":
        scores = [[hide(name), score] for name, score in model["vocab"]]
        return {**model, "vocab": scores}
    if model["type"] == "WordPiece":
        numbers = {hide(name): number for name, number in model["vocab"].items()}
        return {**model, "vocab": numbers}
    return model


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ConfigError(
            "subword pieces need the tokenizers library: pip install tokenizers"
        ) from error
    return tokenizers


# -- learning


def text_of(doc: Doc) -> str:
    """A document as `learn_subwords` reads it: words, each with the space before it, if any."""
    texts = []
    previous_end = -1
    for word, start, end in zip(doc.words, doc.starts.tolist(), doc.ends.tolist(), strict=True):
        texts.append(word if start == previous_end else " " + word)
        previous_end = end
    return _BETWEEN.join(texts)


def learn_subwords(
    texts: Iterable[str],
    algorithm: str = "bpe",
    size: int = 8_000,
    letters: int = 500,
) -> Subwords:
    """The vocabulary of texts.

        learn_subwords((text_of(doc) for doc in docs), "unigram", size=16_000)

    Args:
        texts: each as `text_of` gives it.
        algorithm: "bpe", "unigram" or "wordpiece".
        size: the most pieces; few texts give fewer.
        letters: the most letters that are pieces. The most frequent ones are, others are unknown.

    Errors: `ConfigError` for an unknown algorithm, and where the `tokenizers` library is missing.
    """
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"no subwords are learned by {algorithm!r}.{near(algorithm, ALGORITHMS)}")
    library = _library()
    tokenizer, trainer = _untrained(library, algorithm, size, letters)
    before_words = _pre_tokenizer_of(library, algorithm)
    separator = library.pre_tokenizers.Split(_BETWEEN, "removed")
    tokenizer.normalizer = library.normalizers.NFC()
    tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence([separator, before_words])
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = before_words
    return from_text(tokenizer.to_str())


def _untrained(
    library: Any,
    algorithm: str,
    size: int,
    letters: int,
) -> tuple[Any, Any]:
    """The library's tokenizer without pieces, and its trainer."""
    models = library.models
    trainers = library.trainers
    common = {
        "vocab_size": size,
        "special_tokens": list(SPECIAL),
        "show_progress": False,
    }
    frequent = {"min_frequency": 2, "limit_alphabet": letters}
    if algorithm == "bpe":
        model = models.BPE(unk_token=UNK)
        trainer = trainers.BpeTrainer(**frequent, **common)
    elif algorithm == "wordpiece":
        model = models.WordPiece(unk_token=UNK)
        trainer = trainers.WordPieceTrainer(**frequent, **common)
    else:
        model = models.Unigram()
        trainer = trainers.UnigramTrainer(
            unk_token=UNK,
            shrinking_factor=_SHRINKING,
            **common,
        )
    return library.Tokenizer(model), trainer


def _pre_tokenizer_of(
    library: Any,
    algorithm: str,
) -> Any:
    """The step that marks the space before a word, or takes it away for WordPiece."""
    if algorithm == "wordpiece":
        return library.pre_tokenizers.WhitespaceSplit()
    return library.pre_tokenizers.Metaspace(
        replacement=START,
        prepend_scheme="never",
        split=False,
    )


def from_text(text: str) -> Subwords:
    """The vocabulary in the text of a `tokenizer.json`."""
    table = np.frombuffer(text.encode("utf-8"), dtype=np.uint8)
    return Subwords(table)
