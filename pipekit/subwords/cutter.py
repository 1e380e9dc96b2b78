"""Words as subword pieces: vocabularies learned by BPE (Sennrich, Haddow and Birch 2016), Unigram (Kudo 2018) or WordPiece (Schuster and
Nakajima 2012), and the cut of words by them. The one user of the `tokenizers` library, an extra.

A word is cut for itself, with the space before it where there is one, so each piece belongs to exactly one word. A cut is kept as
plain data, the text of the `tokenizer.json` that all such libraries read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.errors import ConfigError, PipekitFormatError, near
from pipekit.words.arrays import Ints

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ALGORITHMS = ("bpe", "unigram", "wordpiece")
START = "▁"  # the space before a word, in the pieces of BPE and Unigram
PAD, UNKNOWN, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL = (PAD, UNKNOWN, CLS, SEP, MASK)
# What others call the same; the first name that a vocabulary has counts.
ALIASES = {
    PAD: (PAD, "<pad>"),
    UNKNOWN: (UNKNOWN, "<unk>"),
    CLS: (CLS, "<s>", "<cls>"),
    SEP: (SEP, "</s>", "<sep>"),
    MASK: (MASK, "<mask>"),
}
_BYTE_SPACE = "Ġ"  # the same in those of byte-level BPE
_SHRINKING = 0.6  # of the pieces that Unigram keeps in each round: fewer rounds than by the 0.75 of the library
_BETWEEN = "\x1f"  # between words in what a trainer reads: no text has it inside a word


class Cut(NamedTuple):
    """Pieces of words: `ids` int64[pieces], and the piece at which each word begins, int64[words + 1]; each word has one at least."""

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

    Args:
        table: the text of a `tokenizer.json` in UTF-8, uint8[bytes].

    Errors: `ConfigError` where the `tokenizers` library is missing, `PipekitFormatError` for a text that it cannot read.
    """

    def __init__(self, table: NDArray[np.uint8]) -> None:
        self.table = np.asarray(table, dtype=np.uint8)

    def __len__(self) -> int:
        """How many pieces there are, the special ones included."""
        return 1 + max(self._numbers.values(), default=-1)

    @cached_property
    def special(self) -> Special:
        return Special(*(self._special(name) for name in SPECIAL))

    def cut(self, words: Sequence[str], spaced: Sequence[bool]) -> Cut:
        """The pieces of words, each `spaced` if white space stands before it. A word that has none is one unknown piece."""
        unknown = self.special.unknown
        texts = [" " + word if space else word for word, space in zip(words, spaced, strict=True)]
        ids = [one.ids or [unknown] for one in self._encode(texts)]
        borders = np.cumsum([0, *map(len, ids)], dtype=np.int64)
        found = np.fromiter(chain.from_iterable(ids), np.int64, int(borders[-1]))
        return Cut(np.where(np.isin(found, self._of_no_text), unknown, found), borders)

    def _encode(self, texts: list[str]) -> list[Any]:
        with _refusing("a vocabulary of subwords does not cut"):
            try:
                return list(self._tokenizer.encode_batch_fast(texts, add_special_tokens=False))
            except (UnicodeEncodeError, TypeError):  # lone surrogates
                texts = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
                return list(self._tokenizer.encode_batch_fast(texts, add_special_tokens=False))

    def words(self) -> dict[int, str]:
        """The pieces that are whole words, without the space before them, by number."""
        names = {
            name.removeprefix(START).removeprefix(_BYTE_SPACE): number
            for name, number in self._numbers.items()
        }
        found = self.cut(list(names), [True] * len(names))
        sizes = np.diff(found.borders)
        firsts = found.ids[found.borders[:-1]]
        return {
            n: name
            for (name, n), first, size in zip(names.items(), firsts, sizes, strict=True)
            if name and size == 1 and first == n
        }

    def spell(self, ids: Iterable[int]) -> list[str]:
        """The pieces of those numbers, as the vocabulary has them."""
        return [self._names.get(int(number), UNKNOWN) for number in ids]

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return _tokenizer(self.table.tobytes())

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The number of each piece."""
        return {
            **self._tokenizer.get_vocab(),
            **{token["content"]: token["id"] for token in _added(json.loads(self.table.tobytes()))},
        }

    @cached_property
    def _of_no_text(self) -> list[int]:
        """The numbers that no text may have, though a word be written as the piece is."""
        special = {
            token["id"] for token in _added(json.loads(self.table.tobytes())) if token["special"]
        }
        return sorted({*special, *self.special} - {self.special.unknown})

    @cached_property
    def _names(self) -> dict[int, str]:
        return {number: name for name, number in self._numbers.items()}

    def _special(self, name: str) -> int:
        found = next(
            (self._numbers[alias] for alias in ALIASES[name] if alias in self._numbers), None
        )
        if found is None:
            raise PipekitFormatError(
                f"this vocabulary of {len(self)} pieces has no {name}: one of {', '.join(ALIASES[name])} is needed"
            )
        return found


@lru_cache(maxsize=8)
def _tokenizer(text: bytes) -> Tokenizer:
    """The cut that a `tokenizer.json` tells, of single words: special pieces are never found in a text, nothing is truncated or padded."""
    library = _library()
    with _refusing("a vocabulary of subwords cannot be read"):
        told: dict[str, Any] = json.loads(text)
        told |= {
            "truncation": None,
            "padding": None,
            "post_processor": None,
            **_out_of_reach(_added(told), told["model"]),
        }
        found: Tokenizer = library.Tokenizer.from_str(json.dumps(told, ensure_ascii=False))
        for token in told["added_tokens"]:  # the library counts on instead of reading their numbers
            if found.token_to_id(token["content"]) != token["id"]:
                raise ValueError(
                    f"the added piece {token['content']!r} has the number {token['id']}, which does not follow the others"
                )
        return found


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """What the library raises, which is Exception itself, or its PanicException, which is none, becomes a `PipekitFormatError`."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise PipekitFormatError(f"{what}: {str(error) or type(error).__name__}") from error
        raise


