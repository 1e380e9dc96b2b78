"""Patterns and terms of pipekit and spaCy side by side: the same patterns, texts and tokens.

    python recipes/benchmarks/matching.py [--patterns 1000] [--terms 100000] [--words 100000]

Texts are those of UD Russian-Taiga with its gold tokens and tags for patterns, and fiction with the
tokens of pipekit for terms. Both systems have their documents ready before the clock starts:
pipekit its Docs, of which a batch is made within the time, spaCy its Docs of the same words. What
both return has to be equal. pipekit returns views of arrays, which make a match when one is asked
for, as the rulers never do; spaCy tuples. Of terms, a second line has all matches of pipekit as
tuples too. Patterns are made of n-grams of other texts, with operators and
conditions of all kinds in fixed shares; terms are n-grams of fiction. Figures are words a second,
the median of several runs, which take turns, in seconds of the processor: other processes count
for little.
"""

from __future__ import annotations

import argparse
import gc
import lzma
import os
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pipekit
from pipekit import Doc
from pipekit.corpora.readers.conllu import read_conllu
from pipekit.matching import Matcher, PhraseMatcher

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("PIPEKIT_DATA", ROOT.parent / "shared" / "data"))
RUNS = 3
HIDDEN = re.compile("[\u0300\u0301\u0306\u0308\u00ad\u200b\u200c\u2060\ufeff]")
BATCH_WORDS = 8_000  # as in a pipeline

Pattern = list[dict[str, Any]]


def treebank(name: str, words: int) -> list[Doc]:
    """Sentences of a treebank with so many words, without stress marks and the like.

    pipekit looks at words without such marks; spaCy does not.
    """
    docs: list[Doc] = []
    count = 0
    path = DATA / "morph" / f"{name}.conllu.gz"
    for doc in read_conllu(path, on_problem=lambda problem: None):
        if HIDDEN.search(doc.text):
            continue
        docs.append(doc)
        count += len(doc)
        if count >= words:
            break
    return docs


def fiction(part: int, words: int) -> list[Doc]:
    """Paragraphs of fiction with so many words."""
    path = DATA / "text" / f"ru_fiction-0{part}.txt.xz"
    docs: list[Doc] = []
    count = 0
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        nlp = pipekit.blank("ru")
        for doc in nlp.pipe(line.rstrip("\n") for line in lines):
            docs.append(doc)
            count += len(doc)
            if count >= words:
                break
    return docs


def ngrams(docs: list[Doc], most: int, rng: random.Random) -> Iterator[tuple[Doc, int, int]]:
    """Random places of one to `most` tokens, without end."""
    while True:
        doc = rng.choice(docs)
        size = rng.randint(1, most)
        if len(doc) >= size:
            start = rng.randrange(len(doc) - size + 1)
            yield doc, start, start + size


def token_pattern(doc: Doc, i: int, rng: random.Random) -> dict[str, Any]:
    """What a token is, in one of the ways in which people write it."""
    token = doc[i]
    kind = rng.random()
    if kind < 0.35:
        return {"LOWER": token.text.lower()}
    if kind < 0.5:
        return {"LEMMA": token.lemma or "", "POS": token.pos or ""}
    if kind < 0.6:
        return {"POS": token.pos or ""}
    if kind < 0.7:
        return {"LOWER": {"IN": [token.text.lower(), *rng.sample(COMMON, 5)]}}
    if kind < 0.78:
        return {"LOWER": {"REGEX": f"^{token.text.lower()[:3]}" if token.text.isalpha() else "^,"}}
    if kind < 0.86:
        features = str(token.morph or "").split("|")[:1]
        return {"MORPH": {"IS_SUPERSET": [each for each in features if each]}, "POS": token.pos}
    if kind < 0.93:
        return {"IS_ALPHA": True, "LENGTH": {">=": 3}}
    return {"IS_TITLE": token.text.istitle()}


COMMON = [
    "и",
    "в",
    "не",
    "на",
    "я",
    "что",
    "с",
    "он",
    "как",
    "это",
    "по",
    "но",
    "она",
    "все",
    "из",
    "за",
]


def patterns(docs: list[Doc], count: int) -> list[Pattern]:
    """Patterns of one to four tokens, each with a word or a lemma; every fourth has an operator."""
    rng = random.Random(1)
    made: list[Pattern] = []
    for doc, start, end in ngrams(docs, 4, rng):
        pattern = [token_pattern(doc, i, rng) for i in range(start, end)]
        if not any("LOWER" in item or "LEMMA" in item for item in pattern):
            continue
        if rng.random() < 0.25:
            rng.choice(pattern)["OP"] = rng.choice("?+*!")
        if all(item.get("OP") in ("?", "*") for item in pattern):
            continue
        made.append(pattern)
        if len(made) == count:
            return made
    return made


def batches(docs: list[Doc]) -> list[list[Doc]]:
    groups: list[list[Doc]] = [[]]
    words = 0
    for doc in docs:
        groups[-1].append(doc)
        words += len(doc)
        if words >= BATCH_WORDS:
            groups.append([])
            words = 0
    return [group for group in groups if group]


