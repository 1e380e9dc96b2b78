"""Part of speech, morphological features and lemma of each token.

A tag is a part of speech with all its features, as it stands in the training data, so that no impossible mixture comes out. Its score
is the sum of the scores of its values (UPOS=NOUN, Case=Gen, …) and one of its own. Where the training data leave something open (a
feature "Voice=?", a part of speech or features that are unset), the loss is that of the sum over all tags that agree with the rest.

A lemma is chosen among the candidates of `pipekit.lemmas`, each scored by what it rests on and by how it edits the word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipekit import store
from pipekit.batching import Batch
from pipekit.chars import Ints, Words, normalize
from pipekit.doc import Doc
from pipekit.features import whole
from pipekit.lemmas import Candidates, Lemmas, learn
from pipekit.lexicon import Lexicon
from pipekit.model import EncoderRef, Head, Prepared, Tables

UNSURE = "?"  # the value of a feature that an annotation leaves open
Bools = NDArray[np.bool_]


class Tagger(Head):
    """Writes `pos`, `morph` and, with a lexicon, `lemma`.

    Args:
        encoder: the encoder that is read.
        tags: what a token may be: a part of speech, a bar, its features ("NOUN|Case=Gen|…"; "PUNCT|").
        lexicon: whether lemmas are wanted; in a recipe, the path of the lexicon.
        hidden: width of the layer that all classifiers share.
        lemma_width: width of the vectors by which candidates for the lemma are scored.
        dropout: on what is read and on the hidden layer.
        tables: "lexicon.*" and "lemmas.*", the arrays of `Lexicon` and `Lemmas`.
    """

    requires = ()
    assigns = ("pos", "morph", "lemma")

    def __init__(
        self,
        encoder: EncoderRef,
        tags: Sequence[str] = (),
        lexicon: bool = False,
        hidden: int = 256,
        lemma_width: int = 64,
        dropout: float = 0.15,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(encoder)
        self.tables = dict(tables or {})
        self.tags = TagSet(tags)
        self.hidden = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(encoder.width, hidden), nn.GELU(), nn.LayerNorm(hidden), nn.Dropout(dropout)
        )
        self.values = nn.Linear(hidden, self.tags.values.shape[1])
        self.own = nn.Linear(hidden, len(tags))
        self.register_buffer("of_tags", torch.from_numpy(self.tags.values.T.astype(np.float32)), persistent=False)
        self.lemmas: Lemmas | None = None
        if lexicon:
            known = Lexicon(_part(self.tables, "lexicon."))
            self.lemmas = Lemmas(known, _part(self.tables, "lemmas."), len(self.tags.parts))
            self.ranker = LemmaRanker(hidden, lemma_width, self.lemmas.sources, len(self.lemmas.edits))
        else:
            self.assigns = ("pos", "morph")  # type: ignore[assignment, misc]

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        """Tags from the documents; the lexicon read, and what the documents say of lemmas learned."""
        tags = settings.get("tags") or sorted({t for doc in docs for t in _complete(doc)})
        tables: Tables = {}
        if isinstance(settings.get("lexicon"), str):
            arrays = store.load(settings["lexicon"]).tensors
            parts = {part: i for i, part in enumerate(TagSet(tags).parts)}
            tables = {f"lexicon.{name}": array for name, array in arrays.items()}
            tables |= {f"lemmas.{name}": array for name, array in learn(Lexicon(arrays), _lemma_examples(docs, parts)).items()}
        return Prepared({**settings, "tags": list(tags), "lexicon": bool(settings.get("lexicon"))}, tables)

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The hidden layer float[tokens, hidden], and the score of each tag float[tokens, tags]."""
        hidden = self.hidden(batch.vectors(self.encoder.name))
        return hidden, self.values(hidden) @ self.of_tags + self.own(hidden)

    def decode(self, batch: Batch, scores: tuple[Tensor, Tensor]) -> None:
        hidden, tag_scores = scores
        best = tag_scores.argmax(1).cpu().numpy()
        for doc, rows in _rows(batch):
            doc.tokens.set("pos", self.tags.part_of[best[rows]], self.tags.parts)
            doc.tokens.set("morph", self.tags.features_of[best[rows]], self.tags.features)
        if self.lemmas is not None:
            self._write_lemmas(batch, self.lemmas, hidden, self.tags.part_of[best] == self.tags.proper)

    def _write_lemmas(self, batch: Batch, lemmas: Lemmas, hidden: Tensor, proper: Bools) -> None:
        words, index = _distinct(batch.words)
        plain = normalize(words)
        candidates = lemmas(plain).take(index)
        chosen = candidates.scripts[_best(self.ranker(hidden, candidates), candidates.offsets)]
        keys, where = np.unique((index * len(lemmas.edits) + chosen) * 2 + proper, return_inverse=True)
        spelled = []
        for key in keys.tolist():
            rest, is_proper = divmod(key, 2)
            row, script = divmod(rest, len(lemmas.edits))
            lemma = lemmas.spell(_string(plain, row), script)
            spelled.append(capitalise(lemma, _string(words, row)) if is_proper else lemma)
        for doc, rows in _rows(batch):
            here, codes = np.unique(where[rows], return_inverse=True)
            doc.tokens.set("lemma", codes.astype(np.int32), [spelled[i] for i in here.tolist()])

    def loss(self, batch: Batch) -> Tensor:
        """Per token, that of the tag and that of the lemma."""
        hidden, tag_scores = self.scores(batch)
        parts, features = _gold(batch, "pos"), _gold(batch, "morph")
        allowed = np.stack([self.tags.allowed(p, f) for p, f in zip(parts, features, strict=True)])
        loss = PartialLoss.apply(tag_scores.float(), torch.from_numpy(allowed).to(tag_scores.device)).sum()  # type: ignore[no-untyped-call]
        if self.lemmas is not None:
            loss = loss + self._lemma_loss(batch, self.lemmas, hidden)
        return loss / max(len(batch), 1)  # type: ignore[no-any-return]

    def _lemma_loss(self, batch: Batch, lemmas: Lemmas, hidden: Tensor) -> Tensor:
        """Minus the log of what the candidates with the right script have together; words that have none are left out."""
        words, index = _distinct(batch.words)
        plain = normalize(words)
        strings = [_string(plain, row) for row in range(len(plain))]
        gold = [-1 if g is None else lemmas.script(strings[i], g) for i, g in zip(index.tolist(), _gold(batch, "lemma"), strict=True)]
        candidates = lemmas(plain).take(index)
        owners = np.repeat(np.arange(len(index)), np.diff(candidates.offsets))
        right = candidates.scripts == np.array(gold)[owners]
        scores, device = self.ranker(hidden, candidates).float(), hidden.device
        rows, hits = torch.from_numpy(owners).to(device), torch.from_numpy(right).to(device)
        answered = torch.zeros(len(index), dtype=torch.bool, device=device).index_fill_(0, rows[hits], True)
        total, good = sum_exp(scores, rows, len(index)), sum_exp(scores[hits], rows[hits], len(index))
        return (total - good)[answered].sum()


