"""CoNLL-U (https://universaldependencies.org/format.html), read by columns.

Several hundred thousand tokens a second: the rows of a sentence are split and transposed at once,
and what rarely occurs (empty nodes, multiword tokens, faults) is looked for only where the ids are
not simply 1, 2, 3, …
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.sentences import Grouping, Sentence, assemble, bunched, grouped
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near
from pipekit.settings import names_of

SUFFIXES = (".conllu", ".conll")
WIDTH = 10
COLUMNS = {"lemma": 2, "pos": 3, "xpos": 4, "morph": 5, "head": 6, "dep": 7}
META = ("sent_id", "newdoc", "genre", "source")
_ID, _FORM, _UPOS, _HEAD, _DEPREL, _MISC = 0, 1, 3, 6, 7, 9
UNSET_HEAD = "Unset=Head"  # in MISC: head and relation stand there only to make a tree
FILLERS = ("root", "dep")  # the relations of such words
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
_EMPTY_NODE = re.compile(r"[0-9]+\.[0-9]+")
_ESCAPE = re.compile(r"\\(u[0-9a-f]{4}|[snrtp\\])")
_ESCAPED = {"s": " ", "n": "\n", "r": "\r", "t": "\t", "p": "|", "\\": "\\"}
_ROOT = -2  # the head of a root, until its own row is known

ConlluRows = list[list[str]]
_Table = list[tuple[str, ...]]  # the ten columns of a sentence


class SentenceBlock(NamedTuple):
    """A sentence: the number of its first line, its comments, its other lines and their numbers."""

    line: int
    comments: list[str]
    lines: list[str]
    numbers: Sequence[int]


def read_conllu(
    path: StrPath,
    *,
    group: Grouping = "sentence",
    columns: Sequence[str] = ("pos", "morph", "lemma", "head", "dep"),
    meta: Sequence[str] = META,
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs of a CoNLL-U file (.gz, .xz), or of all such files in a folder or zip archive.

    Text: that of `# text` if it consists of the forms and white space; otherwise the forms joined
    as `SpaceAfter=No` tells, with a note.

    Unset values: `_` is unset. Exceptions are the lemma of the word "_", and the features of a word
    with a part of speech, which then has none ("").

    Heads: `head` is the row of the head in the Doc; a root is its own head; -1 is unset, as that of
    a word with `Unset=Head` in MISC, whose head `write_conllu` did not know.

    Empty nodes (8.1) are left out. The words of a multiword token (1-2) become tokens if they spell
    it ("did" + "n't"). Otherwise the multiword token becomes one token, with the values of the word
    that governs its other words.

        for doc in read_conllu("ru_taiga-dev.conllu.gz", group="document"):
            print(doc.name, doc.tokens["pos"].strings())

    Args:
        group: what makes a Doc: a "sentence", a "document" (from `# newdoc` to the next), or a
            number of sentences.
        columns: of pos, xpos, morph, lemma, head, dep; and "line", the line of the token.
        meta: comments that become columns of the layer "meta", by key; "newdoc" is the id of the
            document.
        on_problem: receives each `Problem`, and reading goes on. Without it the first fault that
            has no repair is a `DataError`.

    Errors: `ConfigError` for an unknown column or grouping.
    """
    columns = names_of(columns, "columns")
    meta = names_of(meta, "meta")
    for column in columns:
        if column not in COLUMNS and column != "line":
            raise ConfigError(
                f"CoNLL-U has no column {column!r}.{near(column, (*COLUMNS, 'line'))}"
            )
    name_key = "newdoc" if group == "document" else "sent_id"
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            file_name = Path(file.name).name
            sentences = conllu_sentences(file, columns, frozenset(meta))
            for bunch in bunched(grouped(sentences, group)):
                names = [
                    first.meta.get(name_key) or f"{file_name}:{first.line}" for first, *_ in bunch
                ]
                yield from assemble(bunch, names)


