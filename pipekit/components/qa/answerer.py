"""The reader: answers to questions, found in the text.

Questions come with a document, as the column "text" of its layer "questions". A passage of the text and a question are read by
`qa.network`; a long text is read in overlapping passages. A span's score is the probability of its place: that of the span and of all
spans that overlap it, among all spans of the passage and "no answer here".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipekit import resources
from pipekit.components.qa.matching import keys, learn_rarity, likeness, rarity
from pipekit.components.qa.network import PassageNetwork, Passages
from pipekit.devices.placement import to_arrays, to_device
from pipekit.doc import Doc
from pipekit.doc.layer import Layer, span_layer
from pipekit.doc.text import QUESTIONS
from pipekit.errors import ConfigError
from pipekit.nn.padding import grid, length_groups, windows
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import EncoderRef, Head, Prepared, Tables, under
from pipekit.words.arrays import Ints, ranges
from pipekit.words.chars import codes
from pipekit.words.lexicon import Lexicon

AT_ONCE = 256  # questions
CPU_CELLS, GPU_CELLS = 4_096, 65_536  # padded cells that go through the network at a time
_QUESTION = 64  # words of a question that are read
_LEAST = 1e-5  # a probability that is as good as none
_STRANGE = 0.25  # the share of questions that are asked of another document too in training
_STOPS = ".!?…"
_RAW = 32  # best spans of a passage, from which those that do not overlap are chosen


class ScoredAnswers(NamedTuple):
    """The best spans of passages, in columns: the number of the `question` in the batch, first token and end in the batch, probability."""

    question: Ints
    start: Ints
    end: Ints
    probability: NDArray[np.float64]


NO_ROWS = np.zeros(0, dtype=np.int64)
NOTHING_FOUND = ScoredAnswers(NO_ROWS, NO_ROWS, NO_ROWS, np.zeros(0))


class Asked(NamedTuple):
    """Questions of a batch: the document and the row in its layer "questions" of each, int64[questions], and their texts."""

    doc: Ints
    row: Ints
    texts: list[str]

    def take(self, chosen: Ints) -> Asked:
        return Asked(self.doc[chosen], self.row[chosen], [self.texts[i] for i in chosen.tolist()])


class QuestionPassages(NamedTuple):
    """Passages with questions: the number of the `question`, and the passage's first token in the batch and length, int64[pairs]."""

    question: Ints
    start: Ints
    length: Ints


