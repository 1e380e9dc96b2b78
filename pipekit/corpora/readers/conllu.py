"""CoNLL-U (https://universaldependencies.org/format.html), by columns: several hundred thousand tokens a second."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.sentences import Grouping, Sentence, assemble, bunched, grouped
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near

SUFFIXES = (".conllu", ".conll")
WIDTH = 10
COLUMNS = {"lemma": 2, "pos": 3, "xpos": 4, "morph": 5, "head": 6, "dep": 7}
META = ("sent_id", "newdoc", "genre", "source")
_ID, _FORM, _UPOS, _HEAD, _MISC = 0, 1, 3, 6, 9
_RANGE = re.compile(r"(\d+)-(\d+)")
_EMPTY_NODE = re.compile(r"\d+\.\d+")
_ESCAPE = re.compile(r"\\([snrtp\\])")
_ESCAPED = {"s": " ", "n": "\n", "r": "\r", "t": "\t", "p": "|", "\\": "\\"}
_ROOT = -2

ConlluRows = list[list[str]]


class SentenceBlock(NamedTuple):
    """The lines of a sentence: the number of the first, comments, and the others."""

    line: int
    comments: list[str]
    lines: list[str]


def read_conllu(
    path: StrPath,
    *,
    group: Grouping = "sentence",
    columns: Sequence[str] = ("pos", "morph", "lemma", "head", "dep"),
    meta: Sequence[str] = META,
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs of a CoNLL-U file (.gz, .xz), or of all of a folder or zip archive.

    The text is that of `# text` where the forms stand in it in order, else it is made of forms and `SpaceAfter=No` (and noted).
    `_` is unset, but for the lemma of the word "_", and for features: no features ("") where the word has a part of speech. `head` is
    the row of the head in the Doc, its own for a root, -1 for unset. Empty nodes (8.1) are left out. Of a multiword token (1-2) the words
    are tokens if they spell it ("did" + "n't"); else it is one token, with the values of the word on which its other words depend.

    Args:
        group: what makes a Doc: a "sentence", a "document" (from `# newdoc` to the next), or a number of sentences.
        columns: of pos, xpos, morph, lemma, head, dep; and "line", the line of the token.
        meta: keys of comments kept as columns of the layer "meta"; "newdoc" is the document's id.
        on_problem: is told each `Problem`, and reading goes on; without it the first that cannot be mended is a `DataError`.
    """
    for column in columns:
        if column not in COLUMNS and column != "line":
            raise ConfigError(
                f"CoNLL-U has no column {column!r}.{near(column, (*COLUMNS, 'line'))}"
            )
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            found = conllu_sentences(file, columns, frozenset(meta))
            key, fallback = "newdoc" if group == "document" else "sent_id", Path(file.name).name
            for bunch in bunched(grouped(found, group)):
                yield from assemble(
                    bunch,
                    [first.meta.get(key) or f"{fallback}:{first.line}" for first, *_ in bunch],
                )


def conllu_sentences(
    file: CorpusFile, columns: Sequence[str], meta: frozenset[str]
) -> Iterator[Sentence]:
    """The sentences of a file, with those columns and keys of comments; what cannot be read goes to `file.fail`."""
    for block in blocks(file):
        if block.lines:
            sentence = _Parser(file, block).sentence(columns, meta)
            if sentence is not None:
                yield sentence


def blocks(file: CorpusFile) -> Iterator[SentenceBlock]:
    """The lines between empty lines."""
    held: list[str] = []
    number = 1
    for lines in file.bunches():
        held += lines
        start = 0
        for end in [i for i, line in enumerate(held) if not line]:
            if end > start:
                yield _block(number + start, held[start:end])
            start = end + 1
        held = held[start:]
        number += start
    if held:
        yield _block(number, held)


def _block(number: int, lines: list[str]) -> SentenceBlock:
    comments = [line for line in lines if line[0] == "#"]
    return SentenceBlock(
        number, comments, [line for line in lines if line[0] != "#"] if comments else lines
    )


