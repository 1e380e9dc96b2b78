"""Checkpoints of others as pipelines; what is read of them is tested beside the encoder.

Modules: pipeline.importing
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel

import pipekit
from pipekit.errors import ConfigError

TEXT = "Мама мыла раму, а кот спал на окне. Мама — мама!"


def test_a_folder_that_is_not_there_is_named_with_what_belongs_into_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nosuch: no such folder.*config.json, model.safe"):
        pipekit.import_bert(tmp_path / "nosuch")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match="no such folder"):
        pipekit.import_bert(tmp_path / "model.safetensors")


def test_an_empty_folder_has_no_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vocabulary"):
        pipekit.import_bert(tmp_path)


# -- GPT-2


def gpt2(folder: Path, **changes: object) -> GPT2LMHeadModel:
    """A random GPT-2 with a vocabulary of bytes, saved as others save theirs."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT] * 5, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    settings = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, **changes}
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(), bos_token_id=0, eos_token_id=0, **settings
    )
    model = GPT2LMHeadModel(config).eval().requires_grad_(False)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return model


def test_a_gpt2_scores_and_writes_as_in_its_own_library(tmp_path: Path) -> None:
    theirs = gpt2(tmp_path)
    nlp = pipekit.import_model(tmp_path).with_precision("float32")
    ours: Any = nlp.components["lm"]
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ids = tokenizer.encode(TEXT).ids
    assert ours.vocabulary.subwords.encode([TEXT])[0].tolist() == ids
    with torch.no_grad():
        scores = ours.decoder(torch.tensor([ids]), ours.decoder.begin(1))
    torch.testing.assert_close(scores, theirs(torch.tensor([ids])).logits, atol=1e-5, rtol=1e-5)
    prompt = torch.tensor([[0, *tokenizer.encode("Мама").ids]])
    expected = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=12, num_beams=3
    )
    text = tokenizer.decode(expected[0, prompt.shape[1] :].tolist())
    assert nlp.generate("Мама", most=12, beams=3).text == text
    assert nlp.meta["imported"] == "gpt2" and nlp.meta["left_out"] == []
    again = pipekit.from_bytes(nlp.to_bytes()).with_precision("float32")
    assert again(TEXT).perplexity == nlp(TEXT).perplexity


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_head": 3}, "n_embd = 16 cannot be shared"),
        ({"activation_function": "swish7"}, "activation_function = 'swish7' is not supported"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = True"),
        ({"n_layer": 3}, r"no tensor h\.2\.attn\.c_attn"),
        ({"n_positions": 65}, r"wpe\.weight is F32 of \(64, 16\), where config.json asks"),
        ({"n_inner": -1}, "n_inner is -1"),
        ({"vocab_size": 10}, "vocab_size = 10, but the vocabulary beside it has"),
        ({"layer_norm_epsilon": 0}, "layer_norm_epsilon = 0"),
    ],
)
def test_a_gpt2_that_does_not_fit_is_refused_by_key_or_tensor(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    gpt2(tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**config, **changes}), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        pipekit.import_model(tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    theirs = gpt2(tmp_path)
    theirs.transformer.wpe.weight[3, 3] = float("nan")
    theirs.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"wpe\.weight holds values that are no finite numbers"):
        pipekit.import_model(tmp_path)
