"""Networks of the BERT family and vocabularies of others as a pipeline of pipekit."""

from __future__ import annotations

import os
from pathlib import Path

from pipekit.encoders.bert.checkpoint import read_checkpoint
from pipekit.encoders.bert.encoder import SUBWORDS
from pipekit.errors import ConfigError
from pipekit.pipeline import Pipeline
from pipekit.pipeline.loading import blank
from pipekit.subwords import published as vocabularies

ENCODER = "main"


def import_bert(folder: str | os.PathLike[str], *, lang: str = "ru") -> Pipeline:
    """A pipeline of one encoder, from a folder with config.json, model.safetensors (or its parts) and a vocabulary.

    Nothing is downloaded and nothing that the folder holds is run. `meta["left_out"]` names the tensors that are no part of the encoder,
    such as those of heads.

    Errors: `ConfigError` naming the file, and the key, tensor or piece that is missing, wrong or not supported.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: no such folder. A BERT of others is a folder with config.json, model.safetensors and a vocabulary"
        )
    subwords = vocabularies.read_vocabulary(folder)
    found = read_checkpoint(folder, len(subwords))
    nlp = blank(lang)
    settings = {"family": found.family, "network": found.network, SUBWORDS: True}
    encoder = nlp.add_encoder(ENCODER, "bert", tables={SUBWORDS: subwords.table}, **settings)
    encoder.load_state_dict({f"network.{name}": tensor for name, tensor in found.weights.items()})
    nlp.meta |= {
        "name": folder.resolve().name,
        "imported": found.kind,
        "left_out": list(found.left_out),
    }
    return nlp
