"""Questions of documents, the passages in which their answers are sought, and both as tensors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipekit.components.qa.matching import word_lemmas, word_likeness, word_rarity
from pipekit.components.qa.network import Passages
from pipekit.devices.placement import to_device
from pipekit.doc.text import QUESTIONS
from pipekit.nn.padding import grid, windows
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Tables
from pipekit.words.arrays import Floats, Ints, offsets, ranges
from pipekit.words.chars import codes
from pipekit.words.lexicon import Lexicon

_QUESTION = 64  # words of a question that are read
_FOREIGN = 0.25  # the share of questions that are put to another document too in training
_STOPS = ".!?…"


class Questions(NamedTuple):
    """Questions of a batch.

    Attributes:
        doc: the number of the document, int64[questions].
        row: the row in its layer "questions", int64[questions].
        texts: the questions themselves.
    """

    doc: Ints
    row: Ints
    texts: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, numbers: Ints) -> Questions:
        """Some of the questions."""
        texts = [self.texts[number] for number in numbers.tolist()]
        return Questions(self.doc[numbers], self.row[numbers], texts)


def batch_questions(
    batch: Batch,
    *,
    gold: bool = False,
) -> Questions:
    """The questions of all documents; with `gold`, only of those that have answers too."""
    docs: list[int] = []
    rows: list[int] = []
    texts: list[str] = []
    for number, doc in enumerate(batch.docs):
        layer = doc.layers.get(QUESTIONS)
        if layer is None or not layer.size:
            continue
        if gold and "answers" not in doc.layers:
            continue
        docs += [number] * layer.size
        rows += range(layer.size)
        texts += [text or "" for text in layer["text"].strings()]
    return Questions(
        doc=np.array(docs, dtype=np.int64),
        row=np.array(rows, dtype=np.int64),
        texts=texts,
    )


def gold_spans(
    batch: Batch,
    doc: int,
    row: int,
) -> Ints:
    """The annotated answers to a question, as token rows of the batch, int64[answers, 2]."""
    layer = batch.docs[doc].layers["answers"]
    if not layer.size:
        return np.zeros((0, 2), dtype=np.int64)
    own = layer["question"].values == row
    columns = layer["start"].values[own], layer["end"].values[own]
    spans = np.stack(columns, axis=1).astype(np.int64)
    return spans + int(batch.offsets[doc])


class QuestionPassages(NamedTuple):
    """Pairs of a question and a passage, int64[pairs] each.

    Attributes:
        question: the number of the question.
        start: the passage's first token row in the batch.
        length: the passage's number of tokens.
    """

    question: Ints
    start: Ints
    length: Ints

    def __len__(self) -> int:
        return len(self.question)

    def take(self, rows: Ints) -> QuestionPassages:
        """Some of the pairs."""
        return QuestionPassages(self.question[rows], self.start[rows], self.length[rows])

    def joined(self, other: QuestionPassages) -> QuestionPassages:
        """These pairs, and then the others."""
        return QuestionPassages(
            question=np.concatenate([self.question, other.question]),
            start=np.concatenate([self.start, other.start]),
            length=np.concatenate([self.length, other.length]),
        )


def own_passages(
    batch: Batch,
    questions: Questions,
    size: int,
) -> QuestionPassages:
    """Each question with each passage of its document.

    A passage has at most `size` tokens; neighbours share a quarter of that.
    """
    plan = windows(batch.offsets, size, size // 4)
    filled = plan.length > 0
    start = plan.start[filled]
    length = plan.length[filled]
    first = np.searchsorted(start, batch.offsets[questions.doc])
    last = np.searchsorted(start, batch.offsets[questions.doc + 1])
    counts = last - first
    passages = ranges(first, counts)
    return QuestionPassages(
        question=np.repeat(np.arange(len(questions)), counts),
        start=start[passages],
        length=length[passages],
    )


def foreign_passages(
    batch: Batch,
    questions: Questions,
    size: int,
) -> QuestionPassages:
    """Some questions, drawn by chance, with the first passage of another document.

    There are none in a batch of less than two documents with tokens.
    """
    docs = np.flatnonzero(np.diff(batch.offsets))
    if len(docs) < 2:
        empty = np.zeros(0, dtype=np.int64)
        return QuestionPassages(empty, empty, empty)
    drawn = torch.randint(len(docs), (len(questions),)).numpy()
    other_docs = docs[drawn]
    is_foreign = other_docs != questions.doc
    is_foreign &= (torch.rand(len(questions)) < _FOREIGN).numpy()
    numbers = np.flatnonzero(is_foreign)
    doc = other_docs[numbers]
    start = batch.offsets[doc]
    length = batch.offsets[doc + 1] - start
    return QuestionPassages(numbers, start, np.minimum(length, size))


class WordMatches(NamedTuple):
    """How the words of a batch and of its questions match.

    Attributes:
        likeness: of distinct words, uint8[words, words of questions].
        text_rarity: of the distinct words of the batch, float32[words].
        question_rarity: of the distinct words of questions, float32[words of questions].
        sentences: `sentence_numbers` of the batch, int64[tokens].
    """

    likeness: NDArray[np.uint8]
    text_rarity: Floats
    question_rarity: Floats
    sentences: Ints


def match_words(
    batch: Batch,
    companion: Batch,  # of the questions
    lexicon: Lexicon | None,
    tables: Tables,  # of `learn_rarity`, or others
) -> WordMatches:
    """The matches of the words of a batch with those of its questions."""
    words = len(batch.distinct.plain)
    question_words = len(companion.distinct.plain)
    lemmas = word_lemmas(batch, lexicon)
    question_lemmas = word_lemmas(companion, lexicon)
    return WordMatches(
        likeness=word_likeness(batch, lemmas, companion, question_lemmas),
        text_rarity=word_rarity(lemmas, tables, words),
        question_rarity=word_rarity(question_lemmas, tables, question_words),
        sentences=sentence_numbers(batch),
    )


def sentence_numbers(batch: Batch) -> Ints:
    """The number of each token's sentence in the batch, int64[tokens].

    Texts that are put to a reader alone have no sentences, so full stops count as borders too.
    """
    plain = batch.distinct.plain
    single = np.flatnonzero(plain.lengths == 1)
    letters = plain.codes[plain.starts[single]]
    is_stop = np.zeros(len(plain), dtype=bool)
    is_stop[single] = np.isin(letters, codes(_STOPS))
    stops = is_stop[batch.distinct.index]  # bool[tokens]
    stops_before = offsets(stops)[:-1]
    sequence = np.searchsorted(batch.sequences, np.arange(len(batch)), "right")
    numbers: Ints = sequence + stops_before
    return numbers


def pad_passages(
    batch: Batch,
    companion: Batch,  # of the questions
    matches: WordMatches,
    pairs: QuestionPassages,
    vectors: tuple[Tensor, Tensor],  # of batch and companion, float[tokens, width] each
) -> Passages:
    """Passages and their questions as padded tensors, on the device of the vectors."""
    text_vectors, question_vectors = vectors
    device = text_vectors.device
    rows, text_mask = grid(pairs.start, pairs.length)
    question_start = companion.offsets[pairs.question]
    question_end = companion.offsets[pairs.question + 1]
    question_length = np.minimum(question_end - question_start, _QUESTION)
    question_rows, question_mask = grid(question_start, question_length)

    words = batch.distinct.index[rows]  # int64[N, T]
    question_words = companion.distinct.index[question_rows]  # int64[N, Q]
    likeness = matches.likeness[words[:, :, None], question_words[:, None, :]]
    text_rarity = matches.text_rarity[words]
    question_rarity = matches.question_rarity[question_words]
    sentence = matches.sentences[rows]
    sentence = sentence - sentence[:, :1]
    return Passages(
        text=text_vectors[to_device(rows, device)],
        text_mask=to_device(text_mask, device),
        question=question_vectors[to_device(question_rows, device)],
        question_mask=to_device(question_mask, device),
        likeness=to_device(likeness, device),
        text_rarity=to_device(text_rarity, device),
        question_rarity=to_device(question_rarity, device),
        sentence=to_device(sentence, device),
    )
