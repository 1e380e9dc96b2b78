"""Vocabularies of subword pieces, learned from texts.

By BPE (Sennrich, Haddow and Birch 2016), Unigram (Kudo 2018) or WordPiece (Schuster and Nakajima
2012); or a piece for each letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pipekit.doc import Doc
from pipekit.errors import ConfigError, near
from pipekit.subwords.cutter import (
    BETWEEN,
    SPECIAL,
    START,
    UNK,
    Subwords,
    from_text,
    tokenizers_library,
)

ALGORITHMS = ("bpe", "unigram", "wordpiece", "letters")
_NEVER = 2**62  # pairs of letters are not so frequent
_WORDS = re.compile(r" ?\S+|\s")
# The share of pieces that each round of Unigram leaves; the library's 0.75 needs more rounds.
_SHRINKING = 0.6


def text_of(doc: Doc) -> str:
    """A document as `learn_subwords` reads it: words, each with the space before it, if any."""
    texts = []
    previous_end = -1
    for word, start, end in zip(doc.words, doc.starts.tolist(), doc.ends.tolist(), strict=True):
        texts.append(word if start == previous_end else " " + word)
        previous_end = end
    return BETWEEN.join(texts)


def text_of_whole(text: str) -> str:
    """A text as `learn_subwords` reads it, with all its white space: no piece crosses a border
    between words.
    """
    return BETWEEN.join(_WORDS.findall(text))


def learn_subwords(
    texts: Iterable[str],
    algorithm: str = "bpe",
    size: int = 8_000,
    letters: int = 500,
) -> Subwords:
    """The vocabulary of texts.

        learn_subwords((text_of(doc) for doc in docs), "unigram", size=16_000)

    Args:
        texts: each as `text_of` or `text_of_whole` gives it.
        algorithm: "bpe", "unigram", "wordpiece", or "letters", in which each letter is a piece.
        size: the most pieces; few texts give fewer. Letters are as many as `letters` says.
        letters: the most letters that are pieces. The most frequent ones are, others are unknown.

    Errors: `ConfigError` for an unknown algorithm, and where the `tokenizers` library is missing.
    """
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"no subwords are learned by {algorithm!r}.{near(algorithm, ALGORITHMS)}")
    library = tokenizers_library()
    tokenizer, trainer = _untrained(library, algorithm, size, letters)
    before_words = _pre_tokenizer_of(library, algorithm)
    separator = library.pre_tokenizers.Split(BETWEEN, "removed")
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
    if algorithm == "letters":
        model = models.BPE(unk_token=UNK)
        rare = {"min_frequency": _NEVER, "limit_alphabet": letters}
        trainer = trainers.BpeTrainer(**rare, **common)
    elif algorithm == "bpe":
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
