"""The tagger: part of speech, UD features, and lemma of every token.

    vectors (N, W) ─▶ hidden (N, H) ─▶ scores of tags (N, T) ─▶ best tag ─▶ pos, morph
                           │                                      │
                           └──▶ scores of lemma candidates (C) ◀──┘  ─▶ lemma

A tag is a part of speech with all its features, as in the training data, so that no impossible
mixture comes out. Its score is the sum of the scores of its values (UPOS=NOUN, Case=Gen, …) and one
of its own. The loss sums over all tags that agree with an annotation where a corpus leaves
something open: a feature "Voice=?", a part of speech or features that are unset (Tsuboi et al.
2008).

A lemma is chosen in context among the candidates of `lemmas.py`. Each is scored by its source and
by its edit of the word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipekit import resources
from pipekit.components.tagger.agreement import Agreement
from pipekit.components.tagger.capitals import (
    COMMON,
    FOREIGN,
    NAME,
    are_marks,
    capitalise,
    stays_as_written,
)
from pipekit.components.tagger.confidence import SCORES, tag_confidence, write_scores
from pipekit.components.tagger.gold import GoldTokens, count_lemmas, frequent_tags, gold_tokens
from pipekit.components.tagger.lemma_learning import grow_rules, learn_rules
from pipekit.components.tagger.lemmas import SAME, CandidateRows, LemmaCandidates, LemmaRules
from pipekit.components.tagger.name_lemmas import name_lemmas, name_rows
from pipekit.components.tagger.ranking import LemmaRanker, best_columns, best_items, lemma_loss
from pipekit.components.tagger.tags import TagSet, folded_weights, partial_loss
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.errors import DataError
from pipekit.nn.kept import Kept
from pipekit.nn.layers import hidden_layer
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Axes, EncoderRef, Head, Prepared, Tables
from pipekit.settings import Between, LabelList, Rate, Temperature, Width
from pipekit.tables import by_prefix
from pipekit.words.arrays import Bools, Ints, pair_keys, split_pairs
from pipekit.words.lexicon import ANALYSIS_KINDS, Lexicon

# Tokens whose tags are scored at a time: that many scores stay in a processor's cache until the
# best are found.
_ROWS = 1024

_COLUMNS = ("pos", "morph", "lemma")
_KINDS = 3  # of words by their capitals
KNOWN = ANALYSIS_KINDS.index("known")
LONGEST_ACRONYM = 5  # letters


class TagScores(NamedTuple):
    """The best tag of each token, and its candidates for the lemma with their scores."""

    best: Tensor  # int64[N]
    candidates: CandidateRows
    lemmas: Tensor  # float[C]
    confidence: Tensor | None = None  # float32[N, 2], of the part of speech and the features


class Tagger(Head):
    """Writes the token columns `pos`, `morph` and `lemma`.

    Args:
        tags: the inventory, each tag a part of speech, a bar, and its features ("NOUN|Case=Gen|…",
            "PUNCT|"); `prepare` collects it.
        lexicon: in a recipe, the file of a compiled lexicon that proposes lemmas. Without one,
            endings of the training data propose them.
        hidden: width of the layer that all classifiers share.
        lemma_width: width of the vectors by which candidates for the lemma are scored.
        min_count: how often a tag must occur in training to be in the inventory.
        confidence: also write `pos_score` and `morph_score`, the probabilities of the part of
            speech and of the features, float32.
        temperature: of these; `pipekit calibrate` fits it.
    """

    assigns: Sequence[str] = _COLUMNS
    inventory = "tags"

    of_tags: Tensor  # float[V, T], which values each tag has

    def __init__(
        self,
        encoder: EncoderRef,
        tags: LabelList = (),
        lexicon: bool | str = False,
        hidden: Width = 256,
        lemma_width: Width = 64,
        dropout: Rate = 0.15,
        min_count: Annotated[int, Between(0, 1_000_000)] = 1,
        confidence: bool = False,
        temperature: Temperature = 1.0,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(encoder)
        if not tags:
            raise DataError("a tagger needs its tags: train it, or give tags=['NOUN|Case=Nom', …]")
        self.tables = dict(tables or {})
        lemma_tables, lexicon_tables = by_prefix(self.tables, ("lemmas", "lexicon"), "a tagger")
        self.rules = LemmaRules(lemma_tables, _lexicon_of(lexicon_tables))
        self.names = list(tags)
        self.temperature = temperature
        self.confidence = False
        if confidence:
            self.write_confidence()
        self.tags = TagSet(tags)
        self.agreement = None
        if self.rules.lexicon is not None:
            self.agreement = Agreement(self.rules.lexicon, self.tags.parts)
        values = self.tags.values.T.astype(np.float32)
        value_count = len(values)
        self.hidden = hidden_layer(encoder.width, hidden, dropout)
        self.values = nn.Linear(hidden, value_count)
        self.own = nn.Linear(hidden, len(tags))
        self.folded = Kept(folded_weights)
        self.register_buffer(
            "of_tags",
            torch.from_numpy(values),
            persistent=False,
        )
        self.ranker = LemmaRanker(
            hidden,
            value_count,
            lemma_width,
            sources=self.rules.tags,
            scripts=len(self.rules.scripts),
        )

    def write_confidence(self) -> None:
        """Write the columns of `SCORES` from now on; a config says it by confidence = true."""
        self.confidence = True
        self.assigns = (*_COLUMNS, *SCORES)

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        """Read the lexicon that the settings name, collect tags, and learn rules for lemmas."""
        completed = dict(settings)
        lexicon_tables: Tables = {}
        if isinstance(settings.get("lexicon"), str):
            lexicon_tables = resources.read(settings["lexicon"], "lexicon")
            completed["lexicon"] = True

        tags = settings.get("tags") or cls.listed(settings, docs)
        if not tags:
            raise DataError(
                "no training document has parts of speech and features, "
                "so a tagger has nothing to learn"
            )
        completed["tags"] = list(tags)

        rule_tables = learn_rules(
            count_lemmas(gold_tokens(docs)),
            _lexicon_of(lexicon_tables),
            TagSet(tags).parts,
        )
        tables: Tables = {}
        for name, array in lexicon_tables.items():
            tables[f"lexicon.{name}"] = array
        return Prepared(completed, tables | _lemma_tables(rule_tables))

    @classmethod
    def listed(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> list[str]:
        """The tags of documents."""
        return frequent_tags(gold_tokens(docs), settings.get("min_count", 1))

    @classmethod
    def grow(
        cls,
        prepared: Prepared,
        new: Sequence[str],
        docs: Sequence[Doc],
    ) -> Prepared:
        """With more tags, and more rules for lemmas."""
        settings, tables = super().grow(prepared, new, docs)
        lemma_tables, lexicon_tables = by_prefix(tables, ("lemmas", "lexicon"), "a tagger")
        rule_tables = grow_rules(
            lemma_tables,
            count_lemmas(gold_tokens(docs)),
            _lexicon_of(lexicon_tables),
            TagSet(prepared.settings["tags"]).parts,
            TagSet(settings["tags"]).parts,
        )
        return Prepared(settings, tables | _lemma_tables(rule_tables))

    def rows(self) -> dict[str, Axes]:
        """Rows of tags, of their values, and of sources and scripts of lemmas."""
        values = self.tags.value_names
        sources = [*range(1 + self.rules.same_tag), *self.tags.parts]
        sources = sources[: self.rules.tags]
        scripts = self.rules.scripts
        return {
            "own.weight": (self.names, None),
            "own.bias": (self.names,),
            "values.weight": (values, None),
            "values.bias": (values,),
            "ranker.agree.weight": (None, values),
            "ranker.source.weight": (sources, None),
            "ranker.source_bias": (sources,),
            "ranker.script.weight": (scripts, None),
            "ranker.script_bias": (scripts,),
        }

    # -- from vectors to documents

    def scores(self, batch: Batch) -> TagScores:
        """The best tag of each token, and the scores of its candidates for the lemma."""
        vectors = batch.vectors(self.encoder.name)
        hidden = self.hidden(vectors)  # (N, H)
        weight, bias = self.tag_weights()
        best = []
        confidence = []
        for rows in hidden.split(_ROWS):
            tag_scores = functional.linear(rows, weight, bias)
            best.append(best_columns(tag_scores))
            if self.confidence:
                confidence.append(tag_confidence(tag_scores, best[-1], self.tags, self.temperature))
        scores = self._with_lemmas(
            batch,
            hidden,
            torch.cat(best),
            batch.distinct.index,
        )
        if not self.confidence:
            return scores
        return scores._replace(confidence=torch.cat(confidence))

    def _with_lemmas(
        self,
        batch: Batch,
        hidden: Tensor,  # float[tokens, H]
        best: Tensor,  # int64[tokens], tags
        words: Ints,  # int64[tokens], rows of the distinct words of the batch
    ) -> TagScores:
        """Some tokens of a batch with the scores of their candidates for the lemma."""
        candidates = self._candidates(batch).take(words)
        values = self.of_tags.t()[best]  # (tokens, V)
        lemmas = self.ranker(hidden, values, candidates)
        return TagScores(best, candidates, lemmas)

    def tag_weights(self) -> tuple[Tensor, Tensor]:
        """Weight float[T, H] and bias float[T] of the scores of all tags, see `folded_weights`."""
        return self.folded.of(
            self.own.weight,
            self.own.bias,
            self.values.weight,
            self.values.bias,
            self.of_tags,
        )

    def _candidates(self, batch: Batch) -> LemmaCandidates:
        """The candidates of the distinct words of a batch."""
        words = batch.distinct.plain
        lexicon = self.rules.lexicon
        if lexicon is None:
            return self.rules.candidates(words, None)
        return self.rules.candidates(words, batch.analyses(lexicon))

    def decode(
        self,
        batch: Batch,
        scores: TagScores,
    ) -> None:
        """Write the columns of all documents."""
        best = scores.best.cpu().numpy()
        pos = self.tags.part_of[best]
        morph = self.tags.features_of[best]
        lemma, lemma_labels = self._lemmas(batch, scores, pos)
        if self.rules.lexicon is not None:
            names = name_rows(batch, self.rules.lexicon, pos == self.tags.proper)
            codes, labels = name_lemmas(batch, names, morph, self.tags.features)
            is_name = codes >= 0
            lemma[names[is_name]] = len(lemma_labels) + codes[is_name]
            lemma_labels += labels
        columns = {
            "pos": Column(pos, self.tags.parts),
            "morph": Column(morph, self.tags.features),
            "lemma": Column(lemma, lemma_labels),
        }
        for doc, rows in _doc_rows(batch):
            for name, column in columns.items():
                codes = _without_lead(column.values[rows], doc)
                doc.tokens.put(name, Column(codes, column.labels))
        if scores.confidence is not None:
            write_scores(_doc_rows(batch), scores.confidence.cpu().numpy())

    def _lemmas(
        self,
        batch: Batch,
        scores: TagScores,
        parts: NDArray[np.int32],  # int32[N], of speech
    ) -> tuple[NDArray[np.int32], list[str]]:
        """Codes int32[N] into a list of lemmas.

        A lemma is spelled once for each word, script and kind of capitals.
        """
        candidates = scores.candidates
        lemma_scores = scores.lemmas.float().cpu().numpy()
        if self.agreement is not None:
            known = batch.analyses(self.agreement.lexicon).kinds == KNOWN
            disagrees = self.agreement.disagrees(
                candidates,
                parts.astype(np.int64),
                known[batch.distinct.index],
            )
            lemma_scores[disagrees] = -np.inf
        best = best_items(lemma_scores, candidates.owners, len(batch))
        scripts = candidates.scripts[best]  # int64[N]
        scripts[self._stand_for_themselves(batch, parts)] = self.rules.number[SAME]
        kinds = np.full(len(batch), COMMON)
        kinds[parts == self.tags.foreign] = FOREIGN
        kinds[parts == self.tags.proper] = NAME
        script_count = len(self.rules.scripts)
        keys = pair_keys(batch.distinct.index, scripts, script_count)
        keys = pair_keys(keys, kinds, _KINDS)
        distinct_keys, codes = np.unique(keys, return_inverse=True)

        word_scripts, kinds = split_pairs(distinct_keys, _KINDS)
        words, scripts = split_pairs(word_scripts, script_count)
        lemmas = self._spell(batch, words, scripts, kinds)
        return codes.astype(np.int32), lemmas

    def _stand_for_themselves(
        self,
        batch: Batch,
        parts: NDArray[np.int32],  # int32[N], of speech
    ) -> Bools:
        """Single letters («подъезд Б») and short words in capitals («МГУ»); bool[N].

        A small letter that is a noun may be an abbreviation: «3 м». Of the words in capitals that
        are those which the dictionary lacks, or has as abbreviations.
        """
        distinct = batch.distinct
        lengths = distinct.plain.lengths
        is_letter = lengths == 1
        may_be_short = lengths <= LONGEST_ACRONYM
        if self.rules.lexicon is not None:
            lexicon = self.rules.lexicon
            analyses = batch.analyses(lexicon)
            may_be_short &= (analyses.kinds != KNOWN) | analyses.any_has(lexicon, ["Abbr"])
        is_acronym = np.zeros(len(lengths), dtype=bool)
        for row in np.flatnonzero(is_letter | may_be_short).tolist():
            is_acronym[row] = distinct.strings[row].isupper()
        is_name = self.tags.letters[parts] & is_letter[distinct.index]
        is_common = parts == self.tags.common
        is_noun = is_common | (parts == self.tags.proper)
        acronyms: Bools = is_name | (is_noun & is_acronym[distinct.index])
        acronyms |= are_marks(batch, is_letter) & ~is_common
        return acronyms

    def _spell(
        self,
        batch: Batch,
        words: Ints,  # int64[lemmas], rows of the distinct words
        scripts: Ints,
        kinds: Ints,
    ) -> list[str]:
        """The lemmas of words by their scripts and kinds."""
        rows = words.tolist()
        written = [batch.distinct.strings[row] for row in rows]
        lemmas = [batch.distinct.plain_strings[row] for row in rows]
        script_numbers = scripts.tolist()
        kind_numbers = kinds.tolist()
        is_same = scripts == self.rules.number[SAME]
        for place in np.flatnonzero(~is_same).tolist():
            script = script_numbers[place]
            lemmas[place] = self.rules.apply(lemmas[place], script)
        for place in np.flatnonzero(is_same).tolist():
            word = written[place]
            if word == lemmas[place]:
                continue
            if stays_as_written(word, kind_numbers[place]):
                lemmas[place] = word
        for place in np.flatnonzero(kinds == NAME).tolist():
            word = written[place]
            lemmas[place] = capitalise(lemmas[place], word)
        return lemmas

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """Per token, the loss of the tag and of the lemma.

        Documents that annotate none of the columns are passed over.
        """
        vectors = batch.vectors(self.encoder.name)
        device = vectors.device
        docs, rows = self._annotated(batch)
        if not len(rows):
            return vectors.sum() * 0.0

        gold = gold_tokens(docs)
        on_device = to_device(rows, device)
        hidden = self.hidden(vectors[on_device])
        weight, bias = self.tag_weights()
        tag_scores = functional.linear(hidden, weight, bias)  # (rows, T)
        best = best_columns(tag_scores.detach())
        scores = self._with_lemmas(
            batch,
            hidden,
            best,
            batch.distinct.index[rows],
        )
        allowed = to_device(self._allowed_tags(gold), device)
        tag_losses = partial_loss(tag_scores.float(), allowed)
        loss = tag_losses.sum() + lemma_loss(
            scores.lemmas,
            scores.candidates,
            self._gold_scripts(gold),
        )
        return loss / max(len(batch), 1)

    def _annotated(self, batch: Batch) -> tuple[list[Doc], Ints]:
        """The documents that annotate any of the columns, and their token rows in the batch."""
        docs = []
        rows = [np.zeros(0, dtype=np.int64)]
        for doc, place in _doc_rows(batch):
            if any(name in doc.tokens for name in _COLUMNS):
                docs.append(doc)
                rows.append(np.arange(place.start, place.stop))
        return docs, np.concatenate(rows)

    def _allowed_tags(self, gold: GoldTokens) -> Bools:
        """The tags that agree with the annotation, bool[tokens, T]."""
        masks = []
        for part, features in zip(gold.parts, gold.features, strict=True):
            masks.append(self.tags.allowed(part, features))
        return np.stack(masks)

    def _gold_scripts(self, gold: GoldTokens) -> Ints:
        """The script of each gold lemma, int64[tokens]; -1 without a lemma or a script for it."""
        scripts = []
        for word, lemma in zip(gold.words, gold.lemmas, strict=True):
            if lemma is None:
                scripts.append(-1)
            else:
                scripts.append(self.rules.script(word, lemma))
        return np.array(scripts)


def _lemma_tables(rule_tables: Tables) -> Tables:
    """The tables of `LemmaRules`, by their names among those of a tagger."""
    return {f"lemmas.{name}": array for name, array in rule_tables.items()}


def _lexicon_of(tables: Tables) -> Lexicon | None:
    if not tables:
        return None
    return Lexicon.shared(tables)


def _doc_rows(batch: Batch) -> Iterator[tuple[Doc, slice]]:
    """Each document with its token rows in the batch."""
    borders = pairwise(batch.offsets.tolist())
    for doc, (start, end) in zip(batch.docs, borders, strict=True):
        yield doc, slice(start, end)


def _without_lead(
    codes: NDArray[Any],
    doc: Doc,
) -> NDArray[Any]:
    """The codes of a document's tokens, unset for white space that the text begins with.

    Such white space is a token, yet no word.
    """
    if not len(doc) or not doc.text[0].isspace():
        return codes
    codes = codes.copy()
    codes[0] = -1
    return codes