class LemmaRanker(nn.Module):
    """Scores candidates for the lemma by their source and script against what the context says."""

    def __init__(self, hidden: int, width: int, sources: int, scripts: int) -> None:
        super().__init__()
        self.query = nn.Linear(hidden, width)
        self.source = nn.Embedding(sources, width)
        self.script = nn.Embedding(scripts, width)
        self.source_bias = nn.Parameter(torch.zeros(sources))
        self.script_bias = nn.Parameter(torch.zeros(scripts))
        nn.init.normal_(self.source.weight, std=0.1)
        nn.init.normal_(self.script.weight, std=0.1)

    def forward(self, hidden: Tensor, candidates: Candidates) -> Tensor:
        """float[candidates], for hidden float[words, hidden] and the candidates of these words."""
        sources = torch.from_numpy(candidates.sources).to(hidden.device)
        scripts = torch.from_numpy(candidates.scripts).to(hidden.device)
        sizes = torch.from_numpy(np.diff(candidates.offsets)).to(hidden.device)
        queries = self.query(hidden).repeat_interleave(sizes, 0)
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
        self.proper = self.parts.index("PROPN") if "PROPN" in self.parts else -1
        described = [{"UPOS": part, **_features(features)} for part, features in pairs]
        self._names = sorted({name for one in described for name in one})
        self._table = np.array([[one.get(name, "") for name in self._names] for one in described]).reshape(len(pairs), -1)
        columns = [self._table[:, i] == value for i in range(len(self._names)) for value in sorted(set(self._table[:, i]))]
        self.values = np.stack(columns, axis=1) if columns else np.zeros((0, 0), dtype=bool)  # [tags, values]
        self.allowed = cache(self._allowed)

    def _allowed(self, part: str | None, features: str | None) -> Bools:
        """Which tags agree with an annotation; all of them where none does."""
        wanted = dict.fromkeys(self._names, UNSURE) if features is None else _features(features)
        wanted["UPOS"] = part or UNSURE
        agrees = np.ones(len(self._table), dtype=bool)
        for i, name in enumerate(self._names):
            if (value := wanted.get(name, "")) != UNSURE:
                agrees &= self._table[:, i] == value
        return agrees if agrees.any() and wanted.keys() <= set(self._names) else np.ones(len(self._table), dtype=bool)


