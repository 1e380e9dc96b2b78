"""Word vectors: looked up when asked, never saved with a document.

Modules: components.embeddings
"""

from __future__ import annotations

import importlib
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
import torch
from helpers.places import ROOT
from helpers.word_vectors import NAMES, tables
from torch import Tensor
from torch.nn import functional

import pipekit
from pipekit import Doc, Pipeline, resources
from pipekit.components.embeddings import Embeddings
from pipekit.errors import ConfigError, DocError
from pipekit.storage import store
from pipekit.words.chars import from_strings
from pipekit.words.lexicon import pack_strings, short
from pipekit.words.vectors import Vectors, pack_rows, unit, unpack_rows


def lending(path: Path) -> Pipeline:
    """A pipeline with the vectors above, read from a file."""
    store.save(path / "v.pipekit", {}, tables())
    nlp = pipekit.blank("ru")
    nlp.add_pipe("embeddings", tables=resources.read(str(path / "v.pipekit")))
    return nlp


def test_a_pipeline_lends_vectors_and_a_document_saves_none(tmp_path: Path) -> None:
    nlp, bare = lending(tmp_path), pipekit.blank("ru")("Кот и кошка.").to_bytes()
    doc = nlp("Кот и кошка.")
    assert doc.to_bytes() == bare
    assert doc[0].similarity(doc[2]) > 0.9
    assert doc[:1].similarity(doc) > 0.9
    assert doc[1].vector is None
    again = pipekit.from_bytes(nlp.to_bytes())
    assert again.most_similar("кот") == nlp.most_similar("кот")
    assert Doc.from_bytes(bare).vector is None
    with pytest.raises(DocError, match="embeddings"):
        Doc.from_bytes(bare).similarity(doc)


def test_documents_have_vectors_from_worker_processes_and_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp, texts = lending(tmp_path), ["Кот и кошка.", "", "Дом. Кот. Дом."]
    alone = [nlp(text).vector for text in texts]
    monkeypatch.setattr("pipekit.pipeline.running.CHUNK_WORDS", 2)
    for found in ([doc.vector for doc in nlp.pipe(texts, n_process=n)] for n in (1, 2)):
        assert [None if v is None else v.tolist() for v in found] == [
            None if v is None else v.tolist() for v in alone
        ]


def test_a_recipe_names_a_file_of_vectors_and_a_saved_pipeline_opens_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = lending(tmp_path)
    settings, found = Embeddings.prepare({"vectors": str(tmp_path / "v.pipekit")}, [])
    assert settings == {"vectors": True}
    assert Embeddings(**settings, tables=found).vectors.names == NAMES
    container = store.container_from_bytes(nlp.to_bytes())
    container.header["config"]["components"]["embeddings"]["vectors"] = str(tmp_path / "v.pipekit")
    monkeypatch.setattr(resources, "read", lambda path: pytest.fail(f"{path} was read"))
    for tensors in (container.tensors, {}):
        with pytest.raises(ConfigError, match="recipe"):
            pipekit.from_bytes(store.to_bytes(container.header, tensors))
    with pytest.raises(ConfigError, match="tables="):
        pipekit.blank("ru").add_pipe("embeddings")


# -- the features of an encoder, and what it says


def encoding(vectors: dict[str, np.ndarray]) -> Pipeline:
    torch.manual_seed(1)
    nlp = pipekit.blank("ru").with_precision("float32")
    features = {"width": 16, "word_buckets": 50, "vectors": True}
    nlp.add_encoder(
        "main",
        type="gru",
        width=8,
        features=features,
        tables={f"vectors.{name}": array for name, array in vectors.items()},
    )
    return nlp


def test_an_encoder_reads_rows_that_forms_share_as_it_reads_their_own() -> None:
    shared = tables()
    own = {
        "hashes": shared["hashes"],
        "values": shared["values"][shared["rows"]],
        "scale": shared["scale"],
    }
    texts = ["Кот, коты и слон.", "Дом"]
    assert all(
        np.array_equal(encoding(shared).encode(text), encoding(own).encode(text)) for text in texts
    )
    values, steps = pack_rows(unpack_rows(shared["values"], shared["scale"]))
    four_bits = {**shared, "values": values, "scale": steps}
    written_out = {**shared, "values": unpack_rows(values, steps), "scale": np.ones(1, np.float32)}
    assert np.array_equal(
        encoding(four_bits).encode(texts[0]), encoding(written_out).encode(texts[0])
    )


def test_the_vectors_of_tokens_in_context_are_those_of_the_encoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nlp = encoding(tables())
    text = "Кот спит. Дом стоит."
    doc = Doc(words=["Кот", "спит"])
    found, width = nlp.encode(text), nlp.encoders["main"].width
    assert (found.dtype, found.shape) == (np.float32, (6, width))
    assert [nlp.encode(doc, encoder="main").shape, nlp.encode("").shape] == [(2, width), (0, width)]
    assert doc.has_annotation("pos") is False
    monkeypatch.setattr("pipekit.pipeline.running.CHUNK_WORDS", 3)
    np.testing.assert_allclose(nlp.encode(text)[:3], nlp.encode("Кот спит."), atol=1e-6)
    assert nlp.encode(text).shape == found.shape


def test_vectors_of_tokens_need_an_encoder_that_is_named_where_there_are_several() -> None:
    with pytest.raises(ConfigError, match="no encoder"):
        pipekit.blank("ru").encode("Кот")
    nlp = encoding(tables())
    with pytest.raises(ConfigError, match="main"):
        nlp.encode("Кот", encoder="mian")
    nlp.add_encoder("other", type="gru", width=8, features={"width": 8, "word_buckets": 50})
    with pytest.raises(ConfigError, match="main, other"):
        nlp.encode("Кот")