def conllu_sentences(
    file: CorpusFile,
    columns: Sequence[str],
    meta: frozenset[str],
) -> Iterator[Sentence]:
    """The sentences of a file, with some of its columns and comments.

    A sentence with a fault that has no repair goes to `file.fail`.
    """
    for block in _blocks(file):
        if not block.lines:
            continue
        sentence = _Parser(file, block).sentence(columns, meta)
        if sentence is not None:
            yield sentence


def _blocks(file: CorpusFile) -> Iterator[SentenceBlock]:
    """The lines between empty lines."""
    rest: list[str] = []
    number = 1  # of the first line of `rest`
    for lines in file.bunches():
        rest += lines
        start = 0
        empty = [i for i, line in enumerate(rest) if not line]
        for end in empty:
            if end > start:
                yield _block(number + start, rest[start:end])
            start = end + 1
        rest = rest[start:]
        number += start
    if rest:
        yield _block(number, rest)


def _block(
    number: int,
    lines: list[str],
) -> SentenceBlock:
    comments = [line for line in lines if line[0] == "#"]
    rows = lines
    if comments:
        rows = [line for line in lines if line[0] != "#"]
    first = number + len(comments)
    numbers: Sequence[int] = range(first, first + len(rows))
    if any(line[0] != "#" for line in lines[: len(comments)]):  # comments between words
        numbers = [place for place, line in enumerate(lines, number) if line[0] != "#"]
    return SentenceBlock(number, comments, rows, numbers)


