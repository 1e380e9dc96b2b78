"""The borders of tokens in a text: made of words, and checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pipekit.errors import DocError, DocTooLargeError
from pipekit.words.arrays import Ints, offsets

LONGEST_TEXT = 2**31 - 1  # characters: offsets are int32


def join_words(
    words: Iterable[str],
    spaces: Iterable[bool | str] | None,
) -> tuple[str, Ints, Ints]:
    """A text made of words, and where each of them begins and ends, int64[words].

    Args:
        spaces: for each word, whether a space follows it, or the white space itself; by default
            one space, none after the last word.

    Errors: `DocError` naming the first word or space that does not fit.
    """
    if isinstance(words, str):
        raise DocError(
            "words are a list of strings, and not one string: "
            "Doc(words=text.split()), or nlp(text) for its tokens"
        )
    words = list(words)
    gaps = _gaps(words, spaces)
    pieces: list[str] = []
    for i, (word, gap) in enumerate(zip(words, gaps, strict=True)):
        if not isinstance(word, str) or not word:
            raise DocError(f"word {i} is {word!r}: each word is a string of at least one character")
        if gap.strip():
            raise DocError(
                f"the space after word {i} is {gap!r}: only white space may stand between words"
            )
        pieces += word, gap
    lengths = np.fromiter(
        map(len, words),
        dtype=np.int64,
        count=len(words),
    )
    gap_lengths = np.fromiter(
        map(len, gaps),
        dtype=np.int64,
        count=len(words),
    )
    starts = offsets(lengths + gap_lengths)[:-1]
    return "".join(pieces), starts, starts + lengths


def _gaps(
    words: Sequence[str],
    spaces: Iterable[bool | str] | None,
) -> list[str]:
    """The white space after each word."""
    if spaces is None:
        if not words:
            return []
        return [" "] * (len(words) - 1) + [""]
    spaces = list(spaces)
    if len(spaces) != len(words):
        raise DocError(f"{len(words)} words but {len(spaces)} spaces: give one for each word")
    gaps = []
    for space in spaces:
        if isinstance(space, str):
            gaps.append(space)
        else:
            gaps.append(" " * bool(space))
    return gaps


def check_borders(
    text: str,
    starts: Ints,
    ends: Ints,
) -> None:
    """Check that tokens ascend without overlap, and that only white space lies between them.

    Errors: `DocError` naming the first token that does not fit; `DocTooLargeError`.
    """
    if len(text) > LONGEST_TEXT:
        raise DocTooLargeError(
            f"a text of {len(text)} characters: offsets count up to {LONGEST_TEXT}; "
            "split it into documents"
        )
    if starts.ndim != 1 or starts.shape != ends.shape:
        raise DocError(
            "starts and ends must be lists of one length, "
            f"not of shapes {starts.shape} and {ends.shape}"
        )
    _check_order(text, starts, ends)
    lead = int(starts[0]) if starts.size else len(text)
    if lead:
        raise DocError(
            f"the first {lead} characters lie before the first token: "
            "white space there is a token of its own"
        )
    following = np.append(starts[1:], len(text))  # where the token behind each one begins
    for i in np.flatnonzero(following > ends).tolist():
        outside = text[ends[i] : following[i]].strip()
        if outside:
            raise DocError(f"{outside!r} after token {i} lies in no token: only white space may")


def _check_order(
    text: str,
    starts: Ints,
    ends: Ints,
) -> None:
    previous = np.concatenate([[0], ends[:-1]])  # where the token before each one ends
    is_wrong = (starts >= ends) | (starts < 0) | (ends > len(text)) | (starts < previous)
    if is_wrong.any():
        first = np.flatnonzero(is_wrong)[0]
        raise DocError(
            f"token {first} is [{starts[first]}, {ends[first]}): "
            "tokens ascend, do not overlap, are not empty, lie in the text"
        )
