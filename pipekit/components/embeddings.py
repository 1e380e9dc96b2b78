"""Word vectors for documents, and for whoever asks for a word; documents look them up when they are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pipekit import resources
from pipekit.batching import Batch
from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.model import Prepared, Tables
from pipekit.vectors import Vectors


class Embeddings:
    """Gives each document a reference to the table of vectors: no column is written, and nothing of it is saved with a document.

    Args:
        vectors: in a recipe the path of a file of recipes/vectors; True in a saved pipeline, where the tables hold it.
        tables: those of `Vectors`.

    Errors: `ConfigError` without tables.
    """

    requires: ClassVar[Sequence[str]] = ()
    assigns: ClassVar[Sequence[str]] = ()

    def __init__(self, vectors: bool | str = True, *, tables: Tables | None = None) -> None:
        if isinstance(vectors, str) and not tables:
            tables = resources.read(vectors)
        if not tables:
            raise ConfigError("embeddings need word vectors: give vectors=, a file that recipes/vectors/word2vec.py made")
        self.tables = tables
        self.vectors = Vectors(tables)

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        """Read the file that `vectors` names into tables."""
        path = settings.get("vectors")
        return Prepared({**settings, "vectors": True}, dict(resources.read(path)) if isinstance(path, str) else {})


    def __call__(self, batch: Batch) -> None:
        for doc in batch.docs:
            doc.vectors = self.vectors