def theirs(docs: list[Doc]) -> tuple[Any, list[Any]]:
    """The same documents in spaCy."""
    import spacy
    from spacy.tokens import Doc as SpacyDoc

    nlp = spacy.blank("ru")
    made = []
    for doc in docs:
        tokens = list(doc)
        has_tags = tokens and tokens[0].pos is not None
        columns = {
            "pos": [token.pos or "" for token in tokens],
            "morphs": [str(token.morph or "") for token in tokens],
            "lemmas": [token.lemma or "" for token in tokens],
        }
        words = [token.text for token in tokens]
        made.append(SpacyDoc(nlp.vocab, words=words, **(columns if has_tags else {})))
    return nlp, made


def race(name: str, words: int, runs: dict[str, Callable[[], list[Any]]]) -> None:
    """Time each in turn, several times."""
    seconds: dict[str, list[float]] = {system: [] for system in runs}
    matches = 0
    for _ in range(RUNS):
        for system, run in runs.items():
            gc.collect()
            begin = time.process_time()
            matches = sum(map(len, run()))
            seconds[system].append(time.process_time() - begin)
    speed = {system: words / statistics.median(times) for system, times in seconds.items()}
    ours, theirs = speed.values()
    figures = ", ".join(f"{system} {figure:,.0f} words/s" for system, figure in speed.items())
    print(f"{name}: {figures}, ratio {ours / theirs:.1f}", flush=True)
    print(f"    {matches} matches in {words} words", flush=True)


def race_patterns(count: int, docs: list[Doc], sources: list[Doc]) -> None:
    from spacy.matcher import Matcher as SpacyMatcher

    rules = patterns(sources, count)
    nlp, spacy_docs = theirs(docs)
    matcher = Matcher({str(number): [rule] for number, rule in enumerate(rules)})
    spacy_matcher = SpacyMatcher(nlp.vocab)
    for number, rule in enumerate(rules):
        spacy_matcher.add(str(number), [rule])
    compete(f"{count} patterns", matcher, docs, spacy_matcher, spacy_docs)


def compete(
    name: str,
    matcher: Matcher | PhraseMatcher,
    docs: list[Doc],
    spacy_matcher: Any,
    spacy_docs: list[Any],
) -> None:
    """Both on the same documents; what they find has to be equal."""
    groups = batches(docs)

    def ours() -> list[Any]:
        return [match for group in groups for match in matcher.of_docs(group)]

    def as_tuples() -> list[Any]:
        return [list(match) for group in groups for match in matcher.of_docs(group)]

    def spacy_run() -> list[Any]:
        return [spacy_matcher(doc) for doc in spacy_docs]

    names = spacy_matcher.vocab.strings
    for doc, own, others in zip(docs, ours(), spacy_run(), strict=True):
        assert set(own) == {(names[key], start, end) for key, start, end in others}, doc.text
    race(name, sum(map(len, docs)), {"pipekit": ours, "spaCy": spacy_run})
    if isinstance(matcher, PhraseMatcher):
        name = f"{name}, as tuples"
        race(name, sum(map(len, docs)), {"pipekit": as_tuples, "spaCy": spacy_run})


def race_terms(count: int, by: str, docs: list[Doc], sources: list[Doc], least: int = 1) -> None:
    """Terms of `least` to four words."""
    from spacy.matcher import PhraseMatcher as SpacyPhraseMatcher
    from spacy.tokens import Doc as SpacyDoc

    rng = random.Random(2)
    distinct: dict[tuple[str, ...], None] = {}
    for doc, start, end in ngrams(sources, 4, rng):
        if end - start < least:
            continue
        distinct[tuple(doc.words[start:end])] = None
        if len(distinct) == count:
            break
    nlp, spacy_docs = theirs(docs)
    matcher = PhraseMatcher(by=by)
    matcher.add("TERM", [list(words) for words in distinct])
    spacy_matcher = SpacyPhraseMatcher(nlp.vocab, attr={"text": "ORTH"}.get(by, by.upper()))
    spacy_matcher.add("TERM", [SpacyDoc(nlp.vocab, words=list(words)) for words in distinct])
    compete(
        f"{count} terms of {least} to 4 words by {by}", matcher, docs, spacy_matcher, spacy_docs
    )


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--patterns", type=int, default=1_000)
    arguments.add_argument("--terms", type=int, default=100_000)
    arguments.add_argument("--words", type=int, default=100_000)
    options = arguments.parse_args()
    if options.patterns:
        docs = treebank("ru_taiga-train", options.words)
        race_patterns(options.patterns, docs, treebank("ru_gsd-dev", options.words))
    if not options.terms:
        return
    texts = fiction(0, options.words)
    sources = fiction(1, 5 * options.words)
    for by in ("text", "lower"):
        race_terms(options.terms, by, texts, sources)
    race_terms(options.terms, "text", texts, sources, least=2)


if __name__ == "__main__":
    main()
