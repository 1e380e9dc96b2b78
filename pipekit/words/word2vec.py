"""Word vectors in the files of word2vec and fastText, as tables of `Vectors`.

text      "2000000 300" in the first line, or no such line; then "word 0.1 -0.2 …" in each
binary    the same first line; then "word ", the numbers as float32, and perhaps a line break
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pipekit.errors import DataError
from pipekit.words.arrays import Floats
from pipekit.words.chars import from_strings, normalize
from pipekit.words.lexicon import short
from pipekit.words.vectors import packed

TEXT_SUFFIXES = (".vec", ".txt")
SUFFIXES = (*TEXT_SUFFIXES, ".bin")
_FASTTEXT = (793712314).to_bytes(4, "little")  # the first bytes of a model of fastText
_LONGEST = 1 << 12  # bytes of a word
_WIDEST = 1 << 14  # numbers of a vector


def read_word2vec(path: str | Path) -> dict[str, NDArray[Any]]:
    """The tables of word vectors, of a text file (.vec, .txt) or a binary one (.bin).

    Words are looked up in small letters, with ё as е: of several spellings the first one counts,
    which in such files is the most frequent one. The vectors stay float32.

    Errors: `DataError` naming the file, the line, and the cure.

        nlp.add_pipe("embeddings", tables=pipekit.resources.read("cc.ru.300.vec"))
    """
    place = Path(path)
    try:
        with place.open("rb") as file:
            if place.suffix == ".bin":
                words, vectors = _binary(file, place)
            else:
                words, vectors = _text(file, place)
    except OSError as error:
        raise DataError(f"{place}: cannot be read: {error.strerror or error}") from error
    return vector_tables(words, vectors)


def vector_tables(
    words: list[str],
    vectors: Floats,
) -> dict[str, NDArray[Any]]:
    """The tables of words and their vectors, float32[words, width]; of equal forms the first."""
    hashes = short(normalize(from_strings(words)).word_hashes())
    forms, rows = np.unique(hashes, return_index=True)
    return {
        "hashes": forms,
        "rows": rows.astype(np.int32),
        "values": vectors,
        "scale": np.ones(1, np.float32),
        "names": packed(words),
    }


def _text(
    file: BinaryIO,
    place: Path,
) -> tuple[list[str], Floats]:
    words = []
    vectors: list[Floats] = []
    for number, line in enumerate(
        tqdm(
            file,
            str(place),
            unit=" words",
            disable=None,
        ),
        1,
    ):
        cells = line.decode("utf-8", "replace").rstrip().split(" ")
        if number == 1 and len(cells) == 2 and all(cell.isdecimal() for cell in cells):
            continue
        width = len(vectors[0]) if vectors else len(cells) - 1
        word = " ".join(cells[:-width]) if width else ""  # some words have a space within
        try:
            vector = np.array(cells[-width:], dtype=np.float32) if word else None
        except ValueError:
            vector = None
        if vector is None or len(vector) != width or not np.isfinite(vector).all():
            raise DataError(
                f"{place}:{number}: is no word with {width or 'its'} numbers: "
                "each line is a word and the same count of numbers, with single spaces between"
            )
        words.append(word)
        vectors.append(vector)
    if not words:
        raise DataError(f"{place}: holds no word vectors: download it again")
    return words, np.stack(vectors)


def _binary(
    file: BinaryIO,
    place: Path,
) -> tuple[list[str], Floats]:
    first = file.readline(_LONGEST)
    if first.startswith(_FASTTEXT):
        raise DataError(
            f"{place}: is a model of fastText: take its vectors as text, the .vec file beside it, "
            "or write one with model.get_words() and model.get_word_vector(word)"
        )
    cells = first.split()
    if len(cells) != 2 or not all(cell.isdigit() for cell in cells):
        raise DataError(f"{place}: begins with no counts of words and numbers: no word2vec file")
    count, width = map(int, cells)
    room = place.stat().st_size - len(first)
    if not 0 < width <= _WIDEST or count * 4 * width > room:
        raise DataError(
            f"{place}: {count} words of {width} numbers need more bytes than the file has: "
            "it is cut short, download it again"
        )
    words = []
    vectors = np.empty((count, width), dtype=np.float32)
    for row in tqdm(
        range(count),
        str(place),
        unit=" words",
        disable=None,
    ):
        word = b"".join(_until_space(file)).lstrip(b"\n")
        data = file.read(4 * width)
        if len(data) < 4 * width or not word:
            raise DataError(f"{place}: ends within word {row + 1} of {count}: download it again")
        words.append(word.decode("utf-8", "replace").replace("\n", " "))
        vectors[row] = np.frombuffer(data, "<f4")
    return words, vectors


def _until_space(file: BinaryIO) -> Iterator[bytes]:
    for _ in range(_LONGEST):
        byte = file.read(1)
        if byte in (b" ", b""):
            return
        yield byte