def _added(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pieces of a `tokenizer.json` that its model does not make, the special ones among them."""
    return list(told.get("added_tokens") or ())


def _out_of_reach(added: list[dict[str, Any]], model: dict[str, Any]) -> dict[str, Any]:
    """Added pieces and model, in which the special pieces keep their numbers under names that no text has.

    BPE makes a piece only by merging others, so it keeps their names.
    """
    named = [
        {**token, "content": _BETWEEN + token["content"]} if token["special"] else token
        for token in added
    ]
    kept = [token for token in named if not token["special"] or token["id"] >= len(model["vocab"])]
    hidden = {token["content"] for token in added if token["special"]} - {model.get("unk_token")}
    new = {name: _BETWEEN + name for name in hidden}
    if model["type"] == "Unigram":
        model = {**model, "vocab": [[new.get(name, name), score] for name, score in model["vocab"]]}
    elif model["type"] == "WordPiece":
        model = {
            **model,
            "vocab": {new.get(name, name): number for name, number in model["vocab"].items()},
        }
    return {"added_tokens": kept, "model": model}


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ConfigError(
            "subword pieces need the tokenizers library: pip install 'pipekit-nlp[bert]'"
        ) from error
    return tokenizers


def text_of(doc: Doc) -> str:
    """A document in the form that `learn_subwords` reads: its words, each with the space before it where there is one."""
    texts, after = [], -1
    for word, start, end in zip(doc.words, doc.starts.tolist(), doc.ends.tolist(), strict=True):
        texts.append(word if start == after else " " + word)
        after = end
    return _BETWEEN.join(texts)


def learn_subwords(
    texts: Iterable[str], algorithm: str = "bpe", size: int = 8_000, letters: int = 500
) -> Subwords:
    """The vocabulary of texts.

    Args:
        texts: each as `text_of` gives it.
        algorithm: "bpe", "unigram" or "wordpiece".
        size: how many pieces there are at most; few texts give fewer.
        letters: how many letters are pieces at most, the most frequent ones; others are unknown.

    Errors: `ConfigError` for an algorithm that is not known, and where the `tokenizers` library is missing.
    """
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"no subwords are learned by {algorithm!r}.{near(algorithm, ALGORITHMS)}")
    library = _library()
    separate = library.pre_tokenizers.Split(_BETWEEN, "removed")
    spaces = library.pre_tokenizers.Metaspace(
        replacement=START, prepend_scheme="never", split=False
    )
    common = {"vocab_size": size, "special_tokens": list(SPECIAL), "show_progress": False}
    if algorithm == "bpe":
        tokenizer, inner = library.Tokenizer(library.models.BPE(unk_token=UNKNOWN)), spaces
        trainer = library.trainers.BpeTrainer(min_frequency=2, limit_alphabet=letters, **common)
    elif algorithm == "unigram":
        tokenizer, inner = library.Tokenizer(library.models.Unigram()), spaces
        trainer = library.trainers.UnigramTrainer(
            unk_token=UNKNOWN, shrinking_factor=_SHRINKING, **common
        )
    else:
        tokenizer, inner = (
            library.Tokenizer(library.models.WordPiece(unk_token=UNKNOWN)),
            library.pre_tokenizers.WhitespaceSplit(),
        )
        trainer = library.trainers.WordPieceTrainer(
            min_frequency=2, limit_alphabet=letters, **common
        )
    tokenizer.normalizer = library.normalizers.NFC()
    tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence([separate, inner])
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = inner
    return from_text(tokenizer.to_str())


def from_text(text: str) -> Subwords:
    """The cut that the text of a `tokenizer.json` tells."""
    return Subwords(np.frombuffer(text.encode("utf-8"), dtype=np.uint8))
