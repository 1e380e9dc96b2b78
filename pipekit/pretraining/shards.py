"""Texts as pieces on disk: cut once, mapped into memory, read anywhere.

A shard is a file of little-endian uint32, one for each piece: the low 24 bits are its number, the
bits above say whether a word, a sentence or a line of the text begins with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pipekit.corpora.readers import read_text
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.parts.batch import Batch
from pipekit.pipeline.streams import gather
from pipekit.pretraining.objective import Learner
from pipekit.storage.files import make_folder, write_atomically
from pipekit.words.arrays import Ints, offsets

Pieces = NDArray[np.uint32]
NUMBER = np.uint32(0xFFFFFF)
WORD, SENTENCE, LINE = (np.uint32(1 << bit) for bit in (24, 25, 26))
_CHUNK_WORDS = 50_000


def cut(
    text: Path,
    encoder: Learner,
    tokenize: Callable[[Sequence[str]], list[Doc]],
    folder: Path,
) -> Pieces:
    """The pieces of a text file (.txt, also .gz and .xz; a document a line), mapped into memory.

    They are cut now, unless the folder has them. The name of a shard depends on the text and the
    vocabulary, and a shard is written whole or not at all. Errors: `DataError` naming the text.
    """
    make_folder(folder)
    path = folder / _shard_name(text, encoder)
    if not path.exists():
        docs = tqdm(
            read_text(text, tokenize=tokenize),
            desc=text.name,
            unit=" lines",
            mininterval=1,
            disable=None,
        )
        chunks = gather(docs, len, _CHUNK_WORDS)
        write_atomically(path, (doc_pieces(chunk, encoder).tobytes() for chunk in chunks))
    if not path.stat().st_size:
        raise DataError(f"{text}: there is no text in it")
    return np.memmap(path, dtype="<u4", mode="r")


def _shard_name(
    text: Path,
    encoder: Learner,
) -> str:
    state = text.stat()
    file = f"{text.resolve()} {state.st_size} {state.st_mtime_ns} ".encode()
    vocabulary = encoder.subwords.table.tobytes() + encoder.between.tobytes()
    key = blake2b(file + vocabulary, digest_size=8)
    return f"{text.name.split('.')[0]}-{key.hexdigest()}.pieces"


def doc_pieces(
    docs: Sequence[Doc],
    encoder: Learner,
) -> Pieces:
    """Documents end to end as pieces, with the marks of what begins at each.

    Where an encoder reads over the borders of documents, its pieces for these stand there.
    """
    batch = Batch(docs)
    pieces = encoder.pieces(batch)
    packed = pieces.ids.astype(np.uint32)
    has_words = np.diff(batch.offsets) > 0
    first_words = {  # by mark, the words that begin something
        WORD: np.arange(len(batch)),
        SENTENCE: batch.sequences[:-1],
        LINE: batch.offsets[:-1][has_words],
    }
    for mark, words in first_words.items():
        packed[pieces.borders[words]] |= mark
    ends = pieces.borders[batch.offsets[1:][has_words]]
    between = encoder.between.astype(np.uint32)
    return np.insert(packed, np.repeat(ends, len(between)), np.tile(between, len(ends)))


class TextSource(NamedTuple):
    """A shard, and the share of it that is read."""

    pieces: Pieces
    part: float


class Corpus:
    """Slices of shards, all of the same length; the end of each shard is held out.

    Args:
        length: of a slice, in pieces.
        seed: decides the order of the slices, and where they begin.
    """

    HELD_OUT = 0.005  # of each shard

    def __init__(
        self,
        sources: Iterable[TextSource],
        length: int,
        seed: int,
    ) -> None:
        self.sources = list(sources)
        self.length = length
        self.seed = seed
        counts = [int(len(source.pieces) * source.part) // length for source in self.sources]
        self._borders = offsets(counts)
        train = []
        held_out = []
        for begin, count in zip(self._borders.tolist(), counts, strict=False):
            end = begin + count
            first_held = end - min(int(np.ceil(count * self.HELD_OUT)), count)
            # The slice before those held out is left out: if an epoch begins its slices later, it
            # would reach into them.
            train.append(np.arange(begin, max(first_held - 1, begin)))
            held_out.append(np.arange(first_held, end))
        self.train: Ints = np.concatenate(train)
        self.held_out: Ints = np.concatenate(held_out)
        if not len(self.train):
            raise DataError(
                f"the texts have no {3 * length} pieces one after another: "
                "name longer ones, or a smaller length"
            )
        self._epoch = -1
        self._order = self.train

    def read(
        self,
        numbers: Ints,
        shift: int = 0,
    ) -> Pieces:
        """Slices by number, each of which begins `shift` pieces later, uint32[slices, length]."""
        shard = np.searchsorted(self._borders, numbers, "right") - 1
        begin = (numbers - self._borders[shard]) * self.length + shift
        rows = []
        for source, first in zip(shard.tolist(), begin.tolist(), strict=True):
            rows.append(self.sources[source].pieces[first : first + self.length])
        return np.stack(rows) if rows else np.zeros((0, self.length), np.uint32)

    def batch(
        self,
        step: int,
        rows: int,
    ) -> Pieces:
        """The slices of a step.

        Every epoch reads all slices in an order of its own, cut at other places.
        """
        epoch, place = divmod(step, max(len(self.train) // rows, 1))
        random = np.random.default_rng([self.seed, epoch])
        shift = int(random.integers(self.length))
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = random.permutation(self.train)
        return self.read(self._order[place * rows : (place + 1) * rows], shift)
