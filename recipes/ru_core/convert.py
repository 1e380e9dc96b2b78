"""Rewrites morphological annotation to that of UD Russian-Taiga r2.7, by the rules of opencorpora.toml.

    python recipes/ru_core/convert.py opencorpora ru_opencorpora.conllu.xz lexicon.pipekit out.conllu

What the source leaves open is written so that the tagger leaves it out of its loss: `_` for UPOS or LEMMA, `Voice=?` for a feature;
a token with nothing known has `_` in all three columns.
"""

from __future__ import annotations

import gzip
import lzma
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pipekit import store
from pipekit.chars import from_strings, normalize
from pipekit.lemmas import fold
from pipekit.lexicon import Lexicon

RULES = Path(__file__).with_name("opencorpora.toml")
PARTS = frozenset("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())  # noqa: SIM905
PARTICIPLE = {
    "Aspect": {"impf": "Imp", "perf": "Perf"},
    "Tense": {"pres": "Pres", "past": "Past"},
    "Voice": {"actv": "Act", "pssv": "Pass"},
}
MARKS = re.compile(r'[.…!?\-–—«»"]+')

Analysis = tuple[frozenset[str], str]  # grammemes, lemma


@dataclass
class Token:
    """One token under conversion."""

    form: str
    lemma: str
    upos: str
    feats: dict[str, str]
    analyses: list[Analysis]
    masked: set[str] = field(default_factory=set)

    @property
    def grammemes(self) -> frozenset[str]:
        return frozenset().union(*(g for g, _ in self.analyses))

    def columns(self) -> tuple[str, str, str]:
        """LEMMA, UPOS, FEATS."""
        if "*" in self.masked or (self.upos not in PARTS and "UPOS" not in self.masked):
            return "_", "_", "_"
        shown = {**self.feats, **dict.fromkeys(self.masked - {"UPOS", "LEMMA"}, "?")}
        feats = "|".join(f"{name}={shown[name]}" for name in sorted(shown, key=str.lower)) or "_"
        return "_" if "LEMMA" in self.masked else self.lemma, "_" if "UPOS" in self.masked else self.upos, feats


def applies(rule: Mapping[str, Any], token: Token) -> bool:
    """Whether a token meets all conditions of a rule."""
    form, lemma = fold(token.form), fold(token.lemma)
    return (
        token.upos in rule.get("upos", [token.upos])
        and form in rule.get("form", [form])
        and form not in rule.get("form_not", ())
        and lemma in rule.get("lemma", [lemma])
        and lemma not in rule.get("lemma_not", ())
        and lemma.endswith(tuple(rule.get("lemma_ends", [""])))
        and all(_has(token.feats, wanted) for wanted in rule.get("feats", ()))
        and ("lexicon" not in rule or not token.grammemes.isdisjoint(rule["lexicon"]))
        and token.grammemes.isdisjoint(rule.get("lexicon_not", ()))
    )


def _has(feats: Mapping[str, str], wanted: str) -> bool:
    name, _, value = wanted.partition("=")
    return name[1:] not in feats if name.startswith("!") else feats.get(name) == value


def apply(rules: Iterable[Mapping[str, Any]], token: Token) -> None:
    """Rewrite a token by every rule that applies to what it has become."""
    for rule in rules:
        if "*" not in token.masked and applies(rule, token):
            token.upos = rule.get("set", token.upos)
            token.feats = {name: value for name, value in token.feats.items() if name not in rule.get("drop", ())}
            token.feats |= dict(pair.split("=") for pair in rule.get("add", ()))
            token.masked |= set(rule.get("mask", ()))
            if rule.get("participle"):
                participle(token)


def participle(token: Token) -> None:
    """The infinitive as lemma; aspect, tense and voice as far as the lexicon is sure of them."""
    found = [(g, lemma) for g, lemma in token.analyses if g & {"PRTF", "PRTS"}]
    lemmas = {lemma for _, lemma in found}
    token.feats = {**token.feats, "VerbForm": "Part"}
    token.feats.pop("Degree", None)
    for name, values in PARTICIPLE.items():
        seen = {values[g] for grammemes, _ in found for g in grammemes if g in values}
        if len(seen) == 1:
            token.feats[name] = seen.pop()
        else:
            token.masked.add(name)
    if len(lemmas) == 1:
        token.lemma = lemmas.pop()
    else:
        token.masked.add("LEMMA")
    if fold(token.form).endswith("ся"):  # passive or middle
        token.masked |= {"Voice", "LEMMA"}


def finish_opencorpora(token: Token, first: bool) -> None:
    """What rules cannot say: capitals tell names from nouns in Taiga, and spell the lemma."""
    token.lemma = fold(token.lemma)
    if token.upos == "NOUN" and token.form[:1].isupper() and not first:
        token.masked |= {"UPOS", "LEMMA"}
    if token.upos == "PUNCT" and len(token.form) > 1 and not MARKS.fullmatch(token.form):
        token.masked.add("*")
    if token.upos == "PROPN":
        if len(token.form) == 1 or token.form.endswith("."):
            token.masked.add("LEMMA")
        if token.form.isupper() and len(token.form) > 1:
            token.lemma = token.lemma.upper()
        elif token.form[:1].isupper():
            token.lemma = "-".join(piece[:1].upper() + piece[1:] for piece in token.lemma.split("-"))


def convert(sentences: Iterable[list[list[str]]], section: str, lexicon: Lexicon) -> Iterator[list[list[str]]]:
    """Sentences (rows of CoNLL-U columns) with new LEMMA, UPOS and FEATS."""
    rules = tomllib.loads(RULES.read_text(encoding="utf-8"))[section]
    table = list(sentences)
    known = analyses(lexicon, sorted({row[1] for rows in table for row in rows}))
    for rows in table:
        for number, row in enumerate(rows):
            feats = {} if row[5] == "_" else dict(pair.split("=") for pair in row[5].split("|"))
            token = Token(row[1], row[2], row[3], feats, known[row[1]])
            apply(rules, token)
            if section == "opencorpora":
                finish_opencorpora(token, first=number == 0)
            row[2], row[3], row[5] = token.columns()
        yield rows


def analyses(lexicon: Lexicon, forms: list[str]) -> dict[str, list[Analysis]]:
    """What the lexicon says of each form."""
    words = normalize(from_strings(forms))
    found = lexicon.analyses(words)
    names = [frozenset(g for g, has in zip(lexicon.grammemes, row, strict=True) if has) for row in lexicon.tag_grammemes]
    borders = found.offsets.tolist()
    pairs = [(names[t], s) for t, s in zip(found.tags.tolist(), found.scripts.tolist(), strict=True)]
    return {
        form: [(grammemes, lexicon.lemma(fold(form), script)) for grammemes, script in pairs[start:end]]
        for form, start, end in zip(forms, borders, borders[1:], strict=False)
    }


def read(path: Path) -> Iterator[list[list[str]]]:
    """Sentences as rows of ten columns; only plain words."""
    opened: Callable[..., IO[str]] = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)  # type: ignore[assignment]
    rows: list[list[str]] = []
    with opened(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            cells = line.rstrip("\n").split("\t")
            if cells[0].isdigit():
                rows.append((cells + ["_"] * 10)[:10])
            elif cells == [""] and rows:
                yield rows
                rows = []
    if rows:
        yield rows


def main() -> None:
    section, source, lexicon, target = sys.argv[1:]
    with open(target, "w", encoding="utf-8") as out:
        for rows in convert(read(Path(source)), section, Lexicon(store.load(lexicon).tensors)):
            out.writelines("\t".join(row) + "\n" for row in rows)
            out.write("\n")


if __name__ == "__main__":
    main()
