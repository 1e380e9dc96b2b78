"""Word features as one vector for each token: what every encoder reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipekit import resources
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Prepared, Tables, under
from pipekit.words.arrays import Floats
from pipekit.words.features import Bag, FeatureMaker, Features
from pipekit.words.lexicon import ANALYSIS_KINDS, Lexicon
from pipekit.words.vectors import Vectors, unpack_rows

# Settings of the embedder itself; all others are those of FeatureMaker.
WIDTHS: dict[str, float] = {
    "width": 256,
    "word_width": 64,
    "affix_width": 24,
    "shape_width": 24,
    "ngram_width": 64,
    "tag_width": 64,
    "word_dropout": 0.15,
    "dropout": 0.15,
}
OUTER = (
    "lexicon",
    "vectors",
)  # paths in a recipe; True, or absent, in a saved pipeline, where the tables hold what they named
_READ = (
    "hashes",
    "rows",
    "values",
    "scale",
)  # of a file of word vectors: its names and n-grams are for those who ask for words
_KIND_WIDTH = 8
_MAKER = tuple(f.name for f in fields(FeatureMaker) if f.name not in ("lexicon", "vector_hashes"))


class Embedder(nn.Module):
    """Embeds each distinct word of a batch once: columns are looked up, bags are averaged, all of it is joined and mixed to `width`.

    Args:
        settings: those of `FeatureMaker` and of WIDTHS; `lexicon` and `vectors` say that the tables hold them.
        tables: "lexicon.<array>" for `Lexicon`; "vectors.<array>" as `pipekit.words.vectors.Vectors` has them, of which only
            hashes, rows, values and scale are read.
    """

    vectors: Tensor
    vector_rows: Tensor

    def __init__(self, settings: Mapping[str, Any], tables: Mapping[str, Any]) -> None:
        super().__init__()
        _check(settings)
        sizes = {**WIDTHS, **{key: value for key, value in settings.items() if key in WIDTHS}}
        lexicon, vectors = (
            under(tables, f"{key}.") if settings.get(key, True) else {} for key in OUTER
        )
        self.maker = _maker(settings, Lexicon.shared(lexicon) if lexicon else None, vectors)
        self.word_dropout = float(sizes["word_dropout"])
        self.dropout = nn.Dropout(float(sizes["dropout"]))
        self.columns = nn.ModuleDict(
            {
                name: nn.Embedding(count, _width(name, sizes))
                for name, count in self.maker.column_sizes.items()
                if name != "vector"
            }
        )
        self.bags = nn.ModuleDict(
            {
                name: nn.EmbeddingBag(
                    count, int(sizes["ngram_width"]), mode="mean", include_last_offset=True
                )
                for name, count in self.maker.bag_sizes.items()
                if name != "tags"
            }
        )
        total = sum(e.embedding_dim for e in (*self.columns.values(), *self.bags.values()))  # type: ignore[misc]
        if self.maker.lexicon is not None:
            self.tags = TagBag(self.maker.lexicon, int(sizes["tag_width"]))
            total += 2 * int(sizes["tag_width"])
        if vectors:
            rows, values = _vectors(vectors)
            self.register_buffer("vector_rows", torch.from_numpy(rows), persistent=False)
            self.register_buffer("vectors", torch.from_numpy(values), persistent=False)
            total += values.shape[1]
        self.width = int(sizes["width"])
        self.output = nn.Linear(total, self.width)
        self.norm = nn.LayerNorm(self.width)
        for embedding in (*self.columns.values(), *self.bags.values()):
            nn.init.normal_(embedding.weight, std=0.3)  # type: ignore[arg-type]

    @staticmethod
    def prepare(settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        """Read what `lexicon` and `vectors` name into tables."""
        _check(settings)
        tables: Tables = {}
        for key in OUTER:
            if isinstance(settings.get(key), str):
                found = resources.read(settings[key])
                tables |= {
                    f"{key}.{name}": array
                    for name, array in found.items()
                    if key != "vectors" or name in _READ
                }
        return Prepared({**settings, **{key: True for key in OUTER if settings.get(key)}}, tables)

    def features(self, batch: Batch) -> Features:
        """The features of the batch's distinct words, and which of them each token is."""
        distinct, lexicon = batch.distinct, self.maker.lexicon
        columns, bags = self.maker.describe(
            distinct.words, distinct.plain, None if lexicon is None else batch.analyses(lexicon)
        )
        return Features(distinct.index, columns, bags)

    def forward(self, features: Features) -> Tensor:
        """float[words, width]."""
        device = self.output.weight.device
        columns = to_device(features.columns, device)
        found = [
            self._column(name, columns[:, i]) for i, name in enumerate(self.maker.column_sizes)
        ]
        found += [self.bags[name](*_flat(features.bags[name], device)) for name in self.bags]
        if self.maker.lexicon is not None:
            found += self.tags(*_flat(features.bags["tags"], device))
        mixed: Tensor = self.norm(
            functional.gelu(self.output(self.dropout(torch.cat(found, dim=1))))
        )
        return mixed[to_device(features.index, device)]

    def _column(self, name: str, numbers: Tensor) -> Tensor:
        if self.training and name in ("word", "vector"):
            numbers = numbers * (torch.rand_like(numbers, dtype=torch.float32) >= self.word_dropout)
        found: Tensor = (
            self.vectors[self.vector_rows[numbers]]
            if name == "vector"
            else self.columns[name](numbers)
        )
        return found


