"""A pipeline: parts in order, and documents, questions and files through them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from pipekit.attention import AttentionMap
from pipekit.devices.placement import pick_device
from pipekit.devices.precision import check_precision
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near
from pipekit.habits import tells_keywords
from pipekit.pipeline.generating import WritingAssembly
from pipekit.pipeline.hooks import hooks
from pipekit.pipeline.inputs import check_many, items
from pipekit.pipeline.questions import Answer, TextQuestion, answer_pairs
from pipekit.pipeline.representations import (
    alignment_maps,
    attention_maps,
    required_vectors,
    token_vectors,
    word_vectors,
)
from pipekit.pipeline.running import Order, Result, Run
from pipekit.pipeline.saving import dump_pipeline, rebuilt, save_pipeline, unpickled
from pipekit.pipeline.shown import pipeline_shown
from pipekit.pipeline.streams import CHUNK_WORDS, chunked
from pipekit.pipeline.workers.supervisor import annotate_in_workers
from pipekit.settings import names_of
from pipekit.words.arrays import Floats
from pipekit.words.vectors import Vectors

if TYPE_CHECKING:
    import os

ContextT = TypeVar("ContextT")
ON_ERROR = ("raise", "skip", "record")


class Pipeline(WritingAssembly):
    """A tokenizer, encoders and components, and documents through them.

        nlp = pipekit.load("ru_core")
        doc = nlp("Мама мыла раму.")

    A pipeline does not change while it runs, so threads may share it. For other processes it is
    pickled as its bytes: pools of processes, joblib, Spark and Ray take it. Copies that a process
    unpickles of the same bytes share their weights, and so does `copy.copy`; `copy.deepcopy` shares
    nothing.

    Args:
        config: the parts and their settings:

            lang = "ru"
            tokenizer = {type, …}
            encoders = {name: {type, …}}
            components = {name: {type, …}}, in their order
            given = [layer], those that no component writes, since the documents bring them

        tables: fixed arrays of parts, by "encoders/<name>" or "components/<name>".
        meta: name, version, description, licence, sources, figures: whatever describes it.

    `precision` is "float32", "bfloat16", "int8", or "auto" for bfloat16 on devices where that is
    faster; weights are kept as they are.

    Errors: `ConfigError` and `PluginError` as the registries raise them.
    """

    # -- documents

    @tells_keywords("nlp")
    def __call__(
        self,
        text: str | Doc,
        *,
        overwrite: bool = False,
    ) -> Doc:
        """A text, or a Doc whose tokens are kept, through all components.

            doc = nlp("Мама мыла раму.")

        Args:
            overwrite: as of `pipe`.

        Errors: as `pipe` with on_error="raise".
        """
        return next(self.pipe([text], overwrite=overwrite))

    @overload
    def pipe(
        self,
        texts: Iterable[str | Doc],
        *,
        as_tuples: Literal[False] = ...,
        on_error: str = ...,
        overwrite: bool = ...,
        n_process: int | None = ...,
        devices: Sequence[str] = ...,
        doc_timeout: float | None = ...,
        progress: bool = ...,
        batch_words: int = ...,
        max_delay: float | None = ...,
    ) -> Iterator[Doc]: ...
    @overload
    def pipe(
        self,
        texts: Iterable[tuple[str | Doc, ContextT]],
        *,
        as_tuples: Literal[True],
        on_error: str = ...,
        overwrite: bool = ...,
        n_process: int | None = ...,
        devices: Sequence[str] = ...,
        doc_timeout: float | None = ...,
        progress: bool = ...,
        batch_words: int = ...,
        max_delay: float | None = ...,
    ) -> Iterator[tuple[Doc, ContextT]]: ...
    @overload
    def pipe(
        self,
        texts: Iterable[Any],
        *,
        as_tuples: bool,
        on_error: str = ...,
        overwrite: bool = ...,
        n_process: int | None = ...,
        devices: Sequence[str] = ...,
        doc_timeout: float | None = ...,
        progress: bool = ...,
        batch_words: int = ...,
        max_delay: float | None = ...,
    ) -> Iterator[Any]: ...
    @tells_keywords("nlp.pipe")
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

            for doc in nlp.pipe(texts):
                ...

        ============================  =========================================================
        for                           pass
        ============================  =========================================================
        a corpus on many cores        n_process=8, progress=True
        an interactive stream         max_delay=0.05; documents wait for others 50 ms at most
        contexts, such as row ids     pairs of a text and a context, as_tuples=True
        corpora with bad documents    on_error="skip", or "record" to keep them in their place
        documents that may hang       n_process=2, doc_timeout=60, on_error="record"
        Docs annotated before         overwrite=True
        a GPU                         nothing, if the pipeline is on it: `load(device="cuda")`
        several GPUs                  devices=["cuda:0", "cuda:1"], n_process=4
        memory that is short          batch_words=1_000
        ============================  =========================================================

        Scripts start worker processes under `if __name__ == "__main__":`.

        Args:
            texts: texts, or Docs whose tokens are kept, as a list, a generator, or a column of
                pandas, polars or Arrow, `df["text"]`.
            as_tuples: whether `texts` are pairs of these and any context,
                `zip(df["text"], df["id"])`. The stream then has pairs of a Doc and its context.
            on_error: what happens to a document that fails: "raise" a `ProcessingError` that names
                it; "skip" it; or "record" the reason in `doc.error` of a Doc with tokens only, in
                its place in the stream.
            overwrite: whether components may replace layers that a Doc of the caller has already.
            n_process: worker processes, each with the pipeline and one thread; as many as `devices`
                by default, none where none is named. One that dies is replaced; a document on which
                worker after worker dies has failed.
            devices: where worker processes compute, in turn; the pipeline's own device by default.
                Workers that share a GPU keep it busy: while one makes features or decodes, another
                computes.
            doc_timeout: seconds that a document may take in a worker, and a batch before its
                documents go one by one. A document that takes longer has failed.
            progress: show a bar on a terminal.
            batch_words: about how many words are waited for and travel together: more are faster,
                fewer come out sooner. Documents of more than CHUNK_WORDS go through in parts.
            max_delay: seconds that a document waits for others at most; with 0 it travels with what
                has come. A thread reads `texts` then. By default a document waits until the batch
                is full and another has come.

        Errors: `ConfigError` for wrong arguments, raised by the call. From the stream: those of
        `on_error`; `DocError` for a Doc with a layer that a component would replace; `DeviceError`
        where a GPU can be used no more; `ProcessingError` where workers die one after the other.
        """
        check_many(texts)
        _check_arguments(on_error, max_delay)
        order = Order(overwrite, batch_words).checked()
        places = self.places(n_process, devices, doc_timeout)
        numbered = enumerate(_with_progress(texts, progress))
        chunks = chunked(items(numbered, as_tuples), batch_words, max_delay)
        if places:
            results = annotate_in_workers(self, chunks, places, order, doc_timeout)
        else:
            results = Run(self, order).chunks(chunks)
        return self._delivered(results, as_tuples, on_error)

    def places(
        self,
        n_process: int | None,
        devices: Sequence[str],
        doc_timeout: float | None = None,
    ) -> list[str]:
        """The device of each worker process that `pipe` starts; none where this process works.

        Errors: `ConfigError` for arguments that cannot be, and for devices that are not there or do
        not compute in the precision.
        """
        if n_process is not None and n_process < 1:
            raise ConfigError(f"n_process is {n_process}: it is at least 1")
        has_workers = bool(devices) or n_process not in (None, 1)
        if doc_timeout is not None and not (has_workers and doc_timeout > 0):
            raise ConfigError(
                f"doc_timeout is {doc_timeout}: it is above 0 and takes n_process=2 or more, "
                "as only a worker can be stopped"
            )
        if not has_workers:
            return []
        _refuse_daemon()
        places = [str(pick_device(name)) for name in names_of(devices, "devices")]
        if not places:
            places = [self.device_name]
        for place in places:
            check_precision(self.precision, place)
        count = n_process or len(places)
        return list(islice(cycle(places), count))

    def _delivered(
        self,
        results: Generator[Result],
        as_tuples: bool,
        on_error: str,
    ) -> Iterator[Any]:
        """The documents of results, and the failures as `on_error` says."""
        # Closed at once, not when the last traceback that holds it is gone: it may have processes.
        with closing(results):
            for item, doc, error in results:
                if error is not None:
                    if on_error == "raise":
                        raise error
                    component = error.component or ""
                    hooks.tell(
                        "doc_failed",
                        document=item.number,
                        component=component,
                        error=error,
                    )
                    if on_error == "skip":
                        continue
                doc.vectors = self.vectors or doc.vectors
                yield (doc, item.context) if as_tuples else doc

    # -- questions

    def answer(
        self,
        text: str | Doc,
        question: str,
    ) -> Answer | None:
        """The best answer to a question that stands in the text; None where there is none.

            answer = nlp.answer("Мама мыла раму.", "Что мыла мама?")
            answer.text  # "раму"

        Errors: as `answers`.
        """
        answers = self.answers(text, question, top=1)
        return answers[0] if answers else None

    @overload
    def answers(
        self,
        text: str | Doc,
        question: str,
        *,
        top: int = 3,
    ) -> list[Answer]: ...
    @overload
    def answers(
        self,
        text: str | Doc,
        question: list[str],
        *,
        top: int = 3,
    ) -> list[list[Answer]]: ...
    def answers(
        self,
        text: str | Doc,
        question: str | list[str],
        *,
        top: int = 3,
    ) -> list[Answer] | list[list[Answer]]:
        """At most `top` answers to a question, best first.

            nlp.answers(doc, "Кто мыл раму?")
            nlp.answers(doc, ["Кто мыл раму?", "Что мыла мама?"])  # a list for each question

        Answers do not overlap. An empty list says that the text has no answer. A Doc's tokens are
        kept, and nothing is written to it.

        Errors: `ConfigError` for a pipeline without a component that answers questions.
        """
        if isinstance(question, str):
            [answers] = self.answer_pairs([(text, question)], top=top)
            return answers
        pairs = [(text, each) for each in question]
        return list(self.answer_pairs(pairs, top=top))

    def answer_pairs(
        self,
        pairs: Iterable[TextQuestion],
        *,
        top: int = 3,
    ) -> Iterator[list[Answer]]:
        """The answers to each (text, question), as a stream; for each pair as `answers`.

        Questions to one text should follow each other: the text is read once for all of them.
        """
        return answer_pairs(self, pairs, top)

    # -- vectors and attention

    @property
    def vectors(self) -> Vectors | None:
        """The table of all words' static vectors; None in a pipeline without one."""
        return word_vectors(self)

    def vector(self, word: str) -> Floats | None:
        """The static vector of a word, float32[width]; None for an unknown word.

        Errors: `ConfigError` for a pipeline without word vectors.
        """
        return required_vectors(self).vector(word)

    def most_similar(
        self,
        positive: str | Sequence[str],
        negative: str | Sequence[str] = (),
        *,
        top: int = 10,
    ) -> list[tuple[str, float]]:
        """The words nearest to a word, or to a sum of words minus others, each with its cosine.

            nlp.most_similar(positive=["король", "женщина"], negative=["мужчина"])

        Errors: `DataError` naming an unknown word, `ConfigError` without word vectors.
        """
        return required_vectors(self).most_similar(positive, negative, top=top)

    def encode(
        self,
        text: str | Doc,
        *,
        encoder: str | None = None,
    ) -> Floats:
        """The vectors of a text's tokens in context, as components read them.

            vectors = nlp.encode("Мама мыла раму.")  # float32[tokens, width]

        A Doc's tokens are kept, and nothing is written to it.

        Args:
            encoder: its name in the pipeline; not needed if there is one only.

        Errors: `ConfigError` without an encoder, or with several and none named.
        """
        return token_vectors(self, text, encoder)

    def attention(
        self,
        text: str | Doc,
        *,
        encoder: str | None = None,
    ) -> list[AttentionMap]:
        """The attention weights of each sentence by layer and head.

            [attention, *_] = nlp.attention("Мама мыла раму.")
            pipekit.attention.heat_map(attention, "attention.png")

        Errors: `ConfigError` as `encode`, and where the encoder has no attention.
        """
        return attention_maps(self, text, encoder)

    def alignment(
        self,
        text: str | Doc,
        *,
        component: str | None = None,
    ) -> list[AttentionMap]:
        """At which words each piece of each written text looks, by layer and head.

            [alignment, *_] = nlp.alignment("5 мая 2021")
            pipekit.attention.heat_map(alignment, "alignment.png")

        Args:
            component: a seq2seq; the first one by default.

        Errors: `ConfigError` for a pipeline without one, and for a decoder without attention.
        """
        return alignment_maps(self, text, component)

    # -- files

    def to_bytes(self, *, half: bool = False) -> bytes:
        """The pipeline as bytes, for `pipekit.from_bytes`; half: weights as float16."""
        return dump_pipeline(self, half=half)

    @tells_keywords("nlp.to_disk")
    def to_disk(
        self,
        path: str | os.PathLike[str],
        *,
        half: bool = False,
    ) -> None:
        """Write the pipeline to one file, or leave the old one intact; half: weights as float16.

        Errors: `StoreError`.
        """
        save_pipeline(self, path, half=half)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: the bytes of the pipeline, its device and its precision."""
        return unpickled, self._as_arguments()

    def __deepcopy__(self, memo: object) -> Self:
        return rebuilt(*self._as_arguments())

    def __copy__(self) -> Self:
        return self.select_pipes()

    def _as_arguments(self) -> tuple[type[Self], bytes, str, str]:
        return type(self), self.to_bytes(), self.device_name, self.precision

    def _repr_html_(self) -> str:
        return pipeline_shown(self)

    def __repr__(self) -> str:
        name = self.meta.get("name") or f"blank {self.lang}"
        components = ", ".join(self.components) or "no components"
        return f"<Pipeline {name}: {components}>"


def _check_arguments(
    on_error: str,
    max_delay: float | None,
) -> None:
    if on_error not in ON_ERROR:
        raise ConfigError(f"unknown on_error {on_error!r}.{near(on_error, ON_ERROR)}")
    if max_delay is not None and not max_delay >= 0:
        raise ConfigError(f"max_delay is {max_delay}: it is a number of seconds, 0 or more")


def _refuse_daemon() -> None:
    """Errors: `ConfigError` in a process that may not start others."""
    process = multiprocessing.current_process()
    if process.daemon:
        raise ConfigError(
            f"this process, {process.name}, is daemonic and cannot start workers: use n_process=1 "
            "in it, as the pool that started it works in parallel already (multiprocessing.Pool, "
            "celery, Airflow), or start it by concurrent.futures.ProcessPoolExecutor"
        )


def _with_progress(
    texts: Iterable[Any],
    progress: bool,
) -> Iterable[Any]:
    if not progress:
        return texts
    from tqdm import tqdm

    return tqdm(texts, unit=" docs", disable=None)
