"""Docs as files of WebAnno TSV 3.3, which INCEpTION and WebAnno import; see `webanno`."""

from __future__ import annotations

import re
from itertools import pairwise

from pipekit.corpora.readers.files import StrPath
from pipekit.corpora.readers.units import Utf16Units
from pipekit.doc import Doc
from pipekit.storage.files import write_atomically

_CORE = "de.tudarmstadt.ukp.dkpro.core.api"
_ENTITY = f"{_CORE}.ner.type.NamedEntity"
_RELATION = "webanno.custom.Relation"
_RESERVED = re.compile(r"\\|->|[\[\]|_;*]")
_LINE = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
Cells = list[list[str]]


def write_webanno(
    doc: Doc,
    path: StrPath,
) -> None:
    """Write a document with its sentences, tags, lemmas, entities and relations.

    Relations are of the layer `webanno.custom.Relation`, which a project needs before it imports
    such a file. Offsets count units of UTF-16, as these tools do.

    Errors: `StoreError`.

        for number, doc in enumerate(docs):
            write_webanno(doc, folder / f"{number}.tsv")
    """
    write_atomically(path, [webanno_text(doc).encode()])


def webanno_text(doc: Doc) -> str:
    """The text of the file."""
    header = ["#FORMAT=WebAnno TSV 3.3"]
    columns: list[Cells] = []  # of each column, the values at each token
    if "pos" in doc.tokens:
        header.append(f"#T_SP={_CORE}.lexmorph.type.pos.POS|PosValue|coarseValue")
        columns += [_tags(doc, "pos"), _tags(doc, "pos")]
    if "lemma" in doc.tokens:
        header.append(f"#T_SP={_CORE}.segmentation.type.Lemma|value")
        columns.append(_tags(doc, "lemma"))
    if doc.ents is not None:
        header.append(f"#T_SP={_ENTITY}|identifier|value")
        columns += _entities(doc)
    if doc.relations is not None and doc.layers["relations"].target in (None, "ents"):
        header.append(f"#T_RL={_RELATION}|label|BT_{_ENTITY}")
        columns += _relations(doc)
    return "\n".join(
        [
            *header,
            "",
            *_sentences(doc, columns),
            "",
        ]
    )


def _tags(
    doc: Doc,
    name: str,
) -> Cells:
    values = doc.tokens.values(name)
    return [[escaped(str(value))] if value else [] for value in values]


def _entities(doc: Doc) -> list[Cells]:
    identifiers: Cells = [[] for _ in doc]
    labels: Cells = [[] for _ in doc]
    for row, ent in enumerate(doc.ents or (), 1):
        label = escaped(ent.label) if ent.label else "*"
        for token in range(ent.start, ent.end):
            identifiers[token].append(f"*[{row}]")
            labels[token].append(f"{label}[{row}]")
    return [identifiers, labels]


def _relations(doc: Doc) -> list[Cells]:
    labels: Cells = [[] for _ in doc]
    references: Cells = [[] for _ in doc]
    keys = _token_keys(doc)
    spans = list(doc.ents or ())
    layer = doc.layers["relations"]
    ends = zip(
        layer.values("head"),
        layer.values("tail"),
        layer.values("label"),
        strict=True,
    )
    for head, tail, label in ends:
        source, target = spans[head], spans[tail]
        if source.start < source.end and target.start < target.end:
            labels[target.start].append(escaped(label) if label else "*")
            reference = f"{keys[source.start]}[{head + 1}_{tail + 1}]"
            references[target.start].append(reference)
    return [labels, references]


def _borders(doc: Doc) -> list[int]:
    borders = doc.sent_borders()
    return [0, len(doc)] if borders is None else borders.tolist()


def _token_keys(doc: Doc) -> list[str]:
    keys = []
    for sentence, (first, last) in enumerate(pairwise(_borders(doc)), 1):
        keys += [f"{sentence}-{place}" for place in range(1, last - first + 1)]
    return keys


def _sentences(
    doc: Doc,
    columns: list[Cells],
) -> list[str]:
    units = Utf16Units(doc.text)
    keys = _token_keys(doc)
    words = doc.words
    lines = []
    for first, last in pairwise(_borders(doc)):
        if first == last:
            continue
        text = doc.text[doc.starts[first] : doc.ends[last - 1]]
        lines += ["", f"#Text={_in_line(text)}"]
        for row in range(first, last):
            begin = units.of(int(doc.starts[row]))
            end = units.of(int(doc.ends[row]))
            cells = [keys[row], f"{begin}-{end}", escaped(words[row])]
            cells += ["|".join(column[row]) or "_" for column in columns]
            lines.append("\t".join(cells) + "\t")
    return lines


def escaped(value: str) -> str:
    """A value with a backslash before what has a meaning in a cell."""
    return _in_line(_RESERVED.sub(lambda match: "\\" + match[0], value), backslashes=False)


def _in_line(
    text: str,
    *,
    backslashes: bool = True,
) -> str:
    """A text in one line."""
    if backslashes:
        text = text.replace("\\", "\\\\")
    for character, escape in _LINE.items():
        text = text.replace(character, escape)
    return text
