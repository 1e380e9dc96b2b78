"""The same questions asked of every reader of pipekit.

Modules: corpora.sources
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.places import CASES

import pipekit
from pipekit import Doc
from pipekit.corpora.readers.doccano import write_doccano
from pipekit.corpora.readers.label_studio import write_label_studio
from pipekit.corpora.readers.webanno_writer import write_webanno
from pipekit.testing import ReaderTests


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def annotated() -> list[Doc]:
    """Two documents with names in them, one word outside the plane of the others."""
    nlp = pipekit.blank("ru")
    docs = [nlp("🙂 Иван знает Анну."), nlp("Анна спит.")]
    docs[0].ents = [docs[0].char_span(2, 6, "PER"), docs[0].char_span(13, 17, "PER")]
    docs[1].ents = [docs[1].char_span(0, 4, "PER")]
    return docs


class TestConllu(ReaderTests):
    type = "conllu"

    def write(self, folder: Path) -> Path:
        return written(folder / "a.conllu", (CASES / "ten.conllu").read_text(encoding="utf-8"))


class TestIob(ReaderTests):
    type = "iob"

    def write(self, folder: Path) -> Path:
        return written(folder / "a.iob", "Иван\tB-PER\nПетров\tI-PER\nспит\tO\n\nОна\tO\n\n")


class TestJsonl(ReaderTests):
    type = "jsonl"

    def write(self, folder: Path) -> Path:
        record = {"text": "Иван спит.", "ents": [{"start": 0, "end": 4, "label": "PER"}]}
        line = json.dumps(record, ensure_ascii=False)
        return written(folder / "a.jsonl", f"{line}\n{line}\n")


class TestBrat(ReaderTests):
    type = "brat"
    compressed = False

    def write(self, folder: Path) -> Path:
        written(folder / "a.txt", "Иван знает Анну.\n")
        notes = "T1\tPER 0 4\tИван\nT2\tPER 11 15\tАнну\nR1\tKNOWS Arg1:T1 Arg2:T2\n"
        written(folder / "a.ann", notes)
        return folder


class TestText(ReaderTests):
    type = "text"

    def write(self, folder: Path) -> Path:
        return written(folder / "a.txt", "Мама мыла раму.\n\nКот спит.\n")


class TestTable(ReaderTests):
    type = "csv"
    options = {"label": "label", "layer": "cats"}

    def write(self, folder: Path) -> Path:
        return written(folder / "a.csv", "text,label\nМама мыла раму.,a\nКот спит.,b\n")


class TestSquad(ReaderTests):
    type = "squad"

    def write(self, folder: Path) -> Path:
        answer = {"text": "Мама", "answer_start": 0}
        question = {"id": "1", "question": "Кто?", "answers": [answer]}
        paragraph = {"context": "Мама мыла раму.", "qas": [question]}
        content = {"data": [{"title": "а", "paragraphs": [paragraph]}]}
        return written(folder / "a.json", json.dumps(content, ensure_ascii=False))


class TestFactRuEval(ReaderTests):
    type = "factrueval"
    compressed = False

    def write(self, folder: Path) -> Path:
        written(folder / "book_1.txt", "Иван спит.")
        written(folder / "book_1.tokens", "1 0 4 Иван\n2 5 4 спит\n3 9 1 .\n\n")
        written(folder / "book_1.spans", "1 name 0 4 1 1  # 1 Иван\n")
        written(folder / "book_1.objects", "1 Person 1 # Иван\n")
        return folder


class TestDoccano(ReaderTests):
    type = "doccano"

    def write(self, folder: Path) -> Path:
        path = folder / "a.jsonl"
        write_doccano(annotated(), path)
        return path


class TestLabelStudio(ReaderTests):
    type = "label_studio"

    def write(self, folder: Path) -> Path:
        path = folder / "a.json"
        write_label_studio(annotated(), path)
        return path


class TestWebanno(ReaderTests):
    type = "webanno"

    def write(self, folder: Path) -> Path:
        path = folder / "a.tsv"
        write_webanno(annotated()[0], path)
        return path


class TestDocs(ReaderTests):
    type = "docs"

    def write(self, folder: Path) -> Path:
        path = folder / "a.docs"
        pipekit.write_docs(annotated(), path)
        return path


class TestDocbin(ReaderTests):
    type = "docbin"

    def write(self, folder: Path) -> Path:
        spacy = pytest.importorskip("spacy", reason="spaCy writes the files")
        from spacy.tokens import DocBin

        path = folder / "a.spacy"
        DocBin(docs=[spacy.blank("ru")("Мама мыла раму.")]).to_disk(path)
        return path
