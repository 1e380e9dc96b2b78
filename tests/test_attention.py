"""Attention: the weights that encoders give, and heat maps of them.

Modules: attention, drawing, errors
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pipekit
from pipekit import Doc, Pipeline
from pipekit.attention import AttentionMap, heat_map, selected_maps
from pipekit.cli import main
from pipekit.encoders.bert.encoder import Bert
from pipekit.encoders.causal import Causal
from pipekit.errors import ConfigError, StoreError
from pipekit.nn.stack import Attention, Shape, Stack
from pipekit.training.plot import plot

TEXT = "Мама мыла раму, а «кот» спал на окне. Да. Мы живём в Москве!"
FEATURES = {"width": 16, "word_buckets": 500}
NETWORK = {"width": 16, "heads": 4, "layers": 3}
ENCODERS: dict[str, dict[str, Any]] = {
    "pre": {"type": "transformer", "width": 16, "heads": 4, "layers": 3, "features": FEATURES},
    "post": {
        "type": "transformer",
        "width": 16,
        "heads": 4,
        "layers": 3,
        "norm": "post",
        "features": FEATURES,
    },
    "bert": {"type": "bert", "network": NETWORK},
    "deberta": {"type": "bert", "family": "deberta_v2", "network": NETWORK},
    "albert, features": {
        "type": "bert",
        "family": "albert",
        "network": NETWORK,
        "features": FEATURES,
    },
}


def pipeline(**part: Any) -> Pipeline:
    """A pipeline with one encoder whose attention is far from even."""
    torch.manual_seed(5)
    nlp = pipekit.blank("ru").with_precision("float32")
    tables = None
    if part["type"] == "bert":
        part, tables = Bert.prepare(part, [nlp.tokenize([TEXT])[0]])
    encoder = nlp.add_encoder("main", tables=tables, **part)
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, Attention):
                module.project.weight.mul_(8)
    return nlp


@pytest.fixture(params=ENCODERS, ids=str)
def nlp(request: pytest.FixtureRequest) -> Pipeline:
    return pipeline(**ENCODERS[request.param])


@pytest.fixture
def transformer() -> Pipeline:
    return pipeline(**ENCODERS["pre"])


# -- weights


@settings(max_examples=20)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.sampled_from(["pre", "post"]))
def test_weights_are_zero_on_padding_and_looking_changes_nothing(
    lengths: list[int], norm: str
) -> None:
    torch.manual_seed(len(lengths))
    stack = Stack(Shape(width=8, layers=2, heads=2, norm=norm)).eval()
    inside = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    states, seen = torch.randn(*inside.shape, 8), list[torch.Tensor]()
    with torch.inference_mode():
        plain, watched = stack(states, inside), stack(states, inside, seen)
    for one, other in zip(plain, watched, strict=True):
        torch.testing.assert_close(one[inside], other[inside], atol=1e-5, rtol=1e-4)
    assert [weights.shape for weights in seen] == [
        (len(lengths), 2, max(lengths), max(lengths))
    ] * 2
    for weights in seen:
        assert (weights.transpose(1, 3)[~inside] == 0).all()
        torch.testing.assert_close(
            weights.sum(3).transpose(1, 2)[inside], torch.ones(sum(lengths), 2)
        )


def test_the_weights_are_those_of_the_formula() -> None:
    torch.manual_seed(2)
    attention = Attention(Shape(width=6, layers=1, heads=2)).eval()
    states, seen = torch.randn(1, 4, 6), list[torch.Tensor]()
    attention(states, None, seen)
    for head in range(2):
        queries, keys = (
            attention.project(states[0])[:, at + 3 * head : at + 3 * head + 3] for at in (0, 6)
        )
        for row in range(4):
            scores = torch.stack([queries[row] @ key / 3**0.5 for key in keys])
            torch.testing.assert_close(seen[0][0, head, row], scores.softmax(0))


def test_each_sentence_has_a_map_of_all_layers_and_heads_whose_rows_sum_to_one(
    nlp: Pipeline,
) -> None:
    found = nlp.with_precision("bfloat16").attention(TEXT)
    assert len(found) == 3
    for one in found:
        assert one.weights.shape == (3, 4, len(one.labels), len(one.labels))
        assert one.weights.dtype == np.float32
        np.testing.assert_allclose(one.weights.sum(3), 1, atol=1e-5)
    assert any(float(one.weights.max()) > 2 / len(one.labels) for one in found)


def test_a_causal_encoder_looks_back_alone_and_from_the_start_on() -> None:
    torch.manual_seed(5)
    nlp = pipekit.blank("ru").with_precision("float32")
    settings: dict[str, Any] = {"decoder": {"type": "causal", **NETWORK}}
    settings, tables = Causal.prepare(settings, nlp.tokenize([TEXT]))
    nlp.add_encoder("main", "causal", tables=tables, **settings)
    maps = nlp.attention(TEXT)
    assert len(maps) == 3
    for each in maps:
        assert each.labels[0] == "[CLS]"
        assert each.weights.shape == (3, 4, len(each.labels), len(each.labels))
        assert (np.triu(each.weights, 1) == 0).all()
        np.testing.assert_allclose(each.weights.sum(3), 1, atol=1e-5)


def test_a_recurrent_language_model_has_no_attention() -> None:
    nlp = pipekit.blank("ru")
    settings, tables = Causal.prepare({"decoder": {"type": "rnn"}}, nlp.tokenize([TEXT]))
    nlp.add_encoder("main", "causal", tables=tables, **settings)
    with pytest.raises(ConfigError, match="has no attention to look at"):
        nlp.attention(TEXT)


@pytest.mark.parametrize("texts", [["", TEXT], [TEXT, ""], ["", "Да.", "", TEXT, ""], [""]])
@pytest.mark.parametrize("name", ENCODERS)
def test_documents_without_words_disturb_no_map_of_others(name: str, texts: list[str]) -> None:
    settings = dict(ENCODERS[name])
    if settings["type"] == "bert":
        settings["reads"] = "documents"
    nlp = pipeline(**settings)
    encoder = nlp.encoders["main"]
    docs = nlp.tokenize(texts)
    with nlp.inference():
        together = encoder.attention(nlp.batch(docs))
        alone = [encoder.attention(nlp.batch([doc])) for doc in docs]
    wanted = [one for maps in alone for one in maps]
    assert [one.labels for one in together] == [one.labels for one in wanted]
    for one, other in zip(together, wanted, strict=True):
        np.testing.assert_allclose(one.weights, other.weights, atol=1e-5)


def test_the_labels_of_a_transformer_are_the_words(transformer: Pipeline) -> None:
    doc = transformer.tokenize([TEXT])[0]
    assert [one.labels for one in transformer.attention(doc)] == [
        [token.text for token in sent] for sent in doc.sents
    ]


def test_the_labels_of_a_bert_are_its_pieces_between_cls_and_sep() -> None:
    nlp = pipeline(**ENCODERS["bert"])
    doc = nlp.tokenize([TEXT])[0]
    for one, sentence in zip(nlp.attention(doc), doc.sents, strict=True):
        first, *labels, last = one.labels
        assert (first, last) == ("[CLS]", "[SEP]")
        assert "".join(labels).replace("▁", " ").strip() == sentence.text


def test_what_travels_along_changes_no_weight(nlp: Pipeline) -> None:
    [alone], together = nlp.attention("Да."), nlp.attention("Да. " + TEXT)
    assert max(len(one.labels) for one in together) > len(alone.labels)
    assert alone.labels == together[0].labels
    np.testing.assert_allclose(alone.weights, together[0].weights, atol=1e-4)


def test_asking_for_weights_leaves_vectors_as_they_are(nlp: Pipeline) -> None:
    before = nlp.encode(TEXT)
    nlp.attention(TEXT)
    assert np.array_equal(before, nlp.encode(TEXT))


def test_a_long_sentence_has_a_map_for_each_window() -> None:
    nlp = pipeline(**{**ENCODERS["pre"], "window": 8})
    words = [f"слово{i}" for i in range(20)]
    labels = [one.labels for one in nlp.attention(Doc(words=words))]
    assert [len(one) for one in labels] == [8, 8, 8]
    assert labels[0] + labels[1][2:] + labels[2][2:] == words


@pytest.mark.parametrize("text", ["", " "])
def test_a_text_without_tokens_has_no_map(nlp: Pipeline, text: str) -> None:
    assert [
        one
        for one in nlp.attention(text)
        if one.labels and set(one.labels) - {" ", "[CLS]", "[SEP]", "[UNK]", "▁"}
    ] == []


def test_an_encoder_without_attention_says_so() -> None:
    nlp = pipeline(type="gru", width=16, features=FEATURES)
    with pytest.raises(
        ConfigError, match="class GRU has no attention to look at: take a transformer or a bert"
    ):
        nlp.attention(TEXT)


def test_of_several_encoders_one_is_chosen(transformer: Pipeline) -> None:
    transformer.add_encoder("other", "transformer", width=16, heads=2, layers=1, features=FEATURES)
    assert transformer.attention("Да.", encoder="other")[0].weights.shape == (1, 2, 2, 2)
    with pytest.raises(ConfigError, match="several encoders: choose one of main, other"):
        transformer.attention("Да.")


# -- heat maps


def some(
    layers: int = 3, heads: int = 2, labels: tuple[str, ...] = ("Мама", "мыла", "раму")
) -> AttentionMap:
    weights = np.random.default_rng(1).random(
        (layers, heads, len(labels), len(labels)), dtype=np.float32
    )
    return AttentionMap(list(labels), weights / weights.sum(3, keepdims=True))


def test_the_mean_of_the_heads_of_each_layer_is_shown_unless_a_layer_or_a_head_is_chosen() -> None:
    attention = some()
    assert [*selected_maps(attention, None, None)] == [
        "layer 1, mean of 2 heads",
        "layer 2, mean of 2 heads",
        "layer 3, mean of 2 heads",
    ]
    assert np.array_equal(
        selected_maps(attention, None, None)["layer 2, mean of 2 heads"],
        attention.weights[1].mean(0),
    )
    assert [*selected_maps(attention, 3, None)] == ["layer 3, head 1", "layer 3, head 2"]
    assert [*selected_maps(attention, None, 2)] == [
        "layer 1, head 2",
        "layer 2, head 2",
        "layer 3, head 2",
    ]
    [(title, weights)] = selected_maps(attention, 3, 2).items()
    assert title == "layer 3, head 2"
    assert np.array_equal(weights, attention.weights[2, 1])


@pytest.mark.parametrize(
    ("layer", "head", "message"),
    [
        (4, None, "no layer 4: this network has layers 1 to 3"),
        (1, 0, "no head 0: this network has heads 1"),
    ],
)
def test_a_layer_or_head_that_is_not_there_is_named(
    layer: int, head: int | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        selected_maps(some(), layer, head)


@pytest.mark.parametrize(
    ("suffix", "begins"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_a_heat_map_is_drawn_as_its_suffix_says(tmp_path: Path, suffix: str, begins: bytes) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"карта{suffix}"
    heat_map(some(), path)
    assert path.read_bytes().startswith(begins)


def test_hostile_labels_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    strange = ("$x^$", "\n\n", "", "👍🏻", "中", "a\ud800b", "x" * 300, "\\frac{", "\x00")
    heat_map(some(5, 2, strange), tmp_path / "a.png")
    heat_map(some(1, 1, ("слово",) * 200), tmp_path / "b.png")
    heat_map(some(1, 1, ("Да",)), tmp_path / "c.png", layer=1, head=1)


def test_what_cannot_be_drawn_or_written_is_named(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.docx", "a"):
        with pytest.raises(ConfigError, match=r"choose \.png, \.svg or \.pdf"):
            heat_map(some(), tmp_path / name)
    with pytest.raises(StoreError, match=r"a\.png"):
        heat_map(some(), tmp_path / "nosuch" / "a.png")


def test_without_matplotlib_the_extra_that_brings_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"pip install matplotlib"):
        heat_map(some(), tmp_path / "a.png")


def test_the_curves_of_a_training_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    row = {"score": 0.5, "scores": {"tagger": {"pos": 0.5}}, "loss": {"tagger": 1.5}}
    (tmp_path / "log.jsonl").write_text(
        "".join(json.dumps({"epoch": epoch, **row}) + "\n" for epoch in (1, 2)), encoding="utf-8"
    )
    plot(tmp_path / "log.jsonl", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_line_draws_a_sentence(
    transformer: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    model, image = str(tmp_path / "a.pipekit"), tmp_path / "heat.png"
    transformer.to_disk(model)
    arguments = ["attention", model, TEXT, "-o", str(image), "--device", "cpu"]
    assert main([*arguments, "--sentence", "3", "--layer", "1"]) == 0
    assert image.read_bytes().startswith(b"\x89PNG")
    assert "sentence 3 of 3, 5 tokens, 3 layers of 4 heads" in capsys.readouterr().out
    assert main([*arguments, "--sentence", "4"]) == 1
    assert "there is no sentence 4: the text has 3" in capsys.readouterr().err
    assert main([*arguments, "--head", "5"]) == 1
    assert "no head 5: this network has heads 1 to 4" in capsys.readouterr().err
