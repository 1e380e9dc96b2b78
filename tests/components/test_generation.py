"""Language models, and what sequence to sequence adds to what all components are asked.

Modules: components.generation.language_model, components.generation.seq2seq
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.parts import NETWORK, SEQ2SEQ, hostile
from helpers.tiny import FEATURES, learn, recipe, ten

import pipekit
from pipekit import Pipeline
from pipekit.cli import main
from pipekit.components.generation.language_model import LanguageModel
from pipekit.components.generation.seq2seq import Seq2Seq
from pipekit.errors import ConfigError, DataError

MODELS: dict[str, dict[str, Any]] = {
    "rnn": {"type": "rnn", "width": 48, "dropout": 0.0},
    "causal": {"type": "causal", "width": 24, "layers": 1, "heads": 2, "most": 64, "dropout": 0.0},
}


def language_model(name: str, stretch: int = 128, algorithm: str = "letters") -> Pipeline:
    """A language model with random weights."""
    torch.manual_seed(0)
    settings, tables = LanguageModel.prepare(
        {
            "decoder": MODELS[name],
            "stretch": stretch,
            "subwords": {"algorithm": algorithm, "size": 80},
        },
        ten(),
    )
    nlp = pipekit.blank("ru").with_precision("float32")
    nlp.add_pipe("lm", tables=tables, **settings)
    return nlp


@pytest.fixture(scope="module", params=MODELS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    component = {
        "type": "lm",
        "decoder": MODELS[request.param],
        "subwords": {"algorithm": "letters"},
        "search": {"most": 60},
    }
    raw = recipe({"type": "bilstm"}, {"lm": component}, epochs=60)
    del raw["encoders"]
    return learn(raw, tmp_path_factory.mktemp("lm"))


def test_it_learns_to_say_the_ten_sentences(trained: Pipeline) -> None:
    text = ten()[0].text
    doc = trained(text)
    assert doc.perplexity is not None and doc.perplexity < 30
    assert text.startswith("Мама") and trained.generate("Мама").text == text[4:]
    assert "".join(trained.stream("Мама")) == text[4:]
    best = trained.predict("Мам")[0]
    assert best.text == "а" and best.score > 0.5


def test_a_file_keeps_it(trained: Pipeline) -> None:
    again = pipekit.from_bytes(trained.to_bytes(), device="cpu").with_precision("float32")
    assert again.generate("Кот") == trained.generate("Кот")
    assert again("Кот спит.").perplexity == trained("Кот спит.").perplexity


@pytest.mark.parametrize("algorithm", ["letters", "bpe"])
@pytest.mark.parametrize("name", MODELS)
def test_the_bits_of_words_are_those_of_the_text(name: str, algorithm: str) -> None:
    nlp = language_model(name, algorithm=algorithm)
    model = nlp.components["lm"]
    text = "Мама  мыла раму.\nКот спит на окне!"
    ids = [model.vocabulary.start, *model.vocabulary.subwords.encode([text])[0].tolist()]
    with torch.no_grad():
        scores = model.decoder(torch.tensor([ids[:-1]]), model.decoder.begin(1))[0]
    logs = scores.log_softmax(1)[torch.arange(len(ids) - 1), ids[1:]]
    doc = nlp(text)
    bits = doc.tokens["surprisal"].values
    assert bits.sum() == pytest.approx(-float(logs.sum()) / math.log(2), rel=1e-4)
    assert doc.perplexity == pytest.approx(2 ** bits.mean(), rel=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_long_texts_cost_what_they_cost_in_one_piece(name: str) -> None:
    text = " ".join(doc.text for doc in ten())
    stretches = language_model(name, stretch=16)(text).tokens["surprisal"].values
    whole = language_model(name, stretch=4_000)(text).tokens["surprisal"].values
    if name == "rnn":  # its state is carried on
        np.testing.assert_allclose(stretches, whole, rtol=1e-4)
    else:  # it has less context, a quarter of a stretch at least
        assert np.isfinite(stretches).all() and len(stretches) == len(whole)
        assert stretches[:2].tolist() == pytest.approx(whole[:2].tolist(), rel=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_reads_what_single_texts_are(name: str) -> None:
    nlp = language_model(name, stretch=16)
    alone = [nlp(item).tokens["surprisal"].values for item in hostile()]
    for doc, expected in zip(nlp.pipe(hostile()), alone, strict=True):
        np.testing.assert_allclose(doc.tokens["surprisal"].values, expected, rtol=1e-4, atol=1e-4)


def test_what_no_stream_can_be_is_refused() -> None:
    nlp = language_model("rnn")
    with pytest.raises(ConfigError, match="a stream is one text"):
        next(nlp.stream("а", beams=4))
    with pytest.raises(ConfigError, match=r"takes no 'beam'.*beams"):
        nlp.generate("а", beam=4)
    with pytest.raises(ConfigError, match="continues no texts"):
        pipekit.blank("ru").generate("а")


def test_a_stream_has_no_empty_pieces() -> None:
    nlp = language_model("rnn")
    text = nlp.generate("Мама", most=30, temperature=2.0).text
    pieces = list(nlp.stream("Мама", most=30, temperature=2.0))
    assert "".join(pieces) == text and "" not in pieces


# -- sequence to sequence


def seq2seq(**settings: Any) -> tuple[Pipeline, Seq2Seq]:
    torch.manual_seed(0)
    complete, tables = Seq2Seq.prepare({**SEQ2SEQ, **settings}, ten())
    complete.pop("type")
    nlp = pipekit.blank("ru").with_precision("float32")
    nlp.add_encoder("main", "bilstm", width=16, features={**FEATURES})
    head = nlp.add_pipe("seq2seq", tables=tables, **complete)
    assert isinstance(head, Seq2Seq)
    return nlp, head


@pytest.mark.parametrize(
    "decoder",
    [
        {"type": "rnn", "width": 24},
        {"type": "rnn_attention", "width": 24, "attention": "additive", "cell": "mut1"},
        {"type": "transformer", "width": 24, "layers": 1, "most": 32},
        {"type": "causal", "width": 24, "layers": 1, "most": 32},
    ],
    ids=lambda decoder: decoder["type"],
)
def test_every_decoder_learns_from_an_encoder(decoder: dict[str, Any]) -> None:
    nlp, head = seq2seq(decoder=decoder, sampling=0.2, smoothing=0.1)
    parts = [*nlp.encoders["main"].train().parameters(), *head.train().parameters()]
    optimizer = torch.optim.Adam(parts, lr=0.01)
    losses = []
    for _ in range(25):
        loss = head.loss(nlp.batch(ten()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    head.eval()
    nlp.encoders["main"].eval()
    docs = list(nlp.pipe([doc.text for doc in ten()]))
    assert all(len(doc.texts["translation"]) == len(doc.sents or ()) for doc in docs)


@pytest.mark.parametrize("encoder", ["bilstm", "bert"])
@pytest.mark.parametrize("decoder", ["rnn_attention", "transformer"])
def test_each_piece_that_is_written_shares_its_attention_among_the_words(
    decoder: str, encoder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    component = {**SEQ2SEQ, "decoder": {"type": decoder, "width": 32}}
    section = {"type": encoder, "width": 16}
    if encoder == "bert":
        section = {"type": encoder, "network": NETWORK, "features": None}
    nlp = learn(recipe(section, {"seq2seq": component}, epochs=2), tmp_path / "run")
    text = "Мама мыла раму. Кот спит."
    doc = nlp(text)
    maps = nlp.alignment(text)
    for alignment, written in zip(maps, doc.texts["translation"], strict=True):
        assert alignment.source == [token.text for token in written.span]
        assert alignment.labels[-1] == "[SEP]"
        assert "".join(alignment.labels[:-1]).replace("▁", " ").strip() == written.text
        assert alignment.weights.shape[2:] == (len(alignment.labels), len(alignment.source))
        np.testing.assert_allclose(alignment.weights.sum(3), 1, atol=1e-5)
    picture = tmp_path / "alignment.png"
    nlp.to_disk(tmp_path / "a.pipekit")
    options = ["-o", str(picture), "--component", "seq2seq", "--sentence", "2"]
    assert main(["attention", str(tmp_path / "a.pipekit"), text, *options]) == 0
    assert "pieces that look at 3 words" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_looks_at_nothing_has_no_alignment() -> None:
    nlp, _ = seq2seq(decoder={"type": "rnn", "width": 24})
    with pytest.raises(ConfigError, match="looks at nothing: take"):
        nlp.alignment("Мама мыла раму.")
    with pytest.raises(ConfigError, match=r"no component 'tagger' writes texts"):
        nlp.alignment("Мама мыла раму.", component="tagger")


def test_documents_have_one_text_and_empty_ones_none() -> None:
    nlp, _ = seq2seq(reads="documents")
    docs = list(nlp.pipe(["Мама мыла раму. Кот спит.", "", "Да."]))
    assert [len(doc.texts["translation"]) for doc in docs] == [1, 0, 1]
    [written] = docs[0].texts["translation"]
    assert written.span.text == docs[0].text and written.score is not None


def test_texts_beyond_the_positions_are_counted() -> None:
    nlp, head = seq2seq(decoder={"type": "transformer", "width": 16, "layers": 1, "most": 12})
    [(what, numbers)] = head.passed_over(nlp.batch(ten())).items()
    assert "longer than the decoder's 12 pieces" in what and numbers == [0, 1, 2, 5, 6, 8]
    assert math.isfinite(head.loss(nlp.batch(ten())).item())


def test_what_cannot_be_built_is_named() -> None:
    with pytest.raises(ConfigError, match="memory_width follows from the other parts"):
        seq2seq(decoder={"type": "rnn", "memory_width": 3})
    with pytest.raises(ConfigError, match=r"decoder \(type 'rnn'\) takes no 'heads'"):
        seq2seq(decoder={"type": "rnn", "heads": 3})
    with pytest.raises(DataError, match="no training document has texts in the layer 'summary'"):
        Seq2Seq.prepare({**SEQ2SEQ, "layer": "summary"}, ten())
    with pytest.raises(ConfigError, match="a seq2seq needs a vocabulary"):
        pipekit.blank("ru").add_encoder("main", "bilstm")
        nlp = pipekit.blank("ru")
        nlp.add_encoder("main", "bilstm")
        nlp.add_pipe("seq2seq", encoder="main")


def test_scheduled_sampling_reads_what_the_decoder_would_have_written() -> None:
    nlp, head = seq2seq(sampling=0.5)
    units, pieces = head._gold(nlp.batch(ten()))
    memory = head._memory(nlp.batch(ten()), units)
    framed = head.vocabulary.framed(pieces, torch.device("cpu"))
    torch.manual_seed(0)
    mixed = head._as_written(memory, framed)
    assert (mixed[:, 0] == head.vocabulary.start).all()
    changed = (mixed != framed.inputs)[:, 1:].float().mean()
    assert 0.3 < float(changed) < 0.6  # random weights are hardly ever right


def test_all_pieces_are_framed() -> None:
    _, head = seq2seq()
    start, end = head.vocabulary.start, head.vocabulary.end
    framed = head.vocabulary.framed([np.array([7, 8, 9]), np.array([6])], torch.device("cpu"))
    assert framed.inputs.tolist() == [[start, 7, 8, 9], [start, 6, end, end]]
    assert framed.targets.tolist() == [[7, 8, 9, end], [6, end, end, end]]
    assert framed.inside.tolist() == [[True] * 4, [True, True, False, False]]
    assert len(list(itertools.chain(*framed.inside.tolist()))) == 8
