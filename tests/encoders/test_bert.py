"""Networks of others: pipekit computes what `transformers` does, and names what it cannot read.

Modules: encoders.bert.checkpoint, encoders.bert.config, encoders.bert.disentangled,
    encoders.bert.families, encoders.bert.guessing, encoders.bert.network,
    encoders.bert.published
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import learn as learn_recipe
from helpers.tiny import recipe
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import pipekit
from pipekit import Batch, import_bert
from pipekit.cli import main
from pipekit.encoders.bert.disentangled import Distances
from pipekit.encoders.bert.families import FAMILIES, shape_of
from pipekit.encoders.bert.network import Network
from pipekit.errors import ConfigError
from pipekit.subwords.learning import learn_subwords, text_of
from pipekit.subwords.published import FILES, read_vocabulary

safetensors = pytest.importorskip(
    "safetensors.torch", reason="safetensors is not installed: pip install safetensors"
)
tokenizers = pytest.importorskip(
    "tokenizers", reason="tokenizers is not installed: pip install tokenizers"
)

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [
    *SPECIAL,
    *"абвгдежзийклмнопрстуфхцчшщъыьэюя.,!",
    *(f"##{letter}" for letter in "абвгдежзиклмнопрстуыья"),
    "мама",
    "рам",
]
SIZES: dict[str, Any] = {
    "vocab_size": 72,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 36,
}
DISTIL = {
    "vocab_size": 72,
    "dim": 24,
    "n_layers": 3,
    "n_heads": 3,
    "hidden_dim": 40,
    "max_position_embeddings": 36,
}
RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
V3 = {
    **RELATIVE,
    "position_biased_input": False,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_buckets": 8,
}
V2_OWN = {
    **RELATIVE,
    "position_biased_input": True,
    "type_vocab_size": 2,
    "max_relative_positions": 9,
    "share_att_key": False,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": {"model_type": "bert", **SIZES},
    "bert, one segment, relu": {
        "model_type": "bert",
        **SIZES,
        "type_vocab_size": 1,
        "hidden_act": "relu",
        "layer_norm_eps": 1e-3,
    },
    "roberta": {"model_type": "roberta", **SIZES, "type_vocab_size": 1},
    "roberta, padding first": {"model_type": "roberta", **SIZES, "pad_token_id": 0},
    "xlm-roberta": {"model_type": "xlm-roberta", **SIZES},
    "camembert": {"model_type": "camembert", **SIZES},
    "albert": {"model_type": "albert", **SIZES, "embedding_size": 16},
    "electra": {"model_type": "electra", **SIZES, "embedding_size": 16},
    "electra, not projected": {"model_type": "electra", **SIZES, "embedding_size": 24},
    "distilbert": {"model_type": "distilbert", **DISTIL},
    "deberta": {"model_type": "deberta", **SIZES, **RELATIVE, "position_biased_input": False},
    "deberta, near": {
        "model_type": "deberta",
        **SIZES,
        **RELATIVE,
        "type_vocab_size": 2,
        "max_relative_positions": 7,
    },
    "deberta-v2": {"model_type": "deberta-v2", **SIZES, **V2_OWN, "hidden_act": "gelu_new"},
    "deberta-v3": {"model_type": "deberta-v2", **SIZES, **V3},
}


@pytest.fixture(scope="module")
def theirs() -> Iterator[Any]:
    """The library `transformers`, whose warnings are its own business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip(
            "transformers", reason="transformers is not installed: pip install transformers"
        )


