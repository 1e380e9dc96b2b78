"""The tables of `LemmaRules`, learned from the lemmas of training documents.

With a lexicon: an exception for each form whose lemma is not among its candidates. Without one: in
addition, each script under the ending that it replaces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.components.tagger.lemmas import (
    LONGEST_ENDING,
    SAME,
    LemmaRules,
    Script,
    ending_keys,
    lexicon_scripts,
    script_of,
    tag_of_unchanged,
)
from pipekit.parts.contracts import Tables
from pipekit.words.arrays import Ints
from pipekit.words.chars import fold, from_strings, normalize
from pipekit.words.lexicon import Lexicon, pack_strings, short

MIN_COUNT = 2  # a script that the lexicon lacks is learned where training needs it so often
MIN_YO = 5  # lemmas are spelled with е, except those that training spells with ё so often
_LONGEST_CUT = 120  # letters that a script drops

Triple = tuple[str, str, str]  # folded form, part of speech, lemma in lower case


class FormRule(NamedTuple):
    """An exception: a candidate of one form."""

    form: str
    tag: int
    script: int


class EndingRule(NamedTuple):
    """A candidate of all forms with an ending."""

    ending: str
    script: int


def learn_rules(
    triples: Counter[Triple],
    lexicon: Lexicon | None,
    parts: Sequence[str],
) -> dict[str, NDArray[Any]]:
    """The tables of `LemmaRules`.

    Args:
        triples: counted (folded form, part of speech, lemma in lower case).
        lexicon: a lexicon that proposes lemmas, if there is one.
        parts: the parts of speech; the tag of an exception follows from its place among them.
    """
    old_scripts = lexicon_scripts(lexicon)
    new_scripts = _new_scripts(triples, old_scripts)
    scripts = [*old_scripts, *new_scripts]
    number = {script: i for i, script in enumerate(scripts)}
    proposed = _proposed_scripts(triples, lexicon)
    same_tag = tag_of_unchanged(lexicon)
    form_rules: set[FormRule] = set()
    ending_rules: set[EndingRule] = set()
    for form, part, lemma in triples:
        script = script_of(form, lemma)
        if script not in number:
            script = script_of(form, fold(lemma))
        if script == SAME or script not in number:
            continue
        if lexicon is None and script.back <= LONGEST_ENDING:
            start = len(form) - script.back
            rule = EndingRule(form[start:], number[script])
            ending_rules.add(rule)
        elif number[script] not in proposed[form]:
            place = parts.index(part) if part in parts else 0
            tag = 1 + same_tag + place
            exception = FormRule(form, tag, number[script])
            form_rules.add(exception)
    rule_tables = _rule_tables(
        sorted(form_rules),
        sorted(ending_rules),
        same_tag,
    )
    return {**rule_tables, **_script_tables(new_scripts)}


def grow_rules(
    tables: Tables,
    triples: Counter[Triple],
    lexicon: Lexicon | None,
    parts: Sequence[str],
    more_parts: Sequence[str],
) -> Tables:
    """The tables of rules that were learned before, with those of other documents.

    Old scripts keep their numbers. Args as for `learn_rules`; `parts` are those by whose places the
    old exceptions are tagged, `more_parts` those of the result.
    """
    learned = learn_rules(triples, lexicon, more_parts)
    old = LemmaRules(tables, lexicon)
    new_scripts = LemmaRules(learned, lexicon).scripts
    added = [script for script in new_scripts if script not in old.number]
    scripts = [*old.scripts, *added]
    number = {script: i for i, script in enumerate(scripts)}

    first_part = 1 + old.same_tag
    places = [first_part + more_parts.index(part) for part in parts]
    new_tag = np.array([*range(first_part), *places])
    new_number = np.array([number[script] for script in new_scripts])
    old_rules = _rule_columns(tables)
    old_rules[1] = new_tag[old_rules[1]]
    new_rules = _rule_columns(learned)
    new_rules[2] = new_number[new_rules[2]]
    both = np.concatenate([old_rules, new_rules], axis=1)
    keys, tags, numbers = np.unique(both, axis=1)
    return {
        "rule_keys": keys.astype(np.uint32),
        "rule_tags": tags.astype(np.uint16),
        "rule_scripts": numbers.astype(np.uint16),
        **_script_tables(scripts[len(lexicon_scripts(lexicon)) :]),
    }


def _rule_columns(tables: Tables) -> Ints:
    """Key, tag and script of each rule, int64[3, rules]."""
    columns = [tables[name] for name in ("rule_keys", "rule_tags", "rule_scripts")]
    return np.stack([column.astype(np.int64) for column in columns])


def _new_scripts(
    triples: Counter[Triple],
    old_scripts: Sequence[Script],
) -> list[Script]:
    """The scripts that training needs often enough and the lexicon lacks, sorted."""
    counts: Counter[Script] = Counter()
    for (form, _, lemma), times in triples.items():
        for spelling in {lemma, fold(lemma)}:
            counts[script_of(form, spelling)] += times
    for script in old_scripts:
        del counts[script]
    scripts = []
    for script, times in counts.items():
        least = MIN_YO if "ё" in script.tail else MIN_COUNT
        if times >= least and script.back <= _LONGEST_CUT:
            scripts.append(script)
    return sorted(scripts)


def _proposed_scripts(
    triples: Iterable[Triple],
    lexicon: Lexicon | None,
) -> dict[str, set[int]]:
    """The numbers of the scripts that a lexicon proposes for each form."""
    forms = sorted({form for form, _, _ in triples})
    if lexicon is None:
        return {form: set() for form in forms}
    words = normalize(from_strings(forms))
    analyses = lexicon.analyses(words)
    borders = pairwise(analyses.offsets.tolist())
    proposed = {}
    for form, (start, end) in zip(forms, borders, strict=True):
        scripts = analyses.scripts[start:end]
        proposed[form] = set(scripts.tolist())
    return proposed


def _rule_tables(
    form_rules: Sequence[FormRule],
    ending_rules: Sequence[EndingRule],
    same_tag: int,
) -> dict[str, NDArray[Any]]:
    forms = normalize(from_strings([rule.form for rule in form_rules]))
    endings = from_strings([rule.ending for rule in ending_rules])
    form_hashes = forms.hashes(forms.starts, forms.ends)
    ending_hashes = endings.hashes(endings.starts, endings.ends)
    keys = np.concatenate([short(form_hashes), ending_keys(ending_hashes)])
    tags = [rule.tag for rule in form_rules]
    tags += [same_tag] * len(ending_rules)
    scripts = [rule.script for rule in form_rules]
    scripts += [rule.script for rule in ending_rules]
    order = np.argsort(keys, kind="stable")
    return {
        "rule_keys": keys[order],
        "rule_tags": np.array(tags, dtype=np.uint16)[order],
        "rule_scripts": np.array(scripts, dtype=np.uint16)[order],
    }


def _script_tables(scripts: Sequence[Script]) -> dict[str, NDArray[Any]]:
    cuts = [(script.front, script.back) for script in scripts]
    tails = [script.tail for script in scripts]
    return {
        "script_cuts": np.array(cuts, dtype=np.uint8).reshape(-1, 2),
        "script_tails": pack_strings(tails),
    }
