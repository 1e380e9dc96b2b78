"""Docs as bytes and as plain data: what comes back, and what is refused.

Modules: doc.as_bytes, doc.limits
"""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from helpers.doc_strategies import content, docs, tagged
from hypothesis import given, settings
from hypothesis import strategies as st

from pipekit import Doc, Layer
from pipekit.doc import limits
from pipekit.errors import DocError, PipekitFormatError
from pipekit.storage import packing
from pipekit.storage.packing import pack, unpack, unpack_flat

# -- bytes


@settings(max_examples=100, deadline=None)
@given(docs())
def test_bytes_give_back_everything_a_doc_says(doc: Doc) -> None:
    back = Doc.from_bytes(doc.to_bytes())
    assert content(back) == content(doc)
    assert back.to_bytes() == doc.to_bytes()
    assert list(back.layers) == list(doc.layers)


class Letter(Doc):
    """A document with an attribute of its own."""


@pytest.mark.parametrize(
    "twin_of",
    [lambda doc: pickle.loads(pickle.dumps(doc)), copy.copy, copy.deepcopy],
)
@given(doc=docs())
def test_a_doc_is_pickled_and_copied_through_its_bytes(
    twin_of: Callable[[Doc], Doc], doc: Doc
) -> None:
    twin = twin_of(doc)
    assert content(twin) == content(doc)
    for layer in twin.layers.values():
        for name in layer:
            layer.set(name, np.zeros(layer.size))
    twin.add_layer("more", "doc", 0)
    assert "more" not in doc.layers and Doc.from_bytes(doc.to_bytes()).words == doc.words


def test_word_vectors_stay_where_a_doc_was_annotated() -> None:
    doc = tagged()
    doc.vectors = np.ones(50_000)  # type: ignore[assignment]
    assert len(pickle.dumps(doc)) < len(doc.to_bytes()) + 200
    assert pickle.loads(pickle.dumps(doc)).vectors is None
    assert doc.copy().vectors is doc.vectors


def test_views_are_pickled_with_their_doc() -> None:
    doc = tagged()
    data = pickle.dumps((doc, doc[0], doc.ents, doc.relations, list(doc.sents or ())))
    twin, token, ents, relations, sents = pickle.loads(data)
    assert token.doc is twin and ents == twin.ents and relations == twin.relations
    assert (token, sents) == (twin[0], list(twin.sents))
    assert [(span.text, span.label) for span in ents] == [("Мама", "PER"), ("раму", None)]
    assert len(data) < len(doc.to_bytes()) + 3_000


def test_a_subclass_keeps_what_it_has() -> None:
    letter = Letter(words=["Мама"])
    letter.sender = "Иван"  # type: ignore[attr-defined]
    for twin in (pickle.loads(pickle.dumps(letter)), copy.copy(letter), copy.deepcopy(letter)):
        assert (type(twin), twin.words, twin.sender) == (Letter, ["Мама"], "Иван")


def test_a_doc_that_does_not_fit_together_is_not_pickled() -> None:
    doc = tagged()
    del doc.layers["ents"]
    with pytest.raises(DocError, match="'relations' links rows of 'ents'"):
        pickle.dumps(doc)


def test_the_bytes_do_not_depend_on_the_labels_that_a_batch_shares() -> None:
    alone, shared = tagged(), tagged()
    shared.tokens.set(
        "pos", np.array([7, 5, 7, -1]), ["x", "y", "z", "X", "ADJ", "VERB", "NOUN", "NOUN"]
    )
    alone.tokens.set("pos", np.array([0, 1, 0, -1], dtype=np.int64), ["NOUN", "VERB"])
    assert shared.to_bytes() == alone.to_bytes()
    assert Doc.from_bytes(shared.to_bytes()).tokens["pos"].labels == ["NOUN", "VERB"]


