"""Word vectors of word2vec and fastText, as a recipe names them.

Modules: words.word2vec
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pipekit
from pipekit.errors import ConfigError, DataError
from pipekit.words.vectors import Vectors

WORDS = ["дом", "Кот", "кот", "a b", "ёж"]
NUMBERS = np.arange(20, dtype=np.float32).reshape(5, 4) / 8 + 1


def text(path: Path, header: str = "5 4\n") -> Path:
    rows = zip(WORDS, NUMBERS.tolist(), strict=True)
    body = "".join(f"{word} {' '.join(map(str, numbers))} \n" for word, numbers in rows)
    path.write_text(header + body, encoding="utf-8")
    return path


def binary(path: Path, end: bytes = b"\n") -> Path:
    rows = zip(WORDS, NUMBERS, strict=True)
    body = b"".join(
        word.replace(" ", "_").encode() + b" " + row.tobytes() + end for word, row in rows
    )
    path.write_bytes(b"5 4\n" + body)
    return path


def test_text_and_binary_files_are_tables_of_vectors(tmp_path: Path) -> None:
    files = (
        text(tmp_path / "a.vec"),
        text(tmp_path / "b.txt", header=""),
        binary(tmp_path / "c.bin"),
        binary(tmp_path / "d.bin", end=b""),
    )
    for path in files:
        vectors = Vectors(pipekit.resources.read(str(path)))
        for word, row in (("дом", 0), ("кот", 1), ("еж", 4)):
            unit = NUMBERS[row]
            vector = vectors.vector(word)
            assert vector is not None and np.allclose(vector, unit, atol=1e-6), (path.name, word)
        assert vectors.vector("нет") is None
        assert vectors.most_similar("дом", top=1)[0][0] in WORDS


def test_a_pipeline_takes_them_and_its_file_keeps_them(tmp_path: Path) -> None:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("embeddings", tables=pipekit.resources.read(str(text(tmp_path / "a.vec"))))
    vector = nlp("дом")[0].vector
    assert vector is not None and len(vector) == 4
    nlp.to_disk(tmp_path / "with.pipekit")
    again = pipekit.load(tmp_path / "with.pipekit")("дом")[0].vector
    assert again is not None and np.allclose(again, vector)


def test_what_is_no_file_of_vectors_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.vec"
    cases = (
        ("дом 1 2\nкот 1\n", r"a\.vec:2: is no word with 2 numbers"),
        ("дом 1 nan\n", r"a\.vec:1: is no word"),
        ("", "holds no word vectors"),
    )
    for content, message in cases:
        path.write_text(content, encoding="utf-8")
        pipekit.resources.read.cache_clear()
        with pytest.raises(DataError, match=message):
            pipekit.resources.read(str(path))
    path = tmp_path / "a.bin"
    for data, message in (
        (b"5 4\nabc", "cut short"),
        (b"9000000000 9000000000\n", "cut short"),
        (b"\xba\x16\x4f\x2f", "is a model of fastText"),
        (b"hello world", "no counts"),
    ):
        path.write_bytes(data)
        pipekit.resources.read.cache_clear()
        with pytest.raises(DataError, match=message):
            pipekit.resources.read(str(path))
    with pytest.raises(ConfigError, match="no such file"):
        pipekit.resources.read(str(tmp_path / "none.vec"))
