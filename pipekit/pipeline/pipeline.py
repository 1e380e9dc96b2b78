"""A pipeline: parts in order, and documents through them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, overload

from pipekit.attention import AttentionMap
from pipekit.devices.placement import pick_device
from pipekit.devices.precision import check_precision
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.hooks import hooks
from pipekit.pipeline.questions import Answer, answer_pairs
from pipekit.pipeline.representations import (
    attention_maps,
    required_vectors,
    token_vectors,
    word_vectors,
)
from pipekit.pipeline.running import Order, Result, Run
from pipekit.pipeline.saving import dump_pipeline, save_pipeline
from pipekit.pipeline.streams import CHUNK_WORDS, Item, chunked
from pipekit.pipeline.workers.supervisor import annotate_in_workers
from pipekit.words.arrays import Floats
from pipekit.words.vectors import Vectors

if TYPE_CHECKING:
    import os

ON_ERROR = ("raise", "skip", "record")


class Pipeline(Assembly):
    """Builds its parts from a config, checks their order, plans batches, runs them.

    Args:
        config: `lang`, `tokenizer` = {type, …}, `encoders` = {name: {type, …}}, `components` = {name: {type, …}} in their order,
            `given` = [layer]: layers that no component writes, since the documents bring them.
        tables: fixed arrays of parts, by "encoders/<name>" or "components/<name>".
        meta: name, version, description, licence, sources, figures: whatever describes the pipeline.

    `precision` is "float32", "bfloat16", "int8", or "auto" for bfloat16 on devices where that is faster; weights are kept as they are.
    A pipeline does not change while it runs, so threads may share it. Errors: `ConfigError` and `PluginError` as the registries raise them.
    """

    # -- documents

    def __call__(self, text: str | Doc, *, overwrite: bool = False) -> Doc:
        """A text, or a Doc whose tokens are kept, through all components."""
        return next(iter(self.pipe([text], overwrite=overwrite)))  # type: ignore[return-value]

    def answer(self, text: str | Doc, question: str) -> Answer | None:
        """The best answer to a question that stands in the text; None where the reader finds none. Errors: as `answers`."""
        return next(iter(self.answers(text, question, top=1)), None)

    @overload
    def answers(self, text: str | Doc, question: str, *, top: int = 3) -> list[Answer]: ...
    @overload
    def answers(
        self, text: str | Doc, question: list[str], *, top: int = 3
    ) -> list[list[Answer]]: ...
    def answers(
        self, text: str | Doc, question: str | list[str], *, top: int = 3
    ) -> list[Answer] | list[list[Answer]]:
        """At most `top` answers to a question, best first, or a list of them for each of several questions.

        They do not overlap; an empty list says that the text has no answer. A Doc's tokens are kept, and nothing is written to it.
        Errors: `ConfigError` for a pipeline without a component that answers questions.
        """
        asked = [question] if isinstance(question, str) else list(question)
        found = list(self.answer_pairs(((text, one) for one in asked), top=top))
        return found[0] if isinstance(question, str) else found

    def answer_pairs(
        self, pairs: Iterable[tuple[str | Doc, str]], *, top: int = 3
    ) -> Iterator[list[Answer]]:
        """The same for any number of (text, question), as a stream. Questions to one text should follow each other: it is read once."""
        return answer_pairs(self, pairs, top)

    @property
    def vectors(self) -> Vectors | None:
        """The table of all words' static vectors; None in a pipeline without one."""
        return word_vectors(self)

    def vector(self, word: str) -> Floats | None:
        """The static vector of a word, float32[width]; None for a word that is not known.

        Errors: `ConfigError` for a pipeline without word vectors.
        """
        return required_vectors(self).vector(word)

    def most_similar(
        self, positive: str | Sequence[str], negative: str | Sequence[str] = (), *, top: int = 10
    ) -> list[tuple[str, float]]:
        """The words nearest to a word, or to a sum of words minus others, each with its cosine.

            nlp.most_similar(positive=["король", "женщина"], negative=["мужчина"])

        Errors: `DataError` naming an unknown word, `ConfigError` without word vectors.
        """
        return required_vectors(self).most_similar(positive, negative, top=top)

    def encode(self, text: str | Doc, *, encoder: str | None = None) -> Floats:
        """The vectors of a text's tokens in context, as the encoder gives them to components, float32[tokens, width].

        A Doc's tokens are kept, and nothing is written to it. Errors: `ConfigError` without an encoder, or with several and none named.
        """
        return token_vectors(self, text, encoder)

    def attention(self, text: str | Doc, *, encoder: str | None = None) -> list[AttentionMap]:
        """What the tokens of each sentence look at: their attention weights by layer and head, which `pipekit.attention.heat_map` draws.

        Errors: `ConfigError` as `token_vectors`, and where the encoder has no attention.
        """
        return attention_maps(self, text, encoder)

    def pipe(
        self,
        texts: Iterable[Any],
        *,
        as_tuples: bool = False,
        on_error: str = "raise",
        overwrite: bool = False,
        n_process: int | None = None,
        devices: Sequence[str] = (),
        doc_timeout: float | None = None,
        progress: bool = False,
        batch_words: int = CHUNK_WORDS,
        max_delay: float | None = None,
    ) -> Iterator[Doc] | Iterator[tuple[Doc, Any]]:
        """Texts or Docs through all components, as a stream, in their order.

        Args:
            texts: texts, or Docs whose tokens are kept; with as_tuples pairs of these and any context, which travels with the document.
            on_error: what happens where a component fails on a document: "raise" a `ProcessingError` that names it, "skip" it, or "record"
                the reason in `doc.error` of a document that has tokens only, in its place in the stream.
            overwrite: whether components may replace layers that a given Doc has already.
            n_process: worker processes, each with the pipeline and one thread; as many as devices by default, none where none is named.
                One that dies is replaced; a document on which worker after worker dies has failed.
            devices: where worker processes compute, in turn, such as ["cuda:0", "cuda:1"]; the pipeline's own device by default. Those
                that share a GPU keep it busy: while one makes features or decodes, another computes.
            doc_timeout: seconds that a document may take in a worker, and a batch before its documents go one by one; one that takes
                longer has failed.
            progress: show a bar on a terminal.
            batch_words: about how many words are waited for and travel together: more are faster, fewer come out sooner. Documents of more
                than CHUNK_WORDS go through in parts.
            max_delay: for interactive streams: seconds that a document waits for others at most; with 0 it travels with what has come. A
                thread reads `texts` then. By default a document waits until the batch is full and another has come.
        """
        _check_arguments(texts, on_error, max_delay)
        order = Order(overwrite, batch_words).checked()
        places = self.places(n_process, devices, doc_timeout)
        stream = (
            Item(i, *(given if as_tuples else (given,)))
            for i, given in enumerate(_with_progress(texts, progress))
        )
        chunks = chunked(stream, batch_words, max_delay)
        done = (
            annotate_in_workers(self, chunks, places, order, doc_timeout)
            if places
            else Run(self, order).chunks(chunks)
        )
        return self._leave(done, as_tuples, on_error)

    def places(
        self, n_process: int | None, devices: Sequence[str], doc_timeout: float | None = None
    ) -> list[str]:
        """The device of each worker process that `pipe` starts for these arguments; none where this process does the work.

        Errors: `ConfigError` for arguments that cannot be, and for devices that are not there or do not compute in the precision.
        """
        if n_process is not None and n_process < 1:
            raise ConfigError(f"n_process is {n_process}: it is at least 1")
        workers = bool(devices) or n_process not in (None, 1)
        if doc_timeout is not None and not (workers and doc_timeout > 0):
            raise ConfigError(
                f"doc_timeout is {doc_timeout}: it is above 0 and takes n_process=2 or more, as only a worker can be stopped"
            )
        if not workers:
            return []
        names = [devices] if isinstance(devices, str) else devices
        found = [str(pick_device(name)) for name in names] or [self.device_name]
        for device in found:
            check_precision(self.precision, device)
        return [found[i % len(found)] for i in range(n_process or len(found))]

    def _leave(self, done: Generator[Result], as_tuples: bool, on_error: str) -> Iterator[Any]:
        """Documents as their caller asked for them, and the failed as `on_error` says."""
        with closing(
            done
        ):  # at once, not when the last traceback that knows it is gone: there may be processes behind it
            for item, doc, error in done:
                if error is not None and on_error == "raise":
                    raise error
                if error is not None:
                    hooks.tell(
                        "doc_failed",
                        document=item.number,
                        component=error.component or "",
                        error=error,
                    )
                doc.vectors = self.vectors or doc.vectors
                if error is None or on_error == "record":
                    yield (doc, item.context) if as_tuples else doc

    # -- files

    def to_bytes(self, *, half: bool = False) -> bytes:
        """The pipeline as bytes, what `pipekit.from_bytes` reads; half: weights as float16."""
        return dump_pipeline(self, half=half)

    def to_disk(self, path: str | os.PathLike[str], *, half: bool = False) -> None:
        """Write the pipeline to one file, or leave the old one intact; half: weights as float16. Errors: `StoreError`."""
        save_pipeline(self, path, half=half)

    def __repr__(self) -> str:
        name = self.meta.get("name") or f"blank {self.lang}"
        return f"<Pipeline {name}: {', '.join(self.components) or 'no components'}>"


def _check_arguments(texts: object, on_error: str, max_delay: float | None) -> None:
    if on_error not in ON_ERROR:
        raise ConfigError(f"unknown on_error {on_error!r}.{near(on_error, ON_ERROR)}")
    if max_delay is not None and not max_delay >= 0:
        raise ConfigError(f"max_delay is {max_delay}: it is a number of seconds, 0 or more")
    if isinstance(texts, str | Doc):
        raise ConfigError("pipe takes many texts or Docs: for one, call nlp(text)")


def _with_progress(texts: Iterable[Any], progress: bool) -> Iterable[Any]:
    if not progress:
        return texts
    from tqdm import tqdm

    return tqdm(texts, unit=" docs", disable=None)
