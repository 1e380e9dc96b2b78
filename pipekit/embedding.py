"""What a pipeline says of words and tokens as vectors: of a word anywhere by its embeddings, of a token in its text by an encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipekit.attention import AttentionMap
from pipekit.batching import Batch
from pipekit.devices import inference
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near
from pipekit.running import in_parts
from pipekit.vectors import Floats, Vectors

if TYPE_CHECKING:
    from pipekit.pipeline import Pipeline


class WordVectors:
    """A pipeline's static word vectors, those of the first component that has some, such as one of type "embeddings"."""

    components: Mapping[str, Any]

    @property
    def vectors(self) -> Vectors | None:
        """The table of all words; None in a pipeline without one."""
        found = (getattr(component, "vectors", None) for component in self.components.values())
        return next((vectors for vectors in found if isinstance(vectors, Vectors)), None)

    def vector(self, word: str) -> Floats | None:
        """The vector of a word, float32[width]; None where nothing is known of it. Errors: `ConfigError` without embeddings."""
        return self._embeddings().vector(word)

    def most_similar(self, positive: str | Sequence[str], negative: str | Sequence[str] = (), *, top: int = 10) -> list[tuple[str, float]]:
        """The words nearest to a word, or to a sum of words minus others. Errors: `DataError` naming an unknown word."""
        return self._embeddings().most_similar(positive, negative, top=top)

    def _embeddings(self) -> Vectors:
        if self.vectors is None:
            raise ConfigError("this pipeline has no word vectors: add_pipe('embeddings', tables=pipekit.resources.read(path))")
        return self.vectors


def encode(pipeline: Pipeline, text: str | Doc, encoder: str | None) -> Floats:
    """What an encoder says of a document's tokens, float32[tokens, width]; long documents go through in parts, as they do in `pipe`."""
    name = _encoder(pipeline, encoder)
    with pipeline._inference():
        return np.concatenate([batch.vectors(name).float().cpu().numpy() for batch in _batches(pipeline, text)])


def attention(pipeline: Pipeline, text: str | Doc, encoder: str | None) -> list[AttentionMap]:
    """What the tokens of each sentence look at, in an encoder that has attention; computed in full precision."""
    chosen = pipeline.encoders[_encoder(pipeline, encoder)]
    with inference(pipeline.device, "float32"):
        return [one for batch in _batches(pipeline, text) for one in chosen.attention(batch)]


def _batches(pipeline: Pipeline, text: str | Doc) -> list[Batch]:
    """A document, in parts where it is long."""
    doc = text if isinstance(text, Doc) else pipeline.tokenize([text])[0]
    return [Batch([part], pipeline._encode, pipeline.tokenize) for part in in_parts(doc)]


def _encoder(pipeline: Pipeline, name: str | None) -> str:
    if not pipeline.encoders:
        raise ConfigError("this pipeline has no encoder, so no vectors of tokens in context: load one that has, or add_encoder(…)")
    if name is None and len(pipeline.encoders) > 1:
        raise ConfigError(f"this pipeline has several encoders: choose one of {', '.join(pipeline.encoders)} with encoder=")
    chosen = next(iter(pipeline.encoders)) if name is None else name
    if chosen not in pipeline.encoders:
        raise ConfigError(f"there is no encoder {chosen!r}.{near(chosen, pipeline.encoders)}")
    return chosen
