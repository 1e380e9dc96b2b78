"""Bytes in other encodings than UTF-8, and with other line ends, as lines of UTF-8."""

from __future__ import annotations

import codecs
import io
from typing import IO, Any

from pipekit.errors import ConfigError, DataError

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_AT_ONCE = 1 << 20  # characters that are skipped at once


def check_encoding(encoding: str | None) -> None:
    """Errors: `ConfigError` for an encoding of texts that Python does not know."""
    try:
        codecs.lookup(encoding or "utf-8")
        "".encode(encoding or "utf-8")  # base64 and the like are no encodings of texts
    except LookupError as error:
        raise ConfigError(
            f"encoding is {encoding!r}: it takes one that Python knows, such as cp1251 or utf-16"
        ) from error


class Recoded:
    """A stream as UTF-8. Bytes that the encoding does not have stay as they are.

    Places in it count bytes of the UTF-8. It does not close the stream.

        Recoded(open("a.csv", "rb"), "cp1251", "a.csv").readline()

    Args:
        stream: the bytes.
        encoding: their encoding.
        name: the file, for messages.
        any_line_end: CR and CRLF become LF.

    Errors: `DataError` while it is read.
    """

    def __init__(
        self,
        stream: IO[bytes],
        encoding: str,
        name: str,
        *,
        any_line_end: bool = False,
    ) -> None:
        self._name = name
        self._text = io.TextIOWrapper(
            stream,
            encoding=encoding,
            errors="surrogateescape",
            newline=None if any_line_end else "\n",
        )

    def readline(self, most: int = -1) -> bytes:
        """The next line with its end, or its next `most` characters."""
        return self._encoded(self._text.readline, most)

    def read(self, most: int = -1) -> bytes:
        """The rest, or the next `most` characters."""
        return self._encoded(self._text.read, most)

    def _encoded(
        self,
        read: Any,
        most: int,
    ) -> bytes:
        try:
            text: str = read(most)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self._name}: is not {error.encoding}: {error.reason}: name another encoding"
            ) from error
        return text.encode(errors="surrogateescape")

    def seek(self, place: int) -> None:
        """Read on from a place between two lines. All before it is read once."""
        self._text.seek(0)
        at = 0
        while at < place:
            line = self.readline(_AT_ONCE)
            if not line:
                return
            at += len(line)

    def close(self) -> None:
        """Let go of the stream, which stays open."""
        self._text.detach()


def recoded(
    stream: IO[bytes],
    encoding: str | None,
    name: str,
    *,
    is_table: bool = False,
) -> Recoded | None:
    """A stream as UTF-8; None where it is UTF-8 already, by its first bytes or by its encoding.

    Args:
        stream: the bytes from their begin on, with a method `peek`.
        encoding: None for UTF-8, or for UTF-16 where a byte order mark says so.
        name: the file, for messages.
        is_table: CR may stand at the end of each line, as spreadsheets on a Mac write it.
    """
    peek = getattr(stream, "peek", None)
    head = peek(1 << 13) if peek else b""
    if encoding is None and head.startswith(_UTF16):
        encoding = "utf-16"
    text = head.decode(encoding or "utf-8", errors="ignore")
    any_line_end = is_table and "\r" in text and "\n" not in text
    if encoding is None and not any_line_end:
        return None
    return Recoded(
        stream,
        encoding or "utf-8",
        name,
        any_line_end=any_line_end,
    )
