"""Docs as bytes and as plain data: what comes back, and what is refused."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from doc_strategies import content, docs
from hypothesis import given, settings
from hypothesis import strategies as st

from pipekit import Doc, Layer, docdict, packing
from pipekit.errors import DocError, PipekitFormatError
from pipekit.packing import pack, unpack, unpack_flat

LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=40) | st.binary()
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20),
    max_leaves=60,
)


def tagged(words: list[str] | None = None) -> Doc:
    doc = Doc(words=words or ["Мама", "мыла", "раму", "."], spaces=[True, True, False, False] if words is None else None)
    doc.name = "пример"
    doc.tokens.set("pos", ["NOUN", "VERB", "NOUN", None][: len(doc)])
    doc.tokens.set("sent_start", np.array([True, False, False, False][: len(doc)]))
    doc.set_spans("ents", [doc.char_span(0, 4, "PER"), doc.char_span(10, 14)])  # type: ignore[list-item]
    doc.add_layer("relations", "link", 1, target="ents").set("head", [0]).set("tail", [1]).set("label", ["МОЕТ"]).set("score", [0.5])
    doc.add_layer("cats", "doc", 1).set("быт", [0.75])
    return doc


# -- bytes


@settings(max_examples=100, deadline=None)
@given(docs())
def test_bytes_give_back_everything_a_doc_says(doc: Doc) -> None:
    back = Doc.from_bytes(doc.to_bytes())
    assert content(back) == content(doc)
    assert back.to_bytes() == doc.to_bytes()
    assert list(back.layers) == list(doc.layers)


def test_the_bytes_do_not_depend_on_the_labels_that_a_batch_shares() -> None:
    alone, shared = tagged(), tagged()
    shared.tokens.set("pos", np.array([7, 5, 7, -1]), ["x", "y", "z", "X", "ADJ", "VERB", "NOUN", "NOUN"])
    alone.tokens.set("pos", np.array([0, 1, 0, -1], dtype=np.int64), ["NOUN", "VERB"])
    assert shared.to_bytes() == alone.to_bytes()
    assert Doc.from_bytes(shared.to_bytes()).tokens["pos"].labels == ["NOUN", "VERB"]


@pytest.mark.parametrize("count", [255, 256, 257, 65_535, 65_536, 65_537])
def test_codes_grow_with_the_labels_that_are_used(count: int) -> None:
    doc = Doc(words=["а"] * count)
    doc.tokens.set("lemma", np.arange(count, dtype=np.int32), [f"л{i}" for i in range(count)])
    assert Doc.from_bytes(doc.to_bytes()).tokens["lemma"].strings() == [f"л{i}" for i in range(count)]


def test_columns_that_come_back_may_be_written_to() -> None:
    doc = Doc.from_bytes(tagged().to_bytes())
    for layer in doc.layers.values():
        for name in layer:
            assert layer[name].values.flags.writeable


def test_a_long_tagged_doc_takes_few_bytes_beyond_its_strings() -> None:
    doc = Doc(words=["слово"] * 1000)
    for name in ("pos", "morph", "lemma"):
        doc.tokens.set(name, np.arange(1000) % 50, [f"{name}{i}" for i in range(50)])
    assert (len(doc.to_bytes()) - len(doc.text.encode())) / len(doc) < 7


def test_lone_surrogates_in_names_are_kept_and_in_texts_replaced() -> None:
    doc = tagged()
    doc.name = "\udcff.txt"
    assert Doc.from_bytes(doc.to_bytes()).name == "\udcff.txt"
    altered = unpack_flat(tagged().to_bytes(), "it", 1000)
    altered[1] = "\ud800" + altered[1][1:]
    assert Doc.from_bytes(pack(altered)).text == "\ufffdама мыла раму."


def test_a_dtype_that_no_file_holds_is_refused_by_name() -> None:
    doc = tagged()
    doc.tokens.set("x", np.zeros(4, dtype=np.longdouble))
    with pytest.raises(DocError, match=r"column 'x' has dtype (float128|longdouble)"):
        doc.to_bytes()


BROKEN_LAYERS: dict[str, tuple[Layer, str]] = {
    "a span beyond the tokens": (Layer("span", 1).set("start", [0]).set("end", [5]), "'end', runs from 5 to 5"),
    "a span before them": (Layer("span", 1).set("start", [-1]).set("end", [2]), "'start', runs from -1"),
    "a span turned round": (Layer("span", 1).set("start", [2]).set("end", [1]), "ends before it starts"),
    "a span without an end": (Layer("span", 1).set("start", [2]), "integer column 'end'"),
    "a span between tokens": (Layer("span", 1).set("start", [0.5]).set("end", [1]), "integer column 'start'"),
    "a link to a row that is not there": (Layer("link", 1, target="ents").set("head", [2]).set("tail", [0]), "'head', runs from 2"),
    "a link to no layer": (Layer("link", 1, target="no").set("head", [0]).set("tail", [0]), "links rows of 'no'"),
    "too few rows for the tokens": (Layer("token", 3), "3 rows for 4 tokens"),
}


@pytest.mark.parametrize("case", BROKEN_LAYERS)
@pytest.mark.parametrize("write", [Doc.to_bytes, Doc.to_dict])
def test_a_layer_that_does_not_fit_the_doc_is_not_written(case: str, write: Callable[[Doc], Any]) -> None:
    doc = tagged()
    doc.layers["broken"], reason = BROKEN_LAYERS[case]
    with pytest.raises(DocError, match=reason):
        write(doc)


# -- bytes that are not what they should be


def items_of(doc: Doc) -> list[Any]:
    return unpack_flat(doc.to_bytes(), "it", 100_000)


def altered(at: int, value: Any) -> bytes:
    items = items_of(tagged())
    items[at] = value
    return pack(items)


# The items of tagged(): version, text, name, error, dtype, borders; the head of the tokens 6-10, the column pos 11-14, …
ALTERED: dict[str, tuple[bytes, str]] = {
    "a newer format": (altered(0, 2), "has format 2, this pipekit reads up to 1: pip install"),
    "a format that never was": (altered(0, 0), "version is 0"),
    "a text that is a number": (altered(1, 3), "its beginning is not"),
    "tokens beyond the text": (altered(1, "Мама"), "run from 0 to 15 in a text of 4"),
    "characters outside the tokens": (altered(1, "Мама,мыла раму."), "only white space may lie there"),
    "an empty token": (altered(5, bytes([0, 4, 1, 0, 1, 4, 0, 1])), "empty token"),
    "a first token that begins late": (altered(5, bytes([1, 4, 1, 4, 1, 4, 0, 1])), "run from 1 to"),
    "half a token": (altered(5, bytes(7)), "7 bytes are not pairs"),
    "borders of an unknown dtype": (altered(4, 99), "not pairs of dtype 99"),
    "a layer without a name": (altered(6, None), "the head of a layer is not"),
    "a kind that is none": (altered(7, 4), "of kind 4"),
    "too many rows": (altered(8, 5), "'tokens', column 'pos', has 4 bytes for 5 rows"),
    "a negative size": (altered(8, -1), "has -1 rows"),
    "more columns than there are": (altered(10, 90), "a column of layer 'tokens' is not"),
    "fewer columns than there are": (altered(10, 1), "the head of a layer is not"),
    "columns less than none": (altered(10, -1), "-1 columns"),
    "a dtype that is none": (altered(12, 255), "unknown dtype 255"),
    "a code without a label": (altered(13, bytes([1, 9, 0, 0])), "the code 9 for 2 labels"),
    "more labels than rows": (altered(14, "|a|b|c|d|e"), "5 labels for 4 rows"),
    "labels that are bytes": (altered(14, b"|a"), "a column of layer 'tokens' is not"),
    "a column that stands there twice": (altered(15, "pos"), "stands there twice"),
    "no tokens": (altered(6, "words"), "the layer 'tokens' is missing"),
    "a span beyond the tokens": (altered(26, bytes([5, 3])), "runs from"),
    "nothing": (b"", "the Doc is damaged"),
    "an empty list": (b"\x90", "its beginning"),
    "bytes behind the end": (tagged().to_bytes() + b"\xc0", "damaged"),
    "a map": (b"\x81\xa1a\x01", "damaged"),
    "a list within": (pack([*items_of(tagged())[:3], [1], *items_of(tagged())[4:]]), "damaged"),
    "an extension": (b"\x91\xd4\x01\x00", "damaged"),
    "a time": (b"\x91\xd6\xff\x00\x00\x00\x00", "damaged"),
}


@pytest.mark.parametrize("case", ALTERED)
def test_altered_bytes_are_refused_with_the_place(case: str) -> None:
    data, reason = ALTERED[case]
    with pytest.raises(PipekitFormatError, match=reason):
        Doc.from_bytes(data)


def mutants(data: bytes, count: int, seed: int) -> list[bytes]:
    """Copies with a few bytes changed, cut out, doubled or moved."""
    rng = random.Random(seed)
    changed = []
    for _ in range(count):
        copy = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 5])):
            i, j = sorted(rng.randrange(len(copy) + 1) for _ in range(2))
            change = rng.randrange(5)
            if change == 0 and i < len(copy):
                copy[i] = rng.choice([0, 1, 0x7F, 0x80, 0x90, 0xC0, 0xC1, 0xD4, 0xDD, 0xFF, rng.randrange(256)])
            elif change == 1:
                del copy[i : min(j, i + 8)]
            elif change == 2:
                copy[i:i] = copy[i : min(j, i + 8)]
            elif change == 3:
                copy[i:i] = rng.randbytes(rng.randrange(1, 6))
            elif len(copy) > i:
                copy[i] ^= 1 << rng.randrange(8)
        changed.append(bytes(copy))
    return changed


def test_mutants_of_a_doc_are_read_or_refused_and_nothing_else() -> None:
    for data in mutants(tagged().to_bytes(), 10_000, seed=1):
        try:
            doc = Doc.from_bytes(data)
        except PipekitFormatError:
            continue
        content(doc)
        assert Doc.from_bytes(doc.to_bytes()).text == doc.text


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (Doc.from_bytes, lambda data: unpack(data, "it")):
        with suppress(PipekitFormatError):
            read(data)


# -- limits


def bare(size: int) -> bytes:
    return pack([*items_of(tagged()), "x", 3, size, None, 0])


def wide(columns: int) -> bytes:
    return pack([1, "", None, None, 1, b"", "tokens", 0, 0, None, columns, *(x for i in range(columns) for x in (str(i), 119, b"", None))])


def many(layers: int) -> bytes:
    return pack([*items_of(Doc(words=[])), *(x for i in range(layers - 1) for x in (str(i), 3, 0, None, 0))])


def deep(depth: int) -> bytes:
    return b"\x91" * (depth - 1) + b"\x90"


def unpacked(data: bytes) -> Any:
    return unpack(data, "it")


def most_items() -> int:
    """As many items of one byte as that many bytes warrant."""
    return max(n for n in range(packing.MAX_ITEMS, 2 * packing.MAX_ITEMS) if n <= packing.MAX_ITEMS + (n + 5) // 8)


LIMITS: dict[str, tuple[Callable[[bytes], Any], Callable[[int], bytes], int]] = {
    "rows of a layer without columns": (Doc.from_bytes, bare, docdict.MAX_BARE_ROWS),
    "columns": (Doc.from_bytes, wide, docdict.MAX_COLUMNS),
    "layers": (Doc.from_bytes, many, docdict.MAX_LAYERS),
    "depth of lists": (unpacked, deep, packing.MAX_DEPTH),
    "depth of maps": (unpacked, lambda n: b"\x81\xa0" * (n - 1) + b"\x80", packing.MAX_DEPTH),
    "lists": (unpacked, lambda n: pack([[]] * (n - 1)), packing.MAX_LISTS),
    "items": (unpacked, lambda n: pack([0] * n), most_items()),
}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_limit_holds_exactly(limit: str, beyond: int) -> None:
    read, make, most = LIMITS[limit]
    data = make(most + beyond)
    if beyond <= 0:
        read(data)
    else:
        with pytest.raises(PipekitFormatError):
            read(data)


REFUSED = {
    "a key that is a number": (b"\x81\x01\x02", "int is not allowed for map key"),
    "a key that is bytes": (b"\x81\xc4\x01a\x02", "the key b'a' is no string"),
    "a key that is a list": (b"\x81\x90\x02", "damaged"),
    "a key twice": (b"\x82\xa1a\x01\xa1a\x02", "the key 'a' stands there twice"),
    "an extension": (b"\xd4\x01\x00", "byte 0 is 0xd4"),
    "a time": (b"\xd6\xff\x00\x00\x00\x00", "byte 0 is 0xd6"),
    "the byte that is none": (b"\xc1", "byte 0 is 0xc1"),
    "a list longer than the message": (b"\xdd\xff\xff\xff\xff", "a list of 4294967295 items in the last 0 bytes"),
    "a string longer than the message": (b"\xdb\xff\xff\xff\xff", "ends after 4294967300 bytes of 5"),
    "half a length": (b"\xdd\xff", "damaged"),
    "two messages": (b"\x01\x01", "ends after 1 bytes of 2"),
    "nothing": (b"", "cut short after 0 bytes"),
    "letters that are no UTF-8": (b"\xa1\xff", "damaged"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_msgpack_beyond_plain_data_is_refused(case: str) -> None:
    data, reason = REFUSED[case]
    with pytest.raises(PipekitFormatError, match=reason):
        unpacked(data)


@settings(max_examples=100, deadline=None)
@given(TREES)
def test_plain_data_come_back(tree: Any) -> None:
    assert unpacked(pack(tree)) == tree


MB = 1 << 20
BOMBS = {
    "empty lists": b"\xdd" + MB.to_bytes(4, "big") + b"\x90" * MB,
    "empty maps": b"\xdd" + MB.to_bytes(4, "big") + b"\x80" * MB,
    "short strings": b"\xdd" + MB.to_bytes(4, "big") + b"\xa2ab" * MB,
    "claims within claims": b"\xdd\x00\x0f\xff\xff" * (MB // 5),
    "claims of maps": b"\xdf\x00\x07\xff\xff" * (MB // 5),
    "lists of one": b"\xdd" + (MB // 2).to_bytes(4, "big") + b"\x91\xc0" * (MB // 2),
    "maps of one": b"\xdd" + (MB // 3).to_bytes(4, "big") + b"\x81\xa0\xc0" * (MB // 3),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("read", [Doc.from_bytes, unpacked])
def test_memory_stays_within_sixteen_times_the_input_and_16_mb(bomb: str, read: Callable[[bytes], Any]) -> None:
    data = BOMBS[bomb]
    tracemalloc.start()
    try:
        with pytest.raises(PipekitFormatError):
            read(data)
        assert tracemalloc.get_traced_memory()[1] <= 16 * len(data) + 16 * MB
    finally:
        tracemalloc.stop()


# -- plain data


@settings(max_examples=100, deadline=None)
@given(docs())
def test_json_gives_back_everything_but_the_width_of_numbers(doc: Doc) -> None:
    text = json.dumps(doc.to_dict(), ensure_ascii=True)
    back = Doc.from_dict(json.loads(text))
    assert content(back, widths=False) == content(doc, widths=False)
    assert back.to_dict() == doc.to_dict()


def test_plain_data_read_well() -> None:
    doc = tagged()
    doc.add_layer("sentiment", "doc", 1).set("label", ["neutral"]).set("score", [0.5])
    assert doc.to_dict() == {
        "text": "Мама мыла раму.",
        "name": "пример",
        "tokens": [
            {"text": "Мама", "start": 0, "end": 4, "pos": "NOUN"},
            {"text": "мыла", "start": 5, "end": 9, "pos": "VERB"},
            {"text": "раму", "start": 10, "end": 14, "pos": "NOUN"},
            {"text": ".", "start": 14, "end": 15, "pos": None},
        ],
        "sents": [{"start": 0, "end": 15}],
        "ents": [
            {"start": 0, "end": 4, "text": "Мама", "label": "PER", "score": None},
            {"start": 10, "end": 14, "text": "раму", "label": None, "score": None},
        ],
        "relations": [{"head": 0, "tail": 1, "label": "МОЕТ", "score": 0.5}],
        "cats": {"быт": 0.75},
        "layers": {"sentiment": {"kind": "doc", "size": 1, "columns": {"label": ["neutral"], "score": [0.5]}}},
    }


def test_what_no_one_has_written_stays_absent() -> None:
    doc = Doc.from_dict(Doc(words=["Мама"]).to_dict())
    assert doc.to_dict() == {"text": "Мама", "tokens": [{"text": "Мама", "start": 0, "end": 4}]}
    assert (doc.ents, doc.sents, doc.cats, doc.relations, doc.name) == (None,) * 5


def test_found_nothing_is_not_the_same_as_not_looked() -> None:
    doc = Doc(words=["Мама"])
    doc.set_spans("ents", [])
    back = Doc.from_dict(doc.to_dict())
    assert back.ents == () and back.relations is None


def with_layer(layer: dict[str, Any]) -> dict[str, Any]:
    return {"text": "ab", "tokens": [WORD], "layers": {"x": layer}}


WORD = {"text": "ab", "start": 0, "end": 2}
PLAIN: dict[str, tuple[Any, str]] = {
    "a list": ([], "the Doc is \\[\\]; it must be Mapping"),
    "no text": ({"tokens": []}, "text is None; it must be str"),
    "no tokens": ({"text": "ab"}, "tokens is None; it must be list"),
    "a key that is none": ({"text": "ab", "tokens": [WORD], "entz": []}, "unknown key 'entz'. Did you mean 'ents'"),
    "a token without an end": ({"text": "ab", "tokens": [{"start": 0}]}, r"tokens\[0\].end is None; it must be an integer from 0 to 2"),
    "an offset that is a boolean": ({"text": "ab", "tokens": [{"start": False, "end": 2}]}, r"tokens\[0\].start is False"),
    "an offset beyond the text": ({"text": "ab", "tokens": [{"start": 0, "end": 3}]}, r"tokens\[0\].end is 3"),
    "tokens that leave letters out": ({"text": "ab", "tokens": [{"start": 0, "end": 1}]}, "'b' after token 0 lies in no token"),
    "a token of another text": ({"text": "ab", "tokens": [{**WORD, "text": "x"}]}, r"tokens\[0\].text is 'x', but the text has 'ab'"),
    "a sentence within a token": ({"text": "ab", "tokens": [WORD], "sents": [{"start": 1}]}, r"sents\[0\].start is 1, where no token"),
    "an entity within a token": ({"text": "ab", "tokens": [WORD], "ents": [{"start": 0, "end": 1}]}, r"ents\[0\] \[0, 1\) does not begin"),
    "a label that is a number": (
        {"text": "a b", "tokens": [{"start": 0, "end": 1, "pos": "X"}, {"start": 2, "end": 3, "pos": 1}]},
        r"tokens\[…\].pos mixes int, str",
    ),
    "a label that is a list": ({"text": "ab", "tokens": [{**WORD, "pos": []}]}, r"tokens\[…\].pos mixes list"),
    "a number beyond 64 bits": ({"text": "ab", "tokens": [{**WORD, "n": 2**64}]}, "more than 64 bits"),
    "a relation of no entities": ({"text": "ab", "tokens": [WORD], "relations": [{"head": 0, "tail": 0}]}, "which is no span layer"),
    "a layer of no kind": (with_layer({"kind": "tokens", "size": 1}), "layers.x.kind is 'tokens'. Did you"),
    "a layer without a size": (with_layer({"kind": "doc"}), "layers.x.size is None"),
    "a column too short": (with_layer({"kind": "doc", "size": 2, "columns": {"y": [1]}}), "column 'y' has shape"),
    "a layer twice": ({"text": "ab", "tokens": [WORD], "ents": [], "spans": {"ents": []}}, "layer 'ents' stands there twice"),
    "rows that share no keys": (
        {"text": "a" * 2000, "tokens": [{"start": i, "end": i + 1, str(i): 1} for i in range(2000)]},
        "most of them absent",
    ),
}


@pytest.mark.parametrize("case", PLAIN)
def test_plain_data_that_are_no_doc_are_refused_with_the_key(case: str) -> None:
    data, reason = PLAIN[case]
    with pytest.raises(PipekitFormatError, match=reason):
        Doc.from_dict(data)


@settings(max_examples=100, deadline=None)
@given(docs(), st.data())
def test_plain_data_with_one_value_replaced_are_read_or_refused(doc: Doc, data: st.DataObject) -> None:
    tree = doc.to_dict()
    node: Any = tree
    junk = data.draw(st.sampled_from([None, -1, 10**30, 0.5, "x", [], {}, True, [[]], {"x": {}}, float("nan")]))
    while True:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = junk
    with suppress(PipekitFormatError):
        content(Doc.from_dict(tree))
