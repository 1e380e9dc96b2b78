"""Records that are Docs, with the layers that they bring: CoNLL-U, and files of Docs."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pipekit.corpora.readers.conllu import COLUMNS, conllu_sentences
from pipekit.corpora.readers.files import CorpusFile, Problem
from pipekit.corpora.readers.sentences import Sentence, assemble
from pipekit.doc.file import doc_places
from pipekit.errors import PipekitFormatError
from pipekit.jobs.reading import Reading
from pipekit.jobs.records import Line, Lines, Mark, Record, Source

Block = Sequence[Line]  # the lines of a sentence


# -- CoNLL-U


def conllu_records(
    lines: Lines,
    reading: Reading,
) -> Iterator[Record]:
    """A record for each sentence, or for each document: from one `# newdoc` to the next."""
    blocks: list[Block] = []
    size = 0
    for block in lines.blocks():
        if blocks and (reading.unit != "document" or _begins_document(block)):
            yield _conllu_record(lines, blocks, block[0].begin)
            blocks = []
            size = 0
        blocks.append(block)
        size += sum(line.size for line in block)
        if size > lines.most:
            first = blocks[0][0]
            blocks = [[lines.too_large(first, size)]]
    if blocks:
        yield _conllu_record(lines, blocks, lines.mark)


def _begins_document(block: Block) -> bool:
    return any(line.data.startswith(b"# newdoc") for line in block)


def _conllu_record(
    lines: Lines,
    blocks: Sequence[Block],
    end: Mark,
) -> Record:
    """The sentences of some blocks as one Doc; the first block without a sentence is the reason."""
    first_line = blocks[0][0]
    if first_line.fault:
        return lines.record(first_line.begin, reason=first_line.fault, end=end)
    path = lines.source.path
    keys = _comment_keys(blocks)
    problems: list[Problem] = []
    sentences: list[Sentence] = []
    begin = first_line.begin
    for block in blocks:
        parsed = _sentences(block, path, keys, problems)
        if not parsed and _has_words(block):
            reason = problems[0].what if problems else "is no sentence of CoNLL-U"
            return lines.record(begin, reason=reason, end=end)
        sentences += parsed
    if not sentences:
        return lines.record(begin, reason="holds comments and no words", end=end)
    name = _doc_name(sentences[0], path)
    [doc] = assemble([sentences], [name])
    return lines.record(begin, doc, end=end)


def _has_words(block: Block) -> bool:
    return any(not line.data.startswith(b"#") for line in block)


def _sentences(
    block: Block,
    path: Path,
    keys: frozenset[str],
    problems: list[Problem],
) -> list[Sentence]:
    """The sentences of a block, with the numbers of their lines in the whole file."""
    data = b"".join(line.data for line in block)
    opener = partial(io.BytesIO, data)
    file = CorpusFile(str(path), opener, problems.append)
    lines_before = block[0].begin.line
    return [
        sentence._replace(line=sentence.line + lines_before)
        for sentence in conllu_sentences(file, tuple(COLUMNS), keys)
    ]


def _doc_name(
    first: Sentence,
    path: Path,
) -> str:
    """The name of the document by its first sentence."""
    for key in ("newdoc", "sent_id"):
        name = first.meta.get(key)
        if name:
            return name
    return f"{path.name}:{first.line}"


def _comment_keys(blocks: Sequence[Block]) -> frozenset[str]:
    """The keys of all comments but `# text`, which the Doc has as its text."""
    keys = set()
    for block in blocks:
        for line in block:
            if line.data.startswith(b"#"):
                keys.add(_comment_key(line.data))
    return frozenset(keys - {"text"})


def _comment_key(comment: bytes) -> str:
    """The key of `# key = value`; `# newdoc id = …` has the key "newdoc"."""
    before, _, _ = comment[1:].partition(b"=")
    key = before.strip().decode(errors="replace")
    if key.startswith("newdoc"):
        return "newdoc"
    return key


# -- files of Docs


def docs_records(
    source: Source,
    begin: Mark,
    reading: Reading,
) -> Iterator[Record]:
    """A record for each Doc of a file."""
    number = begin.line
    for place, doc in doc_places(source.path, begin.offset, reading.max_record):
        number += 1
        record = Record(
            source="",
            place={"record": number, "byte": place.start},
            end=Mark(place.stop, number),
            read=place.stop,
        )
        if isinstance(doc, PipekitFormatError):
            record.reason = str(doc)
        else:
            doc.error = None
            record.source = doc
        yield record
