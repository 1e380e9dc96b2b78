"""Rules that map the tags of one corpus to the annotation of another, from a TOML file.

A rule applies to a token that meets all of its conditions. Rules apply in their order, each to the
result of the one before.

    [[opencorpora]]
    upos = ["VERB"]
    feats = ["VerbForm=Part"]
    set = "ADJ"

Conditions:

    upos, form, lemma         lists, any of; forms and lemmas in lower case, ё as е
    form_not, lemma_not       lists, none of
    lemma_ends                list, any of
    pattern                   a regular expression that the whole form matches, as written
    first                     whether the token begins its sentence
    feats                     entries Name=Value that it has, and !Name that it lacks, all of them
    lexicon, lexicon_not      grammemes: any of, none of those in the analyses of the form

Effects:

    set                       a new UPOS
    drop, add                 features
    lemma_case                "lower"; "fold", which also writes ё as е; or "form", with capitals
                              where the form has them
    participle                the aspect, tense, voice and lemma on which the participle analyses of
                              the form agree
    mask                      UPOS, LEMMA, names of features, or * for all: values that the corpus
                              lacks or defines in another way

Masked values are: UPOS and lemma unset; a feature `Name=?`; with *, all features unset. Losses and
metrics ignore masked values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

from pipekit import resources
from pipekit.corpora.toml import (
    TABLES,
    TEXTS,
    check_table,
    load_toml,
)
from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import UNSURE
from pipekit.errors import ConfigError, near
from pipekit.settings import check_value
from pipekit.words.chars import fold, from_strings, normalize
from pipekit.words.lexicon import Lexicon

CONDITIONS = {
    "upos": TEXTS,
    "form": TEXTS,
    "form_not": TEXTS,
    "lemma": TEXTS,
    "lemma_not": TEXTS,
    "lemma_ends": TEXTS,
    "pattern": str,
    "first": bool,
    "feats": TEXTS,
    "lexicon": TEXTS,
    "lexicon_not": TEXTS,
}
EFFECTS = {
    "set": str,
    "drop": TEXTS,
    "add": TEXTS,
    "lemma_case": str,
    "participle": bool,
    "mask": TEXTS,
}
_PARTICIPLES = frozenset(("PRTF", "PRTS"))
_FEATURE_VALUES = {  # of a verb, by feature and grammeme
    "Aspect": {"impf": "Imp", "perf": "Perf"},
    "Tense": {"pres": "Pres", "past": "Past", "futr": "Fut"},
    "Voice": {"actv": "Act", "pssv": "Pass"},
}

Rule = MappingABC[str, Any]


class TokenFacts(NamedTuple):
    """The values of a token that rules look at."""

    form: str
    upos: str | None
    lemma: str | None
    morph: str | None
    first: bool


class TokenTags(NamedTuple):
    """The values of a token that rules rewrite; None for unset."""

    pos: str | None
    lemma: str | None
    morph: str | None


class Analysis(NamedTuple):
    """An analysis of a form by the lexicon."""

    grammemes: frozenset[str]
    lemma: str


class TokenRules:
    """Rules for tokens, and the lexicon of their conditions.

        TokenRules([{"upos": ["X"], "set": "NOUN"}])(docs)

    Errors: `ConfigError` for an unknown key of a rule, or a value that does not fit it.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        lexicon: Lexicon | None = None,
    ) -> None:
        for number, rule in enumerate(rules, start=1):
            _check_rule(rule, f"mapping rule {number}")
        self.rules = rules
        self.lexicon = lexicon
        self._cache: dict[TokenFacts, TokenTags] = {}

    @classmethod
    def read(
        cls,
        path: str | Path,
        table: str,
        lexicon: str | Path | None = None,
    ) -> TokenRules:
        """The rules of a table of a TOML file, with the lexicon in another file.

        Errors: `ConfigError` naming file and table.
        """
        tables = load_toml(path)
        if table not in tables:
            raise ConfigError(f"{path} has no rules [[{table}]].{near(table, tables)}")
        check_value(tables[table], TABLES, f"{path}: [[{table}]]")
        if not lexicon:
            return cls(tables[table])
        return cls(tables[table], Lexicon(resources.read(str(lexicon), "lexicon")))

    def __call__(self, docs: Sequence[Doc]) -> None:
        """Rewrite `pos`, `morph` and `lemma` of the documents."""
        forms: set[str] = set()
        for doc in docs:
            forms.update(doc.words)
        analyses = self._analyses(forms)
        for doc in docs:
            tags = [self._tags(facts, analyses) for facts in _token_facts(doc)]
            for place, name in enumerate(TokenTags._fields):
                coded = encode_labels([values[place] for values in tags])
                doc.tokens.set(name, coded.values, coded.labels)

    def _tags(
        self,
        facts: TokenFacts,
        analyses: MappingABC[str, list[Analysis]],
    ) -> TokenTags:
        """The tags after all rules; equal tokens are computed once."""
        if facts not in self._cache:
            token = _Token(facts, analyses.get(facts.form, []))
            self._cache[facts] = token.after(self.rules)
        return self._cache[facts]

    def _analyses(self, forms: set[str]) -> dict[str, list[Analysis]]:
        """The analyses of each form; none without a lexicon."""
        if self.lexicon is None:
            return {}
        listed = sorted(forms)
        coded = self.lexicon.analyses(normalize(from_strings(listed)))
        tag_grammemes = _tag_grammemes(self.lexicon)
        analyses: dict[str, list[Analysis]] = {}
        for number, form in enumerate(listed):
            folded = fold(form)
            form_analyses = analyses[form] = []
            for row in range(coded.offsets[number], coded.offsets[number + 1]):
                lemma = self.lexicon.lemma(folded, int(coded.scripts[row]))
                form_analyses.append(Analysis(tag_grammemes[coded.tags[row]], lemma))
        return analyses


