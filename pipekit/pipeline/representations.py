"""Words and tokens as vectors: static vectors of words, vectors of tokens from an encoder."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from pipekit.attention import AttentionMap
from pipekit.devices.precision import inference
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near
from pipekit.parts.batch import Batch
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.running import as_doc, in_parts
from pipekit.words.arrays import Floats
from pipekit.words.vectors import Vectors


def word_vectors(pipeline: Assembly) -> Vectors | None:
    """The static vectors of words, of the first component that has some; None where none has."""
    for component in pipeline.components.values():
        vectors = getattr(component, "vectors", None)
        if isinstance(vectors, Vectors):
            return vectors
    return None


def required_vectors(pipeline: Assembly) -> Vectors:
    """The static vectors of words. Errors: `ConfigError` in a pipeline without any."""
    vectors = word_vectors(pipeline)
    if vectors is None:
        raise ConfigError(
            "this pipeline has no word vectors: "
            "add_pipe('embeddings', tables=pipekit.resources.read(path))"
        )
    return vectors


def token_vectors(
    pipeline: Assembly,
    text: str | Doc,
    encoder: str | None,
) -> Floats:
    """The vectors that an encoder gives to the tokens of a document, float32[tokens, width].

    Long documents go through in parts, as they do in `Pipeline.pipe`. Errors: `ConfigError` without
    an encoder, or with several and none named.
    """
    name = _encoder_name(pipeline, encoder)
    vectors = []
    with pipeline.inference():
        for batch in _batches(pipeline, text):
            tensor = batch.vectors(name)  # (tokens, width)
            vectors.append(tensor.float().cpu().numpy())
    return np.concatenate(vectors)


def attention_maps(
    pipeline: Assembly,
    text: str | Doc,
    encoder: str | None,
) -> list[AttentionMap]:
    """The attention weights of an encoder for each sentence, computed in full precision.

    Errors: as `token_vectors`, and `ConfigError` where the encoder has no attention.
    """
    network = pipeline.encoders[_encoder_name(pipeline, encoder)]
    maps: list[AttentionMap] = []
    with inference(pipeline.device, "float32"):
        for batch in _batches(pipeline, text):
            maps += network.attention(batch)
    return maps


@runtime_checkable
class Aligns(Protocol):
    """A component that writes texts and knows at which words each piece looks."""

    def alignments(self, batch: Batch) -> list[AttentionMap]:
        """A map for each text that it writes."""


def alignment_maps(
    pipeline: Assembly,
    text: str | Doc,
    component: str | None,
) -> list[AttentionMap]:
    """The alignment of each text that a component writes, computed in full precision.

    Errors: `ConfigError` for a pipeline without such a component, or for one that looks at nothing.
    """
    writers = {name: part for name, part in pipeline.components.items() if isinstance(part, Aligns)}
    if component is None:
        component = next(iter(writers), "")
    if component not in writers:
        raise ConfigError(
            f"no component {component!r} writes texts from what it reads.{near(component, writers)}"
        )
    maps: list[AttentionMap] = []
    with inference(pipeline.device, "float32"):
        for batch in _batches(pipeline, text):
            maps += writers[component].alignments(batch)
    return maps


def _batches(
    pipeline: Assembly,
    text: str | Doc,
) -> list[Batch]:
    """A document as one batch, or as several where it is long."""
    parts = in_parts(as_doc(pipeline, text))
    return [pipeline.batch([part]) for part in parts]


def _encoder_name(
    pipeline: Assembly,
    name: str | None,
) -> str:
    """The encoder of that name, or the only one where none is named."""
    encoders = pipeline.encoders
    if not encoders:
        raise ConfigError(
            "this pipeline has no encoder, so no vectors of tokens in context: "
            "load one that has, or add_encoder(…)"
        )
    if name is None:
        if len(encoders) > 1:
            raise ConfigError(
                "this pipeline has several encoders: "
                f"choose one of {', '.join(encoders)} with encoder="
            )
        return next(iter(encoders))
    if name not in encoders:
        raise ConfigError(f"there is no encoder {name!r}.{near(name, encoders)}")
    return name
