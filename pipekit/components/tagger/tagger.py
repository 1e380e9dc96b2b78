"""The tagger: part of speech, UD features, and lemma of every token.

A tag is a part of speech with all its features, as it stands in the training data, so that no impossible mixture comes out. Its score
is the sum of the scores of its values (UPOS=NOUN, Case=Gen, …) and one of its own. What a corpus leaves open (a feature "Voice=?", a
part of speech or features that are unset) is marginalised: the loss is that of all tags that agree with the rest (Tsuboi et al. 2008).

A lemma is chosen in context among the candidates of `lemmas.py`, each scored by what it rests on and by how it edits the word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipekit import resources
from pipekit.components.tagger.lemmas import SAME, LemmaCandidates, LemmaRules, learn_rules
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.doc.layer import UNSURE
from pipekit.errors import DataError
from pipekit.nn.layers import hidden_layer
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import EncoderRef, Head, Prepared, Tables, under
from pipekit.words.arrays import Bools, Ints
from pipekit.words.chars import fold
from pipekit.words.lexicon import Lexicon

COMMON, NAME, FOREIGN = range(3)  # words by how their lemmas are capitalised

# Tokens whose tags are scored at a time: that many scores stay in a processor's cache until the best are found.
_ROWS = 1024


class TagScores(NamedTuple):
    """The `best` tag of each token; for each lemma candidate its token (`owners`), script, and score (`lemmas`)."""

    best: Tensor
    lemmas: Tensor
    owners: Ints
    scripts: Ints


class Tagger(Head):
    """Writes the token columns `pos`, `morph` and `lemma`.

    Args:
        tags: the inventory, each a part of speech, a bar, its features ("NOUN|Case=Gen|…", "PUNCT|"); `prepare` collects it.
        lexicon: in a recipe, the file of a compiled lexicon that proposes lemmas; without one, endings seen in training propose them.
        hidden: width of the layer that all classifiers share.
        lemma_width: width of the vectors by which candidates for the lemma are scored.
        min_count: how often a tag must occur in training to be in the inventory.
    """

    assigns = ("pos", "morph", "lemma")

    of_tags: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        tags: Sequence[str] = (),
        lexicon: bool | str = False,
        hidden: int = 256,
        lemma_width: int = 64,
        dropout: float = 0.15,
        min_count: int = 1,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(encoder)
        if not tags:
            raise DataError("a tagger needs its tags: train it, or give tags=['NOUN|Case=Nom', …]")
        self.tables = dict(tables or {})
        known = under(self.tables, "lexicon.")
        self.rules = LemmaRules(
            under(self.tables, "lemmas."), Lexicon.shared(known) if known else None
        )
        self.tags = TagSet(tags)
        self.hidden = hidden_layer(encoder.width, hidden, dropout)
        self.values = nn.Linear(hidden, self.tags.values.shape[1])
        self.own = nn.Linear(hidden, len(tags))
        self.register_buffer(
            "of_tags", torch.from_numpy(self.tags.values.T.astype(np.float32)), persistent=False
        )
        self.ranker = LemmaRanker(
            hidden, self.tags.values.shape[1], lemma_width, self.rules.tags, len(self.rules.scripts)
        )

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        completed, lexicon = dict(settings), {}
        if isinstance(settings.get("lexicon"), str):
            completed["lexicon"], lexicon = True, resources.read(settings["lexicon"])
        counts, triples = _counted(docs)
        least = settings.get("min_count", 1)
        completed["tags"] = list(
            settings.get("tags") or sorted(tag for tag, times in counts.items() if times >= least)
        )
        if not completed["tags"]:
            raise DataError(
                "no training document has parts of speech and features, so a tagger has nothing to learn"
            )
        rules = learn_rules(
            triples, Lexicon.shared(lexicon) if lexicon else None, TagSet(completed["tags"]).parts
        )
        tables = {f"lexicon.{name}": array for name, array in lexicon.items()}
        return Prepared(
            completed, {**tables, **{f"lemmas.{name}": array for name, array in rules.items()}}
        )

    # -- from vectors to documents

    def scores(self, batch: Batch) -> TagScores:
        hidden = self.hidden(batch.vectors(self.encoder.name))
        weight, bias = self.tag_weights()
        best = torch.cat(
            [best_columns(functional.linear(rows, weight, bias)) for rows in hidden.split(_ROWS)]
        )
        return self._scores(batch, hidden, best, batch.distinct.index)

    def _scores(self, batch: Batch, hidden: Tensor, best: Tensor, words: Ints) -> TagScores:
        """For tokens by their hidden layer, their tags, and by which of the distinct words of the batch each is."""
        owners, origins, scripts = self._candidates(batch).take(words)
        lemmas = self.ranker(hidden, self.of_tags.t()[best], owners, origins, scripts)
        return TagScores(best, lemmas, owners, scripts)

    def tag_weights(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the scores of all tags: a tag's values' and its own are linear in the hidden layer, so one product."""
        return (
            self.own.weight + self.of_tags.t() @ self.values.weight,
            self.own.bias + self.of_tags.t() @ self.values.bias,
        )

    def _candidates(self, batch: Batch) -> LemmaCandidates:
        analyses = None if self.rules.lexicon is None else batch.analyses(self.rules.lexicon)
        return self.rules.candidates(batch.distinct.plain, analyses)

    def decode(self, batch: Batch, scores: TagScores) -> None:
        best = scores.best.cpu().numpy()
        pos, morph = self.tags.part_of[best], self.tags.features_of[best]
        lemma, lemmas = self._lemmas(batch, scores, pos)
        columns = (
            ("pos", pos, self.tags.parts),
            ("morph", morph, self.tags.features),
            ("lemma", lemma, lemmas),
        )
        for doc, rows in _rows(batch):
            for name, values, labels in columns:
                doc.tokens.put(name, Column(_unset_lead(values[rows], doc), labels))

    def _lemmas(
        self, batch: Batch, scores: TagScores, parts: NDArray[Any]
    ) -> tuple[NDArray[np.int32], list[str]]:
        """Codes into a list of lemmas, int32[tokens]: spelled once for each word, script and kind of capitals."""
        size = len(self.rules.scripts)
        chosen = scores.scripts[
            best_items(scores.lemmas.float().cpu().numpy(), scores.owners, len(batch))
        ]
        kinds = np.where(
            parts == self.tags.proper, NAME, np.where(parts == self.tags.foreign, FOREIGN, COMMON)
        )
        keys, codes = np.unique(
            (batch.distinct.index * size + chosen) * 3 + kinds, return_inverse=True
        )
        rows, scripts = np.divmod(keys // 3, size)
        written = [batch.distinct.strings[row] for row in rows.tolist()]
        lemmas = [batch.distinct.plain_strings[row] for row in rows.tolist()]
        same = scripts == self.rules.number[SAME]
        for place, script in zip(
            np.flatnonzero(~same).tolist(), scripts[~same].tolist(), strict=True
        ):
            lemmas[place] = self.rules.apply(lemmas[place], script)
        for place in np.flatnonzero(same).tolist():
            if lemmas[place] != written[place] and stays(written[place], int(keys[place] % 3)):
                lemmas[place] = written[place]
        for place in np.flatnonzero(keys % 3 == NAME).tolist():
            lemmas[place] = capitalise(lemmas[place], written[place])
        return codes.astype(np.int32), lemmas

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """Per token, that of the tag and that of the lemma; documents that annotate neither are not looked at."""
        docs = [any(name in doc.tokens for name in self.assigns) for doc in batch.docs]
        known = np.flatnonzero(np.repeat(docs, np.diff(batch.offsets)))
        vectors = batch.vectors(self.encoder.name)
        if not len(known):
            return vectors.sum() * 0.0
        hidden = self.hidden(vectors[to_device(known, vectors.device)])
        tags = functional.linear(hidden, *self.tag_weights())
        scores = self._scores(
            batch, hidden, best_columns(tags.detach()), batch.distinct.index[known]
        )
        words, parts, features, lemmas = (
            np.array(column, dtype=object)[known].tolist() for column in _annotation(batch)
        )
        allowed = np.stack([self.tags.allowed(*pair) for pair in zip(parts, features, strict=True)])
        lost = PartialLoss.apply(tags.float(), to_device(allowed, tags.device)).sum()  # type: ignore[no-untyped-call]
        return (lost + self._lemma_loss(words, lemmas, scores)) / max(len(batch), 1)  # type: ignore[no-any-return]

    def _lemma_loss(
        self, words: Sequence[str], lemmas: Sequence[str | None], scores: TagScores
    ) -> Tensor:
        """Minus the log of what the candidates with the right script have together; words that have none are left out."""
        gold = np.array(
            [
                -1 if g is None else self.rules.script(w, g)
                for w, g in zip(words, lemmas, strict=True)
            ]
        )
        right = scores.scripts == gold[scores.owners]
        found, device = scores.lemmas.float(), scores.lemmas.device
        rows, hits = to_device(scores.owners, device), to_device(right, device)
        answered = torch.zeros(len(gold), dtype=torch.bool, device=device).index_fill_(
            0, rows[hits], True
        )
        total, good = sum_exp(found, rows, len(gold)), sum_exp(found[hits], rows[hits], len(gold))
        return (total - good)[answered].sum()


class LemmaRanker(nn.Module):
    """Scores candidates for the lemma by their source and script against what the context says, and against the tag that was chosen."""

    def __init__(self, hidden: int, values: int, width: int, sources: int, scripts: int) -> None:
        super().__init__()
        self.query = nn.Linear(hidden, width)
        self.agree = nn.Linear(values, width, bias=False)
        self.source = nn.Embedding(sources, width)
        self.script = nn.Embedding(scripts, width)
        self.source_bias = nn.Parameter(torch.zeros(sources))
        self.script_bias = nn.Parameter(torch.zeros(scripts))
        nn.init.normal_(self.source.weight, std=0.1)
        nn.init.normal_(self.script.weight, std=0.1)

    def forward(
        self, hidden: Tensor, values: Tensor, owners: Ints, origins: Ints, numbers: Ints
    ) -> Tensor:
        """float[candidates], for hidden float[tokens, hidden], the values of their tags, and the token, source and script of each."""
        sources, scripts = to_device(origins, hidden.device), to_device(numbers, hidden.device)
        queries = (self.query(hidden) + self.agree(values))[to_device(owners, hidden.device)]
        keys = self.source(sources) + self.script(scripts)
        return (queries * keys).sum(1) + self.source_bias[sources] + self.script_bias[scripts]  # type: ignore[no-any-return]


class PartialLoss(torch.autograd.Function):
    """For scores float[n, tags] and allowed bool[n, tags]: log of the sum of exp over all tags, less that over the allowed ones."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, allowed: Tensor) -> Tensor:
        every = (scores - scores.amax(1, keepdim=True)).exp_()
        good = every * allowed
        total, part = every.sum(1, keepdim=True), good.sum(1, keepdim=True).clamp_min(1e-30)
        ctx.save_for_backward(every / total, good / part)
        return (total.log() - part.log())[:, 0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        every, good = ctx.saved_tensors
        return (every - good) * gradient[:, None], None


class TagSet:
    """Tags as numbers: the part of speech and the features of each, and which values it has."""

    def __init__(self, tags: Sequence[str]) -> None:
        pairs = [tag.partition("|")[::2] for tag in tags]
        self.parts = sorted({part for part, _ in pairs})
        self.features = sorted({features for _, features in pairs})
        self.part_of = np.array([self.parts.index(part) for part, _ in pairs], dtype=np.int32)
        place = {features: i for i, features in enumerate(self.features)}
        self.features_of = np.array([place[features] for _, features in pairs], dtype=np.int32)
        self.proper, self.foreign = (
            self.parts.index(part) if part in self.parts else -1 for part in ("PROPN", "X")
        )
        described = [{"UPOS": part, **_features(features)} for part, features in pairs]
        self._names = sorted({name for one in described for name in one})
        self._table = np.array(
            [[one.get(name, "") for name in self._names] for one in described]
        ).reshape(len(pairs), -1)
        columns = [
            self._table[:, i] == value
            for i in range(len(self._names))
            for value in sorted(set(self._table[:, i]))
        ]
        self.values = (
            np.stack(columns, axis=1) if columns else np.zeros((0, 0), dtype=bool)
        )  # [tags, values]
        self.allowed = cache(self._allowed)

    def _allowed(self, part: str | None, features: str | None) -> Bools:
        """Which tags agree with an annotation; all of them where none does."""
        wanted = dict.fromkeys(self._names, UNSURE) if features is None else _features(features)
        wanted["UPOS"] = part or UNSURE
        agrees = np.ones(len(self._table), dtype=bool)
        for i, name in enumerate(self._names):
            if (value := wanted.get(name, "")) != UNSURE:
                agrees &= self._table[:, i] == value
        return (
            agrees
            if agrees.any() and wanted.keys() <= set(self._names)
            else np.ones(len(self._table), dtype=bool)
        )


def stays(word: str, kind: int) -> bool:
    """Whether a word that is its own lemma is so as written, capitals and all: symbols, addresses, tags, foreign words, YouTube."""
    if kind == FOREIGN or word[0] == "#" or "://" in word or not any(map(str.isalnum, word)):
        return True
    return (
        kind == NAME and not word.isupper() and any(map(str.isupper, word[1:])) and "-" not in word
    )


def capitalise(lemma: str, word: str) -> str:
    """The lemma of a proper name in the case of the word: НАТО, Мамин-Сибиряк; with a capital at its beginning, but for addresses."""
    if lemma == word and not word.islower():
        return lemma
    if word.isupper() and sum(letter.isalpha() for letter in word) > 1:
        return lemma.upper()
    pieces = word.split("-")
    upper = [
        i == 0 or (i < len(pieces) and pieces[i][:1].isupper()) for i in range(lemma.count("-") + 1)
    ]
    return "-".join(
        p[:1].upper() + p[1:] if up else p for p, up in zip(lemma.split("-"), upper, strict=True)
    )


def sum_exp(scores: Tensor, rows: Tensor, size: int) -> Tensor:
    """The log of the sum of exp of the scores of each row, float[size]; -69 for a row without any."""
    top = scores.new_full((size,), -1e4).scatter_reduce(0, rows, scores.detach(), "amax")
    total = scores.new_zeros(size).index_add(0, rows, functional.relu((scores - top[rows]).exp()))
    return top + total.clamp_min(1e-30).log()


def best_columns(scores: Tensor) -> Tensor:
    """The column with the highest score of each row, int64[rows]. On a CPU numpy finds it six times as fast as torch does."""
    if scores.device.type == "cpu":
        return torch.from_numpy(scores.float().numpy().argmax(1))
    return scores.argmax(1)


def best_items(scores: NDArray[Any], owners: Ints, size: int) -> Ints:
    """The item with the highest score of each owner, int64[size]; owners ascend, and each has an item at least."""
    firsts = np.searchsorted(owners, np.arange(size))
    if not size:
        return firsts
    tops = np.maximum.reduceat(scores, firsts)
    items = np.flatnonzero(scores == tops[owners])
    return items[np.searchsorted(owners[items], np.arange(size))]


def _unset_lead(codes: NDArray[Any], doc: Doc) -> NDArray[Any]:
    """White space that a text begins with is a token, yet no word: it has no tag."""
    if len(doc) and doc.text[0].isspace():
        codes = codes.copy()
        codes[0] = -1
    return codes


def _features(text: str) -> dict[str, str]:
    return {
        name: value for name, _, value in (pair.partition("=") for pair in text.split("|") if pair)
    }


def _counted(docs: Sequence[Doc]) -> tuple[Counter[str], Counter[tuple[str, str, str]]]:
    """Tags that leave nothing open, and (folded form, UPOS, lemma in lower case), with how often they occur."""
    tags: Counter[str] = Counter()
    triples: Counter[tuple[str, str, str]] = Counter()
    batch = Batch(docs)
    words = (word for doc in docs for word in doc.words)
    for form, part, features, lemma in zip(
        words, *(_gold(batch, name) for name in Tagger.assigns), strict=True
    ):
        if part is not None and features is not None and f"={UNSURE}" not in features:
            tags[f"{part}|{features}"] += 1
        if lemma is not None and part is not None:
            triples[fold(form), part, lemma.lower()] += 1
    return tags, triples


def _gold(batch: Batch, name: str) -> list[str | None]:
    """A column of all documents; None where a document lacks it."""
    found: list[str | None] = []
    for doc in batch.docs:
        column = doc.tokens.get(name)
        found += [None] * len(doc) if column is None else column.strings()
    return found


def _annotation(
    batch: Batch,
) -> tuple[list[str], list[str | None], list[str | None], list[str | None]]:
    """The words of all documents, and what is said of them."""
    return (
        [word for doc in batch.docs for word in doc.words],
        _gold(batch, "pos"),
        _gold(batch, "morph"),
        _gold(batch, "lemma"),
    )


def _rows(batch: Batch) -> Iterator[tuple[Doc, slice]]:
    return (
        (doc, slice(*border))
        for doc, border in zip(batch.docs, pairwise(batch.offsets.tolist()), strict=True)
    )