def folder_of(
    config: dict[str, Any], folder: Path, theirs: Any, head: str = "AutoModelForMaskedLM"
) -> Any:
    """A folder as they write it, and their network.

    All weights are random, and great enough for differences to show.
    """
    torch.manual_seed(5)
    options = {key: value for key, value in config.items() if key != "model_type"}
    model = (
        getattr(theirs, head)
        .from_config(theirs.AutoConfig.for_model(config["model_type"], **options))
        .eval()
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(
                torch.randn_like(weight) * 0.3 + (name.endswith(("norm.weight", "Norm.weight")))
            )
    model.save_pretrained(folder)
    if not any((folder / name).exists() for name in FILES):
        (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return model


def states_of(model: Any, ids: Tensor, inside: Tensor, segments: Tensor) -> list[Tensor]:
    """The states of all layers, as they compute them."""
    more = {"token_type_ids": segments} if getattr(model.config, "type_vocab_size", 0) else {}
    with torch.inference_mode():
        return list(
            model.base_model(
                input_ids=ids, attention_mask=inside.long(), output_hidden_states=True, **more
            ).hidden_states
        )


def sentences(config: dict[str, Any], longest: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pieces, what is no padding, and segments, of sequences of several lengths."""
    lengths = torch.tensor([longest, longest // 2, 3, 1, longest - 1])
    inside = torch.arange(longest) < lengths.unsqueeze(1)
    torch.manual_seed(6)
    ids = torch.randint(2, config["vocab_size"] - 8, inside.shape).masked_fill(
        ~inside, config.get("pad_token_id", 1)
    )
    segments = torch.randint(0, 2, inside.shape) * (config.get("type_vocab_size", 2) > 1)
    return ids, inside, segments


@pytest.fixture(params=CONFIGS, ids=str)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return CONFIGS[request.param]


# -- the network


def test_the_states_of_all_layers_are_those_of_transformers(
    config: dict[str, Any], theirs: Any, tmp_path: Path
) -> None:
    model = folder_of(config, tmp_path, theirs)
    encoder: Any = import_bert(tmp_path).encoders["main"].eval()
    encoder.network.embed.pieces = torch.nn.Embedding.from_pretrained(
        model.base_model.get_input_embeddings().weight
    )
    for longest in (encoder.shape.positions or 50, 5, 2):
        ids, inside, segments = sentences(config, longest)
        with torch.inference_mode():
            found = encoder.network(ids, inside, segments if encoder.shape.segments else None)
        expected = states_of(model, ids, inside, segments)
        assert len(found) == len(expected) == 4
        for ours, other in zip(found, expected, strict=True):
            torch.testing.assert_close(ours[inside], other[inside], atol=1e-5, rtol=1e-5)


def test_heads_and_prefixes_are_told_and_make_no_difference(theirs: Any, tmp_path: Path) -> None:
    whole = folder_of(CONFIGS["bert"], tmp_path / "whole", theirs, "AutoModelForPreTraining")
    shutil.copytree(tmp_path / "whole", tmp_path / "bare")
    whole.base_model.save_pretrained(tmp_path / "bare")
    one, other = import_bert(tmp_path / "whole"), import_bert(tmp_path / "bare")
    assert other.meta["left_out"] == ["pooler.dense"]
    assert one.meta["left_out"] == ["bert.pooler.dense", "cls.seq_relationship"]
    assert same(one, other)


def test_guesses_are_those_of_transformers(
    config: dict[str, Any], theirs: Any, tmp_path: Path
) -> None:
    model = folder_of(config, tmp_path, theirs)
    nlp = import_bert(tmp_path)
    encoder: Any = nlp.encoders["main"].eval()
    ids = torch.randint(2, len(encoder.subwords), (3, 7))
    with torch.inference_mode():
        states = encoder.network(ids)[-1]
        scores = encoder.head(states.flatten(0, 1), encoder.network.embed.pieces)
        expected = model(input_ids=ids).logits.flatten(0, 1)[:, : len(encoder.subwords)]
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=1e-4)
    again = pipekit.from_bytes(nlp.to_bytes(), device="cpu")
    assert again.predict("Мама [MASK] раму.", top=3) == nlp.predict("Мама [MASK] раму.", top=3)


@pytest.mark.parametrize(
    ("changes", "is_kept"),
    [
        ({"model_type": "bert", "hidden_act": "relu"}, True),
        ({"model_type": "bert", "tie_word_embeddings": False}, False),
        ({"model_type": "roberta", "hidden_act": "relu"}, False),  # its head has GELU all the same
    ],
)
def test_a_head_that_computes_otherwise_is_left_out(
    changes: dict[str, Any], is_kept: bool, theirs: Any, tmp_path: Path
) -> None:
    folder_of({**SIZES, **changes}, tmp_path, theirs)
    encoder: Any = import_bert(tmp_path).encoders["main"]
    assert encoder.guesses is is_kept


def same(one: Any, other: Any) -> bool:
    """Whether the encoders of two pipelines have the same network."""
    states = (nlp.encoders["main"].network.state_dict() for nlp in (one, other))
    first, second = states
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def test_buckets_of_distances_are_those_of_transformers(theirs: Any) -> None:
    module = pytest.importorskip("transformers.models.deberta_v2.modeling_deberta_v2")
    for relative, buckets in ((512, 256), (36, 8), (64, 63), (100, 2)):
        shape = shape_of(
            "deberta_v2", {"relative": relative, "buckets": buckets, "width": 4, "heads": 1}
        )
        distances = torch.arange(-relative, relative + 1)
        expected = module.make_log_bucket_position(distances, buckets, relative) + buckets
        assert Distances(shape).rows.tolist() == expected.clamp(0, 2 * buckets - 1).long().tolist()


# -- DeBERTa's attention, without any library of others

NETWORKS = {"deberta": {"relative": 7}, "deberta_v2": {"relative": 20, "buckets": 6}}


@pytest.fixture(params=NETWORKS, ids=str)
def network(request: pytest.FixtureRequest) -> Network:
    torch.manual_seed(2)
    shape = shape_of(
        request.param,
        {
            "width": 12,
            "heads": 3,
            "layers": 2,
            "hidden": 20,
            "dropout": 0.0,
            **NETWORKS[request.param],
        },
    )
    found = Network(40, shape)
    with torch.no_grad():
        for weight in found.parameters():
            weight.add_(torch.randn_like(weight) * 0.4)
    return found


def test_an_attention_that_shows_its_weights_gives_the_same_states(network: Network) -> None:
    ids, inside, _ = sentences({"vocab_size": 40}, 12)
    seen: list[Tensor] = []
    with torch.inference_mode():
        states = zip(network(ids, inside), network(ids, inside, seen=seen), strict=True)
    for one, other in states:
        torch.testing.assert_close(one[inside], other[inside], atol=1e-5, rtol=1e-5)
    assert [weights.shape for weights in seen] == [(5, 3, 12, 12)] * 2
    for weights in seen:
        torch.testing.assert_close(weights.sum(3), torch.ones(5, 3, 12))
        assert float(weights.masked_select(~inside[:, None, None]).abs().max()) == 0


def test_padding_and_company_make_no_difference(network: Network) -> None:
    ids, inside, _ = sentences({"vocab_size": 40}, 12)
    together = network(ids, inside)[-1]
    for row, length in enumerate(inside.sum(1).tolist()):
        torch.testing.assert_close(
            together[row, :length],
            network(ids[row : row + 1, :length])[-1][0],
            atol=1e-5,
            rtol=1e-5,
        )


def test_who_may_look_where_can_be_told_for_each_piece(network: Network) -> None:
    ids = torch.randint(0, 40, (1, 8))
    before = torch.ones(8, 8, dtype=torch.bool).tril()[None]
    whole = network(ids, before)[-1]
    for length in (1, 4):
        torch.testing.assert_close(
            whole[:, :length],
            network(ids[:, :length], before[:, :length, :length])[-1],
            atol=1e-5,
            rtol=1e-5,
        )


def test_a_piece_that_may_look_nowhere_has_finite_states(network: Network) -> None:
    nowhere = torch.zeros(1, 6, 6, dtype=torch.bool)
    for seen in (None, []):
        assert all(
            states.isfinite().all()
            for states in network(torch.randint(0, 40, (1, 6)), nowhere, seen=seen)
        )


def test_states_that_are_computed_again_have_the_same_gradients(network: Network) -> None:
    ids, inside, _ = sentences({"vocab_size": 40}, 12)
    again = Network(40, shape_of("deberta", {**vars(network.shape), "recompute": True}))
    again.load_state_dict(network.state_dict())
    for one in (network, again):
        one.train()(ids, inside)[-1][inside].square().sum().backward()
    for (name, one), other in zip(network.named_parameters(), again.parameters(), strict=True):
        assert one.grad is not None, name
        torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-4)
        assert one.grad.abs().max() > 0, name


def test_a_word_farther_off_is_another_thing(network: Network) -> None:
    near, far = (
        network(torch.tensor([[3, 5, 9, 9, 9]]))[-1],
        network(torch.tensor([[3, 9, 9, 9, 5]]))[-1],
    )
    assert not torch.allclose(near[0, 0], far[0, 0], atol=1e-3)


def test_in_bfloat16_the_states_are_near(network: Network) -> None:
    ids, inside, _ = sentences({"vocab_size": 40}, 12)
    with torch.inference_mode():
        expected = network(ids, inside)[-1]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = network(ids, inside)[-1]
    assert float((found.float() - expected)[inside].abs().mean()) < 0.03


# -- from a text to vectors

TEXT = "Мама мыла раму, а кот спал на окне. Кто-то пел 3 песни! Ёжик ел йод."


@cache
def learned(algorithm: str) -> list[str]:
    """The pieces of a small vocabulary without the special ones, in their order."""
    found = learn_subwords(
        [text_of(doc) for doc in pipekit.blank("ru").tokenize([TEXT])] * 9, algorithm, size=130
    )
    return found.spell(range(5, len(found)))


def wordpieces(theirs: Any, folder: Path) -> Any:
    """As BERT: a list, and a config beside it that keeps capitals."""
    pieces = [*SPECIAL, *learned("wordpiece")]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}', encoding="utf-8")
    return theirs.BertTokenizer.from_pretrained(folder)


def saved_wordpieces(theirs: Any, folder: Path) -> Any:
    """As BERT without capitals: a tokenizer.json."""
    pieces = [*SPECIAL, *(piece.lower() for piece in learned("wordpiece"))]
    found = theirs.BertTokenizer(
        vocab={piece: number for number, piece in enumerate(dict.fromkeys(pieces))},
        do_lower_case=True,
    )
    found.save_pretrained(folder)
    return found


def bytes_(theirs: Any, folder: Path, prefix: bool = True) -> Any:
    """As RoBERTa: a tokenizer.json.

    Its library puts a space before a text here, as pipekit has one before the first word.
    """
    made = tokenizers.ByteLevelBPETokenizer()
    made.train_from_iterator(
        [TEXT] * 9,
        350,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        show_progress=False,
    )
    model = json.loads(made.to_str())["model"]
    found = theirs.RobertaTokenizer(
        vocab=model["vocab"],
        merges=[tuple(pair) for pair in model["merges"]],
        add_prefix_space=prefix,
    )
    found.save_pretrained(folder)
    return found


def bytes_and_merges(theirs: Any, folder: Path) -> Any:
    """As RoBERTa: vocab.json and merges.txt."""
    found = bytes_(theirs, folder)
    model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    (folder / "merges.txt").write_text(
        "#version: 0.2\n" + "\n".join(map(" ".join, model["merges"])) + "\n", encoding="utf-8"
    )
    return found


def scored(pieces: list[str]) -> list[tuple[str, float]]:
    return [(piece, -1.0 - number / 50) for number, piece in enumerate(pieces)]


def unigrams(theirs: Any, folder: Path) -> Any:
    """As XLM-RoBERTa: white space splits, then each part is marked."""
    special = [(piece, 0.0) for piece in ("<s>", "<pad>", "</s>", "<unk>")]
    found = theirs.XLMRobertaTokenizer(
        vocab=[*special, *scored(learned("unigram")), ("<mask>", 0.0)]
    )
    found.save_pretrained(folder)
    return found


def unigrams_of_deberta(theirs: Any, folder: Path) -> Any:
    """As DeBERTa v3: a mark before the text, the mask behind all other pieces."""
    special = [(piece, 0.0) for piece in ("[PAD]", "[CLS]", "[SEP]", "[UNK]")]
    found = theirs.DebertaV2Tokenizer(vocab=[*special, *scored(learned("unigram"))], unk_id=3)
    found.save_pretrained(folder)
    return found


def unigrams_of_albert(theirs: Any, folder: Path) -> Any:
    """As ALBERT: without capitals and accents."""
    special = [(piece, 0.0) for piece in ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")]
    pieces = dict.fromkeys(
        piece.lower().replace("ё", "е").replace("й", "и") for piece in learned("unigram")
    )
    found = theirs.AlbertTokenizer(vocab=[*special, *scored(list(pieces))])
    found.save_pretrained(folder)
    return found


VOCABULARIES: dict[str, tuple[str, Callable[[Any, Path], Any]]] = {
    "wordpiece": ("bert", wordpieces),
    "wordpiece, saved": ("electra", saved_wordpieces),
    "bytes": ("roberta", bytes_),
    "bytes and merges": ("deberta", bytes_and_merges),
    "unigram": ("xlm-roberta", unigrams),
    "unigram of DeBERTa": ("deberta-v3", unigrams_of_deberta),
    "unigram of ALBERT": ("albert", unigrams_of_albert),
}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_text_has_the_pieces_and_the_vectors_of_transformers(
    name: str, theirs: Any, tmp_path: Path
) -> None:
    kind, make = VOCABULARIES[name]
    tokenizer = make(theirs, tmp_path)
    model = folder_of(
        {**CONFIGS[kind], "vocab_size": 400, "max_position_embeddings": 130},
        tmp_path,
        theirs,
        "AutoModel",
    )
    nlp = import_bert(tmp_path).with_precision("float32")
    encoder: Any = nlp.encoders["main"]
    [doc] = nlp.tokenize([TEXT])
    doc.tokens.set("sent_start", [token.i == 0 for token in doc])
    given = tokenizer(TEXT)["input_ids"]
    cut = encoder.pieces(Batch([doc]))
    special = encoder.subwords.special
    assert [special.cls, *cut.ids.tolist(), special.sep] == given
    assert tokenizer.convert_ids_to_tokens(given[1:-1]) == encoder.subwords.spell(cut.ids)
    ids = torch.tensor([given])
    states = states_of(model, ids, torch.ones_like(ids, dtype=torch.bool), torch.zeros_like(ids))[
        -1
    ][0, 1:-1]
    expected = torch.stack(
        [states[start:end].mean(0) for start, end in pairwise(cut.borders.tolist())]
    )
    torch.testing.assert_close(torch.from_numpy(nlp.encode(doc)), expected, atol=1e-5, rtol=1e-5)


def test_without_a_prefix_the_first_word_alone_differs_from_transformers(
    theirs: Any, tmp_path: Path
) -> None:
    tokenizer = bytes_(theirs, tmp_path, prefix=False)
    subwords = read_vocabulary(tmp_path)
    words, spaced = ["Мама", "мыла", "раму", "."], [False, True, True, False]
    assert (
        subwords.cut(words, spaced).ids.tolist() == tokenizer("Мама мыла раму.")["input_ids"][1:-1]
    )
    assert (
        subwords.cut(words, [True, *spaced[1:]]).ids.tolist()
        == tokenizer(" Мама мыла раму.")["input_ids"][1:-1]
    )


# -- folders, without the library that made them


def write(
    folder: Path, kind: str = "bert", dtype: torch.dtype = torch.float32, **changes: Any
) -> Path:
    """A folder with a network of ours under their names, its config changed; None drops a key."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        key: value for key, value in {**CONFIGS[kind], **changes}.items() if value is not None
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    torch.manual_seed(1)
    safetensors.save_file(
        {name: torch.randn(shape).to(dtype) for name, shape in shapes(kind).items()},
        folder / "model.safetensors",
    )
    return folder


@cache
def shapes(kind: str) -> dict[str, tuple[int, ...]]:
    """The tensors of a BERT of SIZES, as they are published."""
    assert kind == "bert"
    norm = {"LayerNorm.weight": (24,), "LayerNorm.bias": (24,)}
    dense = {
        **{f"attention.self.{name}": (24, 24) for name in ("query", "key", "value")},
        "attention.output.dense": (24, 24),
    }
    dense |= {"intermediate.dense": (40, 24), "output.dense": (24, 40)}
    layer = {
        f"{name}.{part}": shape if part == "weight" else shape[:1]
        for name, shape in dense.items()
        for part in ("weight", "bias")
    }
    layer |= {
        f"{place}.{name}": shape
        for place in ("attention.output", "output")
        for name, shape in norm.items()
    }
    rows = {"word": 72, "position": 36, "token_type": 2}
    found = {f"embeddings.{name}_embeddings.weight": (count, 24) for name, count in rows.items()}
    found |= {f"embeddings.{name}": shape for name, shape in norm.items()}
    return found | {
        f"encoder.layer.{n}.{name}": shape for n in range(3) for name, shape in layer.items()
    }


def tensors(folder: Path) -> dict[str, Tensor]:
    return dict(safetensors.load_file(folder / "model.safetensors"))


def test_parts_of_a_network_lie_in_several_files(tmp_path: Path) -> None:
    whole, parts = write(tmp_path / "whole"), write(tmp_path / "parts")
    held = tensors(parts)
    (parts / "model.safetensors").unlink()
    places = {name: f"model-{1 + number % 2}-of-2.safetensors" for number, name in enumerate(held)}
    for file in set(places.values()):
        safetensors.save_file(
            {name: held[name] for name in held if places[name] == file}, parts / file
        )
    (parts / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": places}), encoding="utf-8"
    )
    assert same(import_bert(whole), import_bert(parts))


def test_norms_may_say_gamma_and_beta(tmp_path: Path) -> None:
    new, old = write(tmp_path / "new"), write(tmp_path / "old")
    names = {
        name: name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta")
        for name in tensors(old)
    }
    safetensors.save_file(
        {f"bert.{names[name]}": tensor for name, tensor in tensors(old).items()},
        old / "model.safetensors",
    )
    assert same(import_bert(new), import_bert(old))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_precisions_become_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    encoder: Any = import_bert(write(tmp_path, dtype=dtype)).encoders["main"]
    found = encoder.network.embed.positions.weight
    assert found.dtype == torch.float32
    assert torch.equal(
        found, tensors(tmp_path)["embeddings.position_embeddings.weight"].to(torch.float32)
    )


def test_rows_behind_the_vocabulary_are_no_pieces(tmp_path: Path) -> None:
    encoder: Any = import_bert(write(tmp_path)).encoders["main"]
    assert len(encoder.network.embed.pieces.weight) == len(encoder.subwords) == len(PIECES) < 72
    assert torch.equal(
        encoder.network.embed.pieces.weight,
        tensors(tmp_path)["embeddings.word_embeddings.weight"][: len(PIECES)],
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model_type": "brt"},
            r"config.json: no network of model_type = 'brt' can be read. Did you mean 'bert'\?",
        ),
        ({"model_type": None}, "model_type = None"),
        (
            {"position_embedding_type": "relative_key"},
            "position_embedding_type = 'relative_key' is not supported, only 'absolute'",
        ),
        ({"is_decoder": True}, "is_decoder = True is not supported"),
        (
            {"hidden_act": "gelu_neu"},
            r"hidden_act = 'gelu_neu' is not supported. Did you mean 'gelu_new'\?",
        ),
        ({"hidden_size": None}, "hidden_size is missing; a whole number from 1 to"),
        ({"hidden_size": "24"}, "hidden_size is '24'"),
        ({"hidden_size": 24.0}, "hidden_size is 24.0"),
        ({"hidden_size": 10**12}, "hidden_size is 1000000000000"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"num_attention_heads": 5}, "hidden_size = 24 cannot be shared among 5 heads"),
        ({"layer_norm_eps": "small"}, "layer_norm_eps = 'small' is no number from 0 to 1"),
        ({"hidden_dropout_prob": 2}, "hidden_dropout_prob = 2"),
        ({"vocab_size": 20}, "vocab_size = 20, but the vocabulary beside it has"),
        (
            {"num_hidden_layers": 4},
            "no tensor encoder.layer.3.attention.self.query.weight is in its safetensors files",
        ),
        (
            {"intermediate_size": 41},
            r"tensor encoder.layer.0.intermediate.dense.weight is F32 of \(40, 24\), "
            r"where .* \(41, 24\)",
        ),
        (
            {"vocab_size": 2**23, "hidden_size": 2**14, "num_attention_heads": 2},
            "word_embeddings.weight is F32 of",
        ),
        (
            {"model_type": "albert", "embedding_size": 24, "num_hidden_groups": 2},
            "num_hidden_groups = 2 is not supported",
        ),
        (
            {"model_type": "albert", "embedding_size": 24},
            "an embedding_size that is the hidden_size is not supported",
        ),
        (
            {"model_type": "deberta-v2", **V3, "attention_head_size": 16},
            "attention_head_size = 16 is not supported, only 8",
        ),
        (
            {"model_type": "deberta-v2", **V3, "position_buckets": 99},
            "config.json: buckets = 99 and relative = 36",
        ),
        (
            {"model_type": "roberta", "pad_token_id": 35},
            "max_position_embeddings leaves 0 positions for a text",
        ),
        (
            {"model_type": "deberta-v2"},
            r"pos_att_type = None is not supported, only \['c2p', 'p2c'\]",
        ),
        (
            {"model_type": "deberta-v2", "pos_att_type": "c2p|p2c"},
            "relative_attention is not supported but as true",
        ),
        (
            {"model_type": "deberta-v2", **V3, "conv_kernel_size": 3},
            "conv_kernel_size = 3 is not supported",
        ),
        (
            {"model_type": "deberta-v2", **V3, "norm_rel_ebd": "rms"},
            "norm_rel_ebd = 'rms' is not supported",
        ),
    ],
)
def test_a_config_that_cannot_be_read_is_refused_by_key(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        import_bert(write(tmp_path, **changes))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["gelu", "bert", "c2p|p2c"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=3,
)


@given(
    st.sampled_from(
        ["bert", "roberta", "albert", "electra", "distilbert", "deberta", "deberta-v3"]
    ),
    st.data(),
)
def test_a_config_of_anything_is_refused_or_read_and_nothing_else(
    folder: Path, kind: str, data: st.DataObject
) -> None:
    known = [
        *CONFIGS[kind],
        "pad_token_id",
        "hidden_act",
        "is_decoder",
        "layer_norm_eps",
        "norm_rel_ebd",
        "type_vocab_size",
    ]
    changes = data.draw(st.dictionaries(st.sampled_from(known), JSON, min_size=1, max_size=2))
    kept = (folder / "config.json").read_bytes()
    (folder / "config.json").write_text(json.dumps({**CONFIGS[kind], **changes}), encoding="utf-8")
    try:
        import_bert(folder)
    except ConfigError as error:
        assert str(folder) in str(error)
    finally:
        (folder / "config.json").write_bytes(kept)


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff", "[" * 99_999, '{"model_type": ["bert"]}'])
def test_a_config_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (write(tmp_path) / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"config\.json: "):
        import_bert(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "tf_model.h5"])
def test_a_pickle_is_never_opened_and_the_cure_is_told(tmp_path: Path, name: str) -> None:
    (write(tmp_path) / "model.safetensors").rename(tmp_path / name)
    with pytest.raises(
        ConfigError,
        match=rf"holds {name} and no model.safetensors. "
        r"Loading .* can run code .* safe_serialization=True",
    ):
        import_bert(tmp_path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (
            {"weight_map": {"a": "../secret.safetensors"}},
            "does not name files that stand beside it",
        ),
        ({"weight_map": {"a": "/etc/passwd"}}, "does not name files that stand beside it"),
        ({"weight_map": 3}, "does not name files that stand beside it"),
        (
            {"weight_map": {"a": "gone.safetensors"}},
            "gone.safetensors: cannot be read as safetensors",
        ),
    ],
)
def test_an_index_names_files_beside_it_and_no_others(
    tmp_path: Path, index: Any, message: str
) -> None:
    (write(tmp_path) / "model.safetensors").unlink()
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        import_bert(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt"])
def test_what_is_missing_in_a_folder_is_named(tmp_path: Path, name: str) -> None:
    (write(tmp_path) / name).unlink()
    with pytest.raises(
        ConfigError, match="no vocabulary of subwords" if name == "vocab.txt" else name
    ):
        import_bert(tmp_path)


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    held = tensors(write(tmp_path))
    held["embeddings.LayerNorm.bias"][3] = float("nan")
    safetensors.save_file(held, tmp_path / "model.safetensors")
    with pytest.raises(
        ConfigError,
        match=r"tensor embeddings.LayerNorm.bias holds values that are no finite numbers",
    ):
        import_bert(tmp_path)
    safetensors.save_file(
        {**held, "embeddings.LayerNorm.bias": torch.zeros(24, dtype=torch.int64)},
        tmp_path / "model.safetensors",
    )
    with pytest.raises(ConfigError, match=r"is I64 of \(24,\)"):
        import_bert(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bert"))


@given(st.data())
def test_a_damaged_file_of_weights_is_refused_or_read_and_nothing_else(
    folder: Path, data: st.DataObject
) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, 3000))] = data.draw(st.integers(0, 255))
    (folder / "model.safetensors").write_bytes(
        damaged[: data.draw(st.sampled_from([None, 0, 7, 100, 5000]))]
    )
    try:
        import_bert(folder)
    except ConfigError as error:
        assert "model.safetensors" in str(error) or "safetensors files" in str(error)
    finally:
        (folder / "model.safetensors").write_bytes(whole)