# -- learning them


@pytest.fixture(scope="module")
def word2vec() -> ModuleType:
    """recipes/vectors/word2vec.py"""
    folder = str(ROOT / "recipes" / "vectors")
    sys.path.insert(0, folder)
    yield importlib.import_module("word2vec")
    sys.path.remove(folder)


def negative_sampling(
    objective: str, words: Tensor, contexts: Tensor, negatives: Tensor, near: list[np.ndarray]
) -> Tensor:
    """The loss as Mikolov et al. (2013) write it, a pair at a time.

    A pair has five negatives; each of those that are shared is counted in part.
    """
    half, total = 16, torch.zeros((), dtype=torch.float64)
    share = 5 / negatives.shape[1]
    for centre, around in enumerate(near):
        context = words[centre + half] if objective == "skip-gram" else words[around].mean(0)
        positives = contexts[around] if objective == "skip-gram" else contexts[centre + half][None]
        if len(around):
            noise = share * functional.softplus(negatives[centre // 256] @ context).sum()
            total = (
                total + functional.softplus(-(positives @ context)).sum() + len(positives) * noise
            )
    return total


@pytest.mark.parametrize("objective", ["skip-gram", "cbow"])
def test_gradients_are_those_of_negative_sampling(word2vec: ModuleType, objective: str) -> None:
    torch.manual_seed(0)
    random, size = np.random.default_rng(0), 512
    words, contexts = (
        torch.randn(size + 32, 6, dtype=torch.float64, requires_grad=True) for _ in range(2)
    )
    negatives = torch.randn(2, 64, 6, dtype=torch.float64, requires_grad=True)
    weight = word2vec._windows(
        np.sort(random.integers(0, 60, size + 32)).astype(np.int32), random.integers(1, 6, size)
    ).double()
    near = [
        block * 32 + np.flatnonzero(weight[block, row])
        for block in range(size // 32)
        for row in range(32)
    ]
    loss = negative_sampling(objective, words, contexts, negatives, near)
    expected = torch.autograd.grad(loss, [words, contexts, negatives])
    with torch.no_grad():
        found = word2vec.OBJECTIVES[objective](words, contexts, negatives, weight)
    assert found.loss == pytest.approx(loss.item())
    for one, other in zip(expected, found[1:], strict=True):
        torch.testing.assert_close(one, other)


PAIRS = 10


@pytest.fixture(scope="module")
def corpus(word2vec: ModuleType) -> NamedTuple:
    """Lines of five words.

    Of the first 20 words two by two have the same neighbours, and never each other.
    """
    random, lines = np.random.default_rng(0), 4000
    topics = random.integers(0, PAIRS, lines)
    own = 2 * topics[:, None] + random.integers(0, 2, (lines, 1))
    around = 2 * PAIRS + 4 * topics[:, None] + random.integers(0, 4, (lines, 4))
    words = np.hstack([around[:, :2], own, around[:, 2:]]).astype(np.int32).ravel()
    names = [f"{'абвгдежзик'[n % 10]}{'лмнопрст'[n // 10]}ок" for n in range(6 * PAIRS)]
    strings = from_strings(names)
    hashes = short(strings.hashes(strings.starts, strings.ends))
    order = np.argsort(hashes)
    numbers, whole = np.repeat(np.arange(lines), 5).astype(np.int32), np.array([[0, len(words), 1]])
    return word2vec.Corpus(
        words,
        numbers,
        whole,
        np.bincount(words),
        pack_strings(names),
        hashes[order],
        order.astype(np.int32),
    )


def nearest(vectors: np.ndarray) -> list[int]:
    own = unit(vectors[: 2 * PAIRS])
    return (own @ own.T - 2 * np.eye(len(own))).argmax(axis=1).tolist()


@pytest.mark.parametrize("objective", ["skip-gram", "cbow"])
def test_words_that_stand_for_each_other_come_near_each_other(
    word2vec: ModuleType,
    corpus: NamedTuple,
    objective: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(word2vec, "SUBSAMPLE", 1.0)  # all words of a tiny corpus are frequent
    arguments = Namespace(
        objective=objective, width=16, work=tmp_path, window=4, epochs=6, rate=0.5
    )
    vectors = word2vec.train(corpus, arguments)
    assert nearest(vectors.numpy()) == [row ^ 1 for row in range(2 * PAIRS)]
    assert torch.equal(word2vec.train(corpus, arguments), vectors)  # of the checkpoint


@pytest.mark.filterwarnings("ignore:Sparse")
def test_counts_say_the_same_and_a_file_holds_it(
    word2vec: ModuleType, corpus: NamedTuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting, subwords = importlib.import_module("ppmi"), importlib.import_module("subwords")
    monkeypatch.setattr(counting, "SUBSAMPLE", 1.0)
    counts = counting.cooccurrences(corpus, 2, 6 * PAIRS)
    assert torch.equal(counts.to_dense(), counts.to_dense().T)
    vectors = counting.reduce(counting.ppmi(counts), 16, 0.25).numpy()
    assert nearest(vectors) == [row ^ 1 for row in range(2 * PAIRS)]
    monkeypatch.setattr(subwords, "EPOCHS", 1)
    monkeypatch.setattr(subwords, "BACKING", 0)
    subwords.compact(tmp_path / "v.pipekit", vectors, corpus, buckets=50)
    found = Vectors(store.load_container(tmp_path / "v.pipekit").tensors)
    said = [found.most_similar(name, top=1)[0][0] for name in found.names[: 2 * PAIRS]]
    assert said == [found.names[row ^ 1] for row in range(2 * PAIRS)]
    assert found.vector("незнакомец") is not None
