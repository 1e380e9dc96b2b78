"""Exports of annotation tools, read and written: doccano, Label Studio, WebAnno, spaCy, .docs.

Modules: corpora.readers.doccano, corpora.readers.label_studio, corpora.readers.webanno,
corpora.readers.webanno_cells, corpora.readers.webanno_file,
corpora.readers.webanno_writer, corpora.readers.docbin,
corpora.readers.docs_file, corpora.readers.json_items, corpora.readers.units
"""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import Doc, write_docs
from pipekit.corpora.readers.doccano import read_doccano, write_doccano
from pipekit.corpora.readers.docs_file import read_docs_file
from pipekit.corpora.readers.files import Problem
from pipekit.corpora.readers.label_studio import read_label_studio, write_label_studio
from pipekit.corpora.readers.units import Utf16Units
from pipekit.corpora.readers.webanno import read_webanno
from pipekit.corpora.readers.webanno_writer import write_webanno
from pipekit.corpora.sources import read_corpus
from pipekit.errors import DataError

NLP = pipekit.blank("ru")
TEXT = "🙂🙂 Иван Петров работает в Яндексе 👍 и пьёт чай."


def annotated() -> Doc:
    """A document with emoji before, between and behind what is annotated."""
    doc = NLP(TEXT)
    person = doc.char_span(3, 14, "PER")
    company = doc.char_span(26, 33, "ORG")
    assert person and company
    doc.ents = [person, company]  # type: ignore[assignment]
    links = doc.add_layer("relations", "link", 1, target="ents")
    links.set("head", [0]).set("tail", [1]).set("label", ["WORKS_IN"])
    doc.name = "пример"
    return doc


def spans(doc: Doc) -> list[tuple[str, str | None]]:
    return [(ent.text, ent.label) for ent in doc.ents or ()]


def links(doc: Doc) -> list[str]:
    return list(map(str, doc.relations or ()))


EXPECTED = [("Иван Петров", "PER"), ("Яндексе", "ORG")]
LINK = ["Иван Петров → WORKS_IN → Яндексе"]


def lines(path: Path, *records: Any) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    return path


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 20))
def test_units_are_those_of_utf_16(text: str, place: int) -> None:
    place = min(place, len(text))
    units = len(text[:place].encode("utf-16-le")) // 2
    assert Utf16Units(text).of(place) == units and Utf16Units(text).characters(units) == place
    assert Utf16Units(text).characters(10_000) == 10_000, "what is outside stays outside"


def test_doccano_comes_back_with_spans_relations_and_classes(tmp_path: Path) -> None:
    doc = annotated()
    judged = NLP("Хорошо")
    judged.add_layer("cats", "doc", 1).set("good", [0.9]).set("bad", [0.1])
    write_doccano([doc, judged], tmp_path / "all.jsonl")
    first, second = read_doccano(tmp_path / "all.jsonl", tokenize=NLP.tokenize)
    assert (spans(first), links(first)) == (EXPECTED, LINK)
    assert second.cats == {"good": 1.0} and second.ents is None


def test_doccano_of_all_its_shapes(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "all.jsonl",
        {"id": 7, "text": TEXT, "label": [[3, 14, "PER"]], "Comments": []},
        {"id": 8, "text": TEXT, "labels": [[26, 33, "ORG"]]},
        {"id": 9, "text": TEXT, "label": []},
        {"id": 10, "text": TEXT},
    )
    docs = list(read_doccano(path, tokenize=NLP.tokenize))
    assert [spans(doc) for doc in docs] == [EXPECTED[:1], EXPECTED[1:], [], []]
    assert [doc.name for doc in docs] == ["7", "8", "9", "10"]
    assert docs[2].ents is not None and docs[3].ents is None, "nothing there is not nobody looked"
    with pytest.raises(DataError, match=r"all\.jsonl:1: label 0 is .*doccano writes \[start"):
        list(
            read_doccano(
                lines(path, {"text": "а", "label": [["0", 1, "X"]]}), tokenize=NLP.tokenize
            )
        )


def task(start: int, end: int, text: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "text": text, "labels": ["ORG"]}
    result = [{"id": "a", "type": "labels", "value": value}]
    return {"id": 5, "data": {"text": TEXT}, "annotations": [{"result": result}]}


def test_label_studio_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    write_label_studio([annotated(), NLP("Пусто")], path)
    first, second = read_label_studio(path, tokenize=NLP.tokenize)
    assert (spans(first), links(first), second.text) == (EXPECTED, LINK, "Пусто")
    write_label_studio([], path)
    assert list(read_label_studio(path, tokenize=NLP.tokenize)) == []


def test_label_studio_counts_characters_now_and_utf_16_before(tmp_path: Path) -> None:
    for start, end in ((26, 33), (28, 35)):
        path = lines(tmp_path / "export.json", [task(start, end, "Яндексе")])
        [doc] = read_label_studio(path, tokenize=NLP.tokenize)
        assert spans(doc) == [("Яндексе", "ORG")], start


