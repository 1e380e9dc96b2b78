"""Settings of every component and encoder, and the annotations that a component writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpers.tiny import TAGGER, ten

from pipekit import Doc

Said = Callable[[Doc], Any]

NETWORK = {"width": 32, "heads": 2, "layers": 2}
ENCODERS: dict[str, dict[str, Any]] = {
    "bilstm": {"type": "bilstm", "width": 32},
    "bilstm, two layers, no skip": {
        "type": "bilstm",
        "width": 32,
        "layers": 2,
        "skip": False,
        "dropout": 0.1,
    },
    "gru": {"type": "gru", "width": 32},
    "rnn": {"type": "rnn", "width": 32},
    "mut1, one direction": {"type": "mut1", "width": 32, "bidirectional": False},
    "transformer": {"type": "transformer", "width": 32, "heads": 2},
    "transformer, learned, post": {
        "type": "transformer",
        "width": 32,
        "heads": 2,
        "positions": "learned",
        "norm": "post",
    },
    "transformer, learned, pre": {
        "type": "transformer",
        "width": 32,
        "heads": 2,
        "positions": "learned",
    },
    "transformer, sinusoidal, post": {
        "type": "transformer",
        "width": 32,
        "heads": 2,
        "norm": "post",
    },
    "bert": {"type": "bert", "network": NETWORK, "features": None},
    "bert, first piece": {
        "type": "bert",
        "network": NETWORK,
        "pool": "first",
        "subwords": {"algorithm": "wordpiece", "size": 200},
    },
    "causal": {"type": "causal", "decoder": {"type": "causal", **NETWORK}},
    "causal, letters": {
        "type": "causal",
        "decoder": {"type": "rnn", "cell": "gru", "width": 64},
        "subwords": {"algorithm": "letters"},
    },
}


def tokens(doc: Doc) -> list[tuple[str | None, ...]]:
    """What is said of the tokens."""
    return [
        (token.pos, None if token.morph is None else str(token.morph), token.lemma) for token in doc
    ]


def answers(doc: Doc) -> dict[int, tuple[int, int]]:
    """The best answer to each question that has one: token rows. Answers are written best first."""
    layer = doc.layers["answers"]
    rows = zip(*(layer[name].values.tolist() for name in ("question", "start", "end")), strict=True)
    found: dict[int, tuple[int, int]] = {}
    for question, start, end in rows:
        found.setdefault(question, (start, end))
    return found


def spans(layer: str) -> Said:
    """What is said of spans; a bare copy of a document has no such layer."""
    return lambda doc: (
        None
        if layer not in doc.layers
        else sorted((s.start, s.end, s.label or "") for s in doc.spans[layer])
    )


def links(doc: Doc) -> list[tuple[int, int, str | None, int, int]] | None:
    found = doc.relations
    return (
        None
        if found is None
        else sorted((a.start, a.end, label, b.start, b.end) for a, b, label, *_ in found)
    )


# Within sentences, so that a document in parts says what the whole does.
RELATIONS = {
    "type": "relations",
    "encoder": "main",
    "entities": "fine",
    "sentences": 0,
    "hidden": 32,
    "context": 16,
    "dropout": 0.0,
}


def likeliest(doc: Doc) -> str | None:
    """The class of a document; a long one may be classified in parts, and is left out."""
    if not doc.cats or len(doc) >= 40:
        return None
    return max(doc.cats, key=doc.cats.__getitem__)


def felt(doc: Doc) -> list[tuple[int, int, str | None]]:
    """The sentiment toward the entities; a bare copy has none."""
    spans = doc.spans["ents"] if "ents" in doc.layers else ()
    return sorted((span.start, span.end, span.sentiment and span.sentiment.label) for span in spans)


PARSER = {
    "type": "parser",
    "encoder": "main",
    "hidden": 64,
    "context": 32,
    "arcs": 64,
    "label_width": 32,
    "dropout": 0.0,
}


def trees(doc: Doc) -> list[tuple[int | None, str | None]]:
    """The head and the relation of each token; a bare copy has none."""
    return [(token.head and token.head.i, token.dep) for token in doc]


SEQ2SEQ = {
    "type": "seq2seq",
    "encoder": "main",
    "decoder": {"type": "rnn_attention", "width": 48, "dropout": 0.0},
    "subwords": {"algorithm": "letters"},
    "search": {"most": 20},
    "smoothing": 0.0,
}


def written(doc: Doc) -> list[tuple[int, int, str]]:
    """What is written for the sentences of a document; a bare copy has none."""
    if "translation" not in doc.texts:
        return []
    return [(text.span.start, text.span.end, text.text) for text in doc.texts["translation"]]


# Of each component: its settings, and a function to its annotations of a document.
# A component with `entities` reads those of the ten sentences.
COMPONENTS: dict[str, tuple[dict[str, Any], Said]] = {
    "tagger": (TAGGER, tokens),
    "ner": ({"type": "ner", "encoder": "main", "hidden": 48, "dropout": 0.0}, spans("ents")),
    "span_ner": (
        {"type": "span_ner", "encoder": "main", "hidden": 128, "dropout": 0.0, "threshold": 0.4},
        spans("fine"),
    ),
    "relations": (RELATIONS, links),
    "classifier": (
        {
            "type": "classifier",
            "encoder": "main",
            "hidden": 24,
            "context": 16,
            "dropout": 0.1,
            "terms": False,
        },
        likeliest,
    ),
    "tfidf": ({"type": "tfidf", "min_count": 1}, likeliest),
    "entity_sentiment": (
        {
            "type": "entity_sentiment",
            "encoder": "main",
            "entities": "ents",
            "hidden": 24,
            "dropout": 0.1,
            "terms": False,
        },
        felt,
    ),
    "parser": (PARSER, trees),
    "seq2seq": (SEQ2SEQ, written),
    "qa": ({"type": "qa", "encoder": "main", "mixed": 24, "hidden": 24, "threshold": 0.5}, answers),
}


def bare() -> list[Doc]:
    return [doc.copy(bare=True) for doc in ten()]


def hostile() -> list[Doc | str]:
    """The ten sentences among texts of other lengths and alphabets."""
    strange = [
        "",
        " ",
        "а",
        "\n\nДа.",
        "ко\u0301т \u200b",
        "x" * 300,
        "Кот спит. " * 40,
        "👍🏻 №5 — 3,14%",
        "a\ud800b",
    ]
    return [item for pair in zip(bare(), [*strange, "Нет"], strict=True) for item in pair]
