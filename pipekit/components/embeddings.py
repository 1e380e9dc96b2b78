"""Word vectors for documents and for questions about words.

Documents look vectors up when somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pipekit import resources
from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Prepared, Tables
from pipekit.words.vectors import Vectors

_HOW = "read a file into tables: add_pipe('embeddings', tables=pipekit.resources.read(path))"


class Embeddings:
    """Gives each document a reference to the table of vectors.

    No column is written, and no vector is saved with a document.

        nlp.add_pipe("embeddings", tables=pipekit.resources.read(path))
        nlp("Кот и кошка.")[0].vector

    Args:
        vectors: in a recipe, the path of a file of recipes/vectors, which `prepare` reads;
            otherwise True. So a saved pipeline names no path and opens no file.
        tables: the tables of `Vectors`.

    Errors: `ConfigError` for a path, and without tables.
    """

    requires: ClassVar[Sequence[str]] = ()
    assigns: ClassVar[Sequence[str]] = ()

    def __init__(
        self,
        vectors: bool | str = True,
        *,
        tables: Tables | None = None,
    ) -> None:
        if not isinstance(vectors, bool):
            raise ConfigError(
                f"embeddings take vectors={vectors!r} in a recipe alone; elsewhere, {_HOW}"
            )
        if not tables:
            raise ConfigError(f"embeddings need word vectors, such as recipes/vectors make: {_HOW}")
        self.tables = tables
        self.vectors = Vectors(tables)

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        """Read the file that `vectors` names into tables."""
        path = settings.get("vectors")
        tables: Tables = {}
        if isinstance(path, str):
            tables = resources.read(path, "vectors")
        completed = {**settings, "vectors": True}
        return Prepared(completed, tables)

    def __call__(self, batch: Batch) -> None:
        for doc in batch.docs:
            doc.vectors = self.vectors
