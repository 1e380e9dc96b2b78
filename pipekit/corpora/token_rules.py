"""Reading one corpus as if it were annotated like another: rules as data, from a TOML file.

A rule applies to a token that meets all of its conditions; rules apply in their order, each to what the one before has made.

    upos, form, lemma         lists, any of; forms and lemmas lower case, ё as е
    form_not, lemma_not       lists, none of
    lemma_ends                list, any of
    pattern                   a regular expression that the whole form matches, as written
    first                     whether the token begins its sentence
    feats                     entries Name=Value that must be there, !Name that must not, all of them
    lexicon, lexicon_not      grammemes of which some, or none, are among those of the form's analyses

    set                       a new UPOS
    drop, add                 features
    lemma_case                "lower"; "fold" for ё as е too; or "form" for capitals where the form has them
    participle                the aspect, tense, voice and lemma on which the form's participle analyses agree
    mask                      UPOS, LEMMA, names of features, or * for all: what the corpus does not say, or says in another way

Masked is: UPOS and lemma unset; a feature `Name=?`; all features unset. Losses and metrics leave what is masked out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import UNSURE
from pipekit.errors import ConfigError, near
from pipekit.storage import store
from pipekit.words.chars import fold, from_strings, normalize
from pipekit.words.lexicon import Lexicon

CONDITIONS = (
    "upos", "form", "form_not", "lemma", "lemma_not", "lemma_ends", "pattern", "first", "feats", "lexicon", "lexicon_not",
)  # fmt: skip
EFFECTS = ("set", "drop", "add", "lemma_case", "participle", "mask")
_PARTICIPLES = frozenset(("PRTF", "PRTS"))
_GRAMMEMES = {
    "impf": ("Aspect", "Imp"), "perf": ("Aspect", "Perf"), "pres": ("Tense", "Pres"), "past": ("Tense", "Past"),
    "futr": ("Tense", "Fut"), "actv": ("Voice", "Act"), "pssv": ("Voice", "Pass"),
}  # fmt: skip

Rule = MappingABC[str, Any]


class TokenFacts(NamedTuple):
    """What a rule looks at."""

    form: str
    upos: str | None
    lemma: str | None
    morph: str | None
    first: bool


class Analysis(NamedTuple):
    """One way in which the lexicon knows a form."""

    grammemes: frozenset[str]
    lemma: str


class TokenRules:
    """Rules, and the lexicon that they ask."""

    def __init__(self, rules: Sequence[Rule], lexicon: Lexicon | None = None) -> None:
        for rule in rules:
            for key in rule:
                if key not in CONDITIONS + EFFECTS:
                    raise ConfigError(
                        f"a mapping rule has no {key!r}.{near(key, CONDITIONS + EFFECTS)}"
                    )
        self.rules = rules
        self.lexicon = lexicon
        self._known: dict[TokenFacts, tuple[str | None, str | None, str | None]] = {}

    @classmethod
    def read(cls, path: str | Path, table: str, lexicon: str | Path | None = None) -> TokenRules:
        """The rules of one table of a TOML file, and the lexicon in a file. Errors: `ConfigError` naming file and table."""
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        if table not in tables:
            raise ConfigError(f"{path} has no rules [[{table}]].{near(table, tables)}")
        return cls(tables[table], Lexicon(store.load(lexicon).tensors) if lexicon else None)

    def __call__(self, docs: Sequence[Doc]) -> None:
        """Rewrite `pos`, `morph` and `lemma` of the documents."""
        analyses = self._analyses({word for doc in docs for word in doc.words})
        for doc in docs:
            values = [doc.tokens[name].strings() for name in ("pos", "lemma", "morph")]
            firsts = (
                doc.tokens["sent_start"].values.tolist()
                if "sent_start" in doc.tokens
                else [i == 0 for i in range(len(doc))]
            )
            words = [TokenFacts(*word) for word in zip(doc.words, *values, firsts, strict=True)]
            for name, column in zip(
                ("pos", "lemma", "morph"),
                zip(*(self._read(w, analyses) for w in words), strict=True),
                strict=True,
            ):
                coded = encode_labels(column)
                doc.tokens.set(name, coded.values, coded.labels)

    def _analyses(self, forms: set[str]) -> dict[str, list[Analysis]]:
        if self.lexicon is None:
            return {}
        listed = sorted(forms)
        found = self.lexicon.analyses(normalize(from_strings(listed)))
        names = self.lexicon.grammemes
        grammemes = [
            frozenset(g for g, on in zip(names, row, strict=True) if on)
            for row in self.lexicon.tag_grammemes.tolist()
        ]
        answer = {}
        for i, form in enumerate(listed):
            rows = range(found.offsets[i], found.offsets[i + 1])
            answer[form] = [
                Analysis(
                    grammemes[found.tags[r]], self.lexicon.lemma(fold(form), int(found.scripts[r]))
                )
                for r in rows
            ]
        return answer

    def _read(
        self, word: TokenFacts, analyses: MappingABC[str, list[Analysis]]
    ) -> tuple[str | None, str | None, str | None]:
        if word not in self._known:
            self._known[word] = _Reading(word, analyses.get(word.form, [])).through(self.rules)
        return self._known[word]


class _Reading:
    """A word while rules are applied to it."""

    def __init__(self, word: TokenFacts, analyses: list[Analysis]) -> None:
        self.word = word
        self.form = fold(word.form)
        self.upos = word.upos
        self.lemma = None if word.lemma is None else word.lemma
        self.features = dict(
            pair.split("=", 1) for pair in (word.morph or "").split("|") if "=" in pair
        )
        self.analyses = analyses
        self.masked: set[str] = set()

    def through(self, rules: Sequence[Rule]) -> tuple[str | None, str | None, str | None]:
        """UPOS, lemma and features after all rules."""
        for rule in rules:
            if self._meets(rule):
                self._apply(rule)
                if "*" in self.masked:
                    return None, None, None
        features = {**self.features, **dict.fromkeys(self.masked - {"UPOS", "LEMMA"}, UNSURE)}
        morph = "|".join(f"{name}={features[name]}" for name in sorted(features, key=str.lower))
        return (
            None if "UPOS" in self.masked else self.upos,
            None if "LEMMA" in self.masked else self.lemma,
            morph,
        )

    def _meets(self, rule: Rule) -> bool:
        lemma = fold(self.lemma or "")
        return (
            ("upos" not in rule or self.upos in rule["upos"])
            and ("form" not in rule or self.form in rule["form"])
            and self.form not in rule.get("form_not", ())
            and ("lemma" not in rule or lemma in rule["lemma"])
            and lemma not in rule.get("lemma_not", ())
            and ("lemma_ends" not in rule or lemma.endswith(tuple(rule["lemma_ends"])))
            and ("first" not in rule or self.word.first == rule["first"])
            and ("pattern" not in rule or re.fullmatch(rule["pattern"], self.word.form) is not None)
            and all(self._has(entry) for entry in rule.get("feats", ()))
            and ("lexicon" not in rule or not self._grammemes().isdisjoint(rule["lexicon"]))
            and self._grammemes().isdisjoint(rule.get("lexicon_not", ()))
        )

    def _has(self, entry: str) -> bool:
        if entry.startswith("!"):
            return entry[1:] not in self.features
        name, _, value = entry.partition("=")
        return self.features.get(name) == value

    def _grammemes(self) -> set[str]:
        return {grammeme for analysis in self.analyses for grammeme in analysis.grammemes}

    def _apply(self, rule: Rule) -> None:
        self.upos = rule.get("set", self.upos)
        for name in rule.get("drop", ()):
            self.features.pop(name, None)
        self.features.update(entry.split("=", 1) for entry in rule.get("add", ()))
        if rule.get("lemma_case") and self.lemma is not None:
            self.lemma = self._cased(self.lemma, rule["lemma_case"])
        if rule.get("participle"):
            self._participle()
        self.masked |= set(rule.get("mask", ()))

    def _cased(self, lemma: str, case: str) -> str:
        form = self.word.form
        if case == "form" and form.isupper() and len(form) > 1:
            return lemma.upper()
        if case == "form" and form[:1].isupper():
            return "-".join(part[:1].upper() + part[1:].lower() for part in lemma.split("-"))
        return fold(lemma) if case == "fold" else lemma.lower()

    def _participle(self) -> None:
        """What the lexicon is sure of; the rest is masked."""
        chosen = [a for a in self.analyses if a.grammemes & _PARTICIPLES]
        lemmas = {a.lemma for a in chosen}
        if len(lemmas) == 1:
            self.lemma = lemmas.pop()
        else:
            self.masked.add("LEMMA")
        self.features.pop("Degree", None)
        self.features["VerbForm"] = "Part"
        for name in ("Aspect", "Tense", "Voice"):
            values = {
                _GRAMMEMES[g][1]
                for a in chosen
                for g in a.grammemes
                if g in _GRAMMEMES and _GRAMMEMES[g][0] == name
            }
            if len(values) == 1:
                self.features[name] = values.pop()
            else:
                self.masked.add(name)
        if self.form.endswith(("ся", "сь")):
            self.masked |= {"Voice", "LEMMA"}
