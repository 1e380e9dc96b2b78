"""Networks and vocabularies of others as pipelines: the BERT family, and GPT-2."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pipekit.components.generation.language_model import LanguageModel
from pipekit.decoders.published import GPT2, read_gpt2
from pipekit.encoders.bert.checkpoint import read_checkpoint
from pipekit.encoders.bert.encoder import SUBWORDS
from pipekit.errors import ConfigError
from pipekit.nn.checkpoints import CONFIG, ConfigFile
from pipekit.pipeline import Pipeline
from pipekit.pipeline.loading import blank
from pipekit.subwords import published as vocabularies
from pipekit.subwords.cutter import CLS, SEP

ENCODER = "main"
MODEL = "lm"


def import_model(
    folder: str | os.PathLike[str],
    *,
    lang: str = "ru",
) -> Pipeline:
    """A pipeline from a published checkpoint, whose `model_type` says what it is.

        nlp = pipekit.import_model("rugpt3small")       # a language model, see `generate`
        nlp = pipekit.import_model("rubert-tiny2")      # an encoder, as of `import_bert`

    Nothing is downloaded, and nothing that the folder holds is run.

    Args:
        folder: a folder with config.json, model.safetensors (or its parts) and a vocabulary.
        lang: the language, which chooses the tokenizer.

    Errors: `ConfigError` naming the file, and the key, tensor or piece that is missing, wrong or
    not supported.
    """
    folder = _checked(folder)
    config = ConfigFile(folder / CONFIG)
    if config.values.get("model_type") == GPT2:
        return _import_gpt2(folder, lang)
    return import_bert(folder, lang=lang)


def _import_gpt2(
    folder: Path,
    lang: str,
) -> Pipeline:
    """A pipeline with a language model, the component "lm"."""
    subwords = vocabularies.read_vocabulary(folder, needed=(CLS, SEP))
    published = read_gpt2(folder, len(subwords))
    nlp = blank(lang)
    model = nlp.add_pipe(
        MODEL,
        tables={SUBWORDS: subwords.table},
        decoder=published.settings,
    )
    assert isinstance(model, LanguageModel)
    model.decoder.load_state_dict(published.weights)
    _describe(nlp, folder, GPT2, published.left_out)
    return nlp


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
    folder = _checked(folder)
    subwords = vocabularies.read_vocabulary(folder)
    checkpoint = read_checkpoint(folder, len(subwords))
    nlp = blank(lang)
    settings = {
        "family": checkpoint.family,
        "network": checkpoint.network,
        SUBWORDS: True,
        "guesses": bool(checkpoint.head),
    }
    encoder = nlp.add_encoder(ENCODER, "bert", tables={SUBWORDS: subwords.table}, **settings)
    weights = {}
    for name, tensor in checkpoint.weights.items():
        weights[f"network.{name}"] = tensor
    for name, tensor in checkpoint.head.items():
        weights[f"head.{name}"] = tensor
    encoder.load_state_dict(weights)
    _describe(nlp, folder, checkpoint.kind, checkpoint.left_out)
    return nlp


def _checked(folder: str | os.PathLike[str]) -> Path:
    path = Path(folder)
    if not path.is_dir():
        raise ConfigError(
            f"{path}: no such folder. A network of others is a folder with config.json, "
            "model.safetensors and a vocabulary"
        )
    return path


def _describe(
    nlp: Pipeline,
    folder: Path,
    kind: str,
    left_out: Sequence[str],
) -> None:
    nlp.meta |= {
        "name": folder.resolve().name,
        "imported": kind,
        "left_out": list(left_out),
    }
