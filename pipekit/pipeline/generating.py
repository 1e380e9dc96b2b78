"""Texts that go on: what a pipeline with a language model is asked beside documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, overload, runtime_checkable

from pipekit.errors import ConfigError
from pipekit.pipeline.assembly import Assembly
from pipekit.registry import check_arguments

if TYPE_CHECKING:
    from pipekit.generation.search import Search


class Continuation(NamedTuple):
    """How a text goes on.

    Attributes:
        text: what follows it.
        score: the log-probability, by the length; see `pipekit.generation.search.Search`.
        ended: whether the text has come to its end, or was cut at the most pieces.
    """

    text: str
    score: float
    ended: bool


class Guess(NamedTuple):
    """A piece of a text that may stand in a place, and its probability."""

    text: str
    score: float


@runtime_checkable
class Continues(Protocol):
    """A component that continues texts."""

    def continued(
        self,
        prompts: Sequence[str],
        search: Search | None = None,
    ) -> list[list[Any]]:
        """Continuations of each text, the best first, each with `text`, `score` and `ended`."""

    def stream(
        self,
        prompt: str,
        search: Search | None = None,
    ) -> Iterator[str]:
        """A continuation, as it is written."""

    def next_pieces(
        self,
        prompt: str,
        top: int,
    ) -> list[tuple[str, float]]:
        """The pieces that may follow, with their probabilities."""


def continuations(
    pipeline: Assembly,
    prompts: Sequence[str],
    settings: dict[str, Any],
) -> list[list[Continuation]]:
    """How texts go on, the best continuation of each first."""
    model = language_model(pipeline)
    search = _search(model, settings)
    with pipeline.inference():
        continued = model.continued(prompts, search)
    return [[Continuation(*candidate) for candidate in of_prompt] for of_prompt in continued]


def streamed(
    pipeline: Assembly,
    prompt: str,
    settings: dict[str, Any],
) -> Iterator[str]:
    """How a text goes on, piece by piece."""
    model = language_model(pipeline)
    pieces = model.stream(prompt, _search(model, settings))
    while True:
        with pipeline.inference():  # not held while the caller has the piece
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece


def next_guesses(
    pipeline: Assembly,
    prompt: str,
    top: int,
) -> list[Guess]:
    """What may follow a text."""
    model = language_model(pipeline)
    with pipeline.inference():
        return [Guess(*guess) for guess in model.next_pieces(prompt, top)]


def language_model(pipeline: Assembly) -> Continues:
    """The first component that continues texts. Errors: `ConfigError` for a pipeline without."""
    for component in pipeline.components.values():
        if isinstance(component, Continues):
            return component
    raise ConfigError(
        "this pipeline continues no texts "
        f"(it has {', '.join(pipeline.components) or 'no components'}): "
        'train a component of type "lm" (recipes/generation), or load a pipeline that has one'
    )


def _search(
    model: Continues,
    settings: dict[str, Any],
) -> Search | None:
    """The search of a component, with some settings changed. Errors: `ConfigError`."""
    from pipekit.generation.search import Search

    check_arguments(Search, settings, "a search")
    own = getattr(model, "search", None)
    usual = vars(own) if isinstance(own, Search) else {}
    return Search(**{**usual, **settings})


class WritingAssembly(Assembly):
    """An assembly whose language model, if it has one, is asked how texts go on."""

    @overload
    def generate(self, prompt: str, **search: Any) -> Continuation: ...
    @overload
    def generate(self, prompt: Sequence[str], **search: Any) -> list[Continuation]: ...
    def generate(
        self,
        prompt: str | Sequence[str],
        **search: Any,
    ) -> Continuation | list[Continuation]:
        """How a text goes on, or how each of several texts does.

            nlp.generate("Мама мыла", temperature=0.8, top_p=0.9, seed=1).text

        Args:
            search: settings of `pipekit.generation.search.Search`; those that the component was
                trained with by default.

        Errors: `ConfigError` for a pipeline without a language model, and for settings that do not
        fit.
        """
        if isinstance(prompt, str):
            [[best, *_]] = continuations(self, [prompt], search)
            return best
        return [candidates[0] for candidates in continuations(self, list(prompt), search)]

    def continuations(
        self,
        prompt: str,
        **search: Any,
    ) -> list[Continuation]:
        """Several ways in which a text goes on, the best first.

        nlp.continuations("Мама мыла", beams=8, samples=3)
        """
        [candidates] = continuations(self, [prompt], search)
        return candidates

    def stream(
        self,
        prompt: str,
        **search: Any,
    ) -> Iterator[str]:
        """How a text goes on, as it is written; see `generate`.

        for piece in nlp.stream("Мама мыла"):
            print(piece, end="", flush=True)
        """
        return streamed(self, prompt, search)

    def predict(
        self,
        text: str,
        *,
        top: int = 5,
    ) -> list[Guess]:
        """What may follow a text, the most probable first.

        nlp.predict("Я опоздал на")[0].text
        """
        return next_guesses(self, text, top)