def capitalise(lemma: str, word: str) -> str:
    """The lemma of a proper name in the case of the word: НАТО, Мамин-Сибиряк; always with a capital at its beginning."""
    if word.isupper() and sum(letter.isalpha() for letter in word) > 1:
        return lemma.upper()
    pieces = word.split("-")
    upper = [i == 0 or (i < len(pieces) and pieces[i][:1].isupper()) for i in range(lemma.count("-") + 1)]
    return "-".join(p[:1].upper() + p[1:] if up else p for p, up in zip(lemma.split("-"), upper, strict=True))


def sum_exp(scores: Tensor, rows: Tensor, size: int) -> Tensor:
    """The log of the sum of exp of the scores of each row, float[size]; -69 for a row without any."""
    top = scores.new_full((size,), -1e4).scatter_reduce(0, rows, scores.detach(), "amax")
    total = scores.new_zeros(size).index_add(0, rows, functional.relu((scores - top[rows]).exp()))
    return top + total.clamp_min(1e-30).log()


def _best(scores: Tensor, offsets: Ints) -> Ints:
    """The item with the highest score of each word, the first of equals; each word has one at least."""
    values = scores.float().cpu().numpy()
    tops = np.maximum.reduceat(values, offsets[:-1]) if len(offsets) > 1 else values
    items = np.flatnonzero(values == np.repeat(tops, np.diff(offsets)))
    _, first = np.unique(np.searchsorted(offsets, items, side="right"), return_index=True)
    return items[first]


def _features(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (pair.partition("=") for pair in text.split("|") if pair)}


def _complete(doc: Doc) -> Iterator[str]:
    """The tags of the tokens whose annotation leaves nothing open."""
    pos, morph = doc.tokens.get("pos"), doc.tokens.get("morph")
    if pos is not None and morph is not None:
        for part, features in zip(pos.strings(), morph.strings(), strict=True):
            if part is not None and features is not None and f"={UNSURE}" not in features:
                yield f"{part}|{features}"


def _lemma_examples(docs: Sequence[Doc], parts: Mapping[str, int]) -> Iterator[tuple[str, int, str]]:
    batch = Batch(docs)
    plain = normalize(batch.words)
    for row, (part, lemma) in enumerate(zip(_gold(batch, "pos"), _gold(batch, "lemma"), strict=True)):
        if part is not None and part in parts and lemma:
            yield _string(plain, row), parts[part], lemma


def _gold(batch: Batch, name: str) -> list[str | None]:
    """A column of all documents; None where a document lacks it."""
    found: list[str | None] = []
    for doc in batch.docs:
        column = doc.tokens.get(name)
        found += [None] * len(doc) if column is None else column.strings()
    return found


def _rows(batch: Batch) -> Iterator[tuple[Doc, slice]]:
    return ((doc, slice(*border)) for doc, border in zip(batch.docs, pairwise(batch.offsets.tolist()), strict=True))


def _distinct(words: Words) -> tuple[Words, Ints]:
    """Each word as written once, and which of them each token is."""
    _, rows, index = np.unique(whole(words), return_index=True, return_inverse=True)
    return words.take(rows), index


def _string(words: Words, row: int) -> str:
    return words.codes[words.starts[row] : words.ends[row]].tobytes().decode("utf-32-le", "surrogatepass")


def _part(tables: Tables, prefix: str) -> Tables:
    return {name.removeprefix(prefix): array for name, array in tables.items() if name.startswith(prefix)}
