"""Files of arrays that a recipe names, such as a lexicon or word vectors.

A file is read once, and its arrays are shared by all parts that name it. Instead of a file of its
own, a recipe may name a pipeline that has such arrays: an installed one ("ru_core"), or its file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipekit import registry
from pipekit.errors import ConfigError, near
from pipekit.storage import store
from pipekit.words.word2vec import SUFFIXES, read_word2vec

_Arrays = dict[str, NDArray[Any]]


@lru_cache(maxsize=8)
def read(
    name: str,
    kind: str = "",
) -> _Arrays:
    """The arrays of a file by name, the same objects at every call.

    Word vectors of word2vec and fastText (.vec, .txt, .bin) are made into tables, see
    `read_word2vec`; all other files are pipekit's own.

        nlp.add_pipe("embeddings", tables=pipekit.resources.read("build/vectors.pipekit"))
        nlp.add_pipe("embeddings", tables=pipekit.resources.read("ru_core", "vectors"))

    Args:
        name: a file, or the name of an installed pipeline.
        kind: what of a pipeline is read: "lexicon", "vectors" or "subwords".

    Errors: `CorruptModelError`; `DataError` for a file of word vectors; `ConfigError` for a
    pipeline that has no such arrays.
    """
    path = resource_path(name)
    if path.suffix in SUFFIXES:
        return read_word2vec(str(path))
    container = store.load_container(path)
    config = container.header.get("config")
    if not isinstance(config, dict):
        return container.tensors
    arrays = _arrays_of(container, kind)
    if not arrays:
        raise ConfigError(f"{name}: this pipeline has no {kind or 'arrays of its own'}")
    return arrays


def resource_path(name: str) -> Path:
    """The file of a name. A file that is there hides an installed pipeline.

    Errors: `ConfigError` with the pipelines that are installed.
    """
    path = Path(name)
    if path.exists():
        return path
    names = registry.pipelines.names()
    if name in names:
        locate: Callable[[], Path] = registry.pipelines.get(name)
        return Path(locate())
    raise ConfigError(f"{name!r}: no such file, and no installed pipeline.{near(path.name, names)}")


def _arrays_of(
    container: store.Container,
    kind: str,
) -> _Arrays:
    """The arrays of a kind in a pipeline: those of the first part that has some.

    They are tables called "lexicon.stem_hashes", or "subwords". Word vectors may be those of the
    component that writes them, which knows the words too.
    """
    by_part: dict[str, _Arrays] = {}
    for address, array in container.tensors.items():
        part, is_table, table = address.partition("/tables/")
        if is_table:
            by_part.setdefault(part, {})[table] = array
    components = container.header["config"].get("components", {})
    if kind == "vectors":
        for name, settings in components.items():
            if settings.get("type") == "embeddings":
                return by_part.get(f"components/{name}", {})
    for tables in by_part.values():
        arrays = {}
        for name, array in tables.items():
            before, _, rest = name.partition(".")
            if before == kind:
                arrays[rest or kind] = array
        if arrays:
            return arrays
    return {}
