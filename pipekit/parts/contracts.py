"""The contracts: what an encoder, a component, and a component that learns promise to the pipeline.

A part is its settings (plain data, the arguments that build it), its tables (arrays that are fixed, such as a dictionary) and its weights
(a state dict). That is all that is saved of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from numpy.typing import NDArray
from torch import Tensor, nn

from pipekit.attention import AttentionMap
from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.parts.batch import Batch

Tables = dict[str, NDArray[Any]]


class Prepared(NamedTuple):
    """What `prepare` gives: settings that can be saved, and the tables that go with them."""

    settings: dict[str, Any]
    tables: Tables


class EncoderRef(NamedTuple):
    """What a head is told of the encoder that it reads: its name in the pipeline, and how wide its vectors are."""

    name: str
    width: int


NO_ENCODER = EncoderRef("", 0)  # of a head that reads none


@runtime_checkable
class Component(Protocol):
    """Reads the layers it `requires`, writes the layers it `assigns`.

    Names are those of token columns ("pos"), of layers ("ents"), or "sents". A plugin needs no more than this; it imports no torch.
    """

    requires: Sequence[str]
    assigns: Sequence[str]

    def __call__(self, batch: Batch) -> None:
        """Write to every document of the batch; return nothing."""


class Encoder(nn.Module):
    """Documents in, one vector for each token out. It knows no labels."""

    width: int

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        """Settings of a recipe, completed by what only the training documents or outer files can tell; what is complete stays as it is."""
        return Prepared(dict(settings), {})

    def layers(self) -> list[nn.Module]:
        """From the lowest, that of the embeddings, to the top: what training can freeze, unfreeze, and give rates of their own.

        A weight stands in one of them at most; what stands in none, such as what mixes the layers, learns like a component.
        """
        return [self]

    def compilable(self) -> list[nn.Module]:
        """What `Pipeline.compile` compiles: parts that read nothing but tensors; none where torch has a kernel for the whole."""
        return []

    def features(self, batch: Batch) -> Any:
        """What the network is told of a batch: integers, made on the CPU. No weights are read."""
        raise NotImplementedError

    def forward(self, features: Any) -> Tensor:
        """Vectors for the tokens of the batch that the features are of, float[tokens, width]."""
        raise NotImplementedError

    def attention(self, batch: Batch) -> list[AttentionMap]:
        """What the tokens of each sequence look at, in the order of the text. Errors: `ConfigError` of an encoder without attention."""
        raise ConfigError(
            f"an encoder of the class {type(self).__name__} has no attention to look at: take a transformer or a bert"
        )


class Head(nn.Module):
    """A component that learns. `encoder` names the encoder that it reads, if any; a subclass writes `scores`, `decode` and `loss`."""

    requires: Sequence[str] = ()
    assigns: Sequence[str] = ()

    def __init__(self, encoder: EncoderRef | None = None) -> None:
        super().__init__()
        self.encoder = encoder or NO_ENCODER

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        """Settings of a recipe, completed by the labels that the training documents have."""
        return Prepared(dict(settings), {})

    def scores(self, batch: Batch) -> Any:
        """Tensors on the device, from ``batch.vectors(self.encoder.name)``."""
        raise NotImplementedError

    def decode(self, batch: Batch, scores: Any) -> None:
        """Write what the scores say to the documents."""
        raise NotImplementedError

    def loss(self, batch: Batch) -> Tensor:
        """The loss on documents that carry gold layers, a scalar; what they do not annotate adds nothing."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> None:
        self.decode(batch, self.scores(batch))


def under(tables: Mapping[str, NDArray[Any]], prefix: str) -> Tables:
    """The tables whose names begin with a prefix, under the rest of their names."""
    return {
        name.removeprefix(prefix): array
        for name, array in tables.items()
        if name.startswith(prefix)
    }
