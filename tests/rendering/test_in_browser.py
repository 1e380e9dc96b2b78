"""Pages in a real browser: nothing overflows, no label covers another, no text runs as a script.

Modules: rendering.flow, rendering.pages.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.browsers import browser, show

from pipekit.rendering.blocks import (
    Cards,
    Confusion,
    Drawn,
    Fold,
    Grid,
    Heading,
    Marked,
    PageBlock,
    Shares,
)
from pipekit.rendering.passages import Arrow, Extent, Highlight, Passage
from pipekit.rendering.rendering import Rendering

TEXT = (
    "Владимир Путин 12 мая 2021 года встретился в Москве с главой «Газпрома» Алексеем Миллером. "
    "Жена Ивана Петрова Анна работает старшим научным сотрудником в Санкт-Петербурге."
)
MARKS = {
    "Владимир Путин": "PERSON",
    "12 мая 2021 года": "DATE",
    "встретился": "EVENT",
    "Москве": "CITY",
    "главой «Газпрома": "PROFESSION",
    "Газпрома": "ORGANIZATION",
    "Алексеем Миллером": "PERSON",
    "Жена Ивана Петрова": "PERSON",
    "Ивана Петрова Анна": "PERSON",
    "Анна": "PERSON",
    "в": "A_LABEL_THAT_IS_MUCH_LONGER_THAN_ITS_WORD",
    "Санкт-Петербурге": "CITY",
}
HOSTILE = (
    "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\"> "
    "\u202eRLO \x00 " + "длинноеслово" * 40 + " 漢字" * 60 + " שלום עולם"
)
OVERFLOWING = """
return [...document.querySelectorAll('body *')].filter(e => {
  if (e.closest('.pk-scroll') || e.closest('style, details:not([open])')) return false;
  const box = e.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map(e => e.outerHTML.slice(0, 80));
"""
BOXES = """
return [...document.querySelectorAll(arguments[0])].flatMap(e => [...e.getClientRects()].map(
  b => [b.left, b.top, b.right, b.bottom])).filter(b => b[2] > b[0]);
"""


def passage() -> Passage:
    marks = []
    for words, label in MARKS.items():
        start = TEXT.index(words)
        marks.append(Highlight(start, start + len(words), label, "0.98"))
    places = [Extent(mark.start, mark.end) for mark in marks]
    arrows = [Arrow(tail, head, "WORKS_AS", "0.50") for tail, head in itertools.pairwise(places)]
    return Passage(TEXT, marks, arrows, breaks=[0, TEXT.index("Жена")])


def hostile() -> Passage:
    size = len(HOSTILE)
    marks = [
        Highlight(0, size, HOSTILE),
        Highlight(3, 40, HOSTILE),
        Highlight(90, 400, "LONG" * 40),
    ]
    return Passage(HOSTILE, marks, [Arrow(Extent(0, 9), Extent(size - 4, size), HOSTILE)])


def pages() -> dict[str, list[PageBlock]]:
    words = passage().drawn_words()
    glosses = [("лемма", "NOUN", "Case=Nom", "Gender=Fem|Number=Sing") for _ in words]
    flat = Passage(TEXT, passage().highlights[:4])
    table = Grid([f"column {number}" for number in range(30)], [["слово"] * 30], "wide")
    numbers = [[7] * 20 for _ in range(20)]
    return {
        "flat": [Heading(TEXT), Marked(flat), Shares({"positive": 0.9, "negative": 0.1})],
        "lanes": [Marked(passage())],
        "arrows": [Drawn(passage(), "relations")],
        "cards": [Cards(Passage(TEXT, words=words, glosses=glosses))],
        "tables": [table, Confusion(["LABEL"] * 20, ["LABEL"] * 20, numbers)],
        "hostile": [
            Heading(HOSTILE),
            Marked(hostile()),
            Drawn(hostile(), HOSTILE),
            Cards(Passage(HOSTILE, words=[Extent(0, 500)], glosses=[(HOSTILE,) * 4])),
            Grid([HOSTILE], [[HOSTILE]], HOSTILE),
            Shares({HOSTILE: 0.5}),
            Fold(HOSTILE, "1", [Marked(hostile())]),
        ],
    }


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with browser() as driver:
        yield driver


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages")
    for name, blocks in pages().items():
        Rendering(name, blocks).save(path / f"{name}.html")
    return path


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_overflows_the_page(chrome: Any, folder: Path, width: int, theme: str) -> None:
    for name in pages():
        show(chrome, folder / f"{name}.html", width, theme)
        sizes = chrome.execute_script(
            "const d = document.documentElement; return [d.scrollWidth, d.clientWidth];"
        )
        assert sizes == [width, width], name
        assert chrome.execute_script(OVERFLOWING) == [], name
        assert chrome.title == name


@pytest.mark.parametrize("width", [400, 1600])
def test_no_label_covers_a_label_or_a_word(chrome: Any, folder: Path, width: int) -> None:
    show(chrome, folder / "lanes.html", width, "light")
    labels = chrome.execute_script(BOXES, ".pk-label")
    words = chrome.execute_script(BOXES, ".pk-unit > span:not([style])")
    bars = chrome.execute_script(BOXES, ".pk-bar")
    assert len(labels) >= len(MARKS)
    for one, other in itertools.combinations(labels, 2):
        assert not _overlap(one, other)
    for label, word in itertools.product([*labels, *bars], words):
        assert not _overlap(label, word)


def _overlap(one: list[float], other: list[float]) -> bool:
    """Whether two boxes share more than a line of a pixel."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width > 1 and height > 1


def test_the_page_follows_the_theme(chrome: Any, folder: Path) -> None:
    colours = {}
    for theme in ("light", "dark"):
        show(chrome, folder / "flat.html", 400, theme)
        colours[theme] = chrome.execute_script(
            "const s = getComputedStyle(document.body); return [s.color, s.backgroundColor];"
        )
    assert colours["light"] == ["rgb(31, 35, 40)", "rgb(255, 255, 255)"]
    assert colours["dark"] == ["rgb(228, 231, 235)", "rgb(20, 23, 28)"]


def test_a_drawing_of_the_width_of_the_page_is_shown(chrome: Any, folder: Path) -> None:
    for width, style in ((400, "pk-narrow"), (1600, "pk-wide")):
        show(chrome, folder / "arrows.html", width, "light")
        shown = chrome.execute_script(
            "return [...document.querySelectorAll('svg')].filter(e => e.clientWidth)"
            ".map(e => e.getAttribute('class'));"
        )
        assert shown == [f"pk-drawing {style}"]


def test_a_saved_drawing_is_shown(chrome: Any, tmp_path: Path) -> None:
    Rendering("arrows", [Drawn(passage(), "")]).save(tmp_path / "arrows.svg")
    show(chrome, tmp_path / "arrows.svg", 1600, "dark")
    assert chrome.execute_script("return document.querySelectorAll('text').length") > 20
    paper = "return getComputedStyle(document.querySelector('.pk-sheet')).fill"
    assert chrome.execute_script(paper) == "rgb(20, 23, 28)"
