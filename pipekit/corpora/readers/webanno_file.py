"""Files of WebAnno TSV 3 as layers of a header and tokens with cells; see `webanno`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from pipekit.corpora.readers.files import CorpusFile
from pipekit.corpora.readers.webanno_cells import plain_cell

_TOKEN = re.compile(r"(\d+)-(\d+)")
_SUB_TOKEN = re.compile(r"\d+-\d+\.\d+")
_LABELS = ("value", "label", "kind", "type", "DependencyType", "relationType")


class WebannoLayer(NamedTuple):
    """A layer of the header: its last name, its features, and the first of its columns."""

    kind: str
    name: str
    features: list[str]
    first: int

    def label(self) -> int:
        """The place of the feature that labels an annotation."""
        for name in _LABELS:
            if name in self.features:
                return self.features.index(name)
        return 0


@dataclass
class WebannoFile:
    """What was read of a file so far."""

    file: CorpusFile
    layers: list[WebannoLayer] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)  # of sentences
    texts: list[str] = field(default_factory=list)  # of sentences
    cells: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_webanno_file(file: CorpusFile) -> WebannoFile | None:
    """The layers and tokens of a file; None where it is of another format."""
    reading = WebannoFile(file)
    is_format = False
    is_sentence = False
    for number, line in enumerate(file.lines(), 1):
        if line.startswith("#FORMAT="):
            is_format = line.startswith("#FORMAT=WebAnno TSV 3")
        if not is_format and line.strip():
            what = f"begins with {line[:40]!r}: export as WebAnno TSV 3, whose first line names it"
            file.fail(
                number,
                "columns",
                what,
            )
            return None
        if line.startswith(("#T_SP=", "#T_RL=", "#T_CH=")):
            _add_layer(reading, line)
        elif line.startswith("#Text="):
            if is_sentence:  # a sentence of several lines
                reading.texts[-1] += "\n" + plain_cell(line.removeprefix("#Text="))
                continue
            reading.texts.append(plain_cell(line.removeprefix("#Text=")))
            reading.firsts.append(len(reading.words))
            is_sentence = True
        elif line.strip() and not (line.startswith("#") and "\t" not in line):
            is_sentence = False
            _add_token(
                reading,
                number,
                line,
            )
    return reading


def _add_layer(
    reading: WebannoFile,
    line: str,
) -> None:
    kind, _, rest = line[1:].partition("=")
    name, *features = rest.split("|")
    first = 0
    if reading.layers:
        last = reading.layers[-1]
        first = last.first + max(len(last.features), 1)
    reading.layers.append(
        WebannoLayer(
            kind,
            name.rpartition(".")[2],
            features,
            first,
        )
    )


def _add_token(
    reading: WebannoFile,
    number: int,
    line: str,
) -> None:
    key, *cells = line.split("\t")
    if _SUB_TOKEN.fullmatch(key) and reading.words:
        _add_part(reading, cells)
        return
    begin, _, end = cells[0].partition("-") if cells else ("", "", "")
    is_whole = _TOKEN.fullmatch(key) and begin.isdecimal() and end.isdecimal()
    if not is_whole or len(cells) < 2 or not cells[1]:
        what = f"{line[:60]!r} is no token: it begins with 1-1<tab>0-4<tab>its text"
        reading.file.fail(
            number,
            "columns",
            what,
        )
        return
    reading.tokens[key] = len(reading.words)
    reading.words.append(plain_cell(cells[1]))
    reading.begins.append(int(begin))
    reading.ends.append(int(end))
    reading.cells.append(cells[2:])
    reading.lines.append(number)


def _add_part(
    reading: WebannoFile,
    cells: list[str],
) -> None:
    """Give the annotations of a part of a token to the whole of it."""
    own = reading.cells[-1]
    for place, cell in enumerate(cells[2:]):
        if place >= len(own) or cell in ("_", ""):
            continue
        own[place] = cell if own[place] in ("_", "") else f"{own[place]}|{cell}"