class QuestionAnswerer(Head):
    """Writes the span layer "answers": `start`, `end`, `score`, and `question`, the row of the layer "questions".

    Args:
        lexicon: in a recipe, the file of a compiled lexicon, by whose lemmas words are compared; without one, words are as written.
        mixed: width of what is made of the encoder's vectors.
        hidden: width of each direction of the LSTM.
        longest: tokens of an answer at most.
        passage: tokens that are read at a time; neighbouring passages share a quarter.
        candidates: answers to a question at most; they do not overlap.
        threshold: a question whose best candidate scores less has no answer.
    """

    assigns = ("answers",)

    def __init__(
        self,
        encoder: EncoderRef,
        lexicon: bool | str = False,
        mixed: int = 96,
        hidden: int = 64,
        longest: int = 24,
        passage: int = 384,
        candidates: int = 5,
        threshold: float = 0.1,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(encoder)
        if not 0 < longest < passage:
            raise ConfigError(
                f"longest = {longest} and passage = {passage}: a passage must be longer than an answer"
            )
        self.tables = dict(tables or {})
        known = under(self.tables, "lexicon.")
        self.lexicon = Lexicon.shared(known) if known else None
        self.longest, self.passage, self.candidates, self.threshold = (
            longest,
            passage,
            candidates,
            threshold,
        )
        self.network = PassageNetwork(encoder.width, mixed, hidden, longest)

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        completed, lexicon = dict(settings), {}
        if isinstance(settings.get("lexicon"), str):
            completed["lexicon"], lexicon = True, resources.read(settings["lexicon"])
        tables = {f"lexicon.{name}": array for name, array in lexicon.items()}
        return Prepared(
            completed,
            {**tables, **learn_rarity(docs, Lexicon.shared(lexicon) if lexicon else None)},
        )

    # -- from questions to passages

    def _read(
        self, batch: Batch, asked: Asked, pairs: QuestionPassages
    ) -> Iterator[tuple[Ints, Tensor]]:
        """Numbers of pairs that go through the network together, and scores float32[pairs, spans + 1] with "no answer" at the end."""
        vectors = batch.vectors(self.encoder.name)
        cells = CPU_CELLS if vectors.device.type == "cpu" else GPU_CELLS
        companion = batch.beside(asked.texts)
        compared = self._compared(batch, companion)
        able = np.flatnonzero(np.diff(companion.offsets)[pairs.question])
        for group in length_groups(pairs.length[able], cells):
            chosen = able[group]
            some = QuestionPassages(*(column[chosen] for column in pairs))
            spans, none = self.network(self._passages(batch, companion, compared, some))
            yield chosen, torch.cat([spans.flatten(1), none[:, None]], dim=1)

    def _compared(self, batch: Batch, companion: Batch) -> WordMatches:
        ours, theirs = keys(batch, self.lexicon), keys(companion, self.lexicon)
        rare = (
            rarity(ours, self.tables, len(batch.distinct.plain)),
            rarity(theirs, self.tables, len(companion.distinct.plain)),
        )
        return WordMatches(likeness(batch, ours, companion, theirs), *rare, sentence_numbers(batch))

    def _passages(
        self, batch: Batch, companion: Batch, compared: WordMatches, pairs: QuestionPassages
    ) -> Passages:
        text, question = batch.vectors(self.encoder.name), companion.vectors(self.encoder.name)
        rows, inside = grid(pairs.start, pairs.length)
        begin = companion.offsets[pairs.question]
        asked_rows, asked = grid(
            begin, np.minimum(companion.offsets[pairs.question + 1] - begin, _QUESTION)
        )
        sentence = compared.sentences[rows]
        words, asked_words = batch.distinct.index[rows], companion.distinct.index[asked_rows]
        like = compared.like[words[:, :, None], asked_words[:, None, :]]
        arrays = (
            inside,
            asked_rows,
            asked,
            like,
            compared.rare[words],
            compared.sought[asked_words],
            sentence - sentence[:, :1],
        )
        places = [to_device(array, text.device) for array in arrays]
        return Passages(
            text[to_device(rows, text.device)], places[0], question[places[1]], *places[2:]
        )

    def _pairs(self, batch: Batch, asked: Asked) -> QuestionPassages:
        """Each question with each passage of its document."""
        plan = windows(batch.offsets, self.passage, self.passage // 4)
        start, length = plan.start[plan.length > 0], plan.length[plan.length > 0]
        first, last = (
            np.searchsorted(start, batch.offsets[asked.doc]),
            np.searchsorted(start, batch.offsets[asked.doc + 1]),
        )
        chosen = ranges(first, last - first)
        return QuestionPassages(
            np.repeat(np.arange(len(asked.texts)), last - first), start[chosen], length[chosen]
        )

    # -- from passages to answers

    def scores(self, batch: Batch) -> tuple[Asked, ScoredAnswers]:
        asked = questions(batch)
        found = [
            self._found(batch, asked, np.arange(i, min(i + AT_ONCE, len(asked.texts))))
            for i in range(0, len(asked.texts), AT_ONCE)
        ]
        return asked, ScoredAnswers(
            *(np.concatenate(columns) for columns in zip(NOTHING_FOUND, *found, strict=True))
        )

    def _found(self, batch: Batch, asked: Asked, chosen: Ints) -> ScoredAnswers:
        some = asked.take(chosen)
        pairs, parts = self._pairs(batch, some), [NOTHING_FOUND]
        for numbers, scores in self._read(batch, some, pairs) if len(pairs.start) else ():
            best = scores.softmax(1)[:, :-1].topk(min(_RAW, scores.shape[1] - 1))
            place, probability = to_arrays((best.indices, best.values.double()))
            start = pairs.start[numbers][:, None] + place // self.longest
            columns = (
                chosen[pairs.question[numbers]][:, None] + 0 * place,
                start,
                start + place % self.longest + 1,
                probability,
            )
            parts.append(ScoredAnswers(*(column[probability > _LEAST] for column in columns)))
        return ScoredAnswers(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def decode(self, batch: Batch, scores: tuple[Asked, ScoredAnswers]) -> None:
        asked, found = scores
        rows: dict[int, list[Candidate]] = {}
        order = np.argsort(found.question, kind="stable")
        borders = np.searchsorted(found.question[order], np.arange(len(asked.texts) + 1))
        for number, (begin, end) in enumerate(pairwise(borders.tolist())):
            mine = order[begin:end]
            best = apart(
                found.start[mine], found.end[mine], found.probability[mine], self.candidates
            )
            if best and best[0].score >= self.threshold:
                rows.setdefault(int(asked.doc[number]), []).extend(
                    one._replace(question=int(asked.row[number])) for one in best
                )
        for i, doc in enumerate(batch.docs):
            doc.layers["answers"] = answer_layer(rows.get(i, []), int(batch.offsets[i]))

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """Minus the log probability of the right spans, or of "no answer" in passages that have none; a mean over the questions.

        Some questions are asked of a passage of another document too, drawn by chance, that does not answer them.
        """
        asked = questions(batch, gold=True)
        gold = [
            gold_spans(batch, doc, row)
            for doc, row in zip(asked.doc.tolist(), asked.row.tolist(), strict=True)
        ]
        total = torch.zeros((), device=next(self.parameters()).device)
        if not gold:
            return total + 0 * self.network.lengths.sum()
        pairs = self._pairs(batch, asked)
        pairs = QuestionPassages(
            *(
                np.concatenate(columns)
                for columns in zip(pairs, self._strange(batch, asked), strict=True)
            )
        )
        places = [self._places(pairs, i, gold) for i in range(len(pairs.start))]
        for numbers, scores in self._read(batch, asked, pairs):
            right = self._right([places[i] for i in numbers.tolist()], scores)
            usable = right.any(1)
            scores, right = scores[usable], right[usable]
            total = (
                total
                + (scores.logsumexp(1) - scores.masked_fill(~right, -torch.inf).logsumexp(1)).sum()
            )
        return total / len(gold)

    def _strange(self, batch: Batch, asked: Asked) -> QuestionPassages:
        """Some questions with the first passage of another document; no pairs where there is no other."""
        others = np.flatnonzero(np.diff(batch.offsets))
        if len(others) < 2:
            return QuestionPassages(NO_ROWS, NO_ROWS, NO_ROWS)
        drawn = others[torch.randint(len(others), (len(asked.texts),)).numpy()]
        mine = np.flatnonzero((drawn != asked.doc) & (torch.rand(len(drawn)) < _STRANGE).numpy())
        start = batch.offsets[drawn[mine]]
        return QuestionPassages(
            mine, start, np.minimum(batch.offsets[drawn[mine] + 1] - start, self.passage)
        )

    def _places(self, pairs: QuestionPassages, pair: int, gold: Sequence[Ints]) -> list[int]:
        """Where the right answers stand among a pair's scores; -1 for "no answer"; empty where one is there that no score is of."""
        start, end = int(pairs.start[pair]), int(pairs.start[pair] + pairs.length[pair])
        spans = gold[pairs.question[pair]]
        near = spans[(spans[:, 0] < end) & (spans[:, 1] > start)]
        size = near[:, 1] - near[:, 0]
        fits = near[(near[:, 0] >= start) & (near[:, 1] <= end) & (size <= self.longest)]
        places: list[int] = (
            (fits[:, 0] - start) * self.longest + fits[:, 1] - fits[:, 0] - 1
        ).tolist()
        return places if len(near) else [-1]

    @staticmethod
    def _right(places: Sequence[Sequence[int]], scores: Tensor) -> Tensor:
        right = np.zeros(scores.shape, dtype=bool)
        for row, mine in enumerate(places):
            right[row, mine] = True
        return to_device(right, scores.device)


class WordMatches(NamedTuple):
    """Distinct words of a text and of questions: `like` uint8[words, asked words], how rare they are, float32; `sentence_numbers` of tokens."""

    like: NDArray[np.uint8]
    rare: NDArray[np.float32]
    sought: NDArray[np.float32]
    sentences: Ints


class Candidate(NamedTuple):
    """An answer: token rows of the batch, the probability of its place, and the row of its question."""

    start: int
    end: int
    score: float
    question: int = 0


def sentence_numbers(batch: Batch) -> Ints:
    """The number of each token's sentence in the batch, int64[tokens]; texts that are put to a reader alone are cut at full stops."""
    plain = batch.distinct.plain
    single = np.flatnonzero(plain.lengths == 1)
    stop = np.zeros(len(plain), dtype=bool)
    stop[single] = np.isin(plain.codes[plain.starts[single]], codes(_STOPS))
    ends = stop[batch.distinct.index]
    numbers: Ints = (
        np.searchsorted(batch.sequences, np.arange(len(batch)), "right") + np.cumsum(ends) - ends
    )
    return numbers


def questions(batch: Batch, *, gold: bool = False) -> Asked:
    """The questions of all documents that bring some; gold: only of those that have answers too."""
    docs: list[int] = []
    rows: list[int] = []
    texts: list[str] = []
    for i, doc in enumerate(batch.docs):
        layer = doc.layers.get(QUESTIONS)
        if layer is None or not layer.size or (gold and "answers" not in doc.layers):
            continue
        strings = layer["text"].strings()
        docs += [i] * layer.size
        rows += range(layer.size)
        texts += [text or "" for text in strings]
    return Asked(np.array(docs, dtype=np.int64), np.array(rows, dtype=np.int64), texts)


def gold_spans(batch: Batch, doc: int, row: int) -> Ints:
    """The annotated answers to a question, token rows of the batch, int64[answers, 2]."""
    layer = batch.docs[doc].layers["answers"]
    if not layer.size:
        return np.zeros((0, 2), dtype=np.int64)
    mine = layer["question"].values == row
    spans: Ints = (
        np.stack([layer[edge].values[mine] for edge in ("start", "end")], axis=1).astype(np.int64)
        + batch.offsets[doc]
    )
    return spans


def apart(
    starts: Ints, ends: Ints, probability: NDArray[np.float64], limit: int
) -> list[Candidate]:
    """The most probable spans that do not overlap, best first; each has the probability of all that overlap it, and no better one."""
    spans: dict[tuple[int, int], float] = {}
    for start, end, p in zip(starts.tolist(), ends.tolist(), probability.tolist(), strict=True):
        spans[start, end] = max(p, spans.get((start, end), 0.0))
    best: list[Candidate] = []
    for (start, end), p in sorted(spans.items(), key=lambda item: (-item[1], item[0])):
        over = next((i for i, one in enumerate(best) if start < one.end and one.start < end), None)
        if over is None:
            best.append(Candidate(start, end, p))
        else:
            best[over] = best[over]._replace(score=min(best[over].score + p, 1.0))
    return sorted(best, key=lambda one: -one.score)[:limit]


def answer_layer(found: Sequence[Candidate], offset: int) -> Layer:
    """Answers to the questions of a document whose first token is `offset`."""
    columns = [
        [getattr(one, name) for one in found] for name in ("start", "end", "score", "question")
    ]
    starts, ends = (np.array(column, dtype=np.int64) - offset for column in columns[:2])
    return span_layer(starts, ends, scores=np.array(columns[2])).set(
        "question", np.array(columns[3], dtype=np.int32)
    )
