"""Colours of labels: eight that colour-blind people tell apart, always the same for a label.

The hues are those of Okabe and Ito (2008, https://jfly.uni-koeln.de/color/), with a light grey in
the place of black. The style
sheet gives each its colour, and the ink of texts upon it. There are more labels than hues, so the
label always stands there as text too.
"""

from __future__ import annotations

from zlib import crc32

HUES = ("orange", "sky", "green", "yellow", "blue", "vermillion", "purple", "grey")
_HUE_OF = {
    "": "grey",
    "PER": "blue",
    "PERSON": "blue",
    "LOC": "green",
    "LOCATION": "green",
    "GPE": "green",
    "CITY": "green",
    "COUNTRY": "green",
    "FACILITY": "green",
    "ORG": "orange",
    "ORGANIZATION": "orange",
    "DATE": "sky",
    "TIME": "sky",
    "MONEY": "yellow",
    "PROFESSION": "purple",
    "MISC": "grey",
    "NOUN": "blue",
    "PROPN": "sky",
    "PRON": "purple",
    "DET": "purple",
    "VERB": "vermillion",
    "AUX": "vermillion",
    "ADJ": "green",
    "ADV": "yellow",
    "NUM": "orange",
    "ADP": "grey",
    "CCONJ": "grey",
    "SCONJ": "grey",
    "PART": "grey",
    "PUNCT": "grey",
    "positive": "blue",
    "negative": "vermillion",
    "neutral": "grey",
    "right": "green",
    "missed": "vermillion",
    "wrong": "orange",
    "invented": "purple",
}


def hue_of(label: str) -> str:
    """The hue of a label. Names that are usual have one by name, others by their letters."""
    hue = _HUE_OF.get(label)
    if hue is None:
        code = crc32(label.encode("utf-8", "replace"))
        hue = HUES[code % len(HUES)]
    return hue
