"""Texts as pieces on disk: cut once, mapped into memory, read anywhere.

A shard is a file of little-endian uint32, one for each piece: its number in the low 24 bits, and above it whether a word, a sentence or
a line of the text begins with it.
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
from pipekit.encoders.bert.encoder import Bert
from pipekit.errors import DataError
from pipekit.parts.batch import Batch
from pipekit.pipeline.streams import gather
from pipekit.storage.files import write_atomically
from pipekit.words.arrays import Ints

Pieces = NDArray[np.uint32]
NUMBER = np.uint32(0xFFFFFF)
WORD, SENTENCE, LINE = (np.uint32(1 << bit) for bit in (24, 25, 26))
_CHUNK_WORDS = 50_000


def cut(
    text: Path, encoder: Bert, tokenize: Callable[[Sequence[str]], list[Doc]], folder: Path
) -> Pieces:
    """The pieces of a text file (.txt, also .gz and .xz), a document a line, mapped into memory; cut now unless the folder has them.

    What a file is called tells text and vocabulary, and it is there whole or not at all. Errors: `DataError` naming the text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = text.stat()
    key = blake2b(
        f"{text.resolve()} {told.st_size} {told.st_mtime_ns} ".encode()
        + encoder.subwords.table.tobytes(),
        digest_size=8,
    )
    path = folder / f"{text.name.split('.')[0]}-{key.hexdigest()}.pieces"
    if not path.exists():
        docs = tqdm(
            read_text(text, tokenize=tokenize),
            desc=text.name,
            unit=" lines",
            mininterval=1,
            disable=None,
        )
        write_atomically(
            path, (doc_pieces(docs, encoder).tobytes() for docs in gather(docs, len, _CHUNK_WORDS))
        )
    if not path.stat().st_size:
        raise DataError(f"{text}: there is no text in it")
    return np.memmap(path, dtype="<u4", mode="r")


def doc_pieces(docs: Sequence[Doc], encoder: Bert) -> Pieces:
    """Documents end to end as pieces, with what begins at each."""
    batch = Batch(docs)
    found = encoder.pieces(batch)
    packed = found.ids.astype(np.uint32)
    lines = batch.offsets[:-1][np.diff(batch.offsets) > 0]
    for what, words in (
        (WORD, np.arange(len(batch))),
        (SENTENCE, batch.sequences[:-1]),
        (LINE, lines),
    ):
        packed[found.borders[words]] |= what
    return packed


class TextSource(NamedTuple):
    """A shard, and the share of it that is read."""

    pieces: Pieces
    part: float


class Corpus:
    """Slices of shards, all of the same length; the end of each shard is held out.

    Args:
        length: of a slice, in pieces.
        seed: of the order in which they are read, and of where they begin.
    """

    HELD_OUT = 0.005  # of each shard

    def __init__(self, sources: Iterable[TextSource], length: int, seed: int) -> None:
        self.sources = list(sources)
        self.length, self.seed = length, seed
        counts = [int(len(source.pieces) * source.part) // length for source in self.sources]
        self._borders = np.cumsum([0, *counts], dtype=np.int64)
        held = [min(int(np.ceil(count * self.HELD_OUT)), count) for count in counts]
        ends = list(zip(self._borders[:-1].tolist(), self._borders[1:].tolist(), held, strict=True))
        # The last slice before those held out stays out: in an epoch that begins later it would reach into them.
        self.train: Ints = np.concatenate(
            [np.arange(begin, max(end - few - 1, begin)) for begin, end, few in ends]
        )
        self.held_out: Ints = np.concatenate([np.arange(end - few, end) for _, end, few in ends])
        if not len(self.train):
            raise DataError(
                f"the texts have no {3 * length} pieces one after another: name longer ones, or a smaller length"
            )
        self._epoch, self._order = -1, self.train

    def read(self, numbers: Ints, shift: int = 0) -> Pieces:
        """The slices of those numbers, each of which begins `shift` pieces later, uint32[slices, length]."""
        owner = np.searchsorted(self._borders, numbers, "right") - 1
        begins = (numbers - self._borders[owner]) * self.length + shift
        rows = [
            self.sources[o].pieces[b : b + self.length]
            for o, b in zip(owner.tolist(), begins.tolist(), strict=True)
        ]
        return np.stack(rows) if rows else np.zeros((0, self.length), np.uint32)

    def batch(self, step: int, rows: int) -> Pieces:
        """The slices of a step: every epoch reads all of them in an order of its own, cut at other places."""
        epoch, place = divmod(step, max(len(self.train) // rows, 1))
        random = np.random.default_rng([self.seed, epoch])
        shift = int(random.integers(self.length))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, random.permutation(self.train)
        return self.read(self._order[place * rows : (place + 1) * rows], shift)
