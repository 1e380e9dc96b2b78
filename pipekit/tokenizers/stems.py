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
        words = chars.from_strings(list(bits))
        hashes = chars.normalize(words).word_hashes()
        order = np.argsort(hashes)
        numbers = np.array(list(bits.values()), dtype=np.uint64)
        self._hashes = hashes[order]
        self._bits = numbers[order]
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
        starts = tokens.starts[rows]
        words = chars.words_at(tokens.points, starts, ends)
        words = chars.normalize(words)
        hashes = words.word_hashes()
        hashes[words.lengths == 0] = 0
        shares = capital_classes(self._capitals, hashes)
        prior = self._shares(tokens, rows - 1, low, high)
        before_prior = self._shares(tokens, rows - 2, low, high)
        columns: dict[str, Hashes] = {}
        columns["word0"] = hashes
        columns["stem"] = self._looks(tokens.kinds[starts], words, hashes)
        columns["share0"] = shares.astype(np.uint64)
        columns["prior"] = prior
        columns["prior2"] = prior * _SHARES + before_prior
        columns["share1"] = self._shares(tokens, places, low, high)
        columns["share2"] = self._shares(tokens, places + 1, low, high)
        return columns

    def _looks(
        self,
        kinds: CharKinds,
        words: chars.Words,
        hashes: Hashes,
    ) -> Hashes:
        """The lists that a word stands in; else its kind, its length and its last letter."""
        lengths = words.lengths
        listed = self._listed(hashes)
        is_capital = kinds == CharKind.CAPITAL
        is_number = kinds == CharKind.DIGIT
        letters = _LETTER + _CAPITAL * is_capital + listed
        looks = _UNKNOWN + 2 * np.minimum(lengths, _LONGEST)
        looks += _ends_in_vowel(words)
        looks = np.where(listed > 0, listed, looks)
        looks = np.where(is_number, _NUMBER, looks)
        looks = np.where(lengths == 1, letters, looks)
        looks = np.where(lengths == 0, 0, looks)
        return looks.astype(np.uint64)

    def _listed(self, hashes: Hashes) -> Hashes:
        """The bits of the lists that a word stands in, uint64[words]."""
        rows = np.searchsorted(self._hashes, hashes)
        rows = np.minimum(rows, len(self._hashes) - 1)
        is_listed = self._hashes[rows] == hashes
        return np.where(is_listed, self._bits[rows], np.uint64(0))

    def _shares(
        self,
        tokens: SplitterTokens,
        rows: Ints,
        low: Ints,
        high: Ints,
    ) -> Hashes:
        """How often words have a capital, and whether they have one here; of others the kind.

        0 beyond the paragraph. An abbreviation in a list has numbers of its own.
        """
        is_inside = (rows >= low) & (rows < high)
        last_row = len(tokens.starts) - 1
        rows = np.clip(rows, 0, last_row)
        starts = tokens.starts[rows]
        ends = tokens.ends[rows]
        kinds = tokens.kinds[starts]
        has_period = tokens.kinds[ends - 1] == CharKind.PERIOD
        has_period &= ends - starts > 1
        words = chars.words_at(tokens.points, starts, ends - has_period)
        words = chars.normalize(words)
        hashes = words.word_hashes()
        is_listed = self._listed(hashes) > 0

        classes = capital_classes(self._capitals, hashes)
        classes[is_listed & has_period] = _ABBREVIATION
        shares = classes.astype(np.uint64)
        shares[kinds == CharKind.CAPITAL] += _CAPITALISED
        is_other = kinds > CharKind.CAPITAL
        shares[is_other] = kinds[is_other] + _OTHER
        shares += np.uint64(1)
        shares[~is_inside] = 0
        return shares


def _ends_in_vowel(words: chars.Words) -> Mask:
    """Whether the last letter of each word is a vowel, bool[words]; of empty words it is not."""
    ends = np.zeros(len(words), dtype=bool)
    rows = np.flatnonzero(words.lengths)
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
