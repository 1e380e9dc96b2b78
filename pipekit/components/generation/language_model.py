"""Language models: how expected each word is, and how a text goes on.

    text     Мама мыла раму .
    pieces   ▁Мама ▁мыла ▁ра му .        cut from the whole text
    bits     7.1   9.3   4.0 1.2 0.8     -log2 of the probability after all that stands before
    words    7.1   9.3   5.2     0.8     `surprisal`

Sources: Mikolov et al. 2010; Radford et al. 2018; Hale 2001 for surprisal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipekit.components.generation.pieces import (
    SubwordSettings,
    WritingVocabulary,
    build_decoder,
    build_search,
    prepared_subwords,
)
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.errors import ConfigError
from pipekit.generation.search import Search
from pipekit.generation.writing import WritingTask, turns, write_texts
from pipekit.nn.padding import grid, length_groups, windows
from pipekit.nn.sequences import cells_on
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Head, Prepared, Tables
from pipekit.parts.decoding import State, next_piece_loss
from pipekit.settings import Between
from pipekit.subwords.learning import text_of_whole
from pipekit.words.arrays import Bools, Floats, Ints, offsets

SURPRISAL = "surprisal"
_ROWS = 64  # texts that a recurrent decoder reads side by side
_PARTIAL = "\ufffd"  # bytes of a letter that is not whole yet


class LanguageModel(Head):
    """Reads texts from left to right, and writes how many bits each word costs.

        doc.tokens["surprisal"], doc.perplexity
        nlp.generate("Мама мыла")

    Every text is material for it: it needs no annotation.

    Args:
        decoder: its type and settings, such as {type = "causal", layers = 6} or {type = "rnn"}.
        subwords: in a recipe a file or folder that holds a vocabulary, or settings of
            `pipekit.subwords.learning.learn_subwords`. In a saved pipeline True.
        search: settings of `pipekit.generation.search.Search`, with which texts go on.
        stretch: pieces that are read at a time. A recurrent decoder carries its state from one
            stretch to the next, and gradients end at the border (truncated back-propagation); a
            Transformer reads half of the stretch before again, as context.
    """

    assigns = (SURPRISAL,)

    def __init__(
        self,
        decoder: Mapping[str, Any] | None = None,
        subwords: SubwordSettings = True,
        search: Mapping[str, Any] | None = None,
        stretch: Annotated[int, Between(2, 65_536)] = 128,
        tables: Tables | None = None,
    ) -> None:
        super().__init__()
        self.vocabulary = WritingVocabulary(tables, "a language model")
        self.tables = self.vocabulary.tables
        self.search = build_search(search)
        self.decoder = build_decoder(
            decoder or {"type": "causal"},
            len(self.vocabulary),
            0,
        )
        self.stretch = stretch
        if self.decoder.most:
            self.stretch = min(stretch, self.decoder.most)

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        tables = prepared_subwords(settings, lambda: (text_of_whole(doc.text) for doc in docs))
        return Prepared({**settings, "subwords": True}, tables)

    # -- annotating

    def scores(self, batch: Batch) -> list[Floats]:
        """The bits of each piece of each document, float32[pieces] each."""
        texts = self.vocabulary.subwords.encode([doc.text for doc in batch.docs])
        material = _material(texts, self.vocabulary)
        device = self._device
        bits = np.zeros(len(material.targets), dtype=np.float32)
        for stretch in self._stretches(material.borders):
            states = self._read(material, stretch)
            targets = to_device(material.targets[stretch.rows], device)
            losses = functional.cross_entropy(
                self.decoder.score(states).float().transpose(1, 2),
                targets,
                reduction="none",
            )
            of_cells = (losses / math.log(2)).cpu().numpy()
            counted = stretch.counted
            bits[stretch.rows[counted]] = of_cells[counted]
        borders = material.borders.tolist()
        return [bits[start : end - 1] for start, end in pairwise(borders)]  # without the ends

    def decode(
        self,
        batch: Batch,
        scores: list[Floats],
    ) -> None:
        """Write the column of each document: the bits of a word are those of its pieces."""
        ends_of_pieces = self.vocabulary.subwords.piece_ends([doc.text for doc in batch.docs])
        for doc, bits, ends in zip(
            batch.docs,
            scores,
            ends_of_pieces,
            strict=True,
        ):
            totals = np.zeros(len(doc), dtype=np.float32)
            if len(doc):
                owners = np.searchsorted(doc.ends, ends)  # white space belongs to what follows
                np.add.at(
                    totals,
                    np.minimum(owners, len(doc) - 1),
                    bits,
                )
            doc.tokens.put(SURPRISAL, Column(totals))

    @property
    def _device(self) -> torch.device:
        return next(self.decoder.parameters()).device

    def _read(
        self,
        material: Material,
        stretch: Stretch,
    ) -> Tensor:
        """The states before the pieces of a stretch, float[rows, steps, width]."""
        inputs = to_device(material.inputs[stretch.rows], self._device)
        return self.decoder.read(inputs, stretch.state)

    def _stretches(self, borders: Ints) -> Iterator[Stretch]:
        """All texts, as a decoder reads them: in windows, or stretch after stretch."""
        if self.decoder.most:
            return self._windows(borders)
        return self._in_turn(borders)

    def _windows(self, borders: Ints) -> Iterator[Stretch]:
        """Windows of like length; each counts what lies behind its context."""
        plan = windows(
            borders,
            self.stretch,
            self.stretch // 2,
        )
        for group in length_groups(plan.length, cells_on(self._device)):
            rows, inside = grid(plan.start[group], plan.length[group])
            is_answer = rows >= plan.first[group][:, None]
            is_answer &= rows < plan.last[group][:, None]
            state = self.decoder.begin(len(group))
            yield Stretch(
                rows,
                inside & is_answer,
                state,
            )

    def _in_turn(self, borders: Ints) -> Iterator[Stretch]:
        """Texts of like length side by side; those that have ended leave."""
        starts = borders[:-1]
        lengths = np.diff(borders)
        order = np.argsort(-lengths, kind="stable")
        for first in range(
            0,
            len(order),
            _ROWS,
        ):
            group = order[first : first + _ROWS]
            state = self.decoder.begin(len(group))
            for read in range(
                0,
                int(lengths[group[0]]),
                self.stretch,
            ):
                alive = int((lengths[group] > read).sum())
                if alive < len(state):
                    state = state.select(torch.arange(alive, device=self._device))
                texts = group[:alive]
                left = np.minimum(lengths[texts] - read, self.stretch)
                rows, inside = grid(starts[texts] + read, left)
                yield Stretch(rows, inside, state)
                state.detach()

    # -- going on

    def continued(
        self,
        prompts: Sequence[str],
        search: Search | None = None,
    ) -> list[list[tuple[str, float, bool]]]:
        """How each text goes on, the best continuation first: its text, its score, and whether it
        has come to its end.
        """
        beginnings = self._beginnings(prompts)
        search = search or self.search
        texts = write_texts(
            self.decoder,
            self._task(prompts, beginnings),
            search,
        )
        continued = []
        for beginning, candidates in zip(
            beginnings,
            texts,
            strict=True,
        ):
            of_prompt = []
            for written in candidates:
                text = self._behind(beginning, written.ids.tolist())
                of_prompt.append((text, written.score, written.ended))
            continued.append(of_prompt)
        return continued

    def stream(
        self,
        prompt: str,
        search: Search | None = None,
    ) -> Iterator[str]:
        """A continuation of a text, letter by letter or piece by piece, as it is written.

        Errors: `ConfigError` for beams, which know their text only at the end.
        """
        search = search or self.search
        if search.beams > 1 or search.samples > 1:
            raise ConfigError("a stream is one text: leave beams and samples out")
        beginnings = self._beginnings([prompt])
        pieces: list[int] = []
        before = ""
        for turn in turns(
            self.decoder,
            self._task([prompt], beginnings),
            search,
        ):
            pieces += turn.pieces[turn.pieces != self.vocabulary.end].tolist()
            text = self._behind(beginnings[0], pieces)
            if len(text) > len(before) and not text.endswith(_PARTIAL):
                yield text[len(before) :]
                before = text

    def next_pieces(
        self,
        prompt: str,
        top: int,
    ) -> list[tuple[str, float]]:
        """The pieces that may follow a text, with their probabilities, the best first."""
        [beginning] = self._beginnings([prompt])
        state = self.decoder.begin(1)
        ids = to_device(beginning[None], self._device)
        states = self.decoder.read(ids, state)[:, -1]
        shares = self.decoder.score(states).float().softmax(1)[0]
        shares[self.vocabulary.never] = 0.0
        best = shares.topk(min(top, len(shares)))
        pieces = []
        for share, piece in zip(
            best.values.tolist(),
            best.indices.tolist(),
            strict=True,
        ):
            text = "" if piece == self.vocabulary.end else self._behind(beginning, [piece])
            pieces.append((text, share))
        return pieces

    def _beginnings(self, prompts: Sequence[str]) -> list[Ints]:
        """The start and the pieces of each text; of a long one, what the decoder can read."""
        beginnings = []
        for ids in self.vocabulary.subwords.encode(prompts):
            if self.decoder.most:
                ids = ids[-(self.decoder.most // 2) :]
            beginnings.append(np.concatenate([[self.vocabulary.start], ids]))
        return beginnings

    def _task(
        self,
        prompts: Sequence[str],
        beginnings: list[Ints],
    ) -> WritingTask:
        keys = [crc32(prompt.encode("utf-8")) for prompt in prompts]
        return WritingTask(
            beginnings,
            self.vocabulary.end,
            keys,
            self.vocabulary.never,
        )

    def _behind(
        self,
        beginning: Ints,
        pieces: list[int],
    ) -> str:
        """The text of pieces behind a beginning, with the space between the two."""
        before = self.vocabulary.subwords.join(beginning)
        return self.vocabulary.subwords.join([*beginning.tolist(), *pieces])[len(before) :]

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """The mean over the pieces of all texts, their ends included."""
        texts = self.vocabulary.subwords.encode([doc.text for doc in batch.docs])
        material = _material(texts, self.vocabulary)
        total = torch.zeros((), device=self._device)
        for stretch in self._stretches(material.borders):
            states = self._read(material, stretch)
            total = total + next_piece_loss(
                self.decoder,
                states,
                to_device(material.targets[stretch.rows], self._device),
                to_device(stretch.counted, self._device),
            )
        return total / max(len(material.targets), 1)


class Material(NamedTuple):
    """Texts end to end, int64[rows].

    Attributes:
        inputs: the start and the pieces of each text.
        targets: the pieces and the end of each text.
        borders: the row at which each text begins, int64[texts + 1].
    """

    inputs: Ints
    targets: Ints
    borders: Ints


class Stretch(NamedTuple):
    """What a decoder reads at a time.

    Attributes:
        rows: of the material, int64[texts, steps].
        counted: which of them count, bool[texts, steps].
        state: of the decoder, in which it reads on.
    """

    rows: Ints
    counted: Bools
    state: State


def _material(
    texts: Sequence[Ints],
    vocabulary: WritingVocabulary,
) -> Material:
    inputs: list[Ints] = []
    targets: list[Ints] = []
    for ids in texts:
        inputs += [np.array([vocabulary.start]), ids]
        targets += [ids, np.array([vocabulary.end])]
    nothing = np.zeros(0, dtype=np.int64)
    borders = offsets(len(ids) + 1 for ids in texts)
    return Material(
        np.concatenate([*inputs, nothing]), np.concatenate([*targets, nothing]), borders
    )
