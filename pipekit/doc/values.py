"""What a token or a document says, as a value: features, and sentiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

# In a span layer, the column "sentiment.negative" is the probability of the class "negative".
SENTIMENT_OF = "sentiment."


class Morph(Mapping[str, str]):
    """The features of a word as a mapping.

    `str` gives the string of Universal Dependencies.

        morph = Morph("Case=Nom|Number=Sing")
        morph["Case"], str(morph)           # "Nom", "Case=Nom|Number=Sing"
    """

    __slots__ = ("_features", "_string")

    def __init__(self, string: str) -> None:
        if string == "_":
            string = ""
        pairs = [pair for pair in string.split("|") if "=" in pair]
        self._string = string
        self._features = dict(pair.split("=", 1) for pair in pairs)

    def __getitem__(self, name: str) -> str:
        return self._features[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._features)

    def __len__(self) -> int:
        return len(self._features)

    def __str__(self) -> str:
        return self._string

    def __repr__(self) -> str:
        return f"Morph({self._string!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self._string == other
        return super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self._string)


class Sentiment(NamedTuple):
    """The feeling of a text, or toward an entity.

    Attributes:
        label: the most probable class.
        score: its probability.
        probabilities: of all classes, by class.
    """

    label: str
    score: float
    probabilities: dict[str, float]


def sentiment(probabilities: Mapping[str, float | None]) -> Sentiment | None:
    """The sentiment of probabilities by class; None where all of them are unset."""
    scores = {name: value for name, value in probabilities.items() if value is not None}
    if not scores:
        return None
    best = max(scores, key=scores.__getitem__)
    return Sentiment(best, scores[best], scores)