class TagBag(nn.Module):
    """What the lexicon allows for a word, twice: the mean over its analyses, and the union of their grammemes."""

    grammemes: Tensor

    def __init__(self, lexicon: Lexicon, width: int) -> None:
        super().__init__()
        self.register_buffer(
            "grammemes",
            torch.from_numpy(lexicon.tag_grammemes.astype(np.float32)),
            persistent=False,
        )
        self.tags = nn.Parameter(torch.randn(lexicon.tags, width) * 0.1)
        self.each = nn.Linear(len(lexicon.grammemes), width, bias=False)

    def forward(self, ids: Tensor, offsets: Tensor) -> list[Tensor]:
        table = self.tags + self.each(self.grammemes)
        mean = functional.embedding_bag(ids, table, offsets, mode="mean", include_last_offset=True)
        union = functional.embedding_bag(
            ids, self.grammemes, offsets, mode="sum", include_last_offset=True
        ).clamp_max(1)
        return [mean, 0.3 * self.each(union)]


def _check(settings: Mapping[str, Any]) -> None:
    known = (*_MAKER, *WIDTHS, *OUTER)
    for key in settings:
        if key not in known:
            raise ConfigError(f"the features of an encoder take no {key!r}.{near(key, known)}")


def _maker(
    settings: Mapping[str, Any], lexicon: Lexicon | None, vectors: Mapping[str, Any]
) -> FeatureMaker:
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in settings.items()
        if key in _MAKER
    }
    if vectors:
        given["vector_hashes"] = vectors["hashes"]
    return FeatureMaker(**given, lexicon=lexicon)


def _vectors(tables: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.int64], Floats]:
    """The row of each form, int64[forms + 1], and the vectors, float32[rows + 1, width]; number 0 of both is a word without one."""
    known = Vectors(tables)
    values = unpack_rows(tables["values"], tables["scale"])
    return np.concatenate([[0], known.row_of_form.astype(np.int64) + 1]), np.concatenate(
        [np.zeros((1, known.width), np.float32), values]
    )


def _width(name: str, sizes: Mapping[str, float]) -> int:
    if name == "kind":
        return min(_KIND_WIDTH, 2 * len(ANALYSIS_KINDS))
    return int(
        sizes[
            "word_width" if name == "word" else "shape_width" if name == "shape" else "affix_width"
        ]
    )


def _flat(bag: Bag, device: torch.device) -> tuple[Tensor, Tensor]:
    return to_device(bag.ids, device), to_device(bag.offsets, device)
