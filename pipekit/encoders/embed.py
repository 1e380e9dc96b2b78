"""One vector for each token, made of the features of its word. All encoders over words begin so."""

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
from pipekit.words.arrays import Floats, Ints
from pipekit.words.features import Bag, FeatureMaker, Features
from pipekit.words.lexicon import ANALYSIS_KINDS, Lexicon
from pipekit.words.vectors import Vectors, unpack_rows

# Settings of the embedder itself; all others are those of FeatureMaker.
EMBEDDER_SETTINGS: dict[str, float] = {
    "width": 256,
    "word_width": 64,
    "affix_width": 24,
    "shape_width": 24,
    "ngram_width": 64,
    "tag_width": 64,
    "word_dropout": 0.15,
    "dropout": 0.15,
}
_KIND_WIDTH = 8
# Settings that are paths in a recipe. In a saved pipeline they are True or absent: the tables hold
# the content of the files.
_FILES = ("lexicon", "vectors")
# What is read of a file of word vectors. Its names and n-grams are for those who ask for words.
_VECTOR_TABLES = ("hashes", "rows", "values", "scale")
_OTHER_FIELDS = ("lexicon", "vector_hashes")
_MAKER_SETTINGS = tuple(f.name for f in fields(FeatureMaker) if f.name not in _OTHER_FIELDS)


