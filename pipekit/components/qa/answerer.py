"""The reader: answers to questions, found in the text.

Questions come with a document, as the column "text" of its layer "questions". A long text is read
in overlapping passages. `PassageNetwork` reads a passage and a question together.

What the network says of an answer is the probability of its place: that of the span and of all
spans that overlap it, among all spans of the passage and "no answer here". The score is this
probability calibrated on questions that the training has not seen (Platt 1999): the logistic
function of ``slope * logit + shift``. So it tells how often such answers are right. With a slope
of 1 and a shift of 0 it is the probability itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipekit import resources
from pipekit.components.qa.candidates import (
    Candidate,
    answer_layer,
    calibrated,
    choose_candidates,
)
from pipekit.components.qa.matching import RARITY_TABLES, learn_rarity
from pipekit.components.qa.network import PassageNetwork
from pipekit.components.qa.passages import (
    QuestionPassages,
    Questions,
    batch_questions,
    foreign_passages,
    gold_spans,
    match_words,
    own_passages,
    pad_passages,
)
from pipekit.devices.placement import to_arrays, to_device
from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.nn.padding import length_groups
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import EncoderRef, Head, PassedOver, Prepared, Tables
from pipekit.settings import Between, Probability, Width, Window
from pipekit.tables import by_prefix, check_tables
from pipekit.words.arrays import Ints
from pipekit.words.lexicon import Lexicon

AT_ONCE = 256  # questions
_CPU_CELLS = 4_096  # padded cells that go through the network at a time
_GPU_CELLS = 65_536
_LEAST = 1e-5  # the least probability of a span that is looked at
_RAW = 32  # best spans of a passage, from which those that do not overlap are chosen


class ScoredAnswers(NamedTuple):
    """The best spans of passages, in columns.

    Attributes:
        question: the number of the question in the batch, int64[spans].
        start: the first token row in the batch, int64[spans].
        end: the token row behind the last one, int64[spans].
        probability: float64[spans].
    """

    question: Ints
    start: Ints
    end: Ints
    probability: NDArray[np.float64]


class QuestionAnswerer(Head):
    """Writes the span layer "answers": start, end, score, and `question`.

    `question` is the row of the layer "questions".

    Args:
        lexicon: in a recipe, the file of a compiled lexicon, by whose lemmas words are compared;
            without one, they are compared as written.
        mixed: width of the vectors that are made of the encoder's.
        hidden: width of each direction of the LSTM.
        longest: the greatest number of tokens of an answer.
        passage: tokens that are read at a time; neighbouring passages share a quarter.
        candidates: the greatest number of answers to a question; they do not overlap.
        threshold: a question whose best candidate scores less has no answer.
        slope, shift: of the calibration of scores.
    """

    assigns = ("answers",)

    def __init__(
        self,
        encoder: EncoderRef,
        lexicon: bool | str = False,
        mixed: Width = 96,
        hidden: Width = 64,
        longest: Annotated[int, Between(1, 1_024)] = 24,
        passage: Window = 384,
        candidates: Annotated[int, Between(1, 1_024)] = 5,
        threshold: Probability = 0.1,
        slope: Annotated[float, Between(0.01, 100)] = 1.0,
        shift: Annotated[float, Between(-100, 100)] = 0.0,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(encoder)
        if not 0 < longest < passage:
            raise ConfigError(
                f"longest = {longest} and passage = {passage}: "
                "a passage must be longer than an answer"
            )
        self.tables = dict(tables or {})
        lexicon_tables, rarity = by_prefix(self.tables, ("lexicon", "rarity"), "a reader")
        if rarity:
            check_tables(rarity, RARITY_TABLES, "the rarity of words")
        self.lexicon: Lexicon | None = None
        if lexicon_tables:
            self.lexicon = Lexicon.shared(lexicon_tables)
        self.longest = longest
        self.passage = passage
        self.candidates = candidates
        self.threshold = threshold
        self.slope = slope
        self.shift = shift
        self.network = PassageNetwork(encoder.width, mixed, hidden, longest)

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        completed = dict(settings)
        tables: Tables = {}
        lexicon = None
        path = settings.get("lexicon")
        if isinstance(path, str):
            completed["lexicon"] = True
            arrays = resources.read(path, "lexicon")
            tables = {f"lexicon.{name}": array for name, array in arrays.items()}
            lexicon = Lexicon.shared(arrays)
        tables.update(learn_rarity(docs, lexicon))
        return Prepared(completed, tables)

    # -- from questions to scores

    def _score_passages(
        self,
        batch: Batch,
        questions: Questions,
        pairs: QuestionPassages,
    ) -> Iterator[tuple[Ints, Tensor]]:
        """Scores of questions in passages, group by group.

        Pairs whose question has no words are left out.

        Yields:
            numbers: of the pairs that go through the network together, int64[N].
            scores: float32[N, spans + 1]; span ``token * longest + length - 1``, and "no answer
                here" at the end.
        """
        companion = batch.beside(questions.texts)
        vectors = batch.vectors(self.encoder.name)
        question_vectors = companion.vectors(self.encoder.name)
        matches = match_words(batch, companion, self.lexicon, self.tables)
        cells = _CPU_CELLS if vectors.device.type == "cpu" else _GPU_CELLS
        question_lengths = np.diff(companion.offsets)[pairs.question]
        readable = np.flatnonzero(question_lengths)
        for group in length_groups(pairs.length[readable], cells):
            numbers = readable[group]
            passages = pad_passages(
                batch,
                companion,
                matches,
                pairs.take(numbers),
                (vectors, question_vectors),
            )
            spans, none = self.network(passages)
            scores = torch.cat([spans.flatten(1), none[:, None]], dim=1)
            yield numbers, scores

    # -- from scores to answers

    def scores(self, batch: Batch) -> tuple[Questions, ScoredAnswers]:
        questions = batch_questions(batch)
        empty = np.zeros(0, dtype=np.int64)
        parts = [ScoredAnswers(empty, empty, empty, np.zeros(0))]
        for begin in range(0, len(questions), AT_ONCE):
            end = min(begin + AT_ONCE, len(questions))
            parts += self._answers(batch, questions, np.arange(begin, end))
        columns = zip(*parts, strict=True)
        return questions, ScoredAnswers(*(np.concatenate(column) for column in columns))

    def _answers(
        self,
        batch: Batch,
        questions: Questions,
        numbers: Ints,
    ) -> Iterator[ScoredAnswers]:
        """The best spans of each passage for some of the questions, group by group."""
        some = questions.take(numbers)
        pairs = own_passages(batch, some, self.passage)
        if not len(pairs):
            return
        for rows, scores in self._score_passages(batch, some, pairs):
            probabilities = scores.softmax(1)[:, :-1]
            best = probabilities.topk(min(_RAW, probabilities.shape[1]))
            place, probability = to_arrays((best.indices, best.values.double()))  # (N, _RAW)
            probable = probability > _LEAST
            token, longer = np.divmod(place, self.longest)
            start = pairs.start[rows][:, None] + token
            end = start + longer + 1
            question = numbers[pairs.question[rows]][:, None]
            yield ScoredAnswers(
                question=np.broadcast_to(question, place.shape)[probable],
                start=start[probable],
                end=end[probable],
                probability=probability[probable],
            )

    def decode(
        self,
        batch: Batch,
        scores: tuple[Questions, ScoredAnswers],
    ) -> None:
        questions, answers = scores
        by_doc: list[list[Candidate]] = [[] for _ in batch.docs]
        order = np.argsort(answers.question, kind="stable")
        numbers = np.arange(len(questions) + 1)
        borders = np.searchsorted(answers.question[order], numbers)
        for number, (begin, end) in enumerate(pairwise(borders.tolist())):
            rows = order[begin:end]
            best = choose_candidates(
                answers.start[rows],
                answers.end[rows],
                answers.probability[rows],
                self.candidates,
            )
            best = calibrated(best, self.slope, self.shift)
            if not best or best[0].score < self.threshold:
                continue
            row = int(questions.row[number])
            candidates = by_doc[questions.doc[number]]
            candidates += [candidate._replace(question=row) for candidate in best]
        offsets = batch.offsets[:-1].tolist()
        for doc, candidates, offset in zip(batch.docs, by_doc, offsets, strict=True):
            doc.layers["answers"] = answer_layer(candidates, offset)

    # -- learning

    def passed_over(self, batch: Batch) -> PassedOver:
        """Answers that are too long."""
        numbers = []
        for number, doc in enumerate(batch.docs):
            layer = doc.layers.get("answers")
            if layer is not None:
                lengths = layer["end"].values - layer["start"].values
                numbers += [number] * int((lengths > self.longest).sum())
        return {f"answers are longer than {self.longest} tokens": numbers}

    def loss(self, batch: Batch) -> Tensor:
        """Minus the log probability of the right spans; a mean over the questions.

        In passages without an answer "no answer here" is right. Some questions, drawn by chance,
        are put to a passage of another document too, which does not answer them.
        """
        questions = batch_questions(batch, gold=True)
        total = torch.zeros((), device=next(self.parameters()).device)
        if not len(questions):
            return total + 0 * self.network.lengths.sum()
        own = own_passages(batch, questions, self.passage)
        foreign = foreign_passages(batch, questions, self.passage)
        pairs = own.joined(foreign)
        places = self._right_places(batch, questions, pairs)
        for numbers, scores in self._score_passages(batch, questions, pairs):
            right = _mask([places[number] for number in numbers.tolist()], scores)
            usable = right.any(1)
            scores = scores[usable]
            right_scores = scores.masked_fill(~right[usable], -torch.inf)
            losses = scores.logsumexp(1) - right_scores.logsumexp(1)
            total = total + losses.sum()
        return total / len(questions)

    def _right_places(
        self,
        batch: Batch,
        questions: Questions,
        pairs: QuestionPassages,
    ) -> list[list[int]]:
        """Where the right answers stand among the scores of each pair."""
        gold = []
        for doc, row in zip(questions.doc.tolist(), questions.row.tolist(), strict=True):
            gold.append(gold_spans(batch, doc, row))
        starts = pairs.start.tolist()
        lengths = pairs.length.tolist()
        places = []
        for question, start, length in zip(pairs.question.tolist(), starts, lengths, strict=True):
            places.append(self._places(gold[question], start, start + length))
        return places

    def _places(
        self,
        gold: Ints,
        start: int,
        end: int,
    ) -> list[int]:
        """Where answers int64[answers, 2] stand among the scores of the passage ``[start, end)``.

        It is [-1], "no answer here", for a passage without an answer; and empty for a passage
        whose answers have no score, since they are too long or cross its border.
        """
        touches = (gold[:, 0] < end) & (gold[:, 1] > start)
        if not touches.any():
            return [-1]
        first = gold[touches, 0]
        last = gold[touches, 1]
        length = last - first
        scored = length <= self.longest
        scored &= (first >= start) & (last <= end)
        places = (first - start) * self.longest + length - 1
        right: list[int] = places[scored].tolist()
        return right


def _mask(
    places: Sequence[Sequence[int]],
    scores: Tensor,
) -> Tensor:
    """True at the given places of each row, bool of the shape of the scores."""
    mask = np.zeros(scores.shape, dtype=bool)
    for row, columns in enumerate(places):
        mask[row, columns] = True
    return to_device(mask, scores.device)
