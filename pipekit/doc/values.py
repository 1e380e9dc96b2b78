"""What a token or a document says, as a value: features, and sentiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pipekit.doc.layer import Layer
from pipekit.errors import DocError

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


def class_row(
    layers: Mapping[str, Layer],
    name: str,
) -> dict[str, Any] | None:
    """The scores of a document by class, from a layer such as "cats"; None where it has no row.

    Errors: `DocError`, see `scores_by_class`.
    """
    layer = layers.get(name)
    if layer is None or not layer.size:
        return None
    row = {column: layer[column][0] for column in layer}
    return scores_by_class(row, f"the layer {name!r}")


def scores_by_class(
    values: Mapping[str, Any],
    owner: str,
) -> dict[str, Any]:
    """The values of columns that stand for classes, by class, as they are.

    Args:
        owner: what has these columns: "the layer 'cats'".

    Errors: `DocError` for words, since a score is a number.
    """
    for name, value in values.items():
        if isinstance(value, str):
            raise DocError(
                f"the class {name!r} of {owner} has {value!r:.80} for a score: "
                "write a number there, or give the words another name"
            )
    return dict(values)


def sentiment(probabilities: Mapping[str, float | None]) -> Sentiment | None:
    """The sentiment of probabilities by class; None where all of them are unset."""
    scores = {name: value for name, value in probabilities.items() if value is not None}
    if not scores:
        return None
    best = max(scores, key=scores.__getitem__)
    return Sentiment(best, scores[best], scores)
