"""What every reader of a corpus format is asked: Docs, or an error that names the place."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest

import pipekit
from pipekit import Doc, PipekitError, PipekitWarning, Pipeline, registry
from pipekit.corpora.sources import CorpusSource, check_source, read_corpus, read_source
from pipekit.errors import ConfigError, DataError
from pipekit.testing.questions import PartQuestions

_GARBAGE = {
    "nothing": b"",
    "zeros": bytes(64),
    "bytes that are no text": bytes(range(128, 256)) * 4,
    "another format": b"PK\x03\x04 {]<a>\t\t\n|;,\"'\n\n[[[[",
    "a line without an end": "слово ".encode() * 5_000,
}


class ReaderTests(PartQuestions):
    """The questions to a reader.

        class TestMine(pipekit.testing.ReaderTests):
            type = "mine"

            def write(self, folder):
                path = folder / "corpus.mine"
                path.write_text("Мама мыла раму.", encoding="utf-8")
                return path

    Attributes:
        type: the name of the format in the registry.
        options: the options of the reader.
        compressed: whether a corpus is one file that may be packed (.gz).
    """

    type: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    compressed: ClassVar[bool] = True

    @classmethod
    def asked(cls) -> Mapping[str, bool]:
        return {"test_a_packed_file_is_read_alike": cls.compressed}

    def write(
        self,
        folder: Path,
    ) -> Path:
        """Write a small corpus without faults into a folder; the path that is read."""
        raise NotImplementedError(f"{type(self).__name__} needs a method write(folder)")

    def read(
        self,
        path: Path,
        **options: Any,
    ) -> list[Doc]:
        """The documents of a corpus."""
        return read_corpus(path, self.type, _blank().tokenize, **{**self.options, **options})

    # -- questions

    def test_one_package_brings_its_name(self) -> None:
        supplier = registry.readers.supplier(self.type)
        assert callable(registry.readers.get(self.type)), supplier

    def test_a_corpus_is_read_as_docs_that_can_be_saved(
        self,
        tmp_path: Path,
    ) -> None:
        docs = self.read(self.write(tmp_path))
        assert docs
        for doc in docs:
            assert isinstance(doc, Doc)
            assert Doc.from_bytes(doc.to_bytes()).to_dict() == doc.to_dict()

    def test_it_reads_the_same_twice(
        self,
        tmp_path: Path,
    ) -> None:
        path = self.write(tmp_path)
        first = [doc.to_bytes() for doc in self.read(path)]
        assert [doc.to_bytes() for doc in self.read(path)] == first

    def test_a_recipe_reads_it(
        self,
        tmp_path: Path,
    ) -> None:
        path = self.write(tmp_path)
        source = CorpusSource(path, self.type, options=dict(self.options))
        check_source(source)
        docs = read_source(source, _blank().tokenize)
        assert len(docs) == len(self.read(path))

    def test_an_option_that_it_does_not_take_is_refused_by_name(
        self,
        tmp_path: Path,
    ) -> None:
        with pytest.raises(ConfigError, match="nosuchoption"):
            self.read(self.write(tmp_path), nosuchoption=1)

    def test_a_corpus_that_is_not_there_is_named(
        self,
        tmp_path: Path,
    ) -> None:
        with pytest.raises(DataError, match="nosuchfile"):
            self.read(tmp_path / "nosuchfile")

    def test_a_packed_file_is_read_alike(
        self,
        tmp_path: Path,
    ) -> None:
        path = self.write(tmp_path)
        packed = path.with_name(f"{path.name}.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert [doc.text for doc in self.read(packed)] == [doc.text for doc in self.read(path)]

    def test_a_damaged_file_gives_docs_or_an_error_of_pipekit(
        self,
        tmp_path: Path,
    ) -> None:
        path = self.write(tmp_path)
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
        for file in files:
            whole = file.read_bytes()
            for damage, content in _damaged(whole):
                file.write_bytes(content)
                self._ask(path, f"{file.name}: {damage}")
            file.write_bytes(whole)

    def _ask(
        self,
        path: Path,
        damage: str,
    ) -> None:
        """Read a damaged corpus."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PipekitWarning)
            try:
                docs = self.read(path)
                for doc in docs:
                    doc.to_bytes()
            except PipekitError:
                return
            except Exception as error:
                raise AssertionError(f"{damage}: {type(error).__name__}: {error}") from error


@cache
def _blank() -> Pipeline:
    """A pipeline that tokenizes."""
    return pipekit.blank("ru")


def _damaged(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """The contents of a file that was damaged, each with what was done to it."""
    yield from _GARBAGE.items()
    for part in range(1, 16):
        end = len(whole) * part // 16
        yield f"cut off after {end} bytes", whole[:end]
        yield f"without {part} sixteenths of its beginning", whole[end:]
        yield f"byte {end} is another", whole[:end] + b"\xff" + whole[end + 1 :]
        yield f"byte {end} is a line end", whole[:end] + b"\n" + whole[end:]
