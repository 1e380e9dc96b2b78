"""How inputs are read: the field with the text, the size of a document, the share of records."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from pipekit.corpora.readers.encodings import check_encoding
from pipekit.errors import ConfigError, near
from pipekit.jobs.records import CELL_DELIMITERS, Source

MAX_RECORD = 1 << 26
"""The bytes of a record by default, 64 MB: some twenty novels."""
_UNITS = {
    "txt": ("line", "file", "paragraph"),
    "conllu": ("sentence", "document"),
}
_FILES_ONLY = ("parquet", "docs")  # formats that standard input cannot have


class Shard(NamedTuple):
    """Part `part` of `of` equal parts, from 1 on: every `of`-th record, over all inputs.

    Shard(2, 8)          # the records number 1, 9, 17, …, counted from 0
    """

    part: int = 1
    of: int = 1

    @classmethod
    def of_text(cls, text: str) -> Shard:
        """The shard that a text such as "2/8" names. Errors: `ConfigError`."""
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if match:
            part = int(match[1])
            of = int(match[2])
            if 1 <= part <= of:
                return cls(part, of)
        raise ConfigError(
            f"--shard is {text!r}: it takes i/n, the i-th of n parts, for instance 1/8"
        )

    def count(self, records: int) -> int:
        """How many of the first `records` records are in this shard."""
        return (records + self.of - self.part) // self.of

    def holds(self, number: int) -> bool:
        """Whether record `number`, counted from 0, is in this shard."""
        return number % self.of == self.part - 1


def _is_delimiter(text: str) -> bool:
    return len(text) == 1 and text not in '\r\n"'


class Reading(NamedTuple):
    """How inputs are read.

    Args:
        text: the field with the text: "body", or dotted, "article.body".
        unit: what makes a document: of plain text a "line", "file" or "paragraph", of CoNLL-U a
            "sentence" or "document". Without it, lines and sentences.
        shard: the share of all records that is read.
        max_record: the most bytes that a record may have in its file, after decompression: all of
            its lines with their ends; of Parquet, its cells. A larger one fails, and is never held
            in memory.
        encoding: of texts: "cp1251". Without it, UTF-8, or UTF-16 where a byte order mark says so.
        delimiter: what stands between two cells of a table. Without it, that of the format, or a
            comma, semicolon, tab or bar, if the first row has the column of the text only so.
    """

    text: str = "text"
    unit: str | None = None
    shard: Shard = Shard()
    max_record: int = MAX_RECORD
    encoding: str | None = None
    delimiter: str | None = None

    def check(self, sources: Iterable[Source]) -> None:
        """See that all inputs can be read so.

        Errors: `ConfigError` for an input that has no such unit, or that cannot be standard input;
        `DataError` for a missing file.
        """
        if self.max_record < 1:
            raise ConfigError(f"max_record is {self.max_record}: it is 1 byte or more")
        check_encoding(self.encoding)
        if self.delimiter is not None and not _is_delimiter(self.delimiter):
            raise ConfigError(
                f"--delimiter is {self.delimiter!r}: it takes one character, for instance ';'"
            )
        for source in sources:
            self._check_unit(source)
            self._check_coding(source)
            if source.is_stdin and source.format in _FILES_ONLY:
                raise ConfigError(
                    f"standard input cannot be read as {source.format!r}: give a file"
                )
            _ = source.size  # fails for a missing file

    def _check_coding(self, source: Source) -> None:
        if self.delimiter is not None and source.format not in CELL_DELIMITERS:
            raise ConfigError(f"{source.path}: --delimiter is for tables, csv and tsv")
        if self.encoding is not None and source.format in _FILES_ONLY:
            raise ConfigError(
                f"{source.path}: --encoding is for texts, but the format is {source.format!r}"
            )

    def _check_unit(self, source: Source) -> None:
        units = _UNITS.get(source.format, ())
        if self.unit is not None and self.unit not in units:
            raise ConfigError(
                f"{source.path}: --unit is {self.unit!r}, but the format is {source.format!r}."
                f"{near(self.unit, units)}"
            )
