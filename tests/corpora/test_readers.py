"""Readers: files of every format, well-formed and broken, as Docs with gold layers.

Modules: corpora.readers.brat, corpora.readers.conllu, corpora.readers.conllu_writer,
    corpora.readers.factrueval, corpora.readers.files, corpora.readers.iob,
    corpora.readers.jsonl, corpora.readers.sentences, corpora.readers.spans,
    corpora.readers.squad, corpora.readers.table, corpora.readers.text, corpora.sources,
    corpora.span_rules, corpora.token_rules, corpora.toml
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import time
import zipfile
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipekit.corpora.readers import (
    Problem,
    files,
    read_brat,
    read_conllu,
    read_iob,
    read_jsonl,
    read_text,
    write_conllu,
)
from pipekit.corpora.readers.sentences import MOST_KEYS
from pipekit.corpora.readers.squad import read_squad
from pipekit.corpora.readers.table import read_table
from pipekit.corpora.span_rules import read_rules
from pipekit.corpora.token_rules import TokenRules
from pipekit.doc import Doc
from pipekit.errors import ConfigError, DataError, PipekitWarning
from pipekit.registry import readers

TREEBANKS = ("ru_taiga-dev", "ru_gsd-dev", "ru_poetry-dev", "en_ewt-dev")
COLUMNS = ("pos", "morph", "lemma", "dep")


def row(number, form, upos="NOUN", feats="_", head="0", dep="root", misc="_", lemma=None):
    return "\t".join(
        [str(number), form, lemma or form.lower(), upos, "_", feats, str(head), dep, "_", misc]
    )


def conllu(tmp_path, *lines, name="a.conllu"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return path


CAT = (
    row(1, "Кот", feats="Case=Nom|Number=Sing", head=2, dep="nsubj"),
    row(2, "спит", "VERB", misc="SpaceAfter=No"),
    row(3, ".", "PUNCT", head=2),
)


# -- CoNLL-U


def test_a_sentence_becomes_a_doc_with_columns_borders_and_meta(tmp_path):
    [doc] = read_conllu(
        conllu(tmp_path, "# sent_id = s1", "# genre = fiction", "# text = Кот спит.", *CAT)
    )
    assert (doc.text, doc.name, doc.words) == ("Кот спит.", "s1", ["Кот", "спит", "."])
    assert doc.tokens["pos"].strings() == ["NOUN", "VERB", "PUNCT"]
    assert doc.tokens["morph"].strings() == ["Case=Nom|Number=Sing", "", ""]
    assert doc.tokens["head"].values.tolist() == [1, 1, 1]
    assert doc.layers["meta"]["genre"][0] == "fiction"
    assert doc.layers["meta"]["line"][0] == 1
    assert len(doc.sents) == 1


def test_the_file_is_found_under_its_name_in_the_registry():
    assert {name: readers.get(name) for name in readers.names()}.items() >= {
        "conllu": read_conllu,
        "iob": read_iob,
        "jsonl": read_jsonl,
        "brat": read_brat,
        "text": read_text,
    }.items()


def test_heads_are_rows_of_the_whole_document(tmp_path):
    [doc] = read_conllu(conllu(tmp_path, *CAT, "", *CAT), group="document")
    assert doc.tokens["head"].values.tolist() == [1, 1, 1, 4, 4, 4]
    assert doc.text == "Кот спит. Кот спит."
    assert [sentence.text for sentence in doc.sents] == ["Кот спит.", "Кот спит."]


@pytest.mark.parametrize(
    ("group", "sizes"), [("sentence", [3] * 5), ("document", [6, 9]), (2, [6, 6, 3])]
)
def test_sentences_are_grouped_as_asked(tmp_path, group, sizes):
    path = conllu(tmp_path, *CAT, "", *CAT, "", "# newdoc id = d2", *CAT, "", *CAT, "", *CAT)
    assert [len(doc) for doc in read_conllu(path, group=group)] == sizes


def test_an_unknown_group_or_column_is_an_error_that_names_it(tmp_path):
    path = conllu(tmp_path, *CAT)
    with pytest.raises(ConfigError, match="'sentense'"):
        list(read_conllu(path, group="sentense"))
    with pytest.raises(ConfigError, match=r"'lema'.*lemma"):
        list(read_conllu(path, columns=["lema"]))


def test_an_underscore_is_unset_but_the_word_underscore_has_a_lemma(tmp_path):
    [doc] = read_conllu(
        conllu(
            tmp_path, row(1, "_", lemma="_"), row(2, "x", lemma="_", upos="_", head="_", dep="_")
        )
    )
    assert doc.tokens["lemma"].strings() == ["_", None]
    assert doc.tokens["pos"].strings() == ["NOUN", None]
    assert doc.tokens["morph"].strings() == ["", None]
    assert doc.tokens["head"].values.tolist() == [0, -1]


def test_columns_that_nobody_annotated_are_not_there(tmp_path):
    [doc] = read_conllu(conllu(tmp_path, row(1, "x", upos="_", lemma="_", head="_", dep="_")))
    assert set(doc.tokens) == {"sent_start"}


def test_empty_nodes_are_left_out_and_words_that_spell_a_range_are_tokens(tmp_path):
    lines = [
        row("1-2", "didn't", misc="SpaceAfter=No"),
        row(1, "did"),
        row(2, "n't", head=1),
        row("2.1", "go"),
        row(3, "!", head=1),
    ]
    [doc] = read_conllu(conllu(tmp_path, "# text = didn't!", *lines))
    assert doc.words == ["did", "n't", "!"]
    assert doc.text == "didn't!"


def test_a_range_that_its_words_do_not_spell_is_one_token_with_the_values_of_its_head(tmp_path):
    words = [
        row(1, "de", "ADP", head=3),
        row(2, "le", "DET", head=3),
        row(3, "pain", head=0),
        row(4, "bis", "ADJ", head=3),
    ]
    [doc] = read_conllu(conllu(tmp_path, "# text = du pain bis", row("1-2", "du", "_"), *words))
    assert doc.words == ["du", "pain", "bis"]
    assert doc.tokens["pos"].strings() == ["ADP", "NOUN", "ADJ"]
    assert doc.tokens["head"].values.tolist() == [1, 1, 1]


def test_the_text_of_the_comment_gives_the_white_space(tmp_path):
    [doc] = read_conllu(conllu(tmp_path, "# text = Кот\u00a0спит .", *CAT))
    assert doc.text == "Кот\u00a0спит ."


def test_a_text_that_the_words_do_not_spell_is_reported_and_the_words_are_taken(tmp_path):
    with pytest.warns(PipekitWarning, match=r"a\.conllu:1: # text"):
        [doc] = read_conllu(conllu(tmp_path, "# text = Пёс спит.", *CAT))
    assert doc.text == "Кот спит."


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((*CAT, "4\tx"), r"a\.conllu:4: 2 columns"),
        (("# text = Кот спит.", "# a", *CAT, "4\tx"), r"a\.conllu:6: 2 columns"),
        ((CAT[0], CAT[2]), r"a\.conllu:2: the id is '3' where 2 follows"),
        ((row(1, "x", head=7),), r"a\.conllu:1: the head is '7'"),
        ((row(1, ""),), r"a\.conllu:1: the form is empty"),
        ((row("1-3", "xy"), row(1, "x")), r"a\.conllu:1: the sentence ends"),
    ],
)
def test_a_broken_sentence_is_named_by_file_and_line(tmp_path, lines, message):
    path = conllu(tmp_path, *lines)
    with pytest.raises(DataError, match=message):
        list(read_conllu(path))


def test_with_a_listener_reading_goes_on_behind_the_fault(tmp_path):
    heard: list[Problem] = []
    docs = list(read_conllu(conllu(tmp_path, "1\tx", "", *CAT), on_problem=heard.append))
    assert [doc.text for doc in docs] == ["Кот спит."]
    assert [(problem.line, problem.kind) for problem in heard] == [(1, "columns")]


@pytest.mark.parametrize("name", TREEBANKS)
def test_real_treebanks_read_with_the_text_of_their_comments(data, name):
    path = data / "morph" / f"{name}.conllu.gz"
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    expected = [line[9:].strip() for line in lines if line.startswith("# text = ")]
    assert [doc.text for doc in read_conllu(path)] == expected


@pytest.mark.parametrize("name", TREEBANKS)
def test_real_treebanks_read_as_the_conllu_package_reads_them(data, name):
    package = pytest.importorskip("conllu", reason="the conllu package is not installed")
    text = gzip.decompress((data / "morph" / f"{name}.conllu.gz").read_bytes()).decode("utf-8")
    docs = list(read_conllu(data / "morph" / f"{name}.conllu.gz"))
    theirs = package.parse(text)
    assert len(docs) == len(theirs)
    for doc, sentence in zip(docs, theirs, strict=True):
        words = sentence.filter(id=lambda identifier: isinstance(identifier, int))
        assert doc.words == [word["form"] for word in words]
        assert doc.tokens["pos"].strings() == [word["upos"] for word in words]
        assert [dict(token.morph) for token in doc] == [word["feats"] or {} for word in words]
        assert doc.tokens["head"].values.tolist() == [
            word["head"] - 1 if word["head"] else i for i, word in enumerate(words)
        ]


# -- writing

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Zs", "Zl", "Zp", "Cc"]),
    min_size=1,
    max_size=6,
).filter(str.split)
GAPS = st.sampled_from(["", " ", " ", "  ", "\n", "\t", " \n|\\", "\u00a0"]).filter(
    lambda gap: not gap.strip()
)
VALUES = st.none() | st.sampled_from(["NOUN", "VERB", "ADJ"])
MORPHS = st.sampled_from(["", "Case=Nom", "Case=Gen|Number=Sing"])


@st.composite
def documents(draw):
    words = draw(st.lists(TEXTS, min_size=1, max_size=8))
    doc = Doc(words=words, spaces=[*(draw(GAPS) for _ in words[1:]), ""])
    doc.name = "d"
    doc.tokens.set("sent_start", np.array([True, *(draw(st.booleans()) for _ in words[1:])]))
    doc.tokens.set("pos", [draw(st.sampled_from(["NOUN", "VERB"])) for _ in words])
    doc.tokens.set("morph", [draw(MORPHS) for _ in words])
    doc.tokens.set(
        "lemma",
        [
            word if word == "_" else draw(st.none() | TEXTS.filter(lambda t: t != "_")) or "x"
            for word in words
        ],
    )
    borders = doc.sent_borders().tolist()
    heads = [
        draw(st.sampled_from([-1, *range(a, b)])) for a, b in pairwise(borders) for _ in range(a, b)
    ]
    return doc.tokens.set("head", np.array(heads)) and doc


def written(docs, path):
    write_conllu(docs, path)
    return list(read_conllu(path, group="document"))


def same(left, right):
    assert (left.text, left.words, left.name) == (right.text, right.words, right.name)
    assert left.sent_borders().tolist() == right.sent_borders().tolist()
    for column in ("pos", "morph", "lemma", "head"):
        assert [token.get(column) for token in left] == [
            token.get(column) for token in right
        ] or column == "head"
    assert (
        left.to_array("head") if "head" in left.tokens else np.full(len(left), -1)
    ).tolist() == (
        right.to_array("head") if "head" in right.tokens else np.full(len(right), -1)
    ).tolist()


@given(st.lists(documents(), min_size=1, max_size=3))
def test_what_is_written_reads_back_as_it_was(tmp_path_factory, docs):
    for before, after in zip(
        docs, written(docs, tmp_path_factory.mktemp("w") / "a.conllu"), strict=True
    ):
        same(before, after)


def test_a_real_treebank_is_written_as_it_was_read(data, tmp_path):
    before = list(read_conllu(data / "morph" / "ru_taiga-dev.conllu.gz"))
    write_conllu(before, tmp_path / "a.conllu")
    after = list(read_conllu(tmp_path / "a.conllu"))
    assert [doc.text for doc in after] == [doc.text for doc in before]
    assert [doc.layers["meta"]["sent_id"][0] for doc in after] == [
        doc.layers["meta"]["sent_id"][0] for doc in before
    ]
    for left, right in zip(before, after, strict=True):
        same(left, right)


def test_comments_of_ever_new_keys_come_back_and_take_no_column_each(tmp_path):
    keys = [f"key{i}" for i in range(3 * MOST_KEYS)]
    row = "1\tкот\tкот\tNOUN\t_\t_\t_\t_\t_\t_\n\n"
    text = "".join(
        f"# {key} = {i}\n# just words {i}\n# comments = here\n{row}" for i, key in enumerate(keys)
    )
    path = tmp_path / "a.conllu"
    path.write_text(text, encoding="utf-8")
    meta = [*keys, "comments", *(f"just words {i}" for i in range(len(keys)))]
    [doc] = read_conllu(path, group=len(keys), meta=meta)
    assert len(list(doc.layers["meta"])) == MOST_KEYS + 2
    again = tmp_path / "b.conllu"
    write_conllu([doc], again)

    def comments(file):
        lines = file.read_text(encoding="utf-8").split("\n")
        written_anew = ("# text = ", "# sent_id = ")
        return sorted(
            line for line in lines if line.startswith("# ") and not line.startswith(written_anew)
        )

    assert comments(again) == comments(path)


def test_a_file_of_conllu_is_replaced_whole_or_not_at_all(tmp_path) -> None:
    path = tmp_path / "a.conllu"
    write_conllu([Doc(words=["a\ud800"])], path)
    before = path.read_bytes()
    with pytest.raises(DataError, match="holds a tab"):
        write_conllu([Doc(words=["b"]), Doc(words=["c\td"])], path)
    assert path.read_bytes() == before
    write_conllu(read_conllu(path), path)
    assert [doc.words for doc in read_conllu(path)] == [["a\ufffd"]]
    assert [file.name for file in tmp_path.iterdir()] == ["a.conllu"]


def test_white_space_tokens_are_left_out_and_a_tab_cannot_be_written():
    out = io.StringIO()
    write_conllu([Doc(words=["\n", "a"], spaces=["", ""])], out)
    assert "# text = a\n1\ta\t" in out.getvalue()
    with pytest.raises(DataError, match="holds a tab"):
        write_conllu([Doc(words=["a\tb"])], out)


# -- files


def test_compressed_files_archives_and_folders_read_alike(tmp_path):
    plain = conllu(tmp_path, *CAT)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.conllu.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / "b" / "c.conllu.xz").write_bytes(lzma.compress(plain.read_bytes()))
    (tmp_path / "b" / "readme.md").write_text("no", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.write(plain, "in/a.conllu")
        archive.writestr("__MACOSX/._a.conllu", b"\xff")
    assert [
        doc.text for place in ("a.conllu", "b", "d.zip") for doc in read_conllu(tmp_path / place)
    ] == ["Кот спит."] * 4


def test_crlf_and_a_byte_order_mark_change_nothing(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(["# text = Кот спит.", *CAT, "", ""]).encode())
    assert [doc.text for doc in read_conllu(path)] == ["Кот спит."]


def test_another_encoding_is_named_with_byte_and_line(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_bytes(b"# sent_id = 1\n" + "\n".join(CAT).encode("cp1251"))
    with pytest.raises(
        DataError, match=r"a\.conllu:2: byte 16 \(0xca\) is not UTF-8; it reads as cp1251"
    ):
        list(read_conllu(path))


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zip"])
def test_damaged_archives_are_data_errors_with_the_file_name(tmp_path, ending):
    whole = {".gz": gzip.compress, ".xz": lzma.compress, ".zip": bytes}[ending](
        "\n".join(CAT).encode() * 40
    )
    (tmp_path / f"a.conllu{ending}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.conllu.*cannot be read"):
        list(read_conllu(tmp_path / f"a.conllu{ending}"))


def test_a_missing_file_and_an_empty_folder_are_data_errors(tmp_path):
    with pytest.raises(DataError, match=r"none\.conllu: cannot be read: No such file"):
        list(read_conllu(tmp_path / "none.conllu"))
    with pytest.raises(DataError, match=r"holds no file that ends in \.conllu"):
        list(read_conllu(tmp_path))


# -- IOB


def iob(tmp_path, tags, **options):
    path = tmp_path / "a.iob"
    path.write_text("\n".join(f"w{i} {tag}" for i, tag in enumerate(tags)) + "\n", encoding="utf-8")
    [doc] = read_iob(path, **options)
    return [(span.start, span.end, span.label) for span in doc.ents]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("iob1", ["I-A", "I-A", "B-A", "I-B", "O", "I-A"]),
        ("iob2", ["B-A", "I-A", "B-A", "B-B", "O", "B-A"]),
        ("bioes", ["B-A", "E-A", "S-A", "S-B", "O", "S-A"]),
        ("any", ["B-A", "L-A", "U-A", "U-B", "O", "U-A"]),
    ],
)
def test_all_schemes_say_the_same_spans(tmp_path, scheme, tags):
    assert iob(tmp_path, tags, scheme=scheme) == [
        (0, 2, "A"),
        (2, 3, "A"),
        (3, 4, "B"),
        (5, 6, "A"),
    ]


@pytest.mark.parametrize(
    ("scheme", "tags", "line"),
    [
        ("iob2", ["O", "I-A"], 2),
        ("bioes", ["B-A", "O"], 1),
        ("bioes", ["E-A"], 1),
        ("iob1", ["O", "B-A"], 2),
    ],
)
def test_tags_that_break_the_scheme_are_mended_and_reported_with_their_line(
    tmp_path, scheme, tags, line
):
    with pytest.warns(PipekitWarning, match=rf"a\.iob:{line}: .*read as"):
        assert len(iob(tmp_path, tags, scheme=scheme)) == 1


def test_iob_columns_and_documents(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(
        "-DOCSTART- -X- O\n\nЯ PRON O\n\nв ADP O\nУфе PROPN B-LOC\n\n"
        "-DOCSTART- -X- O\n\nда PART O\n",
        encoding="utf-8",
    )
    docs = list(read_iob(path, columns={"pos": 1}, group="document"))
    assert [doc.text for doc in docs] == ["Я в Уфе", "да"]
    assert docs[0].tokens["pos"].strings() == ["PRON", "ADP", "PROPN"]
    assert [(span.text, span.label) for span in docs[0].ents] == [("Уфе", "LOC")]
    assert set(docs[0].tokens) == {"sent_start", "pos"}


@pytest.mark.parametrize(
    ("text", "message"),
    [("a O\nb\n", "a.iob:2: 1 columns"), ("a O\nb X-PER\n", "a.iob:2: the tag is 'X-PER'")],
)
def test_broken_iob_is_named_by_file_and_line(tmp_path, text, message):
    (tmp_path / "a.iob").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list(read_iob(tmp_path / "a.iob"))


# -- JSON lines


def jsonl(tmp_path, *records):
    path = tmp_path / "a.jsonl"
    lines = [
        record if isinstance(record, str) else json.dumps(record, ensure_ascii=False)
        for record in records
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "entities",
    [
        {"ents": [[0, 4, "PER"]]},
        {"label": [[0, 4, "PER"]]},
        {"entities": [{"start": 0, "end": 4, "label": "PER"}]},
        {"spans": [{"start": 0, "end": 4, "type": "PER"}]},
    ],
)
def test_the_common_shapes_of_entities_are_read(tmp_path, tokenize, entities):
    [doc] = read_jsonl(
        jsonl(tmp_path, {"id": 7, "text": "Иван спит", "genre": "news", **entities}),
        tokenize=tokenize,
    )
    assert [(span.text, span.label) for span in doc.ents] == [("Иван", "PER")]
    assert (doc.name, doc.layers["meta"]["genre"][0]) == ("7", "news")


def test_no_entities_and_nobody_looked_are_two_things(tmp_path, tokenize):
    none, nobody = read_jsonl(
        jsonl(tmp_path, {"text": "да", "ents": []}, {"text": "да", "ents": None}), tokenize=tokenize
    )
    assert none.ents == ()
    assert nobody.ents is None


def test_relations_name_entities_by_place_or_by_id(tmp_path, tokenize):
    ents = [
        {"start": 0, "end": 4, "label": "PER", "id": "e1"},
        {"start": 7, "end": 10, "label": "LOC", "id": "e2"},
    ]
    relations = [{"head": "e1", "tail": "e2", "label": "IN"}, [1, 0, "OF"]]
    [doc] = read_jsonl(
        jsonl(tmp_path, {"text": "Иван в Уфе", "ents": ents, "relations": relations}),
        tokenize=tokenize,
    )
    assert [(r.head.text, r.tail.text, r.label) for r in doc.relations] == [
        ("Иван", "Уфе", "IN"),
        ("Уфе", "Иван", "OF"),
    ]


def test_a_doc_that_pipekit_wrote_keeps_its_tokens(tmp_path, tokenize):
    doc = Doc(words=["Иван-да-Марья", "цветёт"])
    doc.tokens.set("pos", ["NOUN", "VERB"])
    [read] = read_jsonl(jsonl(tmp_path, doc.to_dict()), tokenize=tokenize)
    assert (read.words, read.tokens["pos"].strings()) == (doc.words, ["NOUN", "VERB"])


@pytest.mark.parametrize(("policy", "found"), [("expand", ["Иванова"]), ("skip", [])])
def test_misaligned_entities_are_treated_as_asked_and_shown(tmp_path, tokenize, policy, found):
    with pytest.warns(PipekitWarning, match=r"(?s)1 in all.*a\.jsonl:1: PER Ива\[нова\]"):
        [doc] = read_jsonl(
            jsonl(tmp_path, {"text": "Иванова тут", "ents": [[3, 7, "PER"]]}),
            tokenize=tokenize,
            misaligned=policy,
        )
    assert [span.text for span in doc.ents] == found


def test_misaligned_entities_can_be_errors_and_an_inclusive_end_is_guessed(tmp_path, tokenize):
    path = jsonl(tmp_path, {"text": "Иван тут", "ents": [[0, 3, "PER"]]})
    with pytest.raises(DataError, match=r"a\.jsonl:1: PER \[Ива\]н тут .*end looks inclusive"):
        list(read_jsonl(path, tokenize=tokenize, misaligned="raise"))
    with pytest.raises(ConfigError, match="misaligned is 'ignore'"):
        list(read_jsonl(path, tokenize=tokenize, misaligned="ignore"))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("3", "holds int"),
        ({"txet": "да"}, "no string under 'text'.*'txet'"),
        ({"text": "да", "ents": [["PER", 0, 1]]}, "entity 0"),
        ({"text": "да", "ents": [[0, 9, "PER"]]}, r"\[0, 9\) is no part"),
        ({"text": "да", "ents": [], "relations": [[0]]}, "a relation is"),
        ({"text": "да", "tokens": [{"start": 7}]}, "no Doc of pipekit's"),
    ],
)
def test_broken_lines_are_named_by_file_and_line(tmp_path, tokenize, record, message):
    with pytest.raises(DataError, match=rf"a\.jsonl:2: .*{message}"):
        list(read_jsonl(jsonl(tmp_path, {"text": "да"}, record), tokenize=tokenize))


def test_collection5_reads_with_all_of_its_entities(data, tokenize):
    path = data / "ner" / "collection5-dev.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    expected = sum(len(json.loads(line)["entities"]) for line in lines)
    with pytest.warns(PipekitWarning, match="looks inclusive"):
        assert sum(len(doc.ents) for doc in read_jsonl(path, tokenize=tokenize)) == expected


# -- brat


def brat(tmp_path, text, *lines):
    (tmp_path / "x.txt").write_text(text, encoding="utf-8", newline="")
    (tmp_path / "x.ann").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_brat_entities_nest_and_relations_link_them(tmp_path, tokenize):
    entities = ["T1\tORG 0 12\tМэрия Томска", "T2\tLOC 6 12\tТомска"]
    others = ["R1\tIN Arg1:T1 Arg2:T2\t", "N1\tReference T2 Wikidata:Q1\tТомск", "#1\tNote T1\tда"]
    [doc] = read_brat(brat(tmp_path, "Мэрия Томска", *entities, *others), tokenize=tokenize)
    assert [(span.text, span.label) for span in doc.ents] == [
        ("Мэрия Томска", "ORG"),
        ("Томска", "LOC"),
    ]
    assert [(r.head.label, r.tail.label, r.label) for r in doc.relations] == [("ORG", "LOC", "IN")]
    assert doc.name == "x"


def test_a_discontinuous_entity_is_covered_by_one_span_and_recorded(tmp_path, tokenize):
    [doc] = read_brat(
        brat(tmp_path, "глава всей страны", "T1\tJOB 0 5;11 17\tглава страны"), tokenize=tokenize
    )
    assert [span.text for span in doc.ents] == ["глава всей страны"]
    assert doc.layers["ents"]["fragments"].strings() == ["0 5;11 17"]


def test_offsets_count_the_line_ends_as_they_stand(tmp_path, tokenize):
    [doc] = read_brat(brat(tmp_path, "раз\r\nдва", "T1\tN 5 8\tдва"), tokenize=tokenize)
    assert [span.text for span in doc.ents] == ["два"]


def test_a_link_to_an_entity_that_is_not_there_is_left_out_and_reported(tmp_path, tokenize):
    with pytest.warns(PipekitWarning, match=r"x\.ann:2: IN links 'T9'"):
        [doc] = read_brat(
            brat(tmp_path, "да", "T1\tN 0 2\tда", "R1\tIN Arg1:T1 Arg2:T9"), tokenize=tokenize
        )
    assert doc.relations == ()


def test_an_entity_whose_text_is_another_is_reported(tmp_path, tokenize):
    with pytest.warns(PipekitWarning, match=r"x\.ann:1: T1 is 'нет', but the text has 'да' at 0"):
        list(read_brat(brat(tmp_path, "да", "T1\tN 0 2\tнет"), tokenize=tokenize))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1 N 0 2", "is no entity"),
        ("R1\tIN T1 T2", "is no relation"),
        ("Q1\tx", "begins with 'Q1"),
    ],
)
def test_broken_annotation_is_named_by_file_and_line(tmp_path, tokenize, line, message):
    with pytest.raises(DataError, match=rf"x\.ann:1: .*{message}"):
        list(read_brat(brat(tmp_path, "да", line), tokenize=tokenize))


def test_nerel_reads_with_all_of_its_entities_and_relations(data, tokenize):
    path = data / "relations" / "nerel-1.1-brat.zip"
    with pytest.warns(PipekitWarning, match="does not fall on token borders"):
        docs = list(read_brat(path, tokenize=tokenize))
    assert len(docs) == 840
    assert sum(doc.layers["ents"].size for doc in docs) == 50_457
    assert sum(doc.layers["relations"].size for doc in docs) == 35_400
    assert "fragments" in {column for doc in docs for column in doc.layers["ents"]}


def test_one_part_of_nerel_is_read_where_asked(data, tokenize):
    docs = read_brat(
        data / "relations" / "nerel-1.1-brat.zip",
        tokenize=tokenize,
        part="dev",
        on_problem=lambda problem: None,
    )
    assert sum(1 for _ in docs) == 94


# -- text


@pytest.mark.parametrize(
    ("unit", "texts"),
    [
        ("line", ["раз", "два", "три"]),
        ("paragraph", ["раз\nдва", "три"]),
        ("file", ["раз\nдва\n\nтри\n"]),
    ],
)
def test_plain_text_by_file_line_or_paragraph(tmp_path, tokenize, unit, texts):
    (tmp_path / "a.txt").write_text("раз\nдва\n\nтри\n", encoding="utf-8")
    docs = list(read_text(tmp_path / "a.txt", tokenize=tokenize, unit=unit))
    assert [doc.text for doc in docs] == texts
    assert docs[0].name == "a.txt:1"
    with pytest.raises(ConfigError, match="unit is 'page'"):
        list(read_text(tmp_path / "a.txt", tokenize=tokenize, unit="page"))


def test_reading_streams(data, tokenize):
    docs = read_text(data / "text" / "ru_modern.txt.xz", tokenize=tokenize)
    assert next(docs).text
    docs.close()


# -- faults that fuzzing found


def problems_of(reader, path, **options):
    """What is read, and where a reader found which faults."""
    found = []
    docs = list(reader(path, on_problem=found.append, **options))
    return docs, [(problem.line, problem.what) for problem in found]


def test_ranges_that_overlap_are_a_fault_of_their_line(tmp_path):
    ranges = [
        row("1-2", "Котспит"),
        row(1, "Кот"),
        row("2-3", "спит."),
        row(2, "спит"),
        row(3, "."),
    ]
    path = conllu(tmp_path, *ranges, "", *CAT)
    docs, [(line, what)] = problems_of(read_conllu, path)
    assert [doc.text for doc in docs] == ["Кот спит."]
    assert line == 3 and "'2-3' overlaps the one before it" in what


@pytest.mark.parametrize("identifier", ["1-" + "9" * 5_000, "1-\u0663", "1-1", "2-1"])
def test_ranges_that_are_none_are_a_fault(tmp_path, identifier):
    docs, [(line, what)] = problems_of(read_conllu, conllu(tmp_path, row(identifier, "х"), *CAT))
    assert not docs and line == 1 and "count words from 1" in what


def test_comments_between_words_do_not_shift_the_numbers_of_lines(tmp_path):
    path = conllu(tmp_path, "# sent_id = s1", CAT[0], "# a note", CAT[1], CAT[2])
    [doc] = read_conllu(path, columns=("line",))
    assert doc.tokens["line"].values.tolist() == [2, 4, 5]
    path = conllu(tmp_path, CAT[0], "# a note", CAT[1], "3\tx")
    assert problems_of(read_conllu, path)[1][0][0] == 4


def test_a_form_of_white_space_alone_is_empty(tmp_path):
    path = conllu(tmp_path, CAT[0], row(2, "\u00a0"), CAT[2])
    docs, [(line, what)] = problems_of(read_conllu, path)
    assert not docs and line == 2 and "the form is empty" in what


def test_rows_that_are_left_out_do_not_shift_the_numbers_of_lines_of_iob(tmp_path):
    path = tmp_path / "a.iob"
    path.write_text("a O\nb\nc X-PER\nd I-A\n", encoding="utf-8")
    [doc], found = problems_of(read_iob, path, scheme="iob2")
    assert doc.words == ["a", "c", "d"] and list(doc.tokens) == ["sent_start"]
    assert [line for line, _ in found] == [2, 3, 4]


def squad(tmp_path, articles):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": articles}), encoding="utf-8")
    return path


def paragraph(*questions, context="Кот спит."):
    return {"context": context, "qas": list(questions)}


def test_null_in_squad_is_a_list_without_items(tmp_path, tokenize):
    question = {"question": "Кто спит?", "id": "1", "answers": None}
    articles = [{"paragraphs": None}, {"paragraphs": [paragraph(question)]}]
    docs, found = problems_of(read_squad, squad(tmp_path, articles), tokenize=tokenize)
    assert [doc.layers["questions"]["text"].strings() for doc in docs] == [["Кто спит?"]]
    assert docs[0].layers["answers"].size == 0 and not found


@pytest.mark.parametrize(
    ("articles", "place"),
    [
        (7, "'data' of the file is 7"),
        ([7, {"paragraphs": []}], "data[0] is 7"),
        ([{"paragraphs": 7}], "'paragraphs' of data[0] is 7"),
        ([{"paragraphs": [paragraph(7)]}], "data[0].paragraphs[0], question 7"),
        (
            [{"paragraphs": [paragraph({"question": "Кто?", "answers": 7})]}],
            "'answers' of data[0].paragraphs[0], question None is 7",
        ),
        ([{"paragraphs": [paragraph({"question": 7})]}], "question None has no string 'question'"),
    ],
)
def test_squad_of_another_form_is_named_by_its_place(tmp_path, tokenize, articles, place):
    path = squad(tmp_path, articles)
    docs, [(_, what)] = problems_of(read_squad, path, tokenize=tokenize)
    assert place in what
    assert all(doc.layers["questions"].size == 0 for doc in docs)


def test_scores_that_no_float_holds_are_a_fault(tmp_path, tokenize):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "Да", "cats": {{"x": 1{"0" * 400}}}}}', encoding="utf-8")
    [doc], [(line, what)] = problems_of(read_jsonl, path, tokenize=tokenize)
    assert "cats" not in doc.layers and line == 1 and "cats holds" in what


def test_offsets_that_no_text_reaches_are_a_fault_of_a_table(tmp_path, tokenize):
    path = tmp_path / "a.csv"
    path.write_text(f"text,label,a,b,c\nДа,x,0,{'9' * 5_000},PER\n", encoding="utf-8")
    [doc], [(line, _)] = problems_of(read_table, path, tokenize=tokenize, span=("a", "b", "c"))
    assert doc.layers["ents"].size == 0 and line == 2


def test_rules_leave_a_doc_without_tokens_empty():
    doc = Doc(words=[])
    for name in ("pos", "lemma", "morph"):
        doc.tokens.set(name, [])
    TokenRules([{"set": "NOUN"}])([doc])
    assert [doc.tokens[name].strings() for name in ("pos", "lemma", "morph")] == [[], [], []]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[t]]\nupos = 7", "mapping rule 1: upos = 7: a list is needed"),
        ('[[t]]\nset = ["X"]', r"mapping rule 1: set = \['X'\]: a text is needed"),
        ('[[t]]\n[[t]]\nadd = ["Case"]', "mapping rule 2: add has 'Case': write Name=Value"),
        ('[[t]]\npattern = "["', "mapping rule 1: the pattern is no regular expression"),
        ('[[t]]\nupso = ["X"]', "mapping rule 1 has no 'upso'. Did you mean 'upos'"),
        ("t = 7", r"\[\[t\]\] = 7: a list is needed"),
        ('[t]\nrename = "x"', r"\[t\]: rename = 'x': a table of settings is needed"),
        ('[t.layers.x]\nlabels = { A = "B" }', "layer 'x' needs 'from'"),
        ('[t.layers.x]\nfrom = "ents"', "layer 'x' needs 'labels'"),
        ("[t.layers]\nx = 7", "layer 'x' = 7: a table of settings is needed"),
        ("[t", r"r\.toml: is not valid TOML: Expected"),
        (f"t = {'9' * 5_000}", r"r\.toml: is not valid TOML"),
    ],
)
def test_rules_of_another_shape_are_named_by_their_place(tmp_path, text, message):
    (tmp_path / "r.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_rules(tmp_path / "r.toml", "t")


def test_rules_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file"):
        read_rules(tmp_path / "nowhere.toml", "t")


def test_a_line_without_an_end_is_read_in_the_time_of_its_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "_CHUNK", 64)
    times = {}
    for size in (1 << 16, 1 << 20):
        file = files.CorpusFile("line", partial(io.BytesIO, b"x" * size))
        begun = time.process_time()
        assert list(map(len, file.lines())) == [size]
        times[size] = time.process_time() - begun
    assert times[1 << 20] < 4 * 16 * times[1 << 16]
