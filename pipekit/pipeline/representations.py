"""What a pipeline says of words and tokens as vectors: of a word anywhere by its embeddings, of a token in its text by an encoder."""

from __future__ import annotations

import numpy as np

from pipekit.attention import AttentionMap
from pipekit.devices.precision import inference
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near
from pipekit.parts.batch import Batch
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.running import in_parts
from pipekit.words.arrays import Floats
from pipekit.words.vectors import Vectors


def word_vectors(pipeline: Assembly) -> Vectors | None:
    """The static vectors of words that the first component which has some brings, or None."""
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


def token_vectors(pipeline: Assembly, text: str | Doc, encoder: str | None) -> Floats:
    """What an encoder says of a document's tokens, float32[tokens, width]; long documents go through in parts, as they do in `pipe`."""
    name = _encoder(pipeline, encoder)
    with pipeline.inference():
        return np.concatenate(
            [batch.vectors(name).float().cpu().numpy() for batch in _batches(pipeline, text)]
        )


def attention_maps(pipeline: Assembly, text: str | Doc, encoder: str | None) -> list[AttentionMap]:
    """What the tokens of each sentence look at, in an encoder that has attention; computed in full precision."""
    chosen = pipeline.encoders[_encoder(pipeline, encoder)]
    with inference(pipeline.device, "float32"):
        return [one for batch in _batches(pipeline, text) for one in chosen.attention(batch)]


def _batches(pipeline: Assembly, text: str | Doc) -> list[Batch]:
    """A document, in parts where it is long."""
    doc = text if isinstance(text, Doc) else pipeline.tokenize([text])[0]
    return [pipeline.batch([part]) for part in in_parts(doc)]


def _encoder(pipeline: Assembly, name: str | None) -> str:
    if not pipeline.encoders:
        raise ConfigError(
            "this pipeline has no encoder, so no vectors of tokens in context: load one that has, or add_encoder(…)"
        )
    if name is None and len(pipeline.encoders) > 1:
        raise ConfigError(
            f"this pipeline has several encoders: choose one of {', '.join(pipeline.encoders)} with encoder="
        )
    chosen = next(iter(pipeline.encoders)) if name is None else name
    if chosen not in pipeline.encoders:
        raise ConfigError(f"there is no encoder {chosen!r}.{near(chosen, pipeline.encoders)}")
    return chosen
