"""Syntax trees: what the token columns `head` and `dep` say together.

`head` is the row of the governing token in the Doc; a root is its own head, and -1 is unset. So
who cuts or joins documents moves these rows along. Columns may be anybody's: nothing here relies on
their being trees, and a walk along a cycle ends.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipekit.doc.columns import Column, Values
from pipekit.doc.layer import TOKEN_ROWS, Layer
from pipekit.doc.lookup import EdgeOrder, order_by
from pipekit.errors import DocError
from pipekit.words.arrays import Ints

# Relations of Universal Dependencies by which words are part of a noun phrase without another noun.
_WITHIN_PHRASE = frozenset({"amod", "compound", "det", "fixed", "flat", "goeswith", "nummod"})
_PARTS_OF_NAMES = frozenset({"compound", "fixed", "flat", "goeswith"})
_NOMINAL = frozenset({"NOUN", "PRON", "PROPN"})


# -- documents cut and joined


def token_rows_of_part(
    tokens: Layer,
    start: int,
    end: int,
) -> Layer:
    """The tokens from start up to end as a layer of their own; rows outside are unset."""
    part = tokens.rows(start, end)
    for name in TOKEN_ROWS:
        column = part.get(name)
        if column is not None:
            rows = column.values
            is_inside = (rows >= start) & (rows < end)
            rows = np.where(is_inside, rows - start, -1)
            part.put(name, Column(rows))
    return part


def token_rows_moved(
    tokens: Layer,
    shift: int,
) -> Layer:
    """The same tokens in a document where `shift` tokens stand before them."""
    moved = tokens.shared()
    for name in TOKEN_ROWS:
        column = moved.get(name)
        if column is not None:
            rows = column.values.astype(np.int32)
            rows[rows >= 0] += shift
            moved.put(name, Column(rows))
    return moved


def join_trees(
    tokens: Layer,
    borders: Ints,
    cuts: Ints,
) -> None:
    """Leave one root to each sentence that was cut: the others depend on it, without a label.

    Args:
        borders: of the sentences, `Text.sent_borders`.
        cuts: the first tokens of the parts.
    """
    heads = tokens.get("head")
    if heads is None:
        return
    rows = heads.values.copy()
    further: list[int] = []  # roots
    for cut in np.setdiff1d(cuts, borders).tolist():
        sentence = borders.searchsorted(cut)
        start = borders[sentence - 1]
        members = np.arange(start, borders[sentence])
        is_root = rows[members] == members
        roots = members[is_root]
        rows[roots[1:]] = roots[:1]
        further += roots[1:].tolist()
    tokens.put("head", Column(rows))
    relations = tokens.get("dep")
    if relations is not None:
        codes = relations.values.copy()
        codes[further] = -1
        tokens.put("dep", Column(codes, relations.labels))


def check_token_rows(tokens: Layer) -> None:
    """Errors: `DocError` for a column of token rows that holds something else."""
    for name in TOKEN_ROWS:
        column = tokens.get(name)
        if column is None:
            continue
        fault = token_rows_fault(column.values, len(tokens))
        if column.labels is not None:
            fault = "has labels, and holds token rows"
        if fault:
            raise DocError(f"the token column {name!r} {fault}")


def token_rows_fault(
    values: Values,
    tokens: Values | int,
) -> str | None:
    """Why values are no token rows, for the message of an error; None where they are.

    Args:
        tokens: how many there are in the document, or in the document of each value.
    """
    if values.dtype.kind not in "iu":
        return f"holds {values.dtype} instead of token rows"
    is_outside = (values < -1) | (values >= tokens)
    if not is_outside.any():
        return None
    row = values[is_outside.argmax()]
    return f"holds the row {row}: it may be that of a token, or -1 for unset"


# -- walks


def head_of(
    tokens: Layer,
    row: int,
) -> int | None:
    """The head of a token, its own row for a root; None where unset."""
    column = tokens.get("head")
    if column is None or column.values[row] < 0:
        return None
    return int(column.values[row])


def children_of(
    tokens: Layer,
    row: int,
) -> list[int] | None:
    """The tokens that depend on one, in the order of the text; None where nobody has parsed."""
    if "head" not in tokens:
        return None
    by_head = tokens.derived(_by_head, "head")
    children: list[int] = by_head.between(row, row).tolist()
    return children


def _by_head(head: Column) -> EdgeOrder:
    """Tokens by their heads; roots depend on nothing."""
    heads = head.values.astype(np.int64)
    heads[heads == np.arange(len(heads))] = -1
    return order_by(heads)


def ancestors_of(
    tokens: Layer,
    row: int,
) -> list[int] | None:
    """The head of a token, the head of that, and so on; None where nobody has parsed."""
    if "head" not in tokens:
        return None
    seen = {row: None}
    head = head_of(tokens, row)
    while head is not None and head not in seen:
        seen[head] = None
        head = head_of(tokens, head)
    return list(seen)[1:]


def subtree_of(
    tokens: Layer,
    row: int,
) -> list[int] | None:
    """A token and all below it, in the order of the text; None where nobody has parsed."""
    if "head" not in tokens:
        return None
    return sorted(_below(tokens, row, None))


def _below(
    tokens: Layer,
    row: int,
    relations: frozenset[str] | None,
) -> set[int]:
    """A token and all below it; of its own children only those of some relations."""
    seen = {row}
    waiting = []
    for child in children_of(tokens, row) or ():
        relation = relation_of(tokens, child)
        if relations is None or relation in relations:
            waiting.append(child)
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += children_of(tokens, current) or ()
    return seen


def relation_of(
    tokens: Layer,
    row: int,
) -> str:
    """The relation of a token without its subtype: "nummod" for "nummod:gov"; "" where unset."""
    column = tokens.get("dep")
    label = None if column is None else column[row]
    relation, _, _ = (label or "").partition(":")
    return relation


def root_of(
    tokens: Layer,
    start: int,
    end: int,
) -> int | None:
    """Of some tokens the one that is highest in its tree, the first of several; None for none."""
    highest = None
    least = len(tokens) + 1
    for row in range(start, end):
        head = head_of(tokens, row)
        if head is None:
            continue
        is_within = start <= head < end
        if is_within and head != row:
            continue
        ancestors = ancestors_of(tokens, row) or ()
        depth = len(ancestors)
        if depth < least:
            highest = row
            least = depth
    return highest


def noun_phrases(tokens: Layer) -> Iterator[tuple[int, int]]:
    """The first token and the end of each base noun phrase, in the order of the text.

    That is a noun, a name or a pronoun with the adjectives, determiners, numerals and parts of a
    name that stand beside it without a gap. Phrases do not overlap.
    """
    parts = tokens.values("pos")
    spans = []
    for row, part in enumerate(parts):
        if part not in _NOMINAL or head_of(tokens, row) is None:
            continue
        if relation_of(tokens, row) in _PARTS_OF_NAMES:
            continue
        members = _below(tokens, row, _WITHIN_PHRASE)
        start = row
        while start - 1 in members:
            start -= 1
        end = row + 1
        while end in members:
            end += 1
        spans.append((start, -end))
    last = 0
    for start, negative_end in sorted(spans):
        if start >= last:
            last = -negative_end
            yield start, last