# -- what comes of it


def test_the_command_writes_a_pipeline_and_tells_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {f"bert.{name}": tensor for name, tensor in tensors(write(tmp_path / "rubert")).items()}
    held |= {
        "cls.predictions.bias": torch.zeros(72),
        "bert.embeddings.position_ids": torch.arange(36)[None],
    }
    safetensors.save_file(held, tmp_path / "rubert" / "model.safetensors")
    assert (
        main(["import-bert", str(tmp_path / "rubert"), "-o", str(tmp_path / "rubert.pipekit")]) == 0
    )
    out = capsys.readouterr().out
    assert "encoder 'main', a bert of" in out
    assert "left out: cls.predictions\n" in out
    nlp = pipekit.load(tmp_path / "rubert.pipekit", device="cpu", precision="float32")
    assert nlp.meta["name"] == "rubert"
    assert nlp.encode("Мама мыла раму.").shape == (4, 24)
    assert np.array_equal(
        nlp.encode(TEXT), import_bert(tmp_path / "rubert").with_precision("float32").encode(TEXT)
    )
    assert main(["import-bert", str(tmp_path), "-o", str(tmp_path / "none.pipekit")]) == 1
    error = capsys.readouterr().err
    assert f"{tmp_path / 'config.json'}: cannot be read" in error and "a vocabulary" in error