def _check_rule(
    rule: Rule,
    where: str,
) -> None:
    check_table(rule, CONDITIONS | EFFECTS, where)
    for entry in rule.get("add", ()):
        if "=" not in entry:
            raise ConfigError(f"{where}: add has {entry!r}: write Name=Value")
    try:
        re.compile(rule.get("pattern", ""))
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{where}: the pattern is no regular expression: {error}") from error


def _token_facts(doc: Doc) -> list[TokenFacts]:
    pos = doc.tokens["pos"].strings()
    lemmas = doc.tokens["lemma"].strings()
    morphs = doc.tokens["morph"].strings()
    if "sent_start" in doc.tokens:
        firsts = doc.tokens["sent_start"].values.tolist()
    else:
        firsts = [row == 0 for row in range(len(doc))]
    return list(map(TokenFacts, doc.words, pos, lemmas, morphs, firsts))


def _tag_grammemes(lexicon: Lexicon) -> list[frozenset[str]]:
    """The grammemes of each tag."""
    rows = lexicon.tag_grammemes.tolist()
    return [frozenset(compress(lexicon.grammemes, row)) for row in rows]


class _Token:
    """A token while rules are applied to it."""

    def __init__(
        self,
        facts: TokenFacts,
        analyses: list[Analysis],
    ) -> None:
        self.facts = facts
        self.form = fold(facts.form)
        self.upos = facts.upos
        self.lemma = facts.lemma
        pairs = [pair for pair in (facts.morph or "").split("|") if "=" in pair]
        self.features = dict(pair.split("=", 1) for pair in pairs)
        self.analyses = analyses
        self.grammemes: set[str] = set()
        for analysis in analyses:
            self.grammemes |= analysis.grammemes
        self.masked: set[str] = set()

    def after(self, rules: Sequence[Rule]) -> TokenTags:
        """The tags of the token after all rules."""
        for rule in rules:
            if not self._meets(rule):
                continue
            self._apply(rule)
            if "*" in self.masked:
                return TokenTags(None, None, None)
        upos = None if "UPOS" in self.masked else self.upos
        lemma = None if "LEMMA" in self.masked else self.lemma
        return TokenTags(upos, lemma, self._morph())

    def _morph(self) -> str:
        features = dict(self.features)
        for name in self.masked - {"UPOS", "LEMMA"}:
            features[name] = UNSURE
        names = sorted(features, key=str.lower)
        return "|".join(f"{name}={features[name]}" for name in names)

    def _meets(self, rule: Rule) -> bool:
        return (
            self._meets_upos_and_form(rule)
            and self._meets_lemma(rule)
            and all(self._has(entry) for entry in rule.get("feats", ()))
            and ("lexicon" not in rule or not self.grammemes.isdisjoint(rule["lexicon"]))
            and self.grammemes.isdisjoint(rule.get("lexicon_not", ()))
        )

    def _meets_upos_and_form(self, rule: Rule) -> bool:
        if "upos" in rule and self.upos not in rule["upos"]:
            return False
        if "form" in rule and self.form not in rule["form"]:
            return False
        if self.form in rule.get("form_not", ()):
            return False
        if "first" in rule and self.facts.first != rule["first"]:
            return False
        if "pattern" not in rule:
            return True
        return re.fullmatch(rule["pattern"], self.facts.form) is not None

    def _meets_lemma(self, rule: Rule) -> bool:
        lemma = fold(self.lemma or "")
        if "lemma" in rule and lemma not in rule["lemma"]:
            return False
        if lemma in rule.get("lemma_not", ()):
            return False
        return "lemma_ends" not in rule or lemma.endswith(tuple(rule["lemma_ends"]))

    def _has(self, entry: str) -> bool:
        """Whether the token meets an entry Name=Value or !Name."""
        if entry.startswith("!"):
            return entry[1:] not in self.features
        name, _, value = entry.partition("=")
        return self.features.get(name) == value

    def _apply(self, rule: Rule) -> None:
        self.upos = rule.get("set", self.upos)
        for name in rule.get("drop", ()):
            self.features.pop(name, None)
        self.features.update(entry.split("=", 1) for entry in rule.get("add", ()))
        if rule.get("lemma_case") and self.lemma is not None:
            self.lemma = _cased(self.lemma, rule["lemma_case"], self.facts.form)
        if rule.get("participle"):
            self._read_participle()
        self.masked |= set(rule.get("mask", ()))

    def _read_participle(self) -> None:
        """Take the lemma and features on which the participle analyses agree; mask the others."""
        participles = [analysis for analysis in self.analyses if analysis.grammemes & _PARTICIPLES]
        lemmas = {analysis.lemma for analysis in participles}
        if len(lemmas) == 1:
            self.lemma = lemmas.pop()
        else:
            self.masked.add("LEMMA")
        self.features.pop("Degree", None)
        self.features["VerbForm"] = "Part"
        grammemes: set[str] = set()
        for analysis in participles:
            grammemes |= analysis.grammemes
        for name, value_of_grammeme in _FEATURE_VALUES.items():
            values = {value_of_grammeme[g] for g in grammemes if g in value_of_grammeme}
            if len(values) == 1:
                self.features[name] = values.pop()
            else:
                self.masked.add(name)
        if self.form.endswith(("ся", "сь")):
            self.masked |= {"Voice", "LEMMA"}


def _cased(
    lemma: str,
    case: str,
    form: str,
) -> str:
    """The lemma in the case that `lemma_case` names."""
    if case == "form" and form.isupper() and len(form) > 1:
        return lemma.upper()
    if case == "form" and form[:1].isupper():
        return "-".join(part[:1].upper() + part[1:].lower() for part in lemma.split("-"))
    return fold(lemma) if case == "fold" else lemma.lower()
