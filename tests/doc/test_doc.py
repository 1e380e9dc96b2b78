"""Doc, Layer, Token, Span: what one writes is what one reads, and what no one wrote is None.

Modules: doc.borders, doc.columns, doc.cutting, doc.doc, doc.layer, doc.similarity, doc.text,
    doc.views
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from helpers.doc_strategies import GAPS, WORDS, bare_docs, content
from helpers.doc_strategies import docs as full_docs
from hypothesis import given
from hypothesis import strategies as st

from pipekit import Doc, Layer, Morph, Span, Token
from pipekit.doc import cutting
from pipekit.doc.borders import check_borders
from pipekit.doc.columns import encode_labels
from pipekit.doc.cutting import concatenate, cut_doc, longest_sentence, rejoin
from pipekit.doc.doc import ALIGNMENT_MODES
from pipekit.doc.layer import join, span_layer
from pipekit.errors import AlignmentError, DocError, DocTooLargeError


def cat() -> Doc:
    """A Doc with one of everything."""
    doc = Doc("Мама  мыла раму.", starts=[0, 6, 11, 15], ends=[4, 10, 15, 16])
    doc.tokens.set("pos", ["NOUN", "VERB", "NOUN", None])
    doc.tokens.set("lemma", ["мама", "мыть", "рама", "."])
    doc.tokens.set("morph", ["Case=Nom|Number=Sing", "", None, "_"])
    doc.tokens.set("sent_start", [True, False, False, False])
    doc.spans["ents"] = [doc[0:1], doc.char_span(11, 15, "THING")]
    return doc


# -- text and tokens


@given(st.lists(st.tuples(WORDS, GAPS), max_size=8))
def test_words_and_spaces_come_back_as_they_were_given(pairs: list[tuple[str, str]]) -> None:
    doc = Doc(words=[word for word, _ in pairs], spaces=[gap for _, gap in pairs])
    assert doc.words == [token.text for token in doc] == [word for word, _ in pairs]
    assert [token.whitespace for token in doc] == [gap for _, gap in pairs]
    assert doc.text == "".join(word + gap for word, gap in pairs)


@given(bare_docs())
def test_tokens_and_white_space_spell_the_text(doc: Doc) -> None:
    assert "".join(token.text_with_ws for token in doc) == doc.text
    assert all(doc.text[token.idx :].startswith(token.text) for token in doc)


@given(bare_docs())
def test_a_text_with_offsets_makes_the_same_doc_as_its_words(doc: Doc) -> None:
    assert content(Doc(doc.text, starts=doc.starts, ends=doc.ends)) == content(doc)


@pytest.mark.parametrize(
    ("spaces", "text"),
    [(None, "а б"), ([True, False], "а б"), ([False, True], "аб "), (["\n", ""], "а\nб")],
)
def test_spaces_are_flags_or_white_space_and_one_space_by_default(spaces: Any, text: str) -> None:
    assert Doc(words=["а", "б"], spaces=spaces).text == text


def test_a_doc_without_tokens_is_a_doc() -> None:
    doc = Doc(words=[])
    assert (len(doc), doc.text, list(doc), doc[0:5].text, doc.sents) == (0, "", [], "", None)
    assert doc.to_array(["i", "start"]).shape == (0, 2)


def test_lone_surrogates_are_replaced_and_offsets_stay() -> None:
    doc = Doc(words=["a\ud800b", "c"])
    assert doc.text == "a\ufffdb c"
    assert doc[1].idx == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"words": ["а", ""]}, "word 1 is ''"),
        ({"words": ["а", None]}, "word 1 is None"),
        ({"words": ["а", "б"], "spaces": [True]}, "2 words but 1 spaces"),
        ({"words": ["а"], "spaces": ["x"]}, "the space after word 0 is 'x'"),
        ({"words": ["а"], "text": "а"}, "not both"),
        ({"text": "а"}, r"call nlp\(text\)"),
        ({"text": "аб", "starts": [0, 1], "ends": [2, 2]}, r"token 1 is \[1, 2\)"),
        ({"text": "аб", "starts": [0], "ends": [3]}, r"token 0 is \[0, 3\)"),
        ({"text": "аб", "starts": [0], "ends": [0]}, r"token 0 is \[0, 0\)"),
        ({"text": "а б", "starts": [0, -1], "ends": [1, 3]}, r"token 1 is \[-1, 3\)"),
        ({"text": "  а", "starts": [2], "ends": [3]}, "the first 2 characters"),
        ({"text": "а б в", "starts": [0, 4], "ends": [1, 5]}, "'б' after token 0"),
        ({"text": "а б", "starts": [0], "ends": [1]}, "'б' after token 0"),
        ({"text": "а", "starts": [0, 1], "ends": [1]}, "of one length"),
    ],
)
def test_what_makes_no_doc_is_refused_with_the_word_or_the_offset(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(DocError, match=message):
        Doc(**arguments)


def test_a_text_longer_than_offsets_count_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipekit.doc.borders.LONGEST_TEXT", 4)
    assert Doc("abcd", starts=[0], ends=[4]).ends.dtype == np.int32
    with pytest.raises(DocTooLargeError, match="5 characters"):
        Doc("abcde", starts=[0], ends=[5])


class SaysItIsLong(str):
    """A text of one letter that claims to have many."""

    length = 2**31 - 1

    def __len__(self) -> int:
        return self.length


def test_a_text_may_be_as_long_as_offsets_count_and_no_longer() -> None:
    text = SaysItIsLong("а")
    end = np.iinfo(np.int32).max
    check_borders(text, np.array([0]), np.array([end], np.int64))
    text.length += 1
    with pytest.raises(DocTooLargeError, match="2147483648 characters"):
        check_borders(text, np.array([0]), np.array([end + 1], np.int64))


def test_the_text_and_the_offsets_cannot_be_changed() -> None:
    doc = cat()
    with pytest.raises(AttributeError):
        doc.text = "x"
    with pytest.raises(ValueError, match="read-only"):
        doc.starts[0] = 1


# -- tokens and spans


@given(bare_docs(), st.integers(-9, 9))
def test_a_token_is_found_as_in_a_list(doc: Doc, index: int) -> None:
    if -len(doc) <= index < len(doc):
        assert doc[index].text == doc.words[index]
    else:
        with pytest.raises(IndexError, match=f"no token {index}"):
            doc[index]


@given(bare_docs(), st.none() | st.integers(-9, 9), st.none() | st.integers(-9, 9))
def test_a_slice_holds_the_tokens_of_a_list_slice(
    doc: Doc, start: int | None, end: int | None
) -> None:
    span = doc[start:end]
    assert [token.text for token in span] == doc.words[start:end]
    assert len(span) == len(doc.words[start:end])
    assert span.text == doc.text[span.start_char : span.end_char]
    assert [token.text for token in span[1:]] == doc.words[start:end][1:]


def test_a_span_has_no_gaps() -> None:
    with pytest.raises(DocError, match="without a step"):
        cat()[::2]


def test_views_are_equal_where_they_stand_for_the_same() -> None:
    doc, other = cat(), cat()
    assert doc[0] == doc[-4] != doc[1]
    assert doc[0] != other[0]
    assert doc[0:2] == doc[0:2] != doc[0:3]
    assert len({doc[0], doc[0], doc[0:1], doc[0:1]}) == 2


def test_a_token_knows_its_neighbours_and_its_sentence() -> None:
    doc = cat()
    assert doc[0].nbor() == doc[1]
    assert doc[1].sent == doc[0:4]
    with pytest.raises(DocError, match=r"token 3 has no neighbour at \+1"):
        doc[3].nbor()


@pytest.mark.parametrize("name", ["pos", "lemma", "morph", "text"])
def test_the_name_with_an_underscore_points_to_the_plain_one(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"In pipekit: (str\()?token\.{name}"):
        getattr(cat()[0], f"{name}_")


def test_an_unknown_attribute_names_the_near_one_and_the_way_to_columns() -> None:
    with pytest.raises(AttributeError, match=r"Did you mean 'lemma'\?"):
        cat()[0].lema  # noqa: B018
    with pytest.raises(AttributeError, match=r"\.get\('tone'\)"):
        cat()[0:1].tone  # noqa: B018


class Loud(Token):
    """A token with a property that fails."""

    @property
    def loud(self) -> str:
        return self.text.uper()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("view", "name", "reason"),
    [
        (Loud(cat(), 0), "loud", "'str' object has no attribute 'uper'"),
        (Token("Мама", 0), "text", "'str' object has no attribute 'text'"),  # type: ignore[arg-type]
        (Span("Мама", 0, 1), "text", "'str' object has no attribute 'text'"),  # type: ignore[arg-type]
    ],
)
def test_a_property_that_fails_says_why(view: Token | Span, name: str, reason: str) -> None:
    with pytest.raises(AttributeError, match=f"^{reason}$"):
        getattr(view, name)


def test_a_span_of_tokens_takes_a_label() -> None:
    doc = cat()
    span = Span(doc, 0, 2, "PER")
    assert (span.label, span.score) == ("PER", None)
    doc.spans["people"] = [span, Span(doc, 2, 3, label="THING"), Span(doc, 0, 1)]
    assert [span.label for span in doc.spans["people"]] == ["PER", "THING", None]
    for label, end, reason in [
        (doc.tokens, 2, "the label of a span is <"),
        ("PER", 9, "no tokens 0 to 9: it has 4"),
        ("PER", 0, "a span has a token at least"),
    ]:
        with pytest.raises(DocError, match=reason):
            Span(doc, 0, end, label)  # type: ignore[arg-type]


def test_views_can_be_copied_by_the_standard_library() -> None:
    token = cat()[1]
    assert copy.copy(token) == token


# -- offsets to spans


@given(bare_docs(), st.data(), st.sampled_from(ALIGNMENT_MODES))
def test_char_span_finds_each_slice_of_tokens(doc: Doc, data: st.DataObject, mode: str) -> None:
    start = data.draw(st.integers(0, len(doc)))
    end = data.draw(st.integers(start, len(doc)))
    span = doc[start:end]
    found = doc.char_span(span.start_char, span.end_char, alignment_mode=mode)
    assert found == (span if len(span) else None)


@given(bare_docs(), st.data())
def test_char_span_expands_and_contracts_to_the_tokens_that_touch_or_fit(
    doc: Doc, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(doc.text)))
    end = data.draw(st.integers(start, len(doc.text)))
    rows = list(zip(range(len(doc)), doc.starts.tolist(), doc.ends.tolist(), strict=True))
    touched = [i for i, s, e in rows if s < end and start < e]
    inside = [i for i, s, e in rows if start <= s and e <= end]
    for mode, expected in (("expand", touched), ("contract", inside)):
        found = doc.char_span(start, end, alignment_mode=mode)
        assert expected == ([] if found is None else [token.i for token in found])


@pytest.mark.parametrize(
    ("mode", "text"), [("strict", None), ("expand", "мыла раму"), ("contract", "мыла")]
)
def test_an_offset_inside_a_token_is_treated_as_asked(mode: str, text: str | None) -> None:
    span = cat().char_span(6, 13, "X", mode)
    assert (None if span is None else (span.text, span.label)) == (
        None if text is None else (text, "X")
    )


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (0, 17), (3, 2), (20, 30)])
def test_offsets_outside_the_text_are_an_error(start: int, end: int) -> None:
    with pytest.raises(AlignmentError, match=rf"\[{start}, {end}\) is no part of a text of 16"):
        cat().char_span(start, end)


def test_an_unknown_mode_is_an_error_that_names_the_near_one() -> None:
    with pytest.raises(AlignmentError, match=r"Did you mean 'expand'\?"):
        cat().char_span(0, 4, alignment_mode="expnad")


# -- annotation


def test_what_no_one_has_written_is_none() -> None:
    doc = Doc(words=["а"])
    token = doc[0]
    assert (
        token.pos,
        token.lemma,
        token.morph,
        token.is_sent_start,
        token.sent,
        token.get("tone"),
    ) == (None,) * 6
    assert (doc.sents, doc.ents, doc.relations, doc.cats) == (None,) * 4
    assert (doc[0:1].label, doc[0:1].score, doc[0:1].lemma) == (None,) * 3
    assert not any(map(doc.has_annotation, ("pos", "sents", "ents", "relations", "cats")))


def test_what_is_unset_in_a_written_column_is_none_too() -> None:
    doc = cat()
    assert [token.pos for token in doc] == ["NOUN", "VERB", "NOUN", None]
    assert doc[2].morph is None
    assert doc[1].morph is not None and not doc[1].morph
    assert (doc.has_annotation("pos"), doc.has_annotation("sents"), doc.has_annotation("ents")) == (
        True,
    ) * 3


def test_a_column_may_be_unset_throughout() -> None:
    doc = Doc(words=["а", "б"])
    doc.tokens.set("pos", [None, None])
    assert [token.pos for token in doc] == [None, None]
    assert doc.has_annotation("pos")


def test_found_nothing_is_not_the_same_as_not_looked() -> None:
    doc = Doc(words=["а"])
    doc.spans["ents"] = []
    assert doc.ents == ()


def test_morph_is_a_mapping_and_a_string() -> None:
    morph = cat()[0].morph
    assert dict(morph or {}) == {"Case": "Nom", "Number": "Sing"}
    assert str(morph) == morph == "Case=Nom|Number=Sing"
    assert (str(Morph("_")), dict(Morph("_")), len({Morph("A=b"), Morph("A=b")})) == ("", {}, 1)


def test_a_span_has_the_lemmas_of_its_tokens_spaced_as_in_the_text() -> None:
    assert cat()[0:4].lemma == "мама  мыть рама."


def test_span_groups_are_a_mapping_that_keeps_labels_and_scores() -> None:
    doc = cat()
    assert [(span.text, span.label) for span in doc.ents or ()] == [
        ("Мама", None),
        ("раму", "THING"),
    ]
    doc.spans["again"] = doc.spans["ents"]
    assert doc.spans["again"] == doc.ents
    assert sorted(doc.spans) == ["again", "ents"]
    del doc.spans["again"]
    with pytest.raises(KeyError, match="no span group 'again'"):
        doc.spans["again"]


def test_a_span_of_another_doc_is_refused() -> None:
    with pytest.raises(DocError, match=r"belongs to another document.*doc\[0:1\]"):
        cat().spans["x"] = [cat()[0:1]]


def test_sentences_begin_where_the_column_says_and_at_the_first_token() -> None:
    doc = Doc(words=["а", "б", "в"])
    doc.tokens.set("sent_start", [False, False, True])
    assert [sent.text for sent in doc.sents or ()] == ["а б", "в"]


def test_relations_link_the_rows_of_ents() -> None:
    doc = cat()
    doc.add_layer("relations", "link", 1, target="ents").set("head", [0]).set("tail", [1]).set(
        "label", ["WASHES"]
    )
    [relation] = doc.relations or ()
    assert (relation.head.text, relation.tail.text, relation.label, relation.score) == (
        "Мама",
        "раму",
        "WASHES",
        None,
    )


def test_cats_are_the_scores_of_a_doc_layer() -> None:
    doc = cat()
    doc.add_layer("cats", "doc", 1).set("good", [0.25])
    assert doc.cats == {"good": 0.25}


# -- columns and layers of one's own


def test_anyone_may_add_a_column_and_a_layer() -> None:
    doc = cat()
    doc.tokens.set("tone", np.array([0.5, np.nan, 1.0, 0.0]))
    doc.add_layer("lines", "doc", 2).set("at", [0, 7])
    assert [token.get("tone") for token in doc] == [0.5, None, 1.0, 0.0]
    assert doc.layers["lines"]["at"].values.tolist() == [0, 7]


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        ([1, 2], None, r"'x' has shape \(2,\)"),
        ([[1], [2], [3], [4]], None, "shape"),
        ([1, "a", None, 2.0], None, "dtype"),
        ([object()] * 4, None, "dtype object"),
        ([0, 1, 2, -1], ["a", "b"], "codes from -1 to 2 for 2 labels"),
        ([0, 0, 0, -2], ["a"], "codes from -2"),
        ([0.5] * 4, ["a"], "integer codes"),
    ],
)
def test_a_column_that_does_not_fit_is_refused_by_name(
    values: Any, labels: Any, message: str
) -> None:
    with pytest.raises(DocError, match=message):
        cat().tokens.set("x", values, labels)


def test_the_token_layer_and_unknown_kinds_are_refused() -> None:
    with pytest.raises(DocError, match=r"doc\.tokens\.set"):
        cat().add_layer("tokens", "token", 4)
    with pytest.raises(DocError, match=r"Did you mean 'span'\?"):
        Layer("spam", 1)
    with pytest.raises(DocError, match=r"no column 'poss'. Did you mean 'pos'\?"):
        cat().tokens["poss"]


def test_to_array_gives_numbers_as_numbers_and_the_rest_as_strings() -> None:
    doc = cat()
    assert doc.to_array("pos").tolist() == ["NOUN", "VERB", "NOUN", None]
    assert doc.to_array(["i", "start", "end"]).tolist() == [
        [0, 0, 4],
        [1, 6, 10],
        [2, 11, 15],
        [3, 15, 16],
    ]
    assert doc.to_array("norm").tolist() == [token.norm for token in doc]
    assert doc.to_array(["text", "whitespace"]).tolist() == [
        ["Мама", "  "],
        ["мыла", " "],
        ["раму", ""],
        [".", ""],
    ]
    assert doc.to_array([]).shape == (4, 0)
    with pytest.raises(DocError, match=r"column 'lema'. Did you mean 'lemma'\?"):
        doc.to_array("lema")


# -- parts, wholes, copies


@given(full_docs())
def test_a_copy_says_the_same_and_shares_nothing_that_can_be_changed(doc: Doc) -> None:
    twin = doc.copy()
    twin.error = doc.error
    before = content(doc)
    assert content(twin) == before
    for layer in twin.layers.values():
        for name in layer:
            layer[name].values.fill(0)
            layer.set(name, np.zeros(layer.size))
    twin.add_layer("more", "doc", 0)
    assert content(doc) == before


def test_a_bare_copy_keeps_tokens_and_sentences_only() -> None:
    doc = cat()
    doc.name = "a"
    bare = doc.copy(bare=True)
    assert (bare.words, bare.name, list(bare.tokens), list(bare.layers)) == (
        doc.words,
        "a",
        ["sent_start"],
        ["tokens"],
    )
    bare.tokens["sent_start"].values[1] = True
    assert doc[1].is_sent_start is False


@given(bare_docs(), st.data())
def test_parts_put_together_are_the_whole(doc: Doc, data: st.DataObject) -> None:
    pos = encode_labels(
        data.draw(st.lists(st.sampled_from(["A", "B", None]), min_size=len(doc), max_size=len(doc)))
    )
    doc.tokens.set("pos", pos.values, pos.labels).set("n", np.arange(len(doc)))
    cuts = sorted(
        data.draw(st.sets(st.integers(1, max(len(doc) - 1, 1)))) & set(range(1, len(doc)))
    )
    parts = [doc.part(start, end) for start, end in pairwise([0, *cuts, len(doc)])]
    assert content(concatenate(parts)) == content(doc)


def test_a_part_takes_the_spans_that_lie_within_and_the_whole_shifts_them_back() -> None:
    doc = cat()
    first, second = doc.part(0, 2), doc.part(2, 4)
    assert (first.text, second.text) == ("Мама  мыла ", "раму.")
    assert [[span.text for span in part.ents or ()] for part in (first, second)] == [
        ["Мама"],
        ["раму"],
    ]
    whole = concatenate([first, second])
    assert [(span.start, span.end, span.label) for span in whole.ents or ()] == [
        (0, 1, None),
        (2, 3, "THING"),
    ]


def test_the_whole_has_the_layers_of_each_part() -> None:
    first = Doc(words=["Мама"], spaces=[True])
    second = Doc(words=["мыла", "раму"], spaces=[True, False])
    second.layers["ents"] = span_layer([1], [2], ["X"])
    whole = concatenate([first, second])
    assert [(span.start, span.label) for span in whole.ents or ()] == [(2, "X")]


def test_labels_of_layers_put_together_stay_what_they_are() -> None:
    parts = [span_layer([0], [1], ["Б"]), span_layer([0, 1], [1, 2], ["А", "Б"])]
    assert join(parts)["label"].strings() == ["Б", "А", "Б"]


def test_links_follow_their_spans_into_the_whole() -> None:
    parts = []
    for word in ("а", "б"):
        part = Doc(words=[word, word, word])  # more tokens than spans
        part.spans["ents"] = [part[0:1], part[1:2]]
        part.add_layer("relations", "link", 1, target="ents").set("head", [1]).set("tail", [0])
        parts.append(part)
    assert [(link.head.start, link.tail.start) for link in concatenate(parts).relations or ()] == [
        (1, 0),
        (4, 3),
    ]


def test_a_part_takes_the_links_whose_ends_both_lie_within() -> None:
    doc = Doc(words=["а", "б", "в", "г"])
    doc.spans["ents"] = [doc[0:1], doc[1:2], doc[1:3], doc[3:4]]
    doc.add_layer("relations", "link", 4, target="ents").set("head", [0, 1, 2, 3]).set(
        "tail", [1, 2, 1, 2]
    ).set("label", [*"ABCD"])
    part = doc.part(1, 3)
    assert [(link.head.text, link.label, link.tail.text) for link in part.relations or ()] == [
        ("б", "B", "б в"),
        ("б в", "C", "б"),
    ]
    assert [
        link.label for link in concatenate([doc.part(0, 1), part, doc.part(3, 4)]).relations or ()
    ] == ["B", "C"]


def test_a_whole_has_the_dtypes_of_its_parts() -> None:
    parts = []
    for word in ("а", "б"):
        part = Doc(words=[word, word])
        part.spans["ents"] = [part[0:1], part[1:2]]
        part.add_layer("relations", "link", 1, target="ents").set("head", np.array([1], np.int32))
        part.layers["relations"].set("tail", np.array([0], np.int32))
        parts.append(part)
    whole = concatenate(parts)
    assert whole.starts.dtype == whole.ends.dtype == np.int32
    for layer, names in (("ents", ("start", "end")), ("relations", ("head", "tail"))):
        for name in names:
            assert whole.layers[layer][name].values.dtype == np.int32


def test_edges_of_a_whole_have_room_beyond_the_dtypes_of_its_parts() -> None:
    part = Doc(words=["а"] * 100)
    ends = np.array([100], np.int8)
    part.layers["ents"] = Layer("span", 1).set("start", ends - 1).set("end", ends)
    whole = concatenate([part, part, part])
    assert [(span.start, span.end) for span in whole.ents or ()] == [
        (99, 100),
        (199, 200),
        (299, 300),
    ]


def test_labels_and_bare_numbers_are_no_column_together() -> None:
    first, second = Doc(words=["а"]), Doc(words=["б"])
    first.tokens.set("x", np.array([0], np.int32))
    second.tokens.set("x", ["NOUN"])
    for parts in ([first, second], [second, first]):
        with pytest.raises(DocError, match="column 'x' has labels in some parts and numbers in"):
            concatenate(parts)


def test_integers_that_a_part_lacks_are_no_zeros() -> None:
    first, second = Doc(words=["а"]), Doc(words=["б"])
    first.tokens.set("n", np.array([5], np.int32))
    with pytest.raises(DocError, match="column 'n' of int32 is missing in a part of 1 rows"):
        concatenate([first, second])
    first.tokens.set("n", np.array([0.5], np.float32))
    assert [token.get("n") for token in concatenate([first, second])] == [0.5, None]


def test_a_span_as_a_doc_has_the_columns_of_its_tokens() -> None:
    doc = cat()[1:3].as_doc()
    assert (doc.text, doc[0].lemma, [span.text for span in doc.ents or ()]) == (
        "мыла раму",
        "мыть",
        ["раму"],
    )


def test_reprs_say_what_a_thing_is() -> None:
    doc = cat()
    assert repr(doc) == "<Doc, 4 tokens: 'Мама  мыла раму.'>"
    assert repr(doc[1]) == "<Token 1: 'мыла'>"
    assert repr((doc.ents or ())[1]) == "<Span 2:3 THING: 'раму'>"
    assert repr(doc.layers["ents"]) == "<Layer span, 2 rows: start, end, label>"
    assert isinstance(doc[0:1], Span)


# -- parts and what goes with them


def asked() -> Doc:
    doc = Doc(words=["Мама", "мыла", "раму", "."])
    doc.add_layer("questions", "doc", 1).set("text", ["Кто?"])
    doc.add_layer("cats", "doc", 1).set("быт", np.array([0.5], np.float32))
    doc.tokens.set("sent_start", np.array([True, False, True, False]))
    return doc


def test_a_bare_copy_has_borders_and_questions_of_its_own() -> None:
    doc = asked()
    bare = doc.copy(bare=True)
    assert list(bare.layers) == ["tokens", "questions"] and list(bare.tokens) == ["sent_start"]
    bare.tokens["sent_start"].values[2] = False
    assert doc.tokens["sent_start"].values[2]
    assert list(Doc(words=["а"]).copy(bare=True).layers) == ["tokens"]


def test_a_part_has_the_questions_and_no_classes_of_the_whole() -> None:
    part = asked().part(1, 3)
    assert (part.text, list(part.layers)) == ("мыла раму ", ["tokens", "questions"])
    assert (asked().part(2, 4).text, asked().part(2, 2).text) == ("раму .", "")
    assert len(asked().part(3, 1)) == 0


def test_a_part_leaves_out_links_whose_spans_are_not_there() -> None:
    doc = asked()
    doc.add_layer("relations", "link", 0, target="names").set("head", []).set("tail", [])
    assert "relations" not in doc.part(0, 2).layers


@pytest.mark.parametrize(
    ("name", "is_there"),
    [("cats", True), ("cats.быт", True), ("sents", True), ("cats.быть", False), ("x.y", False)],
)
def test_what_was_written_is_known_by_layer_and_column(name: str, is_there: bool) -> None:
    assert asked().has_annotation(name) is is_there


def test_arrays_of_columns_that_are_not_there_name_those_that_are() -> None:
    with pytest.raises(DocError, match=r"token column 'pso'.*sent_start"):
        asked().to_array("pso")


def test_documents_are_cut_between_sentences_and_within_those_that_are_too_long() -> None:
    doc = Doc(words=list("абвгдежз"))
    assert cut_doc(doc, 8) == [doc]
    assert [len(part) for part in cut_doc(doc, 3)] == [3, 3, 2]
    assert longest_sentence(doc) == 1 and longest_sentence(Doc(words=[])) == 0
    doc.tokens.set("sent_start", np.array([True, False, True, False, False, False, False, True]))
    assert longest_sentence(doc) == 5
    assert [len(part) for part in cut_doc(doc, 3)] == [2, 3, 3]
    assert [len(part) for part in cut_doc(doc, 5)] == [2, 5, 1]
    assert [len(part) for part in cut_doc(doc, 7)] == [7, 1]


def test_the_classes_of_a_whole_are_the_means_of_its_parts_by_tokens() -> None:
    doc = Doc(words=["а", "б", "в", "г"])
    parts = [doc.part(0, 1), doc.part(1, 4)]
    for part, score in zip(parts, (1.0, 0.5), strict=True):
        part.add_layer("cats", "doc", 1).set("x", np.array([score], np.float32))
    rejoin(doc, parts)
    assert doc.layers["cats"]["x"].values.tolist() == [0.625]
    assert doc.layers["cats"]["x"].values.dtype == np.float32
    parts[1].layers["cats"].set("y", np.array([1.0], np.float32))
    assert concatenate(parts).layers["cats"]["x"].values.tolist() == [1.0]
    for part in parts:
        part.layers["cats"] = Layer("doc", 1).set("n", np.array([len(part)]))
    assert concatenate(parts).layers["cats"]["n"].values.tolist() == [1]


def test_the_layers_of_a_single_part_stay_where_they_are() -> None:
    doc = asked()
    layers = doc.layers
    rejoin(doc, [doc])
    assert doc.layers is layers
    rejoin(doc, [doc.copy()])
    assert doc.layers is not layers and list(doc.layers) == list(layers)


def test_links_without_a_target_follow_the_entities_and_parts_may_lack_both() -> None:
    doc = Doc(words=["а", "б", "в"])
    parts = [doc.part(row, row + 1) for row in range(3)]
    for part in parts[::2]:
        part.spans["ents"] = [part[0:1]]
        part.layers["relations"] = Layer("link", 1).set("head", [0]).set("tail", [0])
    whole = concatenate(parts)
    assert whole.layers["relations"]["head"].values.tolist() == [0, 1]
    assert whole.layers["ents"]["start"].values.tolist() == [0, 2]


# -- at the edges


def test_words_are_no_string() -> None:
    with pytest.raises(DocError, match=r"words are a list.*Doc\(words=text\.split\(\)\)"):
        Doc(words="Мама мыла раму")  # type: ignore[arg-type]


def test_a_column_of_numbers_is_an_array_of_numbers() -> None:
    doc = Doc(words=["Мама", "мыла"])
    doc.tokens.set("surprisal", np.array([1.5, 2.5], dtype=np.float32))
    assert doc.to_array("surprisal").tolist() == [1.5, 2.5]
    with pytest.raises(DocError, match=r"no one has written .* 'surprizal'.*surprisal"):
        doc.to_array("surprizal")


def test_layers_of_other_words_are_refused() -> None:
    doc, other = Doc(words=["Мама", "мыла"]), Doc(words=["Мама"])
    with pytest.raises(DocError, match="has 1 rows for 2 tokens"):
        doc.layers = other.layers
    assert doc.layers["tokens"].size == 2


def test_documents_that_are_too_large_together_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cutting, "LONGEST_TEXT", 10)
    doc = Doc(words=["Мама", "мыла"])
    with pytest.raises(DocTooLargeError, match="19 characters are more than a document holds, 10"):
        cutting.concatenate_spaced([doc, doc], " ", Doc)
    with pytest.raises(DocError, match="'-' cannot stand between documents"):
        cutting.concatenate_spaced([doc, doc], "-", Doc)
