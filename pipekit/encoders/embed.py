"""One vector for each token, made of the features of its word. All encoders over words begin so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipekit import resources
from pipekit.allowance import take
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Prepared, Tables
from pipekit.settings import Rate, Width, check_values
from pipekit.tables import by_prefix
from pipekit.words.arrays import Floats, Ints
from pipekit.words.features import Bag, FeatureMaker, Features
from pipekit.words.lexicon import ANALYSIS_KINDS, Lexicon
from pipekit.words.vectors import Vectors, unpack_rows


@dataclass(frozen=True)
class EmbedderSettings:
    """Settings of the embedder itself; all others are those of FeatureMaker.

    Attributes:
        width: of the vectors.
        word_width, affix_width, shape_width, ngram_width, tag_width: of what they are made of.
        word_dropout: the share of words of which only the parts are seen.
        dropout: of what the vectors are made of; unset, it follows from the size of the training
            data, see `suitable_dropout`.
        lexicon, vectors: false leaves these tables out. In a recipe they are paths.
    """

    width: Width = 256
    word_width: Width = 64
    affix_width: Width = 24
    shape_width: Width = 24
    ngram_width: Width = 64
    tag_width: Width = 64
    word_dropout: Rate = 0.15
    dropout: Rate | None = None
    lexicon: bool | str = True
    vectors: bool | str = True


_KIND_WIDTH = 8
# The dropout that suits few words, and that which suits many (`recipes/benchmarks/defaults.py`).
_FEW, _FEW_DROPOUT = 4_000, 0.5
_MANY, _MANY_DROPOUT = 300_000, 0.15
# Settings that are paths in a recipe. In a saved pipeline they are True or absent: the tables hold
# the content of the files.
_FILES = ("lexicon", "vectors")
# What is read of a file of word vectors. Its names and n-grams are for those who ask for words.
_VECTOR_TABLES = ("hashes", "rows", "values", "scale")
_OTHER_FIELDS = ("lexicon", "vector_hashes")
_MAKER_SETTINGS = tuple(f.name for f in fields(FeatureMaker) if f.name not in _OTHER_FIELDS)
_OWN_SETTINGS = tuple(f.name for f in fields(EmbedderSettings))


class Embedder(nn.Module):
    """Embeds the features of words. Each distinct word of a batch is embedded once:

        columns   numbers of word, affixes, shape, …   looked up     ┐
        bags      numbers of n-grams                   averaged      ├─▶ joined ─▶ linear ─▶ GELU
        tags      analyses in the lexicon              see `TagBag`  │     ─▶ norm: (words, width)
        vectors   of the table of word vectors         as they are   ┘

    Args:
        settings: those of `FeatureMaker` and `EmbedderSettings`.
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
        own = _own_settings(settings)
        lexicon, vectors = by_prefix(tables, _FILES, "the features of an encoder")
        if not own.lexicon:
            lexicon = {}
        if not own.vectors:
            vectors = {}
        self.maker = _feature_maker(settings, lexicon, vectors)
        self.word_dropout = own.word_dropout
        self.dropout = nn.Dropout(_MANY_DROPOUT if own.dropout is None else own.dropout)
        self.columns = _column_embeddings(self.maker, own)
        self.bags = _bag_embeddings(self.maker, own.ngram_width)
        embeddings: list[Any] = [*self.columns.values(), *self.bags.values()]
        joined = sum(embedding.embedding_dim for embedding in embeddings)
        if self.maker.lexicon is not None:
            self.tags = TagBag(self.maker.lexicon, own.tag_width)
            joined += 2 * own.tag_width
        if vectors:
            rows, values = _vector_tables(vectors)
            self.register_buffer("vector_rows", torch.from_numpy(rows), persistent=False)
            self.register_buffer("vectors", torch.from_numpy(values), persistent=False)
            joined += values.shape[1]
        self.width = own.width
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
        if docs and settings.get("dropout") is None:
            complete["dropout"] = suitable_dropout(sum(map(len, docs)))
        tables: Tables = {}
        for key in _FILES:
            path = settings.get(key)
            if path:
                complete[key] = True
            if not isinstance(path, str):
                continue
            for name, array in resources.read(path, key).items():
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
        activated = functional.gelu(self.output(joined))
        embedded: Tensor = self.norm(activated)  # (words, width)
        index = to_device(features.index, device)
        return embedded[index]

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
    where = "the features of an encoder"
    allowed = (*_MAKER_SETTINGS, *_OWN_SETTINGS)
    for key in settings:
        if key not in allowed:
            raise ConfigError(f"{where} take no {key!r:.80}.{near(key[:80], allowed)}")
    check_values(FeatureMaker, settings, where)
    check_values(EmbedderSettings, settings, where)


def _own_settings(settings: Mapping[str, Any]) -> EmbedderSettings:
    arguments = {}
    for key in _OWN_SETTINGS:
        if key in settings:
            arguments[key] = settings[key]
    return EmbedderSettings(**arguments)


def _feature_maker(
    settings: Mapping[str, Any],
    lexicon: Tables,
    vectors: Tables,
) -> FeatureMaker:
    arguments: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in _MAKER_SETTINGS:
            continue
        if isinstance(value, list):
            value = tuple(value)
        arguments[key] = value
    if vectors:
        arguments["vector_hashes"] = vectors["hashes"]
    if lexicon:
        arguments["lexicon"] = Lexicon.shared(lexicon)
    return FeatureMaker(**arguments)


def _column_embeddings(
    maker: FeatureMaker,
    own: EmbedderSettings,
) -> nn.ModuleDict:
    """The embeddings that are learned for columns; a word's row among the vectors needs none."""
    embeddings = nn.ModuleDict()
    for name, count in maker.column_sizes.items():
        if name != "vector":
            embeddings[name] = nn.Embedding(count, _column_width(name, own))
    return embeddings


def _column_width(
    name: str,
    own: EmbedderSettings,
) -> int:
    if name == "kind":
        return min(_KIND_WIDTH, 2 * len(ANALYSIS_KINDS))
    if name == "word":
        return own.word_width
    if name == "shape":
        return own.shape_width
    return own.affix_width


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
    count = len(vectors)
    bytes_of_rows = 8 * vectors.row_of_form.size
    bytes_of_values = 4 * vectors.width * count
    take(bytes_of_rows + bytes_of_values, "word vectors")
    row_of_form = vectors.row_of_form.astype(np.int64)
    rows = np.concatenate([[0], row_of_form + 1])
    shape = (1 + count, vectors.width)
    values = np.zeros(shape, np.float32)
    unpack_rows(tables["values"], tables["scale"], out=values[1:])
    return rows, values


def _bag_on(
    bag: Bag,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    return to_device(bag.ids, device), to_device(bag.offsets, device)


def suitable_dropout(words: int) -> float:
    """The dropout of a recipe that names none; few words are learned by heart where they are seen
    whole.

    Between few and many words it falls with the logarithm of their number.
    """
    place = np.log(max(words, 1) / _FEW) / np.log(_MANY / _FEW)
    dropout = np.interp(place, [0.0, 1.0], [_FEW_DROPOUT, _MANY_DROPOUT])
    return round(float(dropout), 2)
