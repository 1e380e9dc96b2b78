"""Drawing knows no documents: marks, lanes, arrows, colours, and texts that mean harm.

Modules: rendering.arcs, rendering.blocks, rendering.colours, rendering.drawings,
rendering.elements, rendering.flow, rendering.glyphs, rendering.lanes, rendering.pages,
rendering.passages, rendering.rendering, rendering.rows.
"""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipekit.errors import ConfigError
from pipekit.rendering.blocks import (
    Cards,
    Case,
    Confusion,
    Drawn,
    Fold,
    Grid,
    Heading,
    Marked,
    PageBlock,
    Remark,
    Shares,
)
from pipekit.rendering.colours import HUES, hue_of
from pipekit.rendering.glyphs import displayed, in_one_line, markup
from pipekit.rendering.lanes import are_apart, heights_of, lanes_of
from pipekit.rendering.pages import style_sheet
from pipekit.rendering.passages import Arrow, Extent, Highlight, Passage
from pipekit.rendering.rendering import Rendering

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='document.title=1'>",
    "&lt;b&gt; &amp; $x^2$ \\(y\\) ]]> <!-- --> </style></svg></p>",
    "\x00\x01\x1b[31m\x7f\x85",
    "\ud800 \udfff",
    "\u202eabc\u202c \u2066x\u2069 \u200b\u200f\ufeff",
    "\ufffe\uffff",
    "שלום עולם مرحبا",
    "e\u0301" * 5 + " 👩‍👩‍👧 漢字かな交じり文",
    "а" * 3000,
    "\r\n\r\n\t \n",
)
texts = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="аб <>&\"'\n\r\t.«»\x00\u202e", max_size=60),
    st.sampled_from(HOSTILE),
)


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    """A text with marks and arrows anywhere in it."""
    text = draw(texts)
    if not text:
        return Passage(text)
    places = st.integers(0, len(text) - 1)

    def extents() -> st.SearchStrategy[Extent]:
        return st.tuples(places, st.integers(1, 12)).map(
            lambda pair: Extent(pair[0], min(sum(pair), len(text)))
        )

    labels = st.one_of(st.sampled_from(["PER", "LOC", ""]), st.text(max_size=30), texts)
    marks = st.builds(
        lambda place, label, note: Highlight(*place, label, note),
        extents(),
        labels,
        st.sampled_from(["", "0.98"]),
    )
    arrows = st.builds(Arrow, extents(), extents(), labels)
    return Passage(
        text,
        draw(st.lists(marks, max_size=6)),
        draw(st.lists(arrows, max_size=6)),
        breaks=sorted(draw(st.lists(places, max_size=2))),
    )


