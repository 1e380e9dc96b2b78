"""A document in parts, and whole again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from pipekit.doc.borders import LONGEST_TEXT
from pipekit.doc.columns import Column
from pipekit.doc.layer import REQUIRED, Layer, join
from pipekit.doc.layers import ATTRIBUTES, TOKENS
from pipekit.doc.limits import LINKED
from pipekit.doc.text import QUESTIONS, Text, TextT
from pipekit.doc.trees import join_trees, token_rows_moved
from pipekit.errors import DocError, DocTooLargeError
from pipekit.words.arrays import offsets


def concatenate_spaced(
    docs: Iterable[Text],
    space: str,
    kind: type[TextT],
) -> TextT:
    """Documents as one of a class, with white space between them; see `Doc.from_docs`."""
    whole_docs = list(docs)
    if not whole_docs:
        raise DocError("a document cannot be made of no documents: give one at least")
    if space.strip():
        raise DocError(f"{space!r:.60} cannot stand between documents: only white space may")
    parts = [_followed_by(doc, space, kind) for doc in whole_docs[:-1]]
    parts.append(_followed_by(whole_docs[-1], "", kind))
    characters = sum(len(part.text) for part in parts)
    if characters > LONGEST_TEXT:
        raise DocTooLargeError(
            f"{characters} characters are more than a document holds, {LONGEST_TEXT}"
        )
    whole = concatenate(parts)
    for name in (QUESTIONS, "meta"):
        rows = [part.layers[name] for part in parts if name in part.layers]
        if rows:
            whole.layers[name] = join(rows)
    _move_questions(whole, parts)
    return whole


def _followed_by(
    doc: Text,
    space: str,
    kind: type[TextT],
) -> TextT:
    """The same document with white space behind its text, and a sentence from its first token on.

    Its layers are shared.
    """
    if not doc.text or doc.text[-1].isspace():
        space = ""
    longer = kind.trusted(doc.text + space, doc.starts, doc.ends)
    longer.name = doc.name
    longer.vectors = doc.vectors
    longer.layers = dict(doc.layers)
    flags = doc.tokens.get("sent_start")
    if flags is not None and len(doc) and not flags.values[0]:
        values = flags.values.copy()
        values[0] = True
        longer.layers[TOKENS] = doc.tokens.shared().put("sent_start", Column(values))
    return longer


def _move_questions(
    whole: Text,
    parts: Sequence[Text],
) -> None:
    """Let the answers of each part point to its own questions, which stand end to end."""
    answers = whole.layers.get("answers")
    if answers is None or "question" not in answers:
        return
    rows = []
    first = 0
    for part in parts:
        if "answers" in part.layers:
            rows.append(part.layers["answers"]["question"].values + first)
        if QUESTIONS in part.layers:
            first += part.layers[QUESTIONS].size
    answers.set("question", np.concatenate(rows).astype(np.int32))


def concatenate(parts: Sequence[TextT]) -> TextT:
    """The whole document of parts that follow each other without gaps.

    Spans and heads are shifted, and links follow their spans. A sentence that was cut has one root,
    the first; the others depend on it. Of scores by class, such as "cats", the whole
    has the mean, with parts weighted by their tokens. Of other layers of kind "doc", among them the
    custom attributes, it has that of the first part.
    """
    lengths = [len(part) for part in parts]
    first_characters = offsets(len(part.text) for part in parts)
    starts = []
    ends = []
    for part, first in zip(parts, first_characters, strict=False):
        starts.append(part.starts + first)
        ends.append(part.ends + first)
    text = "".join(part.text for part in parts)
    whole = type(parts[0]).trusted(text, np.concatenate(starts), np.concatenate(ends))
    whole.name = parts[0].name
    whole.vectors = parts[0].vectors
    names: dict[str, None] = {}
    for part in parts:
        names.update(dict.fromkeys(part.layers))
    for name in names:
        whole.layers[name] = _whole_layer(name, parts, lengths)
    borders = whole.sent_borders()
    if borders is not None:
        join_trees(whole.tokens, borders, offsets(lengths)[1:-1])
    return whole


def _whole_layer(
    name: str,
    parts: Sequence[Text],
    lengths: Sequence[int],
) -> Layer:
    """A layer of the whole, of the parts that have it."""
    first_tokens = offsets(lengths)
    first_spans = offsets(_linked_spans(part, name) for part in parts)
    layers = []
    weights = []
    for i, part in enumerate(parts):
        layer = part.layers.get(name)
        if layer is not None:
            shift = first_spans[i] if layer.kind == "link" else first_tokens[i]
            if name == TOKENS:
                layers.append(token_rows_moved(layer, int(shift)))
            else:
                layers.append(_shifted(layer, shift))
            weights.append(lengths[i])
    if name == ATTRIBUTES:
        return layers[0]
    if layers[0].kind == "doc":
        return _mean(layers, weights)
    return join(layers)


def _linked_spans(
    part: Text,
    name: str,
) -> int:
    """How many spans the layer has that links of this layer point to."""
    target = LINKED
    links = part.layers.get(name)
    if links is not None and links.target:
        target = links.target
    spans = part.layers.get(target)
    if spans is None:
        return 0
    return spans.size


def _shifted(
    layer: Layer,
    shift: np.int64,
) -> Layer:
    """A layer whose spans or links point to rows from `shift` on; other layers as they are."""
    moved = layer.rows(0, layer.size)
    for edge in REQUIRED[layer.kind]:
        values = moved[edge].values
        room = np.promote_types(values.dtype, np.int32)  # for the rows of the whole
        moved.set(edge, values.astype(room) + room.type(shift))
    return moved


def _mean(
    layers: Sequence[Layer],
    weights: Sequence[int],
) -> Layer:
    """The weighted mean of layers of scores; the first layer where they are none.

    Scores are one row of floats, in the same columns of all layers.
    """
    first = layers[0]
    are_alike = all(layer.size == 1 and list(layer) == list(first) for layer in layers)
    are_floats = all(first[name].values.dtype.kind == "f" for name in first)
    if not are_alike or not are_floats or not sum(weights):
        return first
    whole = Layer("doc", 1)
    for name in first:
        values = np.concatenate([layer[name].values for layer in layers])
        mean = np.average(values, weights=weights)
        whole.set(name, mean[None].astype(values.dtype))
    return whole


def cut_doc(
    doc: TextT,
    limit: int,
) -> list[TextT]:
    """A document in parts of at most `limit` tokens, cut between sentences where that is possible.

    `rejoin` puts the parts together.
    """
    if len(doc) <= limit:
        return [doc]
    borders = doc.sent_borders()
    cuts = [0]
    while cuts[-1] + limit < len(doc):
        cut = cuts[-1] + limit
        if borders is not None:
            row = np.searchsorted(borders, cut, "right") - 1
            last_border = int(borders[row])
            if last_border > cuts[-1]:
                cut = last_border
        cuts.append(cut)
    cuts.append(len(doc))
    return [doc.part(start, end) for start, end in pairwise(cuts)]


def longest_sentence(doc: Text) -> int:
    """The tokens of the longest sentence: smaller parts would cut a sentence.

    1 where nobody has split the text into sentences, 0 without tokens.
    """
    borders = doc.sent_borders()
    if borders is None:
        return min(1, len(doc))
    return int(np.diff(borders).max(initial=0))


def rejoin(
    doc: Text,
    parts: Sequence[Text],
) -> None:
    """Give a document the layers of its parts, those of `cut_doc`."""
    if len(parts) > 1 or parts[0] is not doc:
        doc.layers = concatenate(parts).layers
