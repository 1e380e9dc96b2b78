"""Files of Docs (.docs) as corpora: all that their layers hold counts as gold."""

from __future__ import annotations

from collections.abc import Iterator

from pipekit.corpora.readers.files import OnProblem, Problem, StrPath
from pipekit.doc import Doc
from pipekit.doc.file import read_docs
from pipekit.errors import PipekitError


def read_docs_file(
    path: StrPath,
    *,
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """The Docs of a file of `pipekit.write_docs` or `pipekit apply`.

    Args:
        on_problem: receives each `Problem`, and reading goes on behind a damaged Doc.

    Errors: `PipekitFormatError` naming the file and the place for bytes that are no Doc.
    """
    if on_problem is None:
        yield from read_docs(path)
        return
    docs = iter(read_docs(path, on_error="skip"))
    while True:
        try:
            doc = next(docs)
        except StopIteration:
            return
        except (PipekitError, OSError) as error:
            on_problem(
                Problem(
                    str(path),
                    None,
                    "file",
                    str(error),
                )
            )
            return
        yield doc