class _Parser:
    """The parser of one sentence; `rows` are its split lines, `numbers` the line number of each."""

    def __init__(
        self,
        file: CorpusFile,
        block: SentenceBlock,
    ) -> None:
        self.file = file
        self.line = block.line
        self.comments = block.comments
        self.rows = [line.split("\t") for line in block.lines]
        self.numbers = block.numbers
        self.heads: list[int] = []

    def sentence(
        self,
        columns: Sequence[str],
        meta: frozenset[str],
    ) -> Sentence | None:
        """The sentence, or None if a fault in it was reported."""
        if not self._is_table() or not self._is_numbered():
            return None
        self._unset_heads()
        if "head" in columns and not self._has_heads():
            return None
        table: _Table = list(zip(*self.rows, strict=True))
        strings: dict[str, Sequence[str | None]] = {}
        numbers: dict[str, Sequence[int]] = {}
        for name in columns:
            if name == "head":
                numbers[name] = self.heads
            elif name == "line":
                numbers[name] = self.numbers
            else:
                strings[name] = _strings(table, name)
        comments = _comments(self.comments)
        gaps = self._gaps(table, comments.get("text"))
        values = {key: value for key, value in comments.items() if key in meta}
        return Sentence(self.line, table[_FORM], gaps, strings, numbers, values)

    def _is_table(self) -> bool:
        """Whether each row has ten columns and a form."""
        widths = {*map(len, self.rows)}
        if widths == {WIDTH} and all(map(str.strip, map(itemgetter(_FORM), self.rows))):
            return True
        for number, row in zip(self.numbers, self.rows, strict=True):
            if len(row) != WIDTH:
                what = f"{len(row)} columns where CoNLL-U has {WIDTH}: separate them by single tabs"
                return self._fail(number, "columns", what)
            if not row[_FORM].strip():
                what = "the form is empty: write the word there, or leave the line out"
                return self._fail(number, "columns", what)
        return True

    def _is_numbered(self) -> bool:
        """Whether the rows are words 1, 2, 3, …, once empty nodes and multiword tokens are gone."""
        ids = [row[_ID] for row in self.rows]
        if ids == _word_ids(len(self.rows)):
            return True
        return self._check_ids() and self._resolve()

    def _check_ids(self) -> bool:
        expected = 1
        covered = 0  # the last word of the last range
        for number, row in zip(self.numbers, self.rows, strict=True):
            identifier = row[_ID]
            if identifier == str(expected):
                expected += 1
                continue
            if _EMPTY_NODE.fullmatch(identifier):
                continue
            last = _range_end(identifier, expected)
            if last is None:
                what = (
                    f"the id is {identifier!r:.60} where {expected} follows: count words from 1 in "
                    "each sentence, with an empty line between"
                )
                return self._fail(number, "ids", what)
            if expected <= covered:
                what = f"the range {identifier!r} overlaps the one before it: leave one of them out"
                return self._fail(number, "ids", what)
            covered = last
        return True

    def _resolve(self) -> bool:
        """Leave out empty nodes and range lines; merge the words of a range that do not spell it.

        1-2  du      1  de (head 3)      target {1: 1, 2: 1, 3: 3}
                     2  le (head 3)      rows   1  du (head 2)
                     3  pain (head 0)           2  pain (head 0)
        """
        words: ConlluRows = []
        numbers: list[int] = []
        ranges: list[tuple[int, int, list[str]]] = []  # first word, last word, row of the range
        for row, number in zip(self.rows, self.numbers, strict=True):
            identifier = row[_ID]
            if identifier.isdigit():
                words.append(row)
                numbers.append(number)
            elif match := _RANGE.fullmatch(identifier):
                ranges.append((int(match[1]), int(match[2]), row))
        if not words or any(last > len(words) for _, last, _ in ranges):
            what = "the sentence ends before its words do: complete it, or leave it out"
            return self._fail(self.line, "ids", what)

        target = {identifier: int(identifier) for identifier in _word_ids(len(words))}
        for first, last, surface in ranges:
            _merge(words[first - 1 : last], surface, target)
        self.rows = []
        self.numbers = []
        for row, number in zip(words, numbers, strict=True):
            identifier = row[_ID]
            if target[identifier] == int(identifier):
                self.rows.append(row)
                self.numbers.append(number)
        self._renumber_heads(target)
        return True

    def _renumber_heads(self, target: dict[str, int]) -> None:
        """Heads as numbers of the rows that are left, where `target` knows their words."""
        new_ids: dict[int, str] = {}
        for number, row in enumerate(self.rows, 1):
            old_id = int(row[_ID])
            new_ids[old_id] = str(number)
        for row in self.rows:
            head = row[_HEAD]
            if head in target:
                row[_HEAD] = new_ids[target[head]]

    def _unset_heads(self) -> None:
        """Heads and relations of words that have none are unset."""
        for row in self.rows:
            if UNSET_HEAD in row[_MISC]:
                row[_HEAD] = "_"
                if row[_DEPREL] in FILLERS:
                    row[_DEPREL] = "_"

    def _has_heads(self) -> bool:
        """Whether all heads are ids of words; sets `heads`."""
        row_of_head = _row_of_head(len(self.rows))
        try:
            self.heads = [row_of_head[row[_HEAD]] for row in self.rows]
        except KeyError as error:
            pairs = zip(self.numbers, self.rows, strict=True)
            line = next(number for number, row in pairs if row[_HEAD] not in row_of_head)
            wanted = f"write 0 for a root, or the id of a word, at most {len(self.rows)}"
            return self._fail(
                line,
                "ids",
                f"the head is {error.args[0]!r}: {wanted}",
            )
        while _ROOT in self.heads:
            root = self.heads.index(_ROOT)
            self.heads[root] = root
        return True

    def _gaps(
        self,
        table: _Table,
        text: str | None,
    ) -> list[str]:
        """The white space after each word, from MISC or from the comment `# text`."""
        forms = table[_FORM]
        misc = table[_MISC]
        gaps = ["" if "SpaceAfter=No" in entries else " " for entries in misc]
        is_exact = "SpacesAfter=" in "".join(misc)
        if is_exact:
            gaps = [_spaces_after(entries, gap) for entries, gap in zip(misc, gaps, strict=True)]
        if text is None:
            return gaps
        rebuilt = "".join(chain.from_iterable(zip(forms, gaps, strict=True))).rstrip()
        if rebuilt == text or (is_exact and rebuilt.split() == text.split()):
            return gaps
        inner_gaps = _gaps_in(text, forms)
        if inner_gaps is None:
            what = "# text is not what the words spell: the words were taken; mend one of the two"
            self.file.note(self.line, "text", what)
            return gaps
        return [*inner_gaps, gaps[-1]]

    def _fail(
        self,
        line: int,
        kind: str,
        what: str,
    ) -> bool:
        self.file.fail(line, kind, what)
        return False


