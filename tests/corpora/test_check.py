"""The check of a corpus: what it finds, and where it says it is.

Modules: corpora.check
"""

from __future__ import annotations

import json

import numpy as np
import pytest

import pipekit
from pipekit.corpora.check import check
from pipekit.doc import Doc
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, DataError
from pipekit.registry import readers


def row(number, form, upos="NOUN", feats="_", head=None, dep="root"):
    if head is None:
        head = 0 if number == 1 else 1
    return "\t".join([str(number), form, form.lower(), upos, "_", feats, str(head), dep, "_", "_"])


def found(report):
    return [(problem.line, problem.kind) for problem in report.problems]


@pytest.fixture
def conllu(tmp_path):
    def write(*lines, name="train.conllu"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def jsonl(tmp_path):
    def write(*records, name="train.jsonl"):
        path = tmp_path / name
        path.write_text(
            "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records),
            encoding="utf-8",
        )
        return path

    return write


def test_a_corpus_in_order_has_no_problems(conllu):
    report = check(conllu("# sent_id = 1", row(1, "Кот")), "conllu", fewest=1)
    assert not report.problems
    assert "no problems" in report.table()


def test_every_problem_is_listed_with_its_line(conllu):
    path = conllu(
        "# sent_id = 1",
        row(1, "а", upos="NUON"),
        row(2, "б", feats="Case:Nom", head=1),
        "",
        "1\tв",
        "",
        row(2, "г"),
        "",
        "# sent_id = 1",
        row(1, "д", feats="Case=Nom|Case=Gen"),
        "",
        "# text = ж",
        row(1, "е"),
    )
    report = check(path, "conllu", fewest=1)
    assert sorted(found(report)) == [
        (2, "upos"),
        (3, "feats"),
        (5, "columns"),
        (7, "ids"),
        (9, "ids"),
        (10, "feats"),
        (12, "text"),
    ]
    assert "Did you mean 'NOUN'?" in report.table()
    assert all(problem.file == str(path) for problem in report.problems)


def test_heads_that_are_no_tree_are_reported_with_their_line(conllu):
    path = conllu(
        *(row(1, "Кот", head=0), row(2, "спит", head=3), row(3, "тут", head=2)),
        "",
        *(row(1, "Кот", head=0), row(2, "спит", head=0), row(3, "тут", head="_")),
        "",
        *(row(1, "Кот", head=0), row(2, "спит", head=0)),
    )
    report = check(path, "conllu", fewest=1)
    assert found(report) == [(2, "tree"), (9, "tree")]
    assert "lead to no root" in report.table()
    assert "a sentence has 2 roots" in report.table()


def test_another_encoding_does_not_stop_the_check(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_bytes(
        f"{row(1, 'Кот')}\n\n".encode("cp1251") + f"{row(1, 'x', upos='Q')}\n\n".encode()
    )
    assert {"encoding", "upos"} <= {problem.kind for problem in check(path, "conllu").problems}


def test_dev_is_held_against_train(conllu):
    train = conllu(row(1, "Кот"), "", row(1, "Пёс"))
    dev = conllu(row(1, "Кот"), "", row(1, "ест", upos="VERB", feats="Mood=Ind"), name="dev.conllu")
    report = check(train, "conllu", dev=dev, fewest=1)
    assert found(report) == [(1, "duplicate"), (None, "unseen"), (None, "unseen")]
    assert "train.conllu:1" in report.problems[0].what
    assert [part.documents for part in report.parts] == [2, 2]
    assert not report.errors


def test_labels_that_are_seldom_seen_are_reported(jsonl, tokenize):
    records = [{"text": "Иван тут", "ents": [[0, 4, "PER"]]}] * 3 + [
        {"text": "Уфа тут", "ents": [[0, 3, "LOC"]]}
    ]
    report = check(jsonl(*records), "jsonl", tokenize=tokenize, fewest=2)
    assert [problem.what.split(" is seen")[0] for problem in report.problems] == ["ents 'LOC'"]


def test_entities_across_sentence_borders_are_reported_with_their_line(jsonl):
    text = "Мама мыла раму. Папа пил чай."
    records = [
        {"text": text, "ents": [[0, 4, "PER"]]},
        {"text": text, "ents": [[0, 4, "PER"], [10, 20, "PER"]]},
        {"text": text},
    ]
    tokenize = pipekit.blank("ru").tokenize
    report = check(jsonl(*records), "jsonl", tokenize=tokenize, fewest=1)
    assert found(report) == [(2, "border")]
    assert "'раму': a span of ents crosses the border of a sentence" in report.table()
    assert not report.errors


def test_spans_of_any_layer_across_borders_are_reported(tmp_path, tokenize):
    doc = Doc(words=["Мама", "мыла", ".", "Папа", "пил", "."])
    doc.tokens.set("sent_start", np.array([True, False, False, True, False, False]))
    doc.layers["fine"] = span_layer([0, 2, 4], [2, 4, 6], ["A", "A", "A"])
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(doc.to_dict()), encoding="utf-8")
    report = check(path, "jsonl", tokenize=tokenize, fewest=1)
    assert [problem.kind for problem in report.problems] == ["border"]


def test_misaligned_and_overlapping_entities_are_reported_with_their_line(jsonl, tokenize):
    records = [
        {"text": "Иван тут", "ents": [[0, 3, "PER"]]},
        {"text": "Иван тут", "ents": [[0, 8, "A"], [5, 8, "B"]]},
        {"text": " "},
    ]
    report = check(jsonl(*records), "jsonl", tokenize=tokenize, fewest=1)
    assert found(report) == [(1, "offsets"), (2, "overlap"), (3, "empty")]


def test_a_missing_file_and_an_empty_one_are_problems(tmp_path):
    assert {problem.kind for problem in check(tmp_path / "none.conllu", "conllu").problems} == {
        "file",
        "empty",
    }
    (tmp_path / "a.conllu").write_text("", encoding="utf-8")
    assert [problem.kind for problem in check(tmp_path / "a.conllu", "conllu").problems] == [
        "empty"
    ]


def test_unknown_formats_and_options_are_errors_of_the_caller(conllu):
    with pytest.raises(ConfigError, match="conlu"):
        check(conllu(row(1, "x")), "conlu")
    with pytest.raises(ConfigError, match="colums"):
        check(conllu(row(1, "x")), "conllu", colums=["pos"])


def test_a_strangers_reader_that_takes_no_listener_is_checked_up_to_its_first_fault(
    tmp_path, monkeypatch
):
    def read(path):
        yield Doc(words=["да"])
        raise DataError("a:7: is wrong")

    monkeypatch.setattr(readers, "get", {"strange": read}.__getitem__)
    assert [problem.what for problem in check(tmp_path, "strange").problems] == ["a:7: is wrong"]


def test_the_report_is_json_and_its_table_is_cut(conllu):
    report = check(
        conllu(*(line for _ in range(20) for line in (row(1, "x", upos="Q"), ""))), "conllu"
    )
    assert len(json.loads(json.dumps(report.to_dict()))["problems"]) == 20
    assert "and 15 more" in report.table(limit=5)


def test_a_real_treebank_is_in_order(data):
    report = check(
        data / "morph" / "ru_taiga-train.conllu.gz",
        "conllu",
        dev=data / "morph" / "ru_taiga-dev.conllu.gz",
    )
    assert not report.errors


def test_a_kind_without_labels_has_no_line(tmp_path):
    (tmp_path / "a.txt").write_text("Анна пришла.", encoding="utf-8")
    (tmp_path / "a.ann").write_text("T1\tPER 0 4\tАнна\n", encoding="utf-8")
    report = check(tmp_path, "brat", tokenize=pipekit.blank("ru").tokenize)
    assert "ents: PER 1" in report.table()
    assert "relations" not in report.table()
