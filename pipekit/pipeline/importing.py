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


def import_bert(
    folder: str | os.PathLike[str],
    *,
    lang: str = "ru",
) -> Pipeline:
    """A pipeline of one encoder, called "main", from a published checkpoint.

        nlp = pipekit.import_bert("rubert-tiny2")
        nlp.encode("Мама мыла раму.")  # float32[tokens, width]

    Nothing is downloaded, and nothing that the folder holds is run. `meta["left_out"]` names the
    tensors that are no part of the encoder, such as those of heads.

    Args:
        folder: a folder with config.json, model.safetensors (or its parts) and a vocabulary.
        lang: the language, which chooses the tokenizer.

    Errors: `ConfigError` naming the file, and the key, tensor or piece that is missing, wrong or
    not supported.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: no such folder. A BERT of others is a folder with config.json, "
            "model.safetensors and a vocabulary"
        )
    subwords = vocabularies.read_vocabulary(folder)
    checkpoint = read_checkpoint(folder, len(subwords))
    nlp = blank(lang)
    settings = {"family": checkpoint.family, "network": checkpoint.network, SUBWORDS: True}
    encoder = nlp.add_encoder(ENCODER, "bert", tables={SUBWORDS: subwords.table}, **settings)
    weights = {}
    for name, tensor in checkpoint.weights.items():
        weights[f"network.{name}"] = tensor
    encoder.load_state_dict(weights)
    nlp.meta |= {
        "name": folder.resolve().name,
        "imported": checkpoint.kind,
        "left_out": list(checkpoint.left_out),
    }
    return nlp