def test_label_studio_of_all_its_shapes(tmp_path: Path) -> None:
    cancelled = {"was_cancelled": True, "result": [{"type": "relation"}]}
    chosen = {"result": [{"type": "choices", "value": {"choices": ["good"]}}]}
    path = lines(
        tmp_path / "export.json",
        [
            {"id": 1, "data": {"text": TEXT}, "annotations": [cancelled, chosen]},
            {"id": 2, "data": {"text": TEXT}, "annotations": []},
            {"id": 3, "text": TEXT, "label": [{"start": 3, "end": 14, "labels": ["PER"]}]},
        ],
    )
    classes, nothing, small = read_label_studio(path, tokenize=NLP.tokenize)
    assert classes.cats == {"good": 1.0} and classes.ents is None
    assert nothing.ents is None and spans(small) == EXPECTED[:1]
    with pytest.raises(DataError, match=r"export.json \(task 1\):1: has no string under 'txt'"):
        list(read_label_studio(path, tokenize=NLP.tokenize, text="txt"))
    path.write_text('[{"id": 1, "data": {"text": "а"}},\n', encoding="utf-8")
    with pytest.raises(DataError, match="ends within its list"):
        list(read_label_studio(path, tokenize=NLP.tokenize))


WEBANNO = """#FORMAT=WebAnno TSV 3.3
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue|coarseValue
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value
#T_SP=webanno.custom.Note|text
#T_RL=webanno.custom.Rel|label|BT_de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity
#T_RL=de.tudarmstadt.ukp.dkpro.core.api.syntax.type.dependency.Dependency|DependencyType|flavor|BT_de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS


#Text=🙂 Иван Петров любит [Уфу].
1-1\t0-2\t🙂\tS\tSYM\t_\t_\t_\t_\t_\t_\t_\t_\t
1-2\t3-7\tИван\tN\tPROPN\t*[1]\tPER[1]\t_\t_\t_\tnsubj\tbasic\t1-4\t
1-3\t8-14\tПетров\tN\tPROPN\t*[1]|*[2]\tPER[1]|NAME[2]\tимя\\_тут\t_\t_\t_\t_\t_\t
1-4\t15-20\tлюбит\tV\tVERB\t_\t_\t_\t_\t_\troot\tbasic\t1-4\t
1-5\t21-22\t\\[\t_\t_\t_\t_\t_\t_\t_\t_\t_\t_\t
1-6\t22-25\tУфу\tN\tPROPN\t*\tLOC\t*\tLIKES\t1-2[1_0]\t_\t_\t_\t
1-6.1\t22-24\tУф\t_\t_\t_\t_\tкорень\t_\t_\t_\t_\t_\t
1-7\t25-26\t\\]\t_\t_\t_\t_\t_\t_\t_\t_\t_\t_\t
1-8\t26-27\t.\t_\t_\t_\t_\t_\t_\t_\t_\t_\t_\t

#Text=Да.
2-1\t28-30\tДа\t_\t_\t_\t_\t_\t_\t_\t_\t_\t_\t
2-2\t30-31\t.\t_\t_\t_\t_\t_\t_\t_\t_\t_\t_\t
"""


def test_webanno_with_stacked_numbered_and_escaped_annotations(tmp_path: Path) -> None:
    path = tmp_path / "one.tsv"
    path.write_text(WEBANNO, encoding="utf-8")
    [doc] = read_webanno(path)
    assert doc.text == "🙂 Иван Петров любит [Уфу].\nДа."
    assert [sent.text for sent in doc.sents or ()] == ["🙂 Иван Петров любит [Уфу].", "Да."]
    assert spans(doc) == [("Иван Петров", "PER"), ("Петров", "NAME"), ("Уфу", "LOC")]
    assert links(doc) == ["Иван Петров → LIKES → Уфу"]
    assert [span.label for span in doc.spans["Note"]] == ["имя_тут", None, "корень"]
    assert doc[1].pos == "PROPN" and doc[4].pos is None
    assert doc[1].dep == "nsubj" and doc[1].head == doc[3] and doc[3].head == doc[3]


def test_webanno_comes_back(tmp_path: Path) -> None:
    doc = annotated()
    doc.tokens.set("pos", ["X|_"] + ["NOUN"] * (len(doc) - 1))
    path = tmp_path / "one.tsv"
    write_webanno(doc, path)
    assert "\t5-9\tИван" in path.read_text(encoding="utf-8"), "two units for each emoji"
    [back] = read_webanno(path)
    assert (back.text, back.words, spans(back), links(back)) == (TEXT, doc.words, EXPECTED, LINK)
    assert back[0].pos == "X|_"


