"""Files of arrays that a recipe names, such as a lexicon or word vectors: read once, and shared by all parts that name them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from pipekit.storage import store


@lru_cache(maxsize=8)
def read(path: str) -> dict[str, NDArray[Any]]:
    """The arrays in a file, by name; the same objects each time. Errors: `CorruptModelError`."""
    return store.load(path).tensors