class Embedder(nn.Module):
    """Embeds the features of words. Each distinct word of a batch is embedded once:

        columns   numbers of word, affixes, shape, …   looked up     ┐
        bags      numbers of n-grams                   averaged      ├─▶ joined ─▶ linear ─▶ GELU
        tags      analyses in the lexicon              see `TagBag`  │     ─▶ norm: (words, width)
        vectors   of the table of word vectors         as they are   ┘

    Args:
        settings: those of `FeatureMaker` and EMBEDDER_SETTINGS; ``lexicon = False`` or
            ``vectors = False`` leaves these tables out.
        tables: "lexicon.<array>" as `Lexicon` takes them, "vectors.<array>" as
            `pipekit.words.vectors.Vectors` does; of the latter hashes, rows, values and scale.
    """

    vectors: Tensor
    vector_rows: Tensor

    def __init__(
        self,
        settings: Mapping[str, Any],
        tables: Mapping[str, Any],
    ) -> None:
        super().__init__()
        _check_settings(settings)
        sizes = {name: settings.get(name, size) for name, size in EMBEDDER_SETTINGS.items()}
        lexicon = _tables_of("lexicon", settings, tables)
        vectors = _tables_of("vectors", settings, tables)
        self.maker = _feature_maker(settings, lexicon, vectors)
        self.word_dropout = float(sizes["word_dropout"])
        self.dropout = nn.Dropout(float(sizes["dropout"]))
        self.columns = _column_embeddings(self.maker, sizes)
        self.bags = _bag_embeddings(self.maker, int(sizes["ngram_width"]))
        embeddings: list[Any] = [*self.columns.values(), *self.bags.values()]
        joined = sum(embedding.embedding_dim for embedding in embeddings)
        if self.maker.lexicon is not None:
            tag_width = int(sizes["tag_width"])
            self.tags = TagBag(self.maker.lexicon, tag_width)
            joined += 2 * tag_width
        if vectors:
            rows, values = _vector_tables(vectors)
            self.register_buffer("vector_rows", torch.from_numpy(rows), persistent=False)
            self.register_buffer("vectors", torch.from_numpy(values), persistent=False)
            joined += values.shape[1]
        self.width = int(sizes["width"])
        self.output = nn.Linear(joined, self.width)
        self.norm = nn.LayerNorm(self.width)
        for embedding in embeddings:
            nn.init.normal_(embedding.weight, std=0.3)

    @staticmethod
    def prepare(
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        """Read the files that `lexicon` and `vectors` name into tables."""
        _check_settings(settings)
        complete = dict(settings)
        tables: Tables = {}
        for key in _FILES:
            path = settings.get(key)
            if path:
                complete[key] = True
            if not isinstance(path, str):
                continue
            for name, array in resources.read(path).items():
                if key != "vectors" or name in _VECTOR_TABLES:
                    tables[f"{key}.{name}"] = array
        return Prepared(complete, tables)

    def features(self, batch: Batch) -> Features:
        """The features of the batch's distinct words, and which of these each token is."""
        distinct = batch.distinct
        analyses = None
        if self.maker.lexicon is not None:
            analyses = batch.analyses(self.maker.lexicon)
        columns, bags = self.maker.describe(distinct.words, distinct.plain, analyses)
        return Features(distinct.index, columns, bags)

    def forward(self, features: Features) -> Tensor:
        """The vectors of the tokens, float[tokens, width]."""
        device = self.output.weight.device
        columns = to_device(features.columns, device)  # (words, columns)
        parts = []
        for i, name in enumerate(self.maker.column_sizes):
            parts.append(self._embed_column(name, columns[:, i]))
        for name, embedding in self.bags.items():
            bag = features.bags[name]
            parts.append(embedding(*_bag_on(bag, device)))
        if self.maker.lexicon is not None:
            bag = features.bags["tags"]
            parts += self.tags(*_bag_on(bag, device))
        joined = self.dropout(torch.cat(parts, dim=1))
        embedded: Tensor = self.norm(functional.gelu(self.output(joined)))  # (words, width)
        return embedded[to_device(features.index, device)]

    def _embed_column(
        self,
        name: str,
        numbers: Tensor,
    ) -> Tensor:
        """int64[words] to float[words, width of the column]."""
        if self.training and name in ("word", "vector"):
            keep = torch.rand_like(numbers, dtype=torch.float32) >= self.word_dropout
            numbers = numbers * keep
        if name == "vector":
            return self.vectors[self.vector_rows[numbers]]
        embedded: Tensor = self.columns[name](numbers)
        return embedded


class TagBag(nn.Module):
    """The analyses of a word in a lexicon as two vectors.

    The first is the mean over the tags of its analyses. The second embeds the union of their
    grammemes.
    """

    grammemes: Tensor

    def __init__(
        self,
        lexicon: Lexicon,
        width: int,
    ) -> None:
        super().__init__()
        grammemes = torch.from_numpy(lexicon.tag_grammemes.astype(np.float32))
        self.register_buffer("grammemes", grammemes, persistent=False)  # (tags, grammemes)
        self.tags = nn.Parameter(torch.randn(lexicon.tags, width) * 0.1)
        self.each = nn.Linear(len(lexicon.grammemes), width, bias=False)

    def forward(
        self,
        ids: Tensor,
        offsets: Tensor,
    ) -> list[Tensor]:
        """The tags of words, ``ids[offsets[i]:offsets[i + 1]]``, to twice float[words, width]."""
        table = self.tags + self.each(self.grammemes)  # (tags, width)
        mean = functional.embedding_bag(ids, table, offsets, mode="mean", include_last_offset=True)
        counts = functional.embedding_bag(
            ids, self.grammemes, offsets, mode="sum", include_last_offset=True
        )  # (words, grammemes)
        union = counts.clamp_max(1)
        return [mean, 0.3 * self.each(union)]


def _check_settings(settings: Mapping[str, Any]) -> None:
    allowed = (*_MAKER_SETTINGS, *EMBEDDER_SETTINGS, *_FILES)
    for key in settings:
        if key not in allowed:
            raise ConfigError(f"the features of an encoder take no {key!r}.{near(key, allowed)}")


def _tables_of(
    key: str,
    settings: Mapping[str, Any],
    tables: Mapping[str, Any],
) -> Tables:
    """The tables of a lexicon or of word vectors; none where the settings leave these out."""
    if not settings.get(key, True):
        return {}
    return under(tables, f"{key}.")


def _feature_maker(
    settings: Mapping[str, Any],
    lexicon: Tables,
    vectors: Tables,
) -> FeatureMaker:
    arguments: dict[str, Any] = {}
    for key, value in settings.items():
        if key in _MAKER_SETTINGS:
            arguments[key] = tuple(value) if isinstance(value, list) else value
    if vectors:
        arguments["vector_hashes"] = vectors["hashes"]
    if lexicon:
        arguments["lexicon"] = Lexicon.shared(lexicon)
    return FeatureMaker(**arguments)


def _column_embeddings(
    maker: FeatureMaker,
    sizes: Mapping[str, float],
) -> nn.ModuleDict:
    """The embeddings that are learned for columns; a word's row among the vectors needs none."""
    embeddings = nn.ModuleDict()
    for name, count in maker.column_sizes.items():
        if name != "vector":
            embeddings[name] = nn.Embedding(count, _column_width(name, sizes))
    return embeddings


def _column_width(
    name: str,
    sizes: Mapping[str, float],
) -> int:
    if name == "kind":
        return min(_KIND_WIDTH, 2 * len(ANALYSIS_KINDS))
    kind = name if name in ("word", "shape") else "affix"
    return int(sizes[f"{kind}_width"])


def _bag_embeddings(
    maker: FeatureMaker,
    width: int,
) -> nn.ModuleDict:
    """The embeddings of bags but that of the tags, which `TagBag` embeds."""
    embeddings = nn.ModuleDict()
    for name, count in maker.bag_sizes.items():
        if name != "tags":
            embeddings[name] = nn.EmbeddingBag(count, width, mode="mean", include_last_offset=True)
    return embeddings


def _vector_tables(tables: Mapping[str, NDArray[Any]]) -> tuple[Ints, Floats]:
    """Word vectors behind an entry 0 for a word without one.

    Returns: the row of each form, int64[forms + 1], and the vectors, float32[rows + 1, width].
    """
    vectors = Vectors(tables)
    rows = vectors.row_of_form.astype(np.int64) + 1
    values = unpack_rows(tables["values"], tables["scale"])
    nothing = np.zeros((1, vectors.width), np.float32)
    rows = np.concatenate([[0], rows])
    values = np.concatenate([nothing, values])
    return rows, values


def _bag_on(
    bag: Bag,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    return to_device(bag.ids, device), to_device(bag.offsets, device)