class Reader(HTMLParser):
    """The text of a page outside labels, its tags, and whether each is closed."""

    VOID = frozenset({"meta"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.labels: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        style = dict(attrs).get("class") or ""
        if "pk-label" in style:
            self.labels.append("")
        if tag not in self.VOID:
            self.open.append((tag, style))

    def handle_endtag(self, tag: str) -> None:
        name, _ = self.open.pop()
        assert name == tag

    def handle_data(self, data: str) -> None:
        if any("pk-label" in style for _, style in self.open):
            self.labels[-1] += data
        elif any("pk-text" in style for _, style in self.open):
            self.text += data


# -- texts


@given(texts)
def test_what_is_displayed_is_allowed_in_xml_and_moves_nothing_around_it(text: str) -> None:
    shown = displayed(text)
    assert ElementTree.fromstring(f"<t>{markup(text)}</t>".encode()).text in (shown, None)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", shown)
    assert displayed(shown) == shown


def test_controls_are_seen() -> None:
    assert displayed("a\x00b\x1b[0m") == "a␀b␛[0m"
    assert displayed("a\u202eb\ud800") == "a[RLO]b�"
    assert displayed("a\r\nb\rc\td") == "a\nb\nc\td"


def test_a_long_line_is_cut_with_a_mark() -> None:
    assert in_one_line("один \n два", 20) == "один два"
    assert in_one_line("а" * 50, 10) == "а" * 9 + "…"
    assert in_one_line("а" * 10, 10) == "а" * 10


@settings(max_examples=60)
@given(passages(), st.booleans())
@example(Passage("<b>Рим</b>", [Highlight(0, 10, "<i>", '"')]), True)
def test_a_page_gives_the_text_back_and_every_label(passage: Passage, lanes: bool) -> None:
    reader = Reader(Rendering("", [Marked(passage, lanes)]).html)
    assert reader.text == displayed(passage.text) or "\r" in passage.text
    expected = [displayed(f"{mark.label} {mark.note}") for mark in passage.highlights]
    assert _seen(reader.labels) == _seen(expected)
    assert reader.tags <= {"html", "head", "meta", "title", "style", "body", "main", "p"} | {
        "mark",
        "span",
        "small",
    }
    assert not any(name.startswith("on") for name in reader.attributes)


def _seen(labels: list[str]) -> list[str]:
    """Labels without white space, sorted; one of white space alone is none."""
    return sorted(filter(None, map(_squeezed, labels)))


def _squeezed(label: str) -> str:
    return "".join(label.split())


@settings(max_examples=60)
@given(passages(), st.sampled_from([1.0, 90.0, 860.0]))
def test_a_drawing_is_xml_and_holds_every_word(passage: Passage, width: float) -> None:
    svg = Rendering("", [Drawn(passage, passage.text)], width=width).svg
    root = ElementTree.fromstring(svg.encode("utf-8"))
    right = float(root.attrib["width"])
    low = float(root.attrib["height"])
    words = []
    for node in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 <= float(node.attrib["y"]) <= low
        half = float(node.attrib.get("textLength", 0)) / 2
        if node.attrib["class"] == "pk-word":
            words.append(node.text or "")
            assert half <= float(node.attrib["x"]) <= right - half + 1
    expected = passage.text.split()
    assert len(words) == len(expected)


def test_all_blocks_are_html_and_drawings_whatever_their_texts_say() -> None:
    for text in HOSTILE:
        passage = Passage(
            text, [Highlight(0, 1, text)], words=[Extent(0, 1)], glosses=[(text,) * 3]
        )
        blocks: list[PageBlock] = [
            Heading(text),
            Remark(text),
            Cards(passage),
            Shares({text: 0.5}),
            Grid([text], [[text], [None]], text),
            Confusion([text], [text], [[3]]),
            Fold(text, text, [Case(Passage(text), text, text)]),
        ]
        rendering = Rendering(text, blocks)
        reader = Reader(rendering.html)
        assert not reader.tags & {"script", "img"}
        ElementTree.fromstring(rendering.svg.encode("utf-8"))
        assert "<script" not in rendering._repr_html_()


def test_a_page_forbids_scripts_and_loads_nothing() -> None:
    page = Rendering("", [Remark("")]).html
    assert "default-src 'none'" in page
    assert "http" not in style_sheet().replace("https://jfly", "")
    assert "@import" not in style_sheet()
    assert "url(" not in style_sheet()


def test_a_rendering_is_saved_by_its_suffix(tmp_path: Path) -> None:
    rendering = Rendering("Рим", [Marked(Passage("Вечный город"))])
    for name in ("page.html", "page.HTM", "page.svg"):
        rendering.save(tmp_path / name)
    assert "Вечный" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert (tmp_path / "page.svg").read_text(encoding="utf-8").startswith("<?xml")
    with pytest.raises(ConfigError, match=r"page\.png.*'\.png': choose \.html or \.svg"):
        rendering.save(tmp_path / "page.png")
    with pytest.raises(ConfigError, match="a file without suffix"):
        rendering.save(tmp_path / "page")


# -- lanes and arcs

ranges = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 12)).map(lambda pair: (pair[0], sum(pair))),
    max_size=12,
)


@given(ranges)
def test_no_two_ranges_of_a_lane_overlap(places: list[tuple[int, int]]) -> None:
    lanes = lanes_of(places)
    for lane in set(lanes):
        assert are_apart([place for place, its in zip(places, lanes, strict=True) if its == lane])
    assert set(lanes) == set(range(len(set(lanes))))


