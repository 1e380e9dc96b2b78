"""New recipes: each task has one that trains, and that `pipekit debug recipe` completes.

Modules: packages.recipes
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from helpers.tiny import TEN, ten

import pipekit
from pipekit.errors import ConfigError
from pipekit.packages.recipes import TASKS, recipe_text, write_recipe
from pipekit.training.building import SavedPipelines
from pipekit.training.checking import check_recipe
from pipekit.training.explaining import completed_recipe, completed_toml
from pipekit.training.recipe import parse_recipe, read_recipe

CONLLU = ("tagger", "parser")
SPANS = ("ner", "span_ner", "relations")


def corpus(task: str, folder: Path) -> Path:
    """A small corpus for a task, in the usual format of the task."""
    docs = ten()
    path = folder / f"ten{TASKS[task].file}"
    if task in CONLLU:
        path.write_bytes(TEN.read_bytes())
    elif task in SPANS:
        records = []
        for doc in docs:
            ents = [[span.start_char, span.end_char, span.label] for span in doc.spans["ents"]]
            links = [[0, 1, "NEAR"]] if len(ents) > 1 else []
            records.append({"text": doc.text, "ents": ents, "relations": links})
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        path.write_text("\n".join(lines), encoding="utf-8")
    elif task == "qa":
        paragraphs = []
        for number, doc in enumerate(docs):
            answer = {"text": doc.words[0], "answer_start": 0}
            question = {"id": str(number), "question": "Кто?", "answers": [answer]}
            paragraphs.append({"context": doc.text, "qas": [question]})
        content = {"data": [{"title": "а", "paragraphs": paragraphs}]}
        path.write_text(json.dumps(content), encoding="utf-8")
    else:
        rows = ["text,label,start,end,type"]
        labels = ["negative", "neutral", "positive"]
        for number, doc in enumerate(docs * 3):
            end = len(doc.words[0])
            rows.append(f'"{doc.text} {number}",{labels[number % 3]},0,{end},PER')
        path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("task", TASKS)
def test_the_recipe_of_a_task_trains(task: str, tmp_path: Path) -> None:
    data = corpus(task, tmp_path)
    path = tmp_path / f"{task}.toml"
    write_recipe(path, task, train=data, dev=data)
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    raw["training"] |= {"epochs": 1, "threads": 1}
    if task != "tfidf":
        raw["encoders"]["main"] |= {"width": 32, "features": {"width": 32, "word_buckets": 500}}
    assert raw["train"][0]["path"] == data.name
    nlp = pipekit.train(parse_recipe(raw, path), tmp_path / "run", device="cpu", progress=False)
    doc = nlp("Мама мыла раму.") if task != "entity_sentiment" else None
    assert nlp.meta["data"]["train"].startswith(data.name)
    assert nlp.meta["performance"]["dev"]
    assert doc is None or doc.text


@pytest.mark.parametrize("task", TASKS)
def test_a_completed_recipe_means_the_same(task: str, tmp_path: Path) -> None:
    data = corpus(task, tmp_path)
    path = tmp_path / f"{task}.toml"
    write_recipe(path, task, train=data, dev=data)
    recipe = read_recipe(path)
    check_recipe(recipe, SavedPipelines().get)
    again = parse_recipe(tomllib.loads(completed_toml(completed_recipe(recipe))), path)
    assert again.settings == recipe.settings
    assert again.pipeline == recipe.pipeline
    assert again.raw["train"] == recipe.raw["train"]
    assert (again.train, again.dev) == (recipe.train, recipe.dev)


def test_a_recipe_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ner.toml"
    write_recipe(path, "ner")
    text = path.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match=r"ner\.toml is there already"):
        write_recipe(path, "tagger")
    assert path.read_text(encoding="utf-8") == text


def test_a_language_without_rules_has_a_tokenizer_all_the_same(tmp_path: Path) -> None:
    raw = tomllib.loads(recipe_text("ner", tmp_path / "ner.toml", lang="tt"))
    assert raw["tokenizer"] == {"type": "whitespace"}
    assert raw["pipeline"]["lang"] == "tt"


def test_an_encoder_of_a_pipeline_is_taken_as_it_is(tmp_path: Path) -> None:
    raw = tomllib.loads(recipe_text("ner", tmp_path / "ner.toml", source="ru_core"))
    assert raw["encoders"]["main"] == {"source": "ru_core"}
    assert raw["training"]["freeze"] == ["encoders.main"]
