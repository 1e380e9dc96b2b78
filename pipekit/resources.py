"""Files of arrays that a recipe names, such as a lexicon or word vectors.

A file is read once, and its arrays are shared by all parts that name it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from pipekit.storage import store


@lru_cache(maxsize=8)
def read(path: str) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name, the same objects at every call.

    Errors: `CorruptModelError`.

        nlp.add_pipe("embeddings", tables=pipekit.resources.read("build/vectors.pipekit"))
    """
    return store.load_container(path).tensors
