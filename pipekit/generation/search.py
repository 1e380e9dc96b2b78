"""How a text is looked for: the settings of a search, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pipekit.errors import ConfigError
from pipekit.settings import Between, Probability, check_values
from pipekit.words.arrays import Ints


@dataclass(frozen=True)
class Search:
    """How the pieces of a text are chosen.

    The best piece at each step by default ("greedy"); the best of several texts that grow together
    with `beams`; by chance with a `temperature`.

    Attributes:
        most: the most pieces of a text, its end included.
        least: the least pieces before its end.
        beams: how many texts grow together; 1 for the best piece at each step.
        length_penalty: texts of beams are compared by log-probability over length to this power: 0
            favours short texts, 2 long ones.
        early: whether beams end as soon as there are as many whole texts as beams, or when no
            other can become better.
        no_repeat: no sequence of so many pieces comes twice; 0 allows all.
        repetition: scores of pieces that were there are divided by this (Keskar et al. 2019).
        temperature: by which scores are divided before a piece is drawn; 0 draws none.
        top_k: only so many of the best pieces are drawn; 0 for all (Fan et al. 2018).
        top_p: only the best pieces that have this probability together are drawn (Holtzman et al.
            2020).
        samples: how many texts there are for each beginning.
        seed: of chance. A text depends on the seed, its beginning and its number, and not on those
            that are written beside it.
    """

    most: Annotated[int, Between(1, 65_536)] = 128
    least: Annotated[int, Between(0, 65_536)] = 0
    beams: Annotated[int, Between(1, 1_024)] = 1
    length_penalty: Annotated[float, Between(-10, 10)] = 1.0
    early: bool = False
    no_repeat: Annotated[int, Between(0, 1_000)] = 0
    repetition: Annotated[float, Between(0.01, 100)] = 1.0
    temperature: Annotated[float, Between(0, 100)] = 0.0
    top_k: Annotated[int, Between(0, 1_000_000)] = 0
    top_p: Probability = 1.0
    samples: Annotated[int, Between(1, 1_024)] = 1
    seed: Annotated[int, Between(0, 2**63 - 1)] = 0

    def __post_init__(self) -> None:
        check_values(
            type(self),
            vars(self),
            "a search",
        )
        if self.beams > 1 and self.temperature:
            raise ConfigError(
                f"beams = {self.beams} and temperature = {self.temperature}: beams draw nothing by "
                "chance, so choose one of the two"
            )
        if self.samples > self.beams and not self.temperature:
            raise ConfigError(
                f"samples = {self.samples} with beams = {self.beams}: several texts need as many "
                "beams, or a temperature"
            )
        if self.temperature and not self.top_p:
            raise ConfigError("top_p = 0 leaves no piece to draw: choose a share above 0")


class Hypothesis(NamedTuple):
    """A text as pieces.

    Attributes:
        ids: the pieces behind the beginning, without the end, int64[pieces].
        score: the log-probability of these and of the end, over their number to the power of
            `length_penalty`; of beams, as the search has changed it.
        ended: whether the text came to its end, or was cut at the most pieces.
    """

    ids: Ints
    score: float
    ended: bool