def test_what_is_no_webanno_says_so(tmp_path: Path) -> None:
    path = tmp_path / "one.tsv"
    path.write_text("1-1\t0-4\tИван\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"one\.tsv:1: begins with .* export as WebAnno TSV 3"):
        list(read_webanno(path))
    path.write_text("#FORMAT=WebAnno TSV 3.2\n\n#Text=а\n1-1\tx\tа\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"one\.tsv:4: .* is no token"):
        list(read_webanno(path))


def test_docbin_is_read_as_spacy_reads_it(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="spaCy writes the files")
    from spacy.tokens import Doc as SpacyDoc
    from spacy.tokens import DocBin, Span

    vocab = spacy.blank("ru").vocab
    words = ["🙂", "Иван", "Петров", "любит", "Уфу", "\n", "Да"]
    doc = SpacyDoc(
        vocab,
        words=words,
        spaces=[True, True, True, True, False, False, False],
        pos=["SYM", "PROPN", "PROPN", "VERB", "PROPN", "SPACE", "INTJ"],
        lemmas=["🙂", "Иван", "Петров", "любить", "Уфа", "\n", "да"],
        morphs=["", "Case=Nom|Number=Sing", "", "Tense=Pres", "Case=Acc", "", ""],
        heads=[3, 3, 1, 3, 3, 4, 6],
        deps=["dep", "nsubj", "flat", "ROOT", "obj", "dep", "ROOT"],
        sent_starts=[True, False, False, False, False, False, True],
        ents=["O", "B-PER", "I-PER", "O", "B-LOC", "O", "O"],
    )
    doc.spans["группа"] = [Span(doc, 1, 4, label="очень длинная метка")]
    doc.cats = {"тема": 0.25}
    bare = SpacyDoc(vocab, words=["а", "б"])
    path = tmp_path / "train.spacy"
    DocBin(store_user_data=True, docs=[doc, bare, SpacyDoc(vocab)]).to_disk(path)
    first, second, third = read_corpus(path, None, NLP.tokenize)
    assert (first.text, first.words) == (doc.text, words)
    assert [token.pos for token in first] == [token.pos_ for token in doc]
    assert [token.lemma for token in first] == [token.lemma_ for token in doc]
    assert [str(token.morph or "") for token in first] == [str(token.morph) for token in doc]
    assert [token.head.i for token in first if token.head] == [token.head.i for token in doc]
    assert [token.dep for token in first] == [token.dep_ for token in doc]
    assert [len(sent) for sent in first.sents or ()] == [len(sent) for sent in doc.sents]
    assert spans(first) == [(ent.text, ent.label_) for ent in doc.ents]
    [group] = first.spans["группа"]
    assert (group.text, group.label) == ("Иван Петров любит", "очень длинная метка")
    assert first.cats == {"тема": 0.25}
    assert (second.words, list(second.tokens), second.ents) == (["а", "б"], [], None)
    assert len(third) == 0
    packed = gzip.compress(path.read_bytes())
    (tmp_path / "cut.spacy.gz").write_bytes(packed[:-20])
    with pytest.raises(DataError, match=r"cut\.spacy\.gz: cannot be read: .*get the file again"):
        read_corpus(tmp_path / "cut.spacy.gz", None, NLP.tokenize)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"train\.spacy: is no DocBin"):
        read_corpus(path, None, NLP.tokenize)


def test_a_file_of_docs_is_a_corpus(tmp_path: Path) -> None:
    path = tmp_path / "gold.docs"
    write_docs([annotated(), NLP("Да")], path)
    first, second = read_corpus(path, None, NLP.tokenize)
    assert spans(first) == EXPECTED and second.text == "Да"
    damaged = tmp_path / "damaged.docs"
    shutil.copy(path, damaged)
    data = bytearray(damaged.read_bytes())
    data[40] ^= 255
    damaged.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"damaged\.docs: record 0 at byte 8 is lost"):
        list(read_docs_file(damaged))
    problems: list[Problem] = []
    [doc] = read_docs_file(damaged, on_problem=problems.append)
    assert doc.text == "Да" and len(problems) == 1
    assert len(list(read_docs_file(tmp_path, on_problem=problems.append))) == 3, "a folder"
    (tmp_path / "cut.docs.gz").write_bytes(gzip.compress(bytes(data))[:-20])
    with pytest.raises(DataError, match=r"cut\.docs\.gz: cannot be read"):
        list(read_docs_file(tmp_path / "cut.docs.gz"))


def test_a_model_learns_from_each_format(tmp_path: Path) -> None:
    """Every format gives the same Docs of the same corpus, so a recipe may name any of them."""
    docs = [annotated() for _ in range(3)]
    write_docs(docs, tmp_path / "a.docs")
    write_doccano(docs, tmp_path / "a.jsonl")
    write_label_studio(docs, tmp_path / "a.json")
    for name, format in (("a.docs", "docs"), ("a.jsonl", "doccano"), ("a.json", "label_studio")):
        read = read_corpus(tmp_path / name, format, NLP.tokenize)
        assert [spans(doc) for doc in read] == [EXPECTED] * 3, format
        assert [np.diff(doc.starts).tolist() for doc in read] == [
            np.diff(doc.starts).tolist() for doc in docs
        ]