class _Parser:
    """One sentence; `rows` are split lines, `numbers` what line each stands in."""

    def __init__(self, file: CorpusFile, block: SentenceBlock) -> None:
        self.file = file
        self.line = block.line
        self.comments = block.comments
        self.rows = [line.split("\t") for line in block.lines]
        self.numbers: Sequence[int] = range(
            block.line + len(block.comments), block.line + len(block.comments) + len(block.lines)
        )
        self.heads: list[int] = []

    def sentence(self, columns: Sequence[str], meta: frozenset[str]) -> Sentence | None:
        """The sentence, or None where it cannot be read and somebody listens."""
        if (
            not self._is_table()
            or not self._is_numbered()
            or ("head" in columns and not self._has_heads())
        ):
            return None
        table = list(zip(*self.rows, strict=True))
        comments = _comments(self.comments)
        strings = {
            name: self._strings(table, name) for name in columns if name not in ("head", "line")
        }
        integers: dict[str, Sequence[int]] = {"head": self.heads} if "head" in columns else {}
        if "line" in columns:
            integers["line"] = self.numbers
        kept = {key: value for key, value in comments.items() if key in meta}
        return Sentence(
            self.line,
            table[_FORM],
            self._gaps(table, comments.get("text")),
            strings,
            integers,
            kept,
        )

    def _is_table(self) -> bool:
        if {*map(len, self.rows)} == {WIDTH} and all(map(itemgetter(_FORM), self.rows)):
            return True
        for number, row in zip(self.numbers, self.rows, strict=True):
            if len(row) != WIDTH:
                return self._fail(
                    number,
                    "columns",
                    f"{len(row)} columns where CoNLL-U has {WIDTH}: separate them by single tabs",
                )
            if not row[_FORM]:
                return self._fail(
                    number,
                    "columns",
                    "the form is empty: write the word there, or leave the line out",
                )
        return True

    def _is_numbered(self) -> bool:
        """Whether the rows are words 1, 2, 3, … once empty nodes are gone and multiword tokens resolved."""
        count = len(self.rows)
        if [row[_ID] for row in self.rows] == _numbers(count):
            return True
        return self._check_ids() and self._resolve()

    def _check_ids(self) -> bool:
        expected = 1
        for number, row in zip(self.numbers, self.rows, strict=True):
            if row[_ID] == str(expected):
                expected += 1
            elif not _EMPTY_NODE.fullmatch(row[_ID]) and not _is_range(row[_ID], expected):
                what = f"the id is {row[_ID]!r} where {expected} follows: count words from 1 in each sentence, with an empty line between"
                return self._fail(number, "ids", what)
        return True

    def _resolve(self) -> bool:
        """Leave out empty nodes and range lines; merge the words of a range that do not spell it."""
        table = [
            (row, n)
            for row, n in zip(self.rows, self.numbers, strict=True)
            if not _EMPTY_NODE.fullmatch(row[_ID])
        ]
        ranges = [
            (int(found[1]), int(found[2]), row)
            for row, _ in table
            if (found := _RANGE.fullmatch(row[_ID]))
        ]
        words = [(row, n) for row, n in table if row[_ID].isdigit()]
        if not words or any(last > len(words) for _, last, _ in ranges):
            return self._fail(
                self.line,
                "ids",
                "the sentence ends before its words do: complete it, or leave it out",
            )
        target = {str(i): i for i in range(1, len(words) + 1)}
        for first, last, surface in ranges:
            _merge([row for row, _ in words[first - 1 : last]], surface, target)
        kept = [(row, n) for row, n in words if target[row[_ID]] == int(row[_ID])]
        place = {int(row[_ID]): str(i) for i, (row, _) in enumerate(kept, 1)}
        for row, _ in kept:
            row[_HEAD] = place[target[row[_HEAD]]] if row[_HEAD] in target else row[_HEAD]
        self.rows, self.numbers = [row for row, _ in kept], [n for _, n in kept]
        return True

    def _has_heads(self) -> bool:
        rows = _row_of_head(len(self.rows))
        try:
            self.heads = [rows[row[_HEAD]] for row in self.rows]
        except KeyError as error:
            line = next(
                n for n, row in zip(self.numbers, self.rows, strict=True) if row[_HEAD] not in rows
            )
            wanted = f"write 0 for a root, or the id of a word, at most {len(self.rows)}"
            return self._fail(line, "ids", f"the head is {error.args[0]!r}: {wanted}")
        while _ROOT in self.heads:
            root = self.heads.index(_ROOT)
            self.heads[root] = root
        return True

    def _strings(self, table: list[tuple[str, ...]], name: str) -> Sequence[str | None]:
        values = table[COLUMNS[name]]
        if "_" not in values:
            return values
        if name == "morph":
            return [
                ("" if upos != "_" else None) if v == "_" else v
                for v, upos in zip(values, table[_UPOS], strict=True)
            ]
        if name == "lemma":
            return [
                v if v != "_" or form == "_" else None
                for v, form in zip(values, table[_FORM], strict=True)
            ]
        return [None if v == "_" else v for v in values]

    def _gaps(self, table: list[tuple[str, ...]], text: str | None) -> list[str]:
        forms, misc = table[_FORM], table[_MISC]
        gaps = ["" if "SpaceAfter=No" in m else " " for m in misc]
        marked = "SpacesAfter=" in "".join(misc)
        if marked:
            gaps = [_spaces_after(m, gap) for m, gap in zip(misc, gaps, strict=True)]
        if text is None:
            return gaps
        rebuilt = "".join(
            [part for pair in zip(forms, gaps, strict=True) for part in pair]
        ).rstrip()
        if rebuilt == text or (marked and rebuilt.split() == text.split()):
            return gaps
        found = _gaps_in(text, forms)
        if found is None:
            self.file.note(
                self.line,
                "text",
                "# text is not what the words spell: the words were taken; mend one of the two",
            )
            return gaps
        return [*found, gaps[-1]]

    def _fail(self, line: int, kind: str, what: str) -> bool:
        self.file.fail(line, kind, what)
        return False