@given(ranges)
def test_an_inner_range_lies_below_those_around_it(places: list[tuple[int, int]]) -> None:
    lanes = lanes_of(places)
    heights = heights_of(places)
    for first, second in itertools.permutations(range(len(places)), 2):
        start, end = places[first]
        outer_start, outer_end = places[second]
        is_inside = outer_start <= start and end <= outer_end
        if is_inside and places[first] != places[second]:
            assert lanes[first] < lanes[second]
            assert heights[first] < heights[second]


def test_an_arrow_between_rows_leaves_one_and_enters_the_other() -> None:
    text = "Анна живёт здесь. Она рада."
    arrow = Arrow(Extent(0, 4), Extent(18, 21), "same")
    passage = Passage(text, arrows=[arrow], breaks=[0, 18])
    root = ElementTree.fromstring(Rendering("", [Drawn(passage, "")]).svg.encode())
    classes = [node.attrib.get("class") for node in root.iter()]
    assert classes.count("pk-arc") == 2
    assert classes.count("pk-point") == 1
    assert classes.count("pk-arc-label") == 2


# -- colours


def luminance(colour: np.ndarray) -> float:
    """The relative luminance of WCAG 2.1 of a colour, 0 to 255."""
    return float(_linear(colour) @ [0.2126, 0.7152, 0.0722])


def _linear(colour: np.ndarray) -> np.ndarray:
    shares = colour / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def hexadecimal(colour: str) -> np.ndarray:
    return np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)], dtype=float)


def hues() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The colour of each hue, and the ink upon it, as the style sheet has them."""
    rule = re.compile(r"\.pk-(\w+) \{ --pk-hue: ([\d ]+); --pk-on: (#\w+); fill: (#\w+); \}")
    colours = {}
    for name, hue, ink, fill in rule.findall(style_sheet()):
        colour = np.array(hue.split(), dtype=float)
        assert (colour == hexadecimal(fill)).all()
        colours[name] = (colour, hexadecimal(ink))
    return colours


def themes() -> list[dict[str, str]]:
    """The variables of each theme: light, dark, and both for pages with themes of their own."""
    blocks = re.findall(r"\{\s*(--pk-paper:[^}]*--pk-tint[^}]*)\}", style_sheet())
    return [dict(re.findall(r"--pk-(\w+): ([^;]+);", block)) for block in blocks]


def test_every_hue_has_a_colour() -> None:
    assert set(hues()) == set(HUES)
    assert len(themes()) == 4
    assert themes()[0] == themes()[2]
    assert themes()[1] == themes()[3]


def test_texts_can_be_read_on_every_colour_in_light_and_dark() -> None:
    """WCAG 2.1, AA: 4.5 to 1."""
    for theme in themes():
        paper, ink, quiet = (hexadecimal(theme[name]) for name in ("paper", "ink", "quiet"))
        assert contrast(ink, paper) >= 7
        assert contrast(quiet, paper) >= 4.5
        for name, (hue, on) in hues().items():
            tint = float(theme["tint"])
            assert contrast(on, hue) >= 4.5, name
            assert contrast(ink, tint * hue + (1 - tint) * paper) >= 4.5, name


# Of Machado, Oliveira and Fernandes (2009), for people without one kind of cone.
CONFUSED = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("kind", CONFUSED)
def test_colour_blind_people_tell_the_hues_apart(kind: str) -> None:
    """All pairs differ by more than 15 in CIELAB, where 2 is just noticed."""
    seen = {}
    for name, (colour, _) in hues().items():
        seen[name] = _lab(np.clip(np.array(CONFUSED[kind]) @ _linear(colour), 0, 1))
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 15, (one, other)


def _lab(linear: np.ndarray) -> np.ndarray:
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x, y, z = np.cbrt(np.maximum(to_xyz @ linear / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@given(st.text())
def test_a_label_has_one_hue_for_ever(label: str) -> None:
    assert hue_of(label) == hue_of(str(label)) in HUES


def test_hues_of_labels_stay_from_release_to_release() -> None:
    """Pictures of two releases can be compared."""
    labels = ("PER", "LOC", "ORG", "WORK_OF_ART", "Препарат", "positive", "")
    expected = ["blue", "green", "orange", "yellow", "vermillion", "blue", "grey"]
    assert [hue_of(label) for label in labels] == expected
