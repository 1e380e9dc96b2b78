"""Beam search: the best of several texts that grow together.

Each document has as many rows as there are beams. At each step the best continuations of all its
rows take their places:

    rows       scores so far      best continuations     rows of the next step
    Я ехал     -1.0               Я ехал домой  -1.4     Я ехал домой
    Я шёл      -1.2               Я шёл .       -1.5     Я ехал в
                                  Я ехал в      -1.9     (Я шёл . has ended, and is put aside)

Source: the description of Graves 2012 and Sutskever et al. 2014; lengths as Wu et al. 2016 compare
them, by a power.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipekit.generation.rules import IMPOSSIBLE, ruled
from pipekit.generation.search import Hypothesis, Search
from pipekit.generation.started import Started
from pipekit.parts.decoding import Decoder


@dataclass
class Ended:
    """The best whole texts of each document so far.

    Attributes:
        scores: float[docs, beams], the best first; -inf where there is none yet.
        pieces: int64[docs, beams, most], the end among them.
        lengths: int64[docs, beams].
    """

    scores: Tensor
    pieces: Tensor
    lengths: Tensor

    @classmethod
    def empty(
        cls,
        docs: int,
        beams: int,
        most: int,
        device: torch.device,
    ) -> Ended:
        """For documents that have none."""
        return cls(
            scores=torch.full(
                (docs, beams),
                IMPOSSIBLE,
                device=device,
            ),
            pieces=torch.zeros(
                docs,
                beams,
                most,
                dtype=torch.int64,
                device=device,
            ),
            lengths=torch.zeros(
                docs,
                beams,
                dtype=torch.int64,
                device=device,
            ),
        )

    def add(
        self,
        docs: Tensor,
        scores: Tensor,
        pieces: Tensor,
    ) -> None:
        """Put further texts of some documents among the best.

        Args:
            docs: int64[some].
            scores: float[some, texts]; -inf for what is no text.
            pieces: int64[some, texts, length].
        """
        length = pieces.shape[2]
        beams = self.scores.shape[1]
        padded = self.pieces.new_zeros(*pieces.shape[:2], self.pieces.shape[2])
        padded[:, :, :length] = pieces
        every = torch.cat([self.scores[docs], scores], dim=1)
        best, places = every.topk(beams, dim=1)
        every_pieces = torch.cat([self.pieces[docs], padded], dim=1)
        lengths = torch.full(
            scores.shape,
            length,
            device=scores.device,
        )
        every_lengths = torch.cat([self.lengths[docs], lengths], dim=1)
        self.scores[docs] = best
        self.lengths[docs] = every_lengths.gather(1, places)
        columns = places.unsqueeze(2).expand(
            -1,
            -1,
            every_pieces.shape[2],
        )
        self.pieces[docs] = every_pieces.gather(1, columns)

    def texts(
        self,
        end: int,
        samples: int,
    ) -> list[list[Hypothesis]]:
        """The best texts of each document."""
        texts: list[list[Hypothesis]] = []
        of_docs = zip(
            self.scores.tolist(),
            self.pieces.cpu(),
            self.lengths.tolist(),
            strict=True,
        )
        for scores, pieces, lengths in of_docs:
            of_doc = []
            for score, row, length in zip(
                scores,
                pieces,
                lengths,
                strict=True,
            ):
                ids = row[:length].numpy()
                ended = length > 0 and int(ids[-1]) == end
                of_doc.append(
                    Hypothesis(
                        ids[: length - ended],
                        score,
                        ended,
                    )
                )
            texts.append(of_doc[:samples])
        return texts


def beam_texts(
    decoder: Decoder,
    started: Started,
    end: int,
    search: Search,
) -> list[list[Hypothesis]]:
    """The best texts of each document, `search.samples` of them.

    Args:
        started: a row for each document.
    """
    beams = _Beams(started, end, search)
    for step in range(started.most):
        continuations = beams.continued(decoder, step)
        beams.put_aside(continuations, step)
        if step + 1 == started.most or not beams.go_on(decoder, continuations, step):
            break
    return beams.ended.texts(end, search.samples)


@dataclass
class _Continuations:
    """The best continuations of each document, all [docs, continuations]."""

    scores: Tensor
    beams: Tensor
    pieces: Tensor
    is_end: Tensor


class _Beams:
    """Documents that are being written, each in as many rows as there are beams.

    Attributes:
        rows: the rows of all documents that go on.
        docs: the numbers of these documents, int64[docs].
        totals: the score of each row, float[docs, beams].
        ended: the whole texts of all documents.
    """

    def __init__(
        self,
        started: Started,
        end: int,
        search: Search,
    ) -> None:
        self.end = end
        self.search = search
        self.beams = search.beams
        self.begin = started.history.shape[1]
        device = started.last.device
        self.docs = torch.arange(len(started.state), device=device)
        self.rows = started.select(self.docs.repeat_interleave(self.beams))
        self.totals = torch.full((len(self.docs), self.beams), IMPOSSIBLE, device=device)
        self.totals[:, 0] = 0.0  # the beams of a document begin as one
        self.ended = Ended.empty(
            len(self.docs),
            self.beams,
            started.most,
            device,
        )

    def continued(
        self,
        decoder: Decoder,
        step: int,
    ) -> _Continuations:
        """Twice as many continuations as beams: each beam may end, and as many must go on."""
        logs = self.rows.scores(decoder).log_softmax(1)  # (docs * beams, pieces)
        logs = ruled(
            logs,
            self.rows.history,
            self.rows.begins,
            step,
            self.end,
            self.search,
        )
        sums = self.totals.view(-1, 1) + logs
        cells = sums.view(len(self.docs), -1)  # (docs, beams * pieces)
        count = min(2 * self.beams, cells.shape[1])
        scores, places = cells.topk(count, dim=1)
        pieces = places % logs.shape[1]
        is_end = pieces == self.end
        if step + 1 == self.rows.most:
            is_end = torch.ones_like(is_end)
        return _Continuations(
            scores,
            places // logs.shape[1],
            pieces,
            is_end,
        )

    def put_aside(
        self,
        continuations: _Continuations,
        step: int,
    ) -> None:
        """Keep the texts that have ended.

        Only those among the first as many as beams count: what lies behind would be no beam.
        """
        ranks = torch.arange(continuations.scores.shape[1], device=self.docs.device)
        is_whole = continuations.is_end & (ranks < self.beams)
        scores = continuations.scores.masked_fill(~is_whole, IMPOSSIBLE)
        rows = self._rows_of(continuations.beams)
        before = self.rows.history[:, self.begin :][rows]  # (docs, continuations, step)
        written = torch.cat([before, continuations.pieces.unsqueeze(2)], dim=2)
        self.ended.add(self.docs, scores / self._length_cost(step), written)

    def go_on(
        self,
        decoder: Decoder,
        continuations: _Continuations,
        step: int,
    ) -> bool:
        """Read the pieces of the best rows; False where no document can become better."""
        scores = continuations.scores.masked_fill(continuations.is_end, IMPOSSIBLE)
        totals, places = scores.topk(self.beams, dim=1)
        going = self._going(totals, step)
        if not going.any():
            return False
        beams = continuations.beams.gather(1, places)
        pieces = continuations.pieces.gather(1, places)
        rows = self._rows_of(beams)[going].flatten()
        self.rows = self.rows.select(rows, same_memory=bool(going.all()))
        self.docs = self.docs[going]
        self.totals = totals[going]
        self.rows.read(decoder, pieces[going].flatten())
        return True

    def _going(
        self,
        totals: Tensor,
        step: int,
    ) -> Tensor:
        """Which documents may still find a better text, bool[docs]."""
        worst = self.ended.scores[self.docs].min(1).values
        if self.search.early:
            return worst == IMPOSSIBLE
        best = totals[:, 0] / self._length_cost(step)
        return best > worst

    def _length_cost(self, step: int) -> float:
        cost: float = (step + 1) ** self.search.length_penalty
        return cost

    def _rows_of(self, beams: Tensor) -> Tensor:
        """The rows of beams of each document, int64[docs, any]."""
        docs = torch.arange(len(self.docs), device=beams.device)
        return beams + docs.unsqueeze(1) * self.beams
