"""What a file does not annotate is not measured: tokens and sentences of raw texts.

Modules: evaluation.evaluate, evaluation.metrics
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipekit
from pipekit.cli import main
from pipekit.corpora.sources import read_corpus
from pipekit.evaluation.evaluate import evaluate

TEXT = "Мама мыла раму. Папа пил чай."
NLP = pipekit.blank("ru")


def jsonl(folder: Path) -> Path:
    path = folder / "raw.jsonl"
    path.write_text(json.dumps({"text": TEXT, "ents": [[0, 4, "PER"]]}) + "\n", encoding="utf-8")
    return path


def csv(folder: Path) -> Path:
    path = folder / "raw.csv"
    path.write_text(f"text,label\n{TEXT},home\n", encoding="utf-8")
    return path


def brat(folder: Path) -> Path:
    (folder / "raw.txt").write_text(TEXT, encoding="utf-8")
    (folder / "raw.ann").write_text("T1\tPER 0 4\tМама\n", encoding="utf-8")
    return folder


def text(folder: Path) -> Path:
    path = folder / "raw.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize("write", [jsonl, csv, brat, text])
def test_the_tokenizer_is_not_measured_against_itself(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    docs = read_corpus(write(tmp_path), None, NLP.tokenize)
    assert not evaluate(NLP, docs, gold_tokens=False).figures.keys() & {"tokens", "sents"}


def test_tokens_that_the_file_gives_are_measured(tmp_path: Path) -> None:
    [doc] = NLP.tokenize([TEXT])
    path = tmp_path / "given.jsonl"
    path.write_text(json.dumps(doc.to_dict()) + "\n", encoding="utf-8")
    docs = read_corpus(path, None, NLP.tokenize)
    scores = evaluate(NLP, docs, gold_tokens=False)
    assert (scores["tokens"], scores["sents"]) == (1.0, 1.0)
    both = [*docs, *read_corpus(jsonl(tmp_path), None, NLP.tokenize)]
    assert evaluate(NLP, both, gold_tokens=False).figures["tokens"].gold == len(doc)


def test_the_command_line_says_that_a_file_annotates_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = tmp_path / "blank.pipekit"
    NLP.to_disk(pipeline)
    assert main(["evaluate", str(pipeline), str(text(tmp_path))]) == 0
    shown: Any = capsys.readouterr().out
    assert "100.00" not in shown
    assert "raw.txt: 1 documents, which annotate nothing that can be measured" in shown
