"""Wheels and sdists, written from their files: the same files give the same bytes.

Source: packaging.python.org/specifications, "Binary distribution format" and "Source distribution
format". All times are those of SOURCE_DATE_EPOCH, or 1980, the first year that a zip file knows.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256

from pipekit import builtin

Files = Mapping[str, bytes]
_FIRST_MOMENT = 315_532_800  # 1980-01-01, UTC
_WHEEL = """Wheel-Version: 1.0
Generator: pipekit {release}
Root-Is-Purelib: true
Tag: py3-none-any
"""


def wheel_bytes(
    files: Files,
    info: str,
    metadata: Files,
) -> bytes:
    """A wheel for any Python 3.

    Args:
        files: the files of the package by their path.
        info: the folder of its metadata, "ru_mycorp-0.1.dist-info".
        metadata: the files in that folder, besides WHEEL and RECORD.
    """
    complete = dict(files)
    for name, data in metadata.items():
        complete[f"{info}/{name}"] = data
    complete[f"{info}/WHEEL"] = _WHEEL.format(release=builtin.RELEASE).encode()
    record = f"{info}/RECORD"
    lines = [_record_line(name, data) for name, data in complete.items()]
    complete[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in complete.items():
            entry = zipfile.ZipInfo(name, time.gmtime(_moment())[:6])
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever the system is
            archive.writestr(entry, data)
    return stream.getvalue()


def _record_line(
    name: str,
    data: bytes,
) -> str:
    digest = urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}"


def sdist_bytes(
    files: Files,
    folder: str,
) -> bytes:
    """A source distribution, a .tar.gz.

    Args:
        files: its files by their path.
        folder: that all of them lie in, "ru_mycorp-0.1".
    """
    stream = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=stream, mtime=_moment()) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(data)
            entry.mtime = _moment()
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def _moment() -> int:
    """The time of all files, seconds since 1970."""
    return max(int(os.environ.get("SOURCE_DATE_EPOCH", _FIRST_MOMENT)), _FIRST_MOMENT)
