"""Texts that go on: what a pipeline with a language model is asked beside documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, overload, runtime_checkable

import numpy as np

from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.pipeline.assembly import Assembly
from pipekit.registry import check_arguments
from pipekit.subwords.cutter import MASK

if TYPE_CHECKING:
    from pipekit.generation.search import Search
    from pipekit.parts.batch import Batch


_GAP = "\ufffc"  # stands for [MASK] while a text is cut into words; no model sees it


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
    """A component or an encoder that continues texts."""

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

    def likelihoods(
        self,
        prompt: str,
        continuations: Sequence[str],
    ) -> list[float]:
        """The log-probability of each continuation."""


@runtime_checkable
class Fills(Protocol):
    """An encoder that may have learned which piece stands in a place, as a masked model does."""

    guesses: bool

    def fill(
        self,
        batch: Batch,
        word: int,
        top: int,
    ) -> list[tuple[str, float]]:
        """The pieces that may stand instead of a word, with their probabilities."""


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


def chosen(
    pipeline: Assembly,
    prompt: str,
    choices: Sequence[str],
    beside: str | None,
) -> list[Guess]:
    """How probable each of some continuations is among them, the most probable first."""
    if isinstance(choices, str) or len(choices) < 2:
        raise ConfigError(f"choices are a list of at least two texts, and not {choices!r}")
    model = language_model(pipeline)
    with pipeline.inference():
        logs = np.array(model.likelihoods(prompt, choices))
        if beside is not None:
            logs -= np.array(model.likelihoods(beside, choices))
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")
    return [Guess(choices[place], float(shares[place])) for place in order.tolist()]


def guessed(
    pipeline: Assembly,
    text: str,
    top: int,
) -> list[Guess]:
    """What may stand in the place of `MASK` in a text, or follow the text."""
    before, mask, after = text.partition(MASK)
    if MASK in after:
        raise ConfigError(f"ask for one {MASK} at a time, and put words in the place of the others")
    masked = masked_model(pipeline)
    if mask and masked is not None:
        doc, word = with_gap(pipeline, before, after)
        with pipeline.inference():
            return [Guess(*guess) for guess in masked.fill(pipeline.batch([doc]), word, top)]
    if masked is not None and first_language_model(pipeline) is None:
        raise ConfigError(f"write {MASK} where a piece is to be guessed: this model fills places")
    model = language_model(pipeline)
    if after.strip():
        raise ConfigError(
            f"there are words behind {MASK}, and this model reads from left to right: "
            "load a masked model, or ask for the end of a text"
        )
    if mask:
        before = before.rstrip()
    with pipeline.inference():
        return [Guess(*guess) for guess in model.next_pieces(before, top)]


def masked_model(pipeline: Assembly) -> Fills | None:
    """The first encoder that fills places, if there is one."""
    for encoder in pipeline.encoders.values():
        if isinstance(encoder, Fills) and encoder.guesses:
            return encoder
    return None


def with_gap(
    pipeline: Assembly,
    before: str,
    after: str,
) -> tuple[Doc, int]:
    """A document with one word between two texts, and the number of that word."""
    [doc] = pipeline.tokenize([before + _GAP + after])
    begin = len(before)
    end = begin + len(_GAP)
    borders: set[tuple[int, int]] = {(begin, end)}
    for start, stop in zip(doc.starts.tolist(), doc.ends.tolist(), strict=True):
        borders.add((start, min(stop, begin)))
        borders.add((max(start, end), stop))
    words = sorted((start, stop) for start, stop in borders if start < stop)
    starts, ends = zip(*words, strict=True)
    return Doc(text=doc.text, starts=starts, ends=ends), words.index((begin, end))


def language_model(pipeline: Assembly) -> Continues:
    """The first component, or else encoder, that continues texts.

    Errors: `ConfigError` for a pipeline without.
    """
    model = first_language_model(pipeline)
    if model is not None:
        return model
    raise ConfigError(
        "this pipeline continues no texts "
        f"(it has {', '.join(pipeline.components) or 'no components'}): "
        'train a component of type "lm" (recipes/generation), or load a pipeline that has one'
    )


def first_language_model(pipeline: Assembly) -> Continues | None:
    for part in (*pipeline.components.values(), *pipeline.encoders.values()):
        if isinstance(part, Continues):
            return part
    return None


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
        """What may stand in the place of [MASK] in a text, or follow it, the most probable first.

            nlp.predict("Столица России — [MASK].")[0].text    # a masked model, a BERT
            nlp.predict("Я опоздал на")[0].text                # a language model, a GPT

        Errors: `ConfigError` for a pipeline without such a model.
        """
        return guessed(self, text, top)

    def choose(
        self,
        prompt: str,
        choices: Sequence[str],
        *,
        beside: str | None = None,
    ) -> list[Guess]:
        """Which of some continuations fits a text best, by a language model that was not trained
        for it: with their probabilities among each other, the best first.

            review = "Отзыв: Всё сломалось в первый день.\nОценка:"
            nlp.choose(review, [" хорошо", " плохо"], beside="Оценка:")

        Examples with their answers may stand before the question (Brown et al. 2020).

        Args:
            beside: a text without the question. How expected each choice is behind it, is taken
                off, so that a frequent word has no advantage (Holtzman et al. 2021).

        Errors: `ConfigError` for a pipeline without a language model, and for less than two
        choices.
        """
        return chosen(self, prompt, choices, beside)
