"""Figures of trees: those of the official scorer, to the last digit; what we write pleases its kin.

Modules: evaluation.trees
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.parts import PARSER
from helpers.places import CASES
from helpers.tiny import ten

import pipekit
from pipekit import Doc, Pipeline
from pipekit.corpora.readers import read_conllu, write_conllu
from pipekit.corpora.sources import read_corpus
from pipekit.evaluation.evaluate import evaluate
from pipekit.evaluation.metrics import score

LABELS = ["nsubj", "obj", "case", "punct", "root", "nummod:gov", "nmod"]


def pipeline() -> Pipeline:
    """A parser that has learned nothing, so all kinds of mistakes occur."""
    torch.manual_seed(2)
    nlp = pipekit.blank("ru").with_precision("float32")
    nlp.add_encoder("main", "bilstm", width=16, features={"width": 16, "word_buckets": 100})
    nlp.add_pipe(**{**PARSER, "labels": LABELS})
    return nlp


def figures(gold: Sequence[Doc], predicted: Sequence[Doc]) -> dict[str, float | None]:
    scores = score(zip(gold, predicted, strict=True))
    return {name: scores[name] for name in ("UAS", "LAS", "CLAS")}


def official(gold: Path, predicted: Path) -> dict[str, float]:
    """The figures of the scorer of the CoNLL 2018 shared task."""
    scorer = pytest.importorskip("udtools.udeval")
    sides = []
    for path in (gold, predicted):
        with path.open(encoding="utf-8") as file:
            sides.append(scorer.load_conllu(file, str(path), {}))
    found = scorer.evaluate(*sides)
    return {name: found[name].f1 for name in ("UAS", "LAS", "CLAS")}


def written(docs: Sequence[Doc], path: Path) -> Path:
    write_conllu(docs, path)
    return path


@pytest.mark.parametrize("gold_tokens", [True, False], ids=["gold tokens", "plain text"])
def test_the_official_scorer_agrees(tmp_path: Path, gold_tokens: bool) -> None:
    gold = [doc for doc in ten() for _ in range(3)]
    bare = [doc.copy(bare=True) if gold_tokens else doc.text.replace(" ", "  ") for doc in gold]
    predicted = list(pipeline().pipe(bare))
    ours = figures(gold, predicted)
    paths = written(gold, tmp_path / "gold.conllu"), written(predicted, tmp_path / "own.conllu")
    assert ours == official(*paths)
    assert ours == figures(list(read_conllu(paths[0])), list(read_conllu(paths[1])))
    assert 0 < (ours["UAS"] or 0) < 1


def test_the_official_scorer_agrees_on_another_tokenization(tmp_path: Path) -> None:
    gold = Doc(words=["Кот", "спит", ",", "а", "пёс", "-", "нет", "."])
    gold.tokens.set("head", [1, 1, 6, 6, 6, 4, 1, 1])
    gold.tokens.set("dep", ["nsubj", "root", "punct", "cc", "nsubj", "punct", "conj", "punct"])
    own = Doc(words=["Кот", "спит,", "а", "пёс", "-", "нет", "."])
    own.tokens.set("head", [1, 1, 5, 5, 1, 1, 1])
    own.tokens.set("dep", ["nsubj", "root", "cc", "nsubj:pass", "punct", "conj", "punct"])
    ours = figures([gold], [own])
    assert ours["UAS"] == 2 * 2 / 15  # а, пёс: the root is no gold word
    assert ours == official(written([gold], tmp_path / "a"), written([own], tmp_path / "b"))


def test_relations_are_counted_one_by_one() -> None:
    gold = ten()
    scores = score(zip(gold, gold, strict=True))
    assert scores["UAS"] == scores["LAS"] == scores["CLAS"] == 1
    assert scores.details["LAS"]["nummod"].gold == 1
    assert "punct" in scores.details["LAS"]
    assert scores.figures["CLAS"].gold < scores.figures["LAS"].gold


def test_words_without_a_gold_head_are_out_of_the_count() -> None:
    gold, own = ten()[0], ten()[0]
    heads = gold.tokens["head"].values.copy()
    heads[0] = -1
    gold.tokens.set("head", heads)
    scores = score([(gold, own)])
    assert scores.figures["UAS"].gold == scores.figures["UAS"].predicted == len(gold) - 1
    assert scores["UAS"] == scores["LAS"] == 1
    del gold.layers["meta"]
    gold.tokens.remove("head")
    assert "UAS" not in score([(gold, own)]).figures
    own.tokens.remove("head")
    assert score([(ten()[0], own)])["UAS"] is None


def test_evaluate_measures_a_parser() -> None:
    scores = evaluate(pipeline(), ten())
    assert scores["UAS"] is not None
    assert scores["CLAS"] is not None


# -- what is written


def test_a_text_without_trees_is_read_by_the_scorer_and_read_back_as_it_was(
    tmp_path: Path,
) -> None:
    bare = [doc.copy(bare=True) for doc in ten()]
    path = written(bare, tmp_path / "bare.conllu")
    again = list(read_conllu(path))
    assert not any("head" in doc.tokens or "dep" in doc.tokens for doc in again)
    gold = written(ten(), tmp_path / "gold.conllu")
    assert official(gold, path)["UAS"] < 1


def test_trees_that_were_cut_are_written_and_read_as_they_are(tmp_path: Path) -> None:
    part = ten()[4].part(2, 8)
    assert part.tokens["head"].values.tolist() == [1, -1, 5, 5, 5, -1]
    [again] = read_conllu(written([part], tmp_path / "part.conllu"))
    assert np.array_equal(again.tokens["head"].values, part.tokens["head"].values)
    assert again[5].dep == "conj"
    assert official(tmp_path / "part.conllu", tmp_path / "part.conllu")["LAS"] == 1


def problems(path: Path) -> list[str]:
    """What the validator of Universal Dependencies finds, level 2."""
    validator = pytest.importorskip("udtools.validator")
    arguments = pytest.importorskip("udtools.argparser")
    options = ["--lang", "ru", "--level", "2", "--quiet", str(path)]
    args = arguments.build_argparse_validator().parse_args(options)
    state = validator.Validator(lang="ru", level=2, max_store=10, args=args).validate_files([path])
    return [] if state.passed() else [str(state)]


STRANGE = [
    "Да.\u00a0 \u2003Нет!\t\tОй\r\nвсё | ясно\\ ",
    " \n Пробелы  впереди.",
    "👍🏻 №5 — 3,14%",
    "_ __ #5 1\u00a0000",
    "Кот спит. " * 100,
]


def test_what_is_written_is_valid(tmp_path: Path) -> None:
    nlp = pipeline()
    docs = list(nlp.pipe([*STRANGE, *(doc.text for doc in ten())]))
    for doc in docs:
        doc.tokens.set("pos", ["X"] * len(doc))
    docs[2].name = "a name / with spaces"
    assert problems(written(docs, tmp_path / "a.conllu")) == []
    again = list(read_conllu(tmp_path / "a.conllu", group="document"))
    assert [doc.text.strip() for doc in again] == [doc.text.strip() for doc in docs]


def test_sentences_without_names_get_names(tmp_path: Path) -> None:
    path = tmp_path / "nameless.conllu"
    lines = (CASES / "ten.conllu").read_text(encoding="utf-8").splitlines(keepends=True)
    nameless = [line for line in lines if not line.startswith("# sent_id")]
    path.write_text("".join(nameless), encoding="utf-8")
    docs = read_corpus(path, "conllu", pipekit.blank("ru").tokenize)
    out = written(docs, tmp_path / "again.conllu")
    names = [line for line in out.read_text(encoding="utf-8").split("\n") if "sent_id" in line]
    assert len(set(names)) == 10
    assert problems(out) == []
