"""Files of Docs (.docs) as corpora: all that their layers hold counts as gold."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from pipekit.corpora.readers.files import FILE_FAULTS, CorpusFile, OnProblem, StrPath, corpus
from pipekit.doc import Doc
from pipekit.doc.file import doc_places_of
from pipekit.errors import PipekitFormatError

SUFFIXES = (".docs",)


def read_docs_file(
    path: StrPath,
    *,
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """The Docs of files of `pipekit.write_docs` or `pipekit apply`.

    Args:
        path: a file, packed or not, or a folder or archive of such.
        on_problem: receives each `Problem`, and reading goes on behind a damaged Doc.

    Errors: `DataError` naming the file and the place for bytes that are no Doc.
    """
    with corpus(
        path,
        SUFFIXES,
        on_problem,
    ) as files:
        for file in files.values():
            yield from _docs(file)


def _docs(file: CorpusFile) -> Iterator[Doc]:
    try:
        with _opened(file) as stream:
            places = doc_places_of(stream, file.name)
            for number, (place, doc) in enumerate(places):
                if isinstance(doc, Doc):
                    yield doc
                    continue
                file.fail(
                    None,
                    "file",
                    f"record {number} at byte {place.start} is lost: {doc}",
                )
    except PipekitFormatError as error:
        file.fail(None, "file", str(error))
    except FILE_FAULTS as error:
        file.damaged(error)


@contextmanager
def _opened(file: CorpusFile) -> Iterator[BinaryIO]:
    """The file, or what was packed in it: places of Docs need a file with a descriptor."""
    with file.open() as stream:
        if isinstance(stream, BufferedReader):
            yield stream
            return
        with TemporaryFile() as unpacked:
            shutil.copyfileobj(stream, unpacked)
            unpacked.seek(0)
            yield cast(BinaryIO, unpacked)