@lru_cache(1024)
def _numbers(count: int) -> list[str]:
    """ "1", "2", … up to count."""
    return [str(number) for number in range(1, count + 1)]


@lru_cache(1024)
def _row_of_head(count: int) -> dict[str, int]:
    """What each value of HEAD means in a sentence of so many words."""
    return {"_": -1, "0": _ROOT, **{str(number): number - 1 for number in range(1, count + 1)}}


def _is_range(identifier: str, expected: int) -> bool:
    found = _RANGE.fullmatch(identifier)
    return found is not None and expected == int(found[1]) < int(found[2])


def _merge(words: ConlluRows, surface: list[str], target: dict[str, int]) -> None:
    """Give the words of a range their spaces, or make one word of them: `target` then says so."""
    if "".join(word[_FORM] for word in words) == surface[_FORM]:
        for word in words[:-1]:
            word[_MISC] = "SpaceAfter=No"
        words[-1][_MISC] = surface[_MISC]
        return
    inside = {word[_ID] for word in words}
    lead = next((word for word in words if word[_HEAD] not in inside), words[0])
    lead[_FORM], lead[_MISC] = surface[_FORM], surface[_MISC]
    target.update(zip(inside, repeat(int(lead[_ID]))))


def _comments(lines: list[str]) -> dict[str, str]:
    """`# key = value`; all that begins with "newdoc" is the key newdoc."""
    found = {}
    for line in lines:
        key, _, value = line[1:].partition("=")
        key = key.strip()
        found["newdoc" if key.startswith("newdoc") else key] = value.strip()
    return found


def _spaces_after(misc: str, gap: str) -> str:
    """The UDPipe convention `SpacesAfter=\\s\\n`."""
    for entry in misc.split("|"):
        if entry.startswith("SpacesAfter="):
            return _ESCAPE.sub(lambda m: _ESCAPED[m[1]], entry.removeprefix("SpacesAfter="))
    return gap


def _gaps_in(text: str, forms: Sequence[str]) -> list[str] | None:
    """The white space between the forms in the text; None where anything else stands there."""
    gaps, at = [], 0
    for form in forms:
        start = text.find(form, at)
        if start < 0 or text[at:start].strip():
            return None
        gaps.append(text[at:start])
        at = start + len(form)
    return None if gaps[0] or text[at:].strip() else gaps[1:]
