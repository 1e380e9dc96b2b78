"""The contracts of the parts that learn: encoders, and components that read them.

Those of other parts stand in `pipekit.parts.protocols`.

A part consists of three things, and nothing else of it is saved:

    settings    the arguments that build it; plain data
    tables      arrays that never change, such as a dictionary
    weights     a state dict

What only the training documents can tell, such as the labels, is found by `prepare` before the part
is built. So a new part and a saved one are built by the same call:

    settings, tables = Encoder.prepare(settings, docs)     a new part: settings of a recipe
    encoder = Encoder(**settings, tables=tables)           a new part, and a saved one
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pipekit.attention import AttentionMap
from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.parts.batch import Batch
from pipekit.parts.states import TokenStates

Tables = dict[str, NDArray[Any]]
RowNames = Sequence[Hashable]
Axes = tuple[RowNames | None, ...]
"""What the rows of a tensor stand for, axis by axis; None for an axis of plain numbers."""

PassedOver = Mapping[str, Sequence[int]]
"""Annotation that teaches nothing: what it is, in words that follow a number, as "spans of ents
cross a sentence border", and for each such item the number of its document in the batch."""


class Prepared(NamedTuple):
    """What `prepare` gives: complete settings, which can be saved, and the tables beside them."""

    settings: dict[str, Any]
    tables: Tables


class EncoderRef(NamedTuple):
    """The encoder that a head reads: its name in the pipeline, and the width of its vectors."""

    name: str
    width: int


NO_ENCODER = EncoderRef("", 0)  # of a head that reads none


class Part(nn.Module):
    """A module whose properties tell what is wrong in them.

    torch says "no attribute 'width'" of a property `width` that is there and raised an
    `AttributeError`. A part raises that error itself.

    Attributes:
        former_names: how earlier releases called weights, as patterns of names, and what
            they are called now: ``{"^head": "output"}``. Saved pipelines load with it.
    """

    former_names: ClassVar[Mapping[str, str]] = {}

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if hasattr(type(self), name):
                return object.__getattribute__(self, name)
            raise


class Encoder(Part):
    """An encoder gives one vector for each token. It knows no labels.

        batch ──▶ features ──▶ forward ──▶ vectors      float[tokens, width]
                  CPU, numpy   device

    Attributes:
        width: of the vectors.
    """

    width: int

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        """Complete the settings of a recipe by what training documents and other files tell.

        Complete settings stay as they are.
        """
        return Prepared(dict(settings), {})

    def layers(self) -> list[nn.Module]:
        """The layers from the embeddings, the lowest, to the top.

        Training can freeze, unfreeze and pace each of them. A weight is in one layer at most; a
        weight in none, such as those that mix the layers, learns like a component.
        """
        return [self]

    def compilable(self) -> list[nn.Module]:
        """The modules that `Pipeline.compile` compiles: those that read nothing but tensors.

        There are none where torch has a kernel for the whole.
        """
        return []

    def features(self, batch: Batch) -> Any:
        """The input of the network for a batch: integers, made on the CPU without weights."""
        raise NotImplementedError

    def forward(self, features: Any) -> Tensor:
        """The vectors of the tokens that the features describe, float[tokens, width]."""
        raise NotImplementedError

    def memory(
        self,
        batch: Batch,
        vectors: Callable[[], Tensor],
    ) -> TokenStates:
        """The states that a decoder looks at: those of tokens, or of their pieces.

        Args:
            vectors: gives the vectors of the batch's tokens, which are computed once.
        """
        return TokenStates(vectors(), np.arange(len(batch) + 1))

    def attention(self, batch: Batch) -> list[AttentionMap]:
        """The attention weights of each sequence, in the order of the text.

        Errors: `ConfigError` of an encoder without attention.
        """
        raise ConfigError(
            f"an encoder of the class {type(self).__name__} has no attention to look at: "
            "take a transformer or a bert"
        )


class Head(Part):
    """A component that learns. A subclass writes `scores`, `decode` and `loss`.

        vectors of the encoder ──▶ scores ──▶ decode ──▶ layers of the documents
                                          └─▶ loss

    A head that lists what it can say in a setting, such as its labels, names that setting, and says
    which rows of its tensors stand for what. Then a training that begins with a saved head adds to
    it what its documents hold besides, and the old rows keep their weights.

    Attributes:
        recipe_keys: the keys of a recipe that `prepare` reads and the head does not take.
        encoder: the encoder that the head reads, or `NO_ENCODER`.
        inventory: the name of that setting, "labels" for instance; "" for a head without any.
    """

    requires: Sequence[str] = ()
    assigns: Sequence[str] = ()
    inventory: ClassVar[str] = ""
    recipe_keys: ClassVar[Sequence[str]] = ()

    def __init__(self, encoder: EncoderRef | None = None) -> None:
        super().__init__()
        self.encoder = encoder or NO_ENCODER

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        """Complete the settings of a recipe by the inventory of the training documents."""
        completed = dict(settings)
        if cls.inventory:
            inventory = settings.get(cls.inventory) or cls.listed(settings, docs)
            completed[cls.inventory] = list(inventory)
        return Prepared(completed, {})

    @classmethod
    def listed(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> list[str]:
        """What of the inventory the annotation of documents holds, in a fixed order."""
        return []

    @classmethod
    def grow(
        cls,
        prepared: Prepared,
        new: Sequence[str],
        docs: Sequence[Doc],
    ) -> Prepared:
        """The settings and tables of a saved head, with what documents hold besides.

        Args:
            new: what is to be in the inventory too.
        """
        old = prepared.settings[cls.inventory]
        return prepared._replace(settings={**prepared.settings, cls.inventory: [*old, *new]})

    @classmethod
    def as_encoder(cls, settings: Mapping[str, Any]) -> dict[str, Any] | None:
        """The settings, {type, …}, of an encoder with the tables and weights of a saved head.

        A recipe can take that encoder from the head: a language model is fine-tuned so. None for a
        head that is no encoder.
        """
        return None

    def rows(self) -> dict[str, Axes]:
        """The tensors whose rows stand for something by name, as in the state dict.

        {"emit.weight": (["PER", "LOC"], None)} has a row for each label.
        """
        return {}

    def scores(self, batch: Batch) -> Any:
        """Tensors on the device, computed from ``batch.vectors(self.encoder.name)``."""
        raise NotImplementedError

    def decode(
        self,
        batch: Batch,
        scores: Any,
    ) -> None:
        """Write the annotations that the scores stand for to the documents."""
        raise NotImplementedError

    def loss(self, batch: Batch) -> Tensor:
        """The loss on documents with gold layers, a scalar; unannotated parts add nothing to it."""
        raise NotImplementedError

    def passed_over(self, batch: Batch) -> PassedOver:
        """The annotation of documents that the head cannot learn from."""
        return {}

    def forward(self, batch: Batch) -> None:
        """Annotate the documents of a batch."""
        self.decode(batch, self.scores(batch))


def under(
    tables: Mapping[str, NDArray[Any]],
    prefix: str,
) -> Tables:
    """The tables whose names begin with a prefix, by the rest of their names.

    For instance ``under({"lexicon.tags": a, "lemmas": b}, "lexicon.")`` is ``{"tags": a}``.
    """
    return {
        name.removeprefix(prefix): array
        for name, array in tables.items()
        if name.startswith(prefix)
    }
