"""Pipelines and what is measured of them, as a notebook shows them.

Modules: pipeline.shown.
"""

from __future__ import annotations

import re

import pipekit
from pipekit.evaluation.scores import Counts, Scores
from pipekit.pipeline.profiling import AROUND, NETWORK, Profile


def plain(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html.split("</style>")[1]).split())


def test_a_pipeline_shows_its_parts_and_its_figures() -> None:
    nlp = pipekit.blank("ru")
    nlp.add_encoder("main", "gru", width=8, features={"width": 8})
    nlp.meta |= {"name": "<tiny>", "performance": {"dev": {"pos": 0.5, "ents": None}}}
    shown = plain(nlp._repr_html_())
    assert "&lt;tiny&gt;" in shown
    assert "tokenizer RuleTokenizer tokens, sents –" in shown
    assert re.search(r"main GRU vectors of tokens [\d,]+", shown)
    assert "dev 50.00 –" in shown
    assert "precision auto" in shown


def test_figures_that_are_no_figures_do_no_harm() -> None:
    nlp = pipekit.blank("ru")
    for performance in (None, [], "good", {"pos": 0.5}, {"dev": {}}):
        nlp.meta["performance"] = performance
        assert "tokenizer" in plain(nlp._repr_html_())


def test_scores_show_figures_details_and_groups() -> None:
    counts = Counts(gold=4, predicted=5, correct=2)
    group = Scores(1, {"ents": counts}, {"ents": {"PER": counts}})
    scores = Scores(2, {"ents": counts}, {"ents": {"PER": counts}}, {"news": group})
    shown = plain(scores._repr_html_())
    assert "ents 40.00 50.00 44.44 4 44.44" in shown
    assert "ents.PER 40.00 50.00 44.44 4 44.44" in shown
    assert "2 documents, per cent" in shown
    assert plain(Scores()._repr_html_())


def test_a_profile_shows_stages_with_their_shares() -> None:
    profile = Profile(1_000, [{("tokenizer", AROUND): 0.25, ("main", NETWORK): 0.75}])
    shown = plain(profile._repr_html_())
    assert "main network 750.00 75.00" in shown
    assert "1,000 words a second: 1 runs over 1,000 words" in shown
