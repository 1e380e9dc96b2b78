"""Docs as pictures: what `pipekit.render` shows in each style.

Everything is drawn by the room `rendering`; here the layers of a Doc become marks and arrows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

from pipekit.doc.groups import Relations, SpanGroups, Spans
from pipekit.doc.in_context import label_text
from pipekit.doc.limits import LINKED
from pipekit.doc.text import QUESTIONS, Text
from pipekit.doc.values import Morph, class_row
from pipekit.doc.views import Relation, Span
from pipekit.errors import ConfigError, near
from pipekit.rendering.blocks import Cards, Drawn, Heading, Marked, PageBlock, Remark, Shares
from pipekit.rendering.passages import Arrow, Extent, Highlight, Passage
from pipekit.rendering.rendering import WIDE, Rendering

Style = Literal["ents", "spans", "relations", "sentiment", "answers", "morph", "dep"]
STYLES: tuple[Style, ...] = get_args(Style)
_ANSWERS = "answers"
_WRITERS = {
    "ents": "a component ner, span_ner or entity_ruler writes it",
    "relations": "a component relations writes it",
    "sentiment": "a component classifier with layer = 'sentiment' writes it",
    "answers": "a component qa writes it, where the document has questions",
    "morph": "a component tagger writes it",
    "pos": "a component tagger writes it",
    "head": "a component parser writes it",
}
_OTHER_WRITERS = "components span_ner, span_ruler and values write such layers"
_SHOWN_WORDS = 2_000  # in a notebook; `render` shows all


class Shown(NamedTuple):
    """What is shown of a document.

    Attributes:
        layers: the span layers; None for those of the style.
        labels: of spans and relations; None for all.
    """

    layers: Sequence[str] | None = None
    labels: Collection[str] | None = None

    def takes(self, label: str | None) -> bool:
        return self.labels is None or label in self.labels


def render(
    docs: Text | Iterable[Text],
    style: Style = "ents",
    *,
    layers: str | Sequence[str] | None = None,
    labels: str | Collection[str] | None = None,
    width: float = WIDE,
) -> Rendering:
    """Documents as a picture, which a notebook shows and a file keeps.

        pipekit.render(doc)                                      # in a notebook
        pipekit.render(doc, style="dep").save("tree.svg")
        pipekit.render(docs, style="spans", layers="fine").save("page.html")

    Args:
        docs: one or several.
        style: "ents", names within the line; "spans", each group of spans in lanes below the
            line; "relations", arrows between spans; "sentiment", that of the text and toward
            names; "answers", to each question; "morph", the words one by one; "dep", the trees.
        layers: for the styles of spans, the layers that are shown; by default "ents", or for
            "spans" all groups.
        labels: of spans and relations, those that are shown; by default all.
        width: of drawings, in pixels; longer sentences go on in another row.

    What a document does not have is said, with the component that writes it. Errors: `ConfigError`
    for an unknown style, and for what is no document.
    """
    if style not in STYLES:
        raise ConfigError(f"there is no style {style!r}.{near(style, STYLES)}")
    if not width >= 1:
        raise ConfigError(f"width is {width}: it is a number of pixels, 1 or more")
    members = [docs] if isinstance(docs, Text) else list(docs)
    selection = Shown(_as_names(layers), _as_names(labels))
    blocks: list[PageBlock] = []
    for number, doc in enumerate(members, 1):
        if not isinstance(doc, Text):
            kind = type(doc).__name__
            raise ConfigError(f"render shows documents: number {number} is of type {kind}")
        if len(members) > 1 or doc.name:
            blocks.append(Heading(doc.name or f"document {number}"))
        blocks += _blocks(doc, style, selection)
    if not members:
        blocks.append(Remark("There are no documents."))
    return Rendering(
        _title(members, style),
        blocks,
        width=width,
    )


def shown_in_notebook(doc: Text) -> str:
    """A document as a notebook shows it: its names, or else what it has, and a line about it."""
    shown = doc
    if len(doc) > _SHOWN_WORDS:
        shown = doc.part(0, _SHOWN_WORDS)
    blocks = list(_blocks(shown, _style_of(doc), Shown()))
    if shown is not doc:
        rest = len(doc) - _SHOWN_WORDS
        blocks.append(Remark(f"… and {rest:,} more words: pipekit.render(doc) shows all."))
    blocks.append(Remark(_summary(doc)))
    return Rendering("", blocks)._repr_html_()


def _as_names(names: str | Collection[str] | None) -> list[str] | None:
    if names is None:
        return None
    if isinstance(names, str):
        return [names]
    return list(names)


def _title(
    docs: Sequence[Text],
    style: str,
) -> str:
    if len(docs) == 1:
        return docs[0].name or f"{style}: {docs[0].text[:60]}"
    return f"{style} of {len(docs):,} documents"


def _style_of(doc: Text) -> Style:
    """What a document has to show, names before all else."""
    if "ents" in doc.layers:
        return "ents"
    if any(map(len, _span_layers(doc))):
        return "spans"
    if "head" in doc.tokens:
        return "dep"
    if "pos" in doc.tokens:
        return "morph"
    return "spans"


def _span_layers(doc: Text) -> list[Spans]:
    return [Spans(doc, layer) for layer in doc.layers.values() if layer.kind == "span"]


def _summary(doc: Text) -> str:
    """How much there is: words, sentences, the columns of words, the rows of layers."""
    facts = [f"{len(doc):,} tokens"]
    borders = doc.sent_borders()
    if borders is not None:
        facts.append(f"{len(borders) - 1:,} sentences")
    columns = [name for name in doc.tokens if name != "sent_start"]
    if columns:
        facts.append(", ".join(columns))
    for name, layer in doc.layers.items():
        if layer.kind != "token":
            facts.append(f"{name} {layer.size:,}")
    return " · ".join(facts)


def _blocks(
    doc: Text,
    style: Style,
    selection: Shown,
) -> Iterator[PageBlock]:
    """The blocks of a document; of one without text a sentence."""
    if doc.error:
        yield Remark(f"The document could not be processed: {doc.error}")
    if not doc.text.strip():
        yield Remark("The text is empty.")
        return
    yield from _OF_STYLE[style](doc, selection)


def _missing(
    doc: Text,
    name: str,
) -> Iterator[PageBlock]:
    """The text alone, with the layer that it lacks, and who would write that."""
    what = "column" if name in ("pos", "morph", "head") else "layer"
    writers = _WRITERS.get(name, _OTHER_WRITERS)
    yield Remark(f"This document has no {what} {name!r}, nobody has looked for it: {writers}.")
    yield Marked(Passage(doc.text))


# -- spans


def _ents(
    doc: Text,
    selection: Shown,
) -> Iterator[PageBlock]:
    for name in selection.layers or [LINKED]:
        yield from _group(doc, name, selection, lanes=False)


def _spans(
    doc: Text,
    selection: Shown,
) -> Iterator[PageBlock]:
    names = selection.layers
    if names is None:
        names = [name for name in SpanGroups(doc) if name != _ANSWERS]
    for name in names:
        if len(names) > 1:
            yield Heading(name, 3)
        yield from _group(doc, name, selection, lanes=True)
    if not names:
        yield Remark(f"This document has no groups of spans: {_OTHER_WRITERS}.")
        yield Marked(Passage(doc.text))


def _group(
    doc: Text,
    name: str,
    selection: Shown,
    *,
    lanes: bool,
) -> Iterator[PageBlock]:
    """A group of spans."""
    if name not in SpanGroups(doc):
        yield from _missing(doc, name)
        return
    spans = [span for span in SpanGroups(doc)[name] if selection.takes(span.label)]
    yield Marked(passage_of(doc, map(_highlight, spans)), lanes)
    if not spans:
        yield Remark(f"The layer {name!r} is there, with nothing to show.")


def passage_of(
    doc: Text,
    highlights: Iterable[Highlight] = (),
    arrows: Iterable[Arrow] = (),
    glosses: Sequence[Sequence[str]] = (),
) -> Passage:
    """The text of a document with its words and sentences, and with these marks."""
    borders = doc.sent_borders()
    breaks = [] if borders is None else doc.starts[borders[:-1]].tolist()
    rows = zip(
        doc.starts.tolist(),
        doc.ends.tolist(),
        strict=True,
    )
    return Passage(
        text=doc.text,
        highlights=[mark for mark in highlights if mark.start < mark.end],
        arrows=list(arrows),
        words=[Extent(start, end) for start, end in rows],
        breaks=breaks,
        glosses=glosses,
    )


def _highlight(span: Span) -> Highlight:
    return Highlight(
        span.start_char,
        span.end_char,
        label=label_text(span.label),
        note=span.value or _two_digits(span.score),
    )


def _two_digits(score: float | None) -> str:
    return "" if score is None else f"{score:.2f}"


# -- relations


def _relations(
    doc: Text,
    selection: Shown,
) -> Iterator[PageBlock]:
    layer = doc.layers.get("relations")
    if layer is None:
        yield from _missing(doc, "relations")
        return
    linked = layer.target or LINKED
    spans = SpanGroups(doc)[linked]
    links = [
        link
        for link in Relations(Spans(doc, doc.layers[linked]), layer)
        if selection.takes(link.label)
    ]
    marks = [_highlight(span)._replace(note="") for span in spans]
    passage = passage_of(doc, marks, map(_arrow, links))
    yield Drawn(passage, f"relations: {len(links)}")
    if not links:
        yield Remark("The layer 'relations' is there, with nothing to show.")


def _arrow(link: Relation) -> Arrow:
    return Arrow(
        tail=_extent(link.head),
        head=_extent(link.tail),
        label=label_text(link.label),
        note=_two_digits(link.score),
    )


def _extent(span: Span) -> Extent:
    return Extent(span.start_char, span.end_char)


# -- sentiment


def _sentiment(
    doc: Text,
    selection: Shown,
) -> Iterator[PageBlock]:
    scores = class_row(doc.layers, "sentiment")
    names = selection.layers or [name for name in SpanGroups(doc) if name != _ANSWERS]
    judged = [span for name in names for span in SpanGroups(doc)[name] if span.sentiment]
    if "sentiment" not in doc.layers and not judged:
        yield from _missing(doc, "sentiment")
        return
    if scores is not None:
        yield Shares(_by_share(scores))
    if judged:
        yield Marked(passage_of(doc, map(_feeling, judged)))
    else:
        yield Marked(Passage(doc.text))


def _by_share(shares: dict[str, float | None]) -> dict[str, float]:
    """The classes with a probability, the likeliest first."""
    numbers = [(share, name) for name, share in shares.items() if share is not None]
    return {name: share for share, name in sorted(numbers, reverse=True)}


def _feeling(span: Span) -> Highlight:
    """A name with the sentiment toward it."""
    feeling = span.sentiment
    assert feeling is not None
    label = f"{label_text(span.label)} {feeling.label}".strip()
    return Highlight(
        span.start_char,
        span.end_char,
        label=label,
        note=_two_digits(feeling.score),
        colour=feeling.label,
    )


# -- answers


def _answers(
    doc: Text,
    selection: Shown,
) -> Iterator[PageBlock]:
    questions = doc.layers.get(QUESTIONS)
    if questions is None or _ANSWERS not in doc.layers:
        yield from _missing(doc, _ANSWERS)
        return
    answers = list(SpanGroups(doc)[_ANSWERS])
    for row, question in enumerate(questions.values("text")):
        yield Heading(question or f"question {row + 1}", 3)
        own = [answer for answer in answers if answer.get("question") == row]
        own.sort(key=lambda answer: -(answer.score or 0.0))
        marks = [_answer(answer, rank) for rank, answer in enumerate(own, 1)]
        yield Marked(passage_of(doc, marks))
        if not own:
            yield Remark("The text has no answer.")


def _answer(
    span: Span,
    rank: int,
) -> Highlight:
    return Highlight(
        span.start_char,
        span.end_char,
        label=f"answer {rank}",
        note=_two_digits(span.score),
        colour="right" if rank == 1 else "neutral",
    )


# -- words and trees


def _morph(
    doc: Text,
    selection: Shown,
) -> Iterator[PageBlock]:
    columns = [name for name in ("lemma", "pos", "morph") if name in doc.tokens]
    if not columns:
        yield from _missing(doc, "morph")
        return
    for start, end in _sentences(doc):
        part = doc.part(start, end)
        rows = zip(*(part.tokens.values(name) for name in ("lemma", "pos", "morph")), strict=True)
        glosses = [_glosses(*row) for row in rows]
        yield Cards(passage_of(part, glosses=_of_one_length(glosses)))


def _glosses(
    lemma: object,
    part: object,
    morph: object,
) -> list[str]:
    features = Morph(label_text(morph))
    glosses = [label_text(lemma), label_text(part)]
    glosses += [f"{name}={features[name]}" for name in features]
    return glosses


def _of_one_length(glosses: list[list[str]]) -> list[list[str]]:
    """Lists filled up with ""; the lines of all words take equal room."""
    longest = max(map(len, glosses), default=0)
    return [lines + [""] * (longest - len(lines)) for lines in glosses]


def _dep(
    doc: Text,
    selection: Shown,
) -> Iterator[PageBlock]:
    if "head" not in doc.tokens:
        yield from _missing(doc, "head")
        return
    has_parts = "pos" in doc.tokens
    for start, end in _sentences(doc):
        part = doc.part(start, end)
        heads = part.tokens["head"].values.tolist()
        labels = part.tokens.values("dep")
        parts = part.tokens.values("pos")
        words = passage_of(part).words
        arrows = []
        for row, (head, label) in enumerate(zip(heads, labels, strict=True)):
            if head >= 0 and selection.takes(label):
                arrows.append(
                    Arrow(
                        words[head],
                        words[row],
                        label_text(label),
                    )
                )
        glosses = [[label_text(name)] for name in parts] if has_parts else ()
        yield Drawn(passage_of(part, (), arrows, glosses), f"tree: {part.text}")


def _sentences(doc: Text) -> Iterator[tuple[int, int]]:
    """The first token and the end of each sentence; of a text without them all tokens."""
    borders = doc.sent_borders()
    if borders is None:
        return iter([(0, len(doc))])
    return pairwise(borders.tolist())


_OF_STYLE: dict[Style, Callable[[Text, Shown], Iterator[PageBlock]]] = {
    "ents": _ents,
    "spans": _spans,
    "relations": _relations,
    "sentiment": _sentiment,
    "answers": _answers,
    "morph": _morph,
    "dep": _dep,
}