@pytest.mark.parametrize("count", [255, 256, 257, 65_535, 65_536, 65_537])
def test_codes_grow_with_the_labels_that_are_used(count: int) -> None:
    doc = Doc(words=["а"] * count)
    doc.tokens.set("lemma", np.arange(count, dtype=np.int32), [f"л{i}" for i in range(count)])
    assert Doc.from_bytes(doc.to_bytes()).tokens["lemma"].strings() == [
        f"л{i}" for i in range(count)
    ]


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
    "a span beyond the tokens": (
        Layer("span", 1).set("start", [0]).set("end", [5]),
        "'end', runs from 5 to 5",
    ),
    "a span before them": (
        Layer("span", 1).set("start", [-1]).set("end", [2]),
        "'start', runs from -1",
    ),
    "a span turned round": (
        Layer("span", 1).set("start", [2]).set("end", [1]),
        "ends before it starts",
    ),
    "a span without an end": (Layer("span", 1).set("start", [2]), "integer column 'end'"),
    "a span between tokens": (
        Layer("span", 1).set("start", [0.5]).set("end", [1]),
        "integer column 'start'",
    ),
    "a link to a row that is not there": (
        Layer("link", 1, target="ents").set("head", [2]).set("tail", [0]),
        "'head', runs from 2",
    ),
    "a link to no layer": (
        Layer("link", 1, target="no").set("head", [0]).set("tail", [0]),
        "links rows of 'no'",
    ),
    "too few rows for the tokens": (Layer("token", 3), "3 rows for 4 tokens"),
}


@pytest.mark.parametrize("case", BROKEN_LAYERS)
@pytest.mark.parametrize("write", [Doc.to_bytes, Doc.to_dict])
def test_a_layer_that_does_not_fit_the_doc_is_not_written(
    case: str, write: Callable[[Doc], Any]
) -> None:
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


def labelled(number: int, rows: int, codes: bytes | None = None) -> bytes:
    """A Doc with one labelled column of the dtype of that number, as many labels as rows."""
    beginning = [1, "а" * rows, None, None, 1, bytes([0, 1]) * rows, "tokens", 0, rows, None, 1]
    return pack(
        [
            *beginning,
            "x",
            16 + number,
            codes or bytes(range(1, rows + 1)),
            "".join(f"|{i}" for i in range(rows)),
        ]
    )


# The items of tagged(): 0-5 version, text, name, error, dtype, borders; 6-10 the head of the token
# layer; 11-14 the column pos; and so on.
ALTERED: dict[str, tuple[bytes, str]] = {
    "a newer format": (altered(0, 2), "has format 2, this pipekit reads up to 1: upgrade pipekit"),
    "a format that never was": (altered(0, 0), "version is 0"),
    "a text that is a number": (altered(1, 3), "its beginning is not"),
    "tokens beyond the text": (altered(1, "Мама"), "run from 0 to 15 in a text of 4"),
    "characters outside the tokens": (
        altered(1, "Мама,мыла раму."),
        "only white space may lie there",
    ),
    "an empty token": (altered(5, bytes([0, 4, 1, 0, 1, 4, 0, 1])), "empty token"),
    "a first token that begins late": (
        altered(5, bytes([1, 4, 1, 4, 1, 4, 0, 1])),
        "run from 1 to",
    ),
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
    "white space without a token": (
        pack([1, "  ", None, None, 1, b"", "tokens", 0, 0, None, 0]),
        "only white space may lie there",
    ),
    "more labels than the dtype counts": (
        labelled(number=5, rows=129),
        "129 labels, more than int8 counts",
    ),
    "an unset row of unsigned codes": (
        labelled(number=1, rows=2, codes=bytes([0, 1])),
        "an unset row, which uint8 cannot hold",
    ),
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
                copy[i] = rng.choice(
                    [0, 1, 0x7F, 0x80, 0x90, 0xC0, 0xC1, 0xD4, 0xDD, 0xFF, rng.randrange(256)]
                )
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
    return pack(
        [
            1,
            "",
            None,
            None,
            1,
            b"",
            "tokens",
            0,
            0,
            None,
            columns,
            *(x for i in range(columns) for x in (str(i), 119, b"", None)),
        ]
    )


def many(layers: int) -> bytes:
    return pack(
        [*items_of(Doc(words=[])), *(x for i in range(layers - 1) for x in (str(i), 3, 0, None, 0))]
    )


def deep(depth: int) -> bytes:
    return b"\x91" * (depth - 1) + b"\x90"


def unpacked(data: bytes) -> Any:
    return unpack(data, "it")


def most_items() -> int:
    """As many items of one byte as that many bytes warrant."""
    return max(
        n
        for n in range(packing.MAX_ITEMS, 2 * packing.MAX_ITEMS)
        if n <= packing.MAX_ITEMS + (n + 5) // 8
    )


LIMITS: dict[str, tuple[Callable[[bytes], Any], Callable[[int], bytes], int]] = {
    "rows of a layer without columns": (Doc.from_bytes, bare, limits.MAX_BARE_ROWS),
    "columns": (Doc.from_bytes, wide, limits.MAX_COLUMNS),
    "layers": (Doc.from_bytes, many, limits.MAX_LAYERS),
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
