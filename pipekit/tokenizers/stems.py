"""What stands before a period, and what may follow it: abbreviations, initials, numbers, words.

The language's data list abbreviations by what may come next within the sentence (`followed_by` in
``data/<language>.toml``). An abbreviation in no list is known by its looks: it is short, ends in a
consonant, and is no word of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipekit.tokenizers.capitals import CapitalClasses, capital_classes
from pipekit.tokenizers.gaps import SplitterTokens
from pipekit.tokenizers.kinds import CharKind, CharKinds, Mask
from pipekit.tokenizers.word_bits import WordBits
from pipekit.words import chars
from pipekit.words.arrays import Hashes, Ints

# What follows, as bits: a name, a number, any word, or what follows a unit of measure, which often
# ends a sentence.
FOLLOWERS = ("name", "number", "word", "unit")
_LETTER = 16
_CAPITAL = 32
_NUMBER = 64
_UNKNOWN = 128
# Of shares: the class of an abbreviation, beside those of `capitals`; a word with a capital here;
# other tokens, by their kind. All are below 64.
_ABBREVIATION = 7
_CAPITALISED = np.uint64(8)
_OTHER = np.uint64(16)
_SHARES = np.uint64(64)
_LONGEST = 7
_VOWELS = chars.codes("аеиоуыэюяaeiouy")


class Stems:
    """The words before the periods of a language.

    Args:
        lists: abbreviations without their period, in one string, by what follows them.
        capitals: how often words have a capital, see `capitals`.
    """

    def __init__(
        self,
        lists: Mapping[str, str],
        capitals: CapitalClasses,
    ) -> None:
        bits: dict[str, int] = {}
        for number, follower in enumerate(FOLLOWERS):
            for abbreviation in lists[follower].split():
                old_bits = bits.get(abbreviation, 0)
                bits[abbreviation] = old_bits | 1 << number
        self._bits = WordBits(bits)
        self._capitals = capitals

    def columns(
        self,
        tokens: SplitterTokens,
        places: Ints,
        low: Ints,
        high: Ints,
    ) -> dict[str, Hashes]:
        """Columns of the gap before each token of `places`, uint64[gaps] each.

        `word0` is a hash of the word before the period, `stem` what it looks like, `share0` how
        often it has a capital; `prior` is the token before that word; `share1` and `share2` tell of
        the next two tokens.

        Args:
            low, high: the paragraph of each gap, ``[low, high)``, int64[gaps] each.
        """
        rows, ends = _words_before(tokens, places, low)
        around = [rows - 1, rows - 2, places, places + 1]
        others = np.clip(np.concatenate(around), 0, len(tokens.starts) - 1)
        other_ends, has_period = _ends_of_words(tokens, others)
        # One look at all words: a call costs more than the few words of a short text.
        words = chars.words_at(
            tokens.points,
            tokens.starts[np.concatenate([rows, others])],
            np.concatenate([ends, other_ends]),
        )
        words = chars.normalize(words)
        hashes = words.word_hashes()
        listed = self._bits.of(hashes).astype(np.uint64)
        classes = capital_classes(self._capitals, hashes)

        size = len(places)
        classes[size:][(listed[size:] > 0) & has_period] = _ABBREVIATION
        kinds = tokens.kinds[tokens.starts[others]]
        shares = _shares(classes[size:], kinds).reshape(len(around), size)
        inside = np.stack(around)
        shares[(inside < low) | (inside >= high)] = 0
        prior, before_prior, share1, share2 = shares

        stems = hashes[:size]
        is_empty = words.lengths[:size] == 0
        stems[is_empty] = 0
        classes[:size][is_empty] = 0
        columns: dict[str, Hashes] = {}
        columns["word0"] = stems
        columns["stem"] = _looks(tokens.kinds[tokens.starts[rows]], words, listed[:size])
        columns["share0"] = classes[:size].astype(np.uint64)
        columns["prior"] = prior
        columns["prior2"] = prior * _SHARES + before_prior
        columns["share1"] = share1
        columns["share2"] = share2
        return columns


def _looks(
    kinds: CharKinds,
    words: chars.Words,
    listed: Hashes,
) -> Hashes:
    """The lists that a word stands in; else its kind, its length and its last letter.

    Args:
        kinds: of the first letters, uint8[gaps].
        words: the words before the gaps, and others behind them.
        listed: the bits of lists, uint64[gaps].
    """
    size = len(kinds)
    lengths = words.lengths[:size]
    is_capital = kinds == CharKind.CAPITAL
    is_number = kinds == CharKind.DIGIT
    letters = _LETTER + _CAPITAL * is_capital + listed
    looks = _UNKNOWN + 2 * np.minimum(lengths, _LONGEST)
    looks += _ends_in_vowel(words, size)
    looks = np.where(listed > 0, listed, looks)
    looks = np.where(is_number, _NUMBER, looks)
    looks = np.where(lengths == 1, letters, looks)
    looks = np.where(lengths == 0, 0, looks)
    return looks.astype(np.uint64)


def _shares(
    classes: CapitalClasses,
    kinds: CharKinds,
) -> Hashes:
    """How often words have a capital, and whether they have one here; of others the kind.

    Args:
        classes: of words, with a number of its own for an abbreviation, uint8[tokens].
        kinds: of the first letters, uint8[tokens].
    """
    shares = classes.astype(np.uint64)
    shares[kinds == CharKind.CAPITAL] += _CAPITALISED
    is_other = kinds > CharKind.CAPITAL
    shares[is_other] = kinds[is_other] + _OTHER
    shares += np.uint64(1)
    return shares


def _ends_of_words(
    tokens: SplitterTokens,
    rows: Ints,
) -> tuple[Ints, Mask]:
    """Where tokens end without a period of their own, and whether they have one."""
    starts = tokens.starts[rows]
    ends = tokens.ends[rows]
    has_period = tokens.kinds[ends - 1] == CharKind.PERIOD
    has_period &= ends - starts > 1
    return ends - has_period, has_period


def _ends_in_vowel(
    words: chars.Words,
    size: int,
) -> Mask:
    """Whether the last letters of the first words are vowels, bool[size]; of empty words not."""
    ends = np.zeros(size, dtype=bool)
    rows = np.flatnonzero(words.lengths[:size])
    last_letters = words.codes[words.ends[rows] - 1]
    ends[rows] = np.isin(last_letters, _VOWELS)
    return ends


def _words_before(
    tokens: SplitterTokens,
    places: Ints,
    low: Ints,
) -> tuple[Ints, Ints]:
    """The token of the word before each gap, and where the word ends without its period.

    Empty words stand where there is no period before the gap.
    """
    rows = places - 1
    starts = tokens.starts[rows]
    ends = tokens.ends[rows]
    ends_in_period = tokens.kinds[ends - 1] == CharKind.PERIOD
    is_single = ends - starts == 1
    before = np.maximum(rows - 1, 0)
    is_adjacent = tokens.ends[before] == starts
    is_behind_word = ends_in_period & is_single & is_adjacent
    is_behind_word &= rows > low
    is_word = tokens.kinds[starts] <= CharKind.DIGIT
    has_period = ends_in_period & is_word

    word_rows = np.where(is_behind_word, before, rows)
    word_ends = tokens.starts[word_rows]
    word_ends = np.where(has_period, ends - 1, word_ends)
    word_ends = np.where(is_behind_word, starts, word_ends)
    return word_rows, word_ends
