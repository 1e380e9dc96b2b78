"""The words of a batch as pieces."""

from __future__ import annotations

import numpy as np

from pipekit.parts.batch import Batch
from pipekit.subwords.cutter import Cut, Subwords
from pipekit.words.arrays import offsets, pair_keys, ranges, split_pairs


def cut_words(
    batch: Batch,
    subwords: Subwords,
) -> Cut:
    """The pieces of a batch's words. Words that are written alike are cut once.

    A word after white space and the same word without it are cut apart.
    """
    is_spaced = batch.spaced.astype(np.int64)
    keys = pair_keys(batch.distinct.index, is_spaced, 2)
    distinct, index = np.unique(keys, return_inverse=True)  # index int64[words]
    word, spaced = split_pairs(distinct, 2)
    strings = batch.distinct.strings
    written = [strings[i] for i in word.tolist()]
    cut = subwords.cut(written, (spaced == 1).tolist())
    counts = np.diff(cut.borders)
    lengths = counts[index]  # int64[words]
    starts = cut.borders[index]
    ids = cut.ids[ranges(starts, lengths)]
    return Cut(ids, offsets(lengths))