def _strings(
    table: _Table,
    name: str,
) -> Sequence[str | None]:
    """A column of labels, with None for unset."""
    values = table[COLUMNS[name]]
    if "_" not in values:
        return values
    if name == "morph":
        return _features(values, table[_UPOS])
    if name == "lemma":
        return [
            None if value == "_" and form != "_" else value
            for value, form in zip(values, table[_FORM], strict=True)
        ]
    return [None if value == "_" else value for value in values]


def _features(
    values: Sequence[str],
    upos: Sequence[str],
) -> list[str | None]:
    """Features, where `_` means none ("") if the word has a part of speech."""
    features: list[str | None] = list(values)
    for row, value in enumerate(values):
        if value == "_":
            features[row] = None if upos[row] == "_" else ""
    return features


@lru_cache(1024)
def _word_ids(count: int) -> list[str]:
    """The ids of so many words: "1", "2", …"""
    return [str(number) for number in range(1, count + 1)]


@lru_cache(1024)
def _row_of_head(count: int) -> dict[str, int]:
    """The meaning of each value of HEAD in a sentence of so many words."""
    rows = {"_": -1, "0": _ROOT}
    rows.update(zip(_word_ids(count), range(count), strict=True))
    return rows


def _range_end(
    identifier: str,
    expected: int,
) -> int | None:
    """The last word of a range of several words that begins with the expected one; or None."""
    match = _RANGE.fullmatch(identifier)
    if match is None or not expected == int(match[1]) < int(match[2]):
        return None
    return int(match[2])


def _merge(
    words: ConlluRows,
    surface: list[str],
    target: dict[str, int],
) -> None:
    """Resolve a range: give its words their white space, or make one word of them.

    One word is made where they do not spell the form of the range. The word that governs the
    others takes that form, and `target` leads from the ids of all to its id.
    """
    if "".join(word[_FORM] for word in words) == surface[_FORM]:
        for word in words[:-1]:
            word[_MISC] = "SpaceAfter=No"
        words[-1][_MISC] = surface[_MISC]
        return
    inside = {word[_ID] for word in words}
    lead = next((word for word in words if word[_HEAD] not in inside), words[0])
    lead[_FORM] = surface[_FORM]
    lead[_MISC] = surface[_MISC]
    target.update(dict.fromkeys(inside, int(lead[_ID])))


def _comments(lines: list[str]) -> dict[str, str]:
    """The comments `# key = value`; every key that begins with "newdoc" is the key newdoc."""
    comments = {}
    for line in lines:
        key, _, value = line[1:].partition("=")
        key = key.strip()
        if key.startswith("newdoc"):
            key = "newdoc"
        comments[key] = value.strip()
    return comments


def _spaces_after(
    misc: str,
    gap: str,
) -> str:
    """The white space in the convention of UDPipe, `SpacesAfter=\\s\\n`; without it, `gap`."""
    for entry in misc.split("|"):
        if entry.startswith("SpacesAfter="):
            spaces = entry.removeprefix("SpacesAfter=")
            return _ESCAPE.sub(_unescaped, spaces)
    return gap


def _unescaped(escape: re.Match[str]) -> str:
    """The character of an escape; `\\u00a0` is one that UDPipe leaves as it is."""
    code = escape[1]
    if len(code) == 1:
        return _ESCAPED[code]
    character = chr(int(code[1:], 16))
    return character if character.isspace() else escape[0]


def _gaps_in(
    text: str,
    forms: Sequence[str],
) -> list[str] | None:
    """The white space between the forms in the text; None if the text has anything else."""
    gaps = []
    at = 0
    for form in forms:
        start = text.find(form, at)
        if start < 0 or text[at:start].strip():
            return None
        gaps.append(text[at:start])
        at = start + len(form)
    if gaps[0] or text[at:].strip():
        return None
    return gaps[1:]