def test_a_recipe_goes_on_from_an_imported_network(folder: Path, tmp_path: Path) -> None:
    imported = import_bert(folder)
    imported.to_disk(tmp_path / "a.pipekit")
    raw = recipe({}, epochs=2)
    raw["encoders"]["main"] = {"source": str(tmp_path / "a.pipekit"), "pool": "first"}
    nlp = learn_recipe(raw, tmp_path / "run")
    encoder: Any = nlp.encoders["main"]
    before: Any = imported.encoders["main"]
    assert encoder.pool == "first"
    assert encoder.subwords.table.tobytes() == before.subwords.table.tobytes()
    assert (
        0
        < float(
            (encoder.network.embed.positions.weight - before.network.embed.positions.weight)
            .detach()
            .abs()
            .max()
        )
        < 1
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_goes_into_a_file_and_comes_back(family: str, tmp_path: Path) -> None:
    small = {"width": 8, "heads": 2, "layers": 2, "hidden": 12}
    table = learn_subwords(
        [text_of(doc) for doc in pipekit.blank("ru").tokenize([TEXT])], size=60
    ).table
    nlp = pipekit.blank("ru").with_precision("float32")
    encoder: Any = nlp.add_encoder(
        "main", "bert", tables={"subwords": table}, family=family, network=small
    )
    nlp.to_disk(tmp_path / "a.pipekit")
    again = pipekit.load(tmp_path / "a.pipekit", device="cpu", precision="float32")
    assert np.array_equal(nlp.encode(TEXT), again.encode(TEXT))
    below, *blocks = encoder.layers()
    weights = [weight for layer in (below, *blocks) for weight in layer.parameters()]
    assert {id(weight) for weight in weights} == {id(weight) for weight in encoder.parameters()}
    assert len({id(weight) for weight in weights}) == len(weights)


@pytest.mark.parametrize("missing", ["tokenizers", "safetensors"])
def test_a_saved_pipeline_needs_tokenizers_alone_and_says_so(
    folder: Path, tmp_path: Path, missing: str
) -> None:
    import_bert(folder).to_disk(tmp_path / "a.pipekit")
    program = f"""
import sys
sys.modules[{missing!r}] = sys.modules["transformers"] = None
import pipekit
for make in (
    lambda: pipekit.load({str(tmp_path / "a.pipekit")!r}, device="cpu"),
    lambda: pipekit.import_bert({str(folder)!r}),
):
    try:
        print(make().encode("Мама").shape)
    except pipekit.PipekitError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    needs = f"need the {missing} library: pip install {missing}"
    loaded, imported = done.stdout.splitlines()
    assert needs in imported
    assert loaded == "(1, 24)" if missing == "safetensors" else needs in loaded
