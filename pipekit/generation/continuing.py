"""Texts that go on: what a language model writes behind a beginning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np

from pipekit.devices.placement import to_device
from pipekit.errors import ConfigError
from pipekit.generation.reading import material_of, piece_logs
from pipekit.generation.rules import likeliest
from pipekit.generation.search import Search
from pipekit.generation.vocabulary import WritingVocabulary
from pipekit.generation.writing import WritingTask, turns, write_texts
from pipekit.parts.decoding import Decoder
from pipekit.words.arrays import Ints

_STRETCH = 512  # pieces that a decoder without an end of its own reads at a time
_PARTIAL = "\ufffd"  # bytes of a letter that is not whole yet


class Continuing:
    """A part with a decoder that continues texts.

    Attributes:
        decoder: reads and scores pieces.
        vocabulary: its pieces.
        search: with which texts go on.
    """

    decoder: Decoder
    vocabulary: WritingVocabulary
    search: Search

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
        last = beginnings[0][-1:]  # the piece behind which the text stands that is not out yet
        pieces: list[int] = []
        for turn in turns(
            self.decoder,
            self._task([prompt], beginnings),
            search,
        ):
            pieces += turn.pieces[turn.pieces != self.vocabulary.end].tolist()
            text = self._behind(last, pieces)
            if text and not text.endswith(_PARTIAL):
                yield text
                last = np.array(pieces[-1:])
                pieces = []

    def next_pieces(
        self,
        prompt: str,
        top: int,
    ) -> list[tuple[str, float]]:
        """The pieces that may follow a text, with their probabilities, the best first."""
        [beginning] = self._beginnings([prompt])
        state = self.decoder.begin(1)
        ids = to_device(beginning[None], self.decoder.device)
        states = self.decoder.read(ids, state)[:, -1]
        scores = self.decoder.score(states)[0]
        pieces = []
        for piece, share in likeliest(scores, self.vocabulary.never, top):
            text = "" if piece == self.vocabulary.end else self._behind(beginning, [piece])
            pieces.append((text, share))
        return pieces

    def likelihoods(
        self,
        prompt: str,
        continuations: Sequence[str],
    ) -> list[float]:
        """The log-probability of each continuation of a text, summed over its pieces.

        Pieces that reach from the text into a continuation count as its first.
        """
        subwords = self.vocabulary.subwords
        [beginning] = subwords.encode([prompt])
        texts = subwords.encode([prompt + continuation for continuation in continuations])
        material = material_of(texts, self.vocabulary)
        logs = piece_logs(self.decoder, material, self.decoder.most or _STRETCH)
        sums = []
        for start, ids in zip(material.borders.tolist(), texts, strict=False):
            first = start + shared_pieces(beginning, ids)
            sums.append(float(logs[first : start + len(ids)].sum()))
        return sums

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


def shared_pieces(
    first: Ints,
    second: Ints,
) -> int:
    """How many pieces two texts have in common at their beginning."""
    size = min(len(first), len(second))
    differs = first[:size] != second[:size]
    return int(differs.argmax()) if differs.any() else size
