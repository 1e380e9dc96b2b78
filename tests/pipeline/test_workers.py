"""Worker processes that are killed, crash, hang, or never start.

All documents but the guilty ones leave, in order and once.

Modules: pipeline.hooks, pipeline.running, pipeline.workers.annotator,
    pipeline.workers.supervisor, pipeline.workers.tasks, pipeline.workers.worker
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, islice
from math import log2
from pathlib import Path
from typing import Any

import pytest
from helpers.packages import Site
from helpers.processes import outputs, running, wait_until
from helpers.tiny import ten

import pipekit
from pipekit import Batch, Doc, Pipeline, errors, registry
from pipekit.errors import (
    ConfigError,
    CorruptModelError,
    DocError,
    PluginContractError,
    PluginMissingError,
    ProcessingError,
)
from pipekit.pipeline.hooks import hookimpl, hooks
from pipekit.pipeline.running import Order
from pipekit.pipeline.workers.annotator import Annotator, Failure, Request
from pipekit.pipeline.workers.supervisor import Supervisor, describe_exit

pytestmark = pytest.mark.limit(120)  # seconds; a supervisor that waits for ever would hang them

TROUBLE = """
import ctypes, multiprocessing, os, re, signal, sys, time
from pathlib import Path
from pipekit.doc.layer import Layer

DEEDS = {
    "убить": lambda doc: os.kill(os.getpid(), signal.SIGKILL),
    "упасть": lambda doc: ctypes.string_at(0),
    "уйти": lambda doc: os._exit(3),
    "выйти": lambda doc: sys.exit(5),
    "спать": lambda doc: time.sleep(1_000_000),
    "увязнуть": lambda doc: get_stuck(),
    "медлить": lambda doc: time.sleep(0.3),
    "исказить": lambda doc: doc.layers.update(other=Layer("token", len(doc) + 1)),
    "ошибиться": lambda doc: 1 // 0,
    "потерять": lambda doc: lose(),
    "однажды": lambda doc: die_once(),
    "осиротить": lambda doc: leave_a_child(),
}
PIDS = []


def lose():
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def get_stuck():
    (PIDS[0].parent / "stuck").touch()
    re.fullmatch("(а+)+", "а" * 60 + "б")  # keeps the interpreter busy


def die_once():
    died = PIDS[0].parent / "died"
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def leave_a_child():
    child = os.fork()  # it holds the worker's end of the pipe
    if not child:
        time.sleep(600)
    (PIDS[0] / str(child)).touch()
    os.kill(os.getpid(), signal.SIGKILL)


class Trouble:
    requires = ()
    assigns = ("mark",)

    def __init__(self, pids, start=""):
        PIDS[:] = [Path(pids)]
        (Path(pids) / str(os.getpid())).touch()
        if start and multiprocessing.parent_process():
            DEEDS[start](None)

    def __call__(self, batch):
        is_counted = any("однажды" in doc.words for doc in batch.docs)
        company = len(batch.docs) if is_counted else 0
        for doc in batch.docs:
            doc.tokens.set("mark", [company or len(word) for word in doc.words])
            for word in doc.words:
                DEEDS.get(word, lambda doc: None)(doc)
        return doc if any("вернуть" in doc.words for doc in batch.docs) else None
"""


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installed component that does what words say.

    Workers see it too, since they have this process's path.
    """
    found = Site(tmp_path_factory.mktemp("site"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(found.folder))
        found.install(
            "pipekit-trouble", TROUBLE, {"pipekit_components": "trouble = pipekit_trouble:Trouble"}
        )
        yield found
    found.forget()


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    """A folder with a file for each process that has built the component."""
    folder = tmp_path / "pids"
    folder.mkdir()
    return folder


@pytest.fixture
def nlp(pids: Path) -> Pipeline:
    return troubled(pids)


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test leaves a worker or a file."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield
    assert wait_until(lambda: not multiprocessing.active_children(), seconds=2)
    assert not list(folder.iterdir())


def troubled(pids: Path, **settings: Any) -> Pipeline:
    made = pipekit.blank("ru")
    made.add_pipe("trouble", pids=str(pids), **settings)
    return made


def texts(many: int, **words: int) -> list[str]:
    """Short texts, some of which hold a word: word=number."""
    at = {number: word for word, number in words.items()}
    return [f"Текст номер {i}" + (f" {at[i]}" if i in at else "") for i in range(many)]


def started(pids: Path) -> int:
    """How many workers have been started."""
    return len(list(pids.iterdir())) - 1


def kill_a_worker() -> None:
    """One that works, waits, or starts; none if all are dead already."""
    for worker in random.sample(found := multiprocessing.active_children(), min(1, len(found))):
        os.kill(worker.pid or 0, signal.SIGKILL)


# -- what workers say


@pytest.fixture(scope="module")
def tagger() -> Pipeline:
    """What it says is nonsense, and the same nonsense in each process."""
    made = pipekit.blank("ru").with_precision("float32")
    made.add_encoder("main", "bilstm", width=32)
    made.add_pipe("tagger", encoder="main", tags=["NOUN|", "VERB|", "PUNCT|"])
    return made


@pytest.mark.parametrize(
    ("workers", "kill"),
    [
        (2, True),
        *(
            pytest.param(n, kill, marks=pytest.mark.slow)
            for n, kill in ((2, False), (3, True), (3, False))
        ),
    ],
)
def test_any_number_of_workers_gives_the_same_bytes_and_so_does_one_that_was_killed(
    tagger: Pipeline, workers: int, kill: bool
) -> None:
    def given() -> Iterator[tuple[Any, int]]:
        pairs: list[tuple[Any, int]] = [(doc.text, i) for i, doc in enumerate(ten() * 6)]
        pairs[7] = (Doc(words=["Мама", "мыла"]), 7)
        yield from pairs[:30]
        if kill:
            kill_a_worker()
        yield from pairs[30:]

    expected = [
        (doc.to_bytes(), i) for doc, i in tagger.pipe(given(), as_tuples=True, batch_words=20)
    ]  # type: ignore[misc]
    found: list[Any] = list(tagger.pipe(given(), as_tuples=True, batch_words=20, n_process=workers))
    assert [(doc.to_bytes(), i) for doc, i in found] == expected


def test_devices_are_shared_out_among_workers(tagger: Pipeline) -> None:
    given = [doc.text for doc in ten()] * 6
    options: list[dict[str, Any]] = [
        {"devices": ["cpu", "cpu"]},
        {"devices": "cpu", "n_process": 3},
        {"devices": ["cpu"]},
    ]
    expected, *found = (
        [doc.to_bytes() for doc in tagger.pipe(given, batch_words=20, **more)]
        for more in [{}, *options]
    )  # type: ignore
    assert found == [expected] * 3


def test_a_worker_has_the_device_of_the_one_whose_place_it_takes() -> None:
    annotators = [Annotator("a", device=device) for device in ("cuda:0", "cuda:1", "cuda:0")]
    supervisor: Any = Supervisor(annotators, Order(overwrite=False, batch_words=1))
    for gone, place in enumerate(("cuda:0", "cuda:1", "cuda:0")):
        supervisor.workers = [
            Namespace(annotator=one) for i, one in enumerate(annotators) if i != gone
        ]
        assert supervisor.vacant().device == place


def test_devices_that_are_not_there_are_refused_before_any_worker_starts(
    nlp: Pipeline, pids: Path
) -> None:
    with pytest.raises(ConfigError, match="no device is called 'gpu'"):
        nlp.pipe(texts(3), devices=["cpu", "gpu"])
    with pytest.raises(
        ConfigError,
        match=r"'cuda:99' cannot be used: (this torch has no CUDA|no driver|the last GPU)",
    ):
        nlp.pipe(texts(3), devices=["cuda:99"], n_process=2)
    with pytest.raises(ConfigError, match="n_process is 0: it is at least 1"):
        nlp.pipe(texts(3), n_process=0)
    assert not started(pids)


def test_a_worker_that_lost_its_gpu_is_replaced(nlp: Pipeline, pids: Path) -> None:
    docs: list[Any] = list(nlp.pipe(texts(12, потерять=5), devices=["cpu"], on_error="record"))
    assert [i for i, doc in enumerate(docs) if doc.error] == [5]
    assert docs[5].error.startswith(
        "document 5, 'Текст номер 5 потерять': its worker process exited with code 1"
    )
    assert 2 <= started(pids) <= 5


def test_a_given_doc_comes_back_itself(nlp: Pipeline) -> None:
    given = [Doc(words=["Мама", "мыла"]) for _ in range(5)]
    found = list(nlp.pipe(given, n_process=2))
    assert all(one is other for one, other in zip(found, given, strict=True))
    assert [token.get("mark") for token in given[4]] == [4, 4]


def test_documents_of_a_megabyte_travel_both_ways(nlp: Pipeline) -> None:
    text = "слово " * 170_000
    docs: list[Any] = list(nlp.pipe([text + str(i) for i in range(3)], n_process=2))
    assert [doc.text[-1] for doc in docs] == list("012")
    assert all(len(doc.to_bytes()) > 1_000_000 for doc in docs)
    assert [len(doc) for doc in nlp.pipe([doc.copy(bare=True) for doc in docs], n_process=2)] == [
        170_001
    ] * 3  # type: ignore[arg-type]


def test_the_source_is_read_as_far_ahead_as_workers_need_and_no_further(nlp: Pipeline) -> None:
    read = count()
    stream = nlp.pipe((f"Текст {next(read)}" for _ in count()), n_process=2, batch_words=20)
    for _ in range(3):
        found: list[Any] = list(islice(stream, 50))
        time.sleep(0.2)
    assert found[-1].text == "Текст 149"
    assert next(read) < 150 + 6 * 20
    del stream


# -- failures that are told


def test_what_a_component_raises_is_told_as_one_process_tells_it(nlp: Pipeline) -> None:
    given = [*texts(20, ошибиться=4, вернуть=6), 5, None]
    learned: list[Any] = []

    class Listener:
        @hookimpl
        def doc_failed(self, document: int, component: str, error: Exception) -> None:
            learned.append((document, component, str(error), type(error)))

    heard = []
    listener = Listener()
    hooks.add(listener)
    try:
        for n in (1, 2):
            docs: list[Any] = list(nlp.pipe(given, n_process=n, on_error="record", batch_words=30))
            heard.append([([doc.to_bytes() for doc in docs], learned.copy())])
            learned.clear()
    finally:
        hooks.remove(listener)
    assert heard[0] == heard[1]
    [(_, told)] = heard[0]
    kinds = [
        (4, ProcessingError),
        (6, PluginContractError),
        (20, ProcessingError),
        (21, ProcessingError),
    ]
    assert [(number, kind) for number, _, _, kind in told] == kinds
    assert told[0][1:3] == (
        "trouble",
        "document 4, 'Текст номер 4 ошибиться': trouble failed: ZeroDivisionError: "
        "integer division or modulo by zero",
    )


def test_a_document_on_which_a_contract_is_broken_fails_alone(nlp: Pipeline) -> None:
    docs: list[Any] = list(nlp.pipe(texts(9, исказить=3), n_process=2, on_error="record"))
    assert [i for i, doc in enumerate(docs) if doc.error] == [3]
    assert docs[3].error.startswith("document 3, 'Текст номер 3 исказить': trouble failed: ")
    assert docs[3].error.endswith("wrote 'other', which it does not assign")
    assert docs[3].text == "Текст номер 3 исказить"


def test_what_is_there_already_is_not_replaced(nlp: Pipeline) -> None:
    given = nlp("Мама мыла")
    assert isinstance(given, Doc)
    with pytest.raises(
        DocError, match="document 1 has 'mark' already, which 'trouble' would replace"
    ):
        list(nlp.pipe(["раз", given], n_process=2, on_error="skip"))
    assert len(list(nlp.pipe(["раз", given], n_process=2, overwrite=True))) == 2


def test_documents_before_an_error_of_the_stream_come_out(nlp: Pipeline) -> None:
    def stream() -> Iterator[str]:
        yield from texts(40)
        raise OSError("the disk is gone")

    docs = nlp.pipe(stream(), n_process=2, batch_words=3)
    assert len([next(docs) for _ in range(39)]) == 39
    with pytest.raises(OSError, match="the disk is gone"):
        list(docs)


ERRORS = [
    each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)
]


@pytest.mark.parametrize("kind", ERRORS)
def test_an_exception_comes_whole_out_of_a_pool(kind: type[Exception]) -> None:
    error = kind("причина")
    error.__dict__.update(code=7, document=3)
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin), twin.__dict__) == (kind, "причина", error.__dict__)


def test_an_exception_travels_as_plain_data() -> None:
    for error in (
        DocError("a"),
        ConfigError("b"),
        ProcessingError("c", component="x"),
        PluginContractError("d"),
    ):
        again = Failure.of(error).error()
        assert (type(again), str(again)) == (type(error), str(error))
    assert str(Failure.of(KeyError("x")).error()) == "KeyError: 'x'"
    found = Failure("DocError", "a", "tagger").of_document(7)
    assert (type(found), str(found), found.document, found.component) == (
        ProcessingError,
        "a",
        7,
        "tagger",
    )
    assert all(type(field) in (str, type(None)) for field in Failure.of(error))


# -- documents that kill, crash and hang


@pytest.mark.parametrize(
    ("word", "ending"),
    [
        ("упасть", "was killed by SIGSEGV (a crash in compiled code)"),
        pytest.param(
            "убить",
            "was killed by SIGKILL (by someone, or by the system for want of memory)",
            marks=pytest.mark.slow,
        ),
        ("уйти", "exited with code 3"),
        pytest.param("выйти", "exited with code 5", marks=pytest.mark.slow),
    ],
)
def test_a_document_that_kills_its_worker_is_found_and_costs_the_others_nothing(
    nlp: Pipeline, pids: Path, word: str, ending: str
) -> None:
    given = texts(300, **{word: 137})
    docs: list[Any] = list(nlp.pipe(given, n_process=2, batch_words=64, on_error="record"))
    assert [doc.text for doc in docs] == given
    assert (
        [i for i, doc in enumerate(docs) if doc.error]
        == [137]
        == [i for i, doc in enumerate(docs) if not doc.has_annotation("mark")]
    )
    assert (
        docs[137].error
        == f"document 137, 'Текст номер 137 {word}': its worker process {ending} in 'trouble'"
    )
    assert docs[137].words == ["Текст", "номер", "137", word]
    assert started(pids) <= 2 + 4 <= 2 + log2(16) + 2


@pytest.mark.parametrize(
    "many", [1, 3, *(pytest.param(many, marks=pytest.mark.slow) for many in (2, 7))]
)
def test_a_small_batch_with_a_document_that_kills_costs_few_workers(
    nlp: Pipeline, pids: Path, many: int
) -> None:
    docs: list[Any] = list(nlp.pipe(texts(many, убить=0), n_process=2, on_error="record"))
    assert [bool(doc.error) for doc in docs] == [True] + [False] * (many - 1)
    assert started(pids) <= (2 if many == 1 else 4) + 1


def test_several_documents_that_kill_are_all_found(nlp: Pipeline) -> None:
    given: list[Any] = texts(60, убить=5, выйти=6)
    given[7] = Doc(words=["дан", "убить"])
    pairs: list[Any] = list(
        nlp.pipe(
            ((one, i) for i, one in enumerate(given)), as_tuples=True, n_process=2, on_error="skip"
        )
    )
    assert [i for _, i in pairs] == [i for i in range(60) if i not in (5, 6, 7)]


def test_the_first_document_that_kills_ends_the_stream_if_errors_are_raised(nlp: Pipeline) -> None:
    docs = nlp.pipe(texts(90, убить=50), n_process=2, batch_words=20)
    assert len([next(docs) for _ in range(45)]) == 45
    with pytest.raises(ProcessingError, match=r"document 50, .* was killed by SIGKILL") as caught:
        list(docs)
    assert (caught.value.document, caught.value.component) == (50, "trouble")
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("word", "batch_words"),
    [
        ("увязнуть", 1000),
        *(pytest.param("спать", words, marks=pytest.mark.slow) for words in (1, 1000)),
    ],
)
def test_a_document_that_hangs_is_found(
    nlp: Pipeline, pids: Path, word: str, batch_words: int
) -> None:
    given = texts(30, **{word: 11})
    begun = time.monotonic()
    docs: list[Any] = list(
        nlp.pipe(given, n_process=2, batch_words=batch_words, doc_timeout=1.5, on_error="record")
    )
    assert time.monotonic() - begun < 30
    assert [doc.text for doc in docs] == given
    assert {i: doc.error for i, doc in enumerate(docs) if doc.error} == {
        11: f"document 11, 'Текст номер 11 {word}': took longer than doc_timeout=1.5 s in 'trouble'"
    }
    assert started(pids) <= 2 + 2


def test_a_batch_of_slow_documents_is_slow_and_nothing_else(nlp: Pipeline) -> None:
    docs: list[Any] = list(nlp.pipe(["медлить"] * 8, n_process=2, doc_timeout=1.5))
    assert len(docs) == 8


@pytest.mark.parametrize(("timeout", "n"), [(0, 2), (-1.0, 2), (float("nan"), 2), (1.0, 1)])
def test_a_timeout_that_cannot_be_kept_is_refused(nlp: Pipeline, timeout: float, n: int) -> None:
    with pytest.raises(
        ConfigError, match=f"doc_timeout is {timeout}: it is above 0 and takes n_process=2 or more"
    ):
        nlp.pipe([], n_process=n, doc_timeout=timeout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_worker_that_dies_and_leaves_a_child_with_its_pipe_is_noticed(
    nlp: Pipeline, pids: Path
) -> None:
    docs: list[Any] = []
    try:
        docs += nlp.pipe(texts(1, осиротить=0), n_process=2, on_error="record")
        assert docs[0].error.endswith("in 'trouble'")
    finally:
        for path in pids.iterdir():
            if running(int(path.name)) and int(path.name) != os.getpid():
                os.kill(int(path.name), signal.SIGKILL)


def test_the_batch_of_a_worker_that_died_is_computed_together_again(
    nlp: Pipeline, pids: Path
) -> None:
    """Scores depend in their last digit on what is computed together: so do the bytes."""
    given = texts(40, однажды=13)
    (pids.parent / "died").touch()
    undisturbed: list[Any] = list(nlp.pipe(given, n_process=2, batch_words=30))
    (pids.parent / "died").unlink()
    found: list[Any] = list(nlp.pipe(given, n_process=2, batch_words=30))
    assert (pids.parent / "died").exists()
    assert [doc.to_bytes() for doc in found] == [doc.to_bytes() for doc in undisturbed]
    company = found[13].tokens["mark"].values.tolist()
    assert company == [company[0]] * 4 and company[0] > 1


# -- workers that are killed from outside


def test_workers_that_are_killed_are_replaced(nlp: Pipeline) -> None:
    given = texts(600)
    found = []
    for doc in nlp.pipe(given, n_process=2, batch_words=50):
        found.append(doc.text)  # type: ignore[union-attr]
        if len(found) in (100, 200):
            kill_a_worker()
    assert found == given


def test_a_worker_that_dies_while_it_waits_loses_no_task(nlp: Pipeline) -> None:
    def stream() -> Iterator[str]:
        for number, text in enumerate(texts(40)):
            if number in (20, 30):
                time.sleep(0.5)  # all have answered by now
                for worker in multiprocessing.active_children():
                    os.kill(worker.pid or 0, signal.SIGKILL)
                time.sleep(0.1)
            yield text

    assert [doc.text for doc in nlp.pipe(stream(), n_process=2, batch_words=3)] == texts(40)  # type: ignore[union-attr]


def test_a_stream_goes_on_when_the_thread_that_began_it_has_ended(nlp: Pipeline) -> None:
    stream = nlp.pipe(texts(60), n_process=2, batch_words=20)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(next(stream)))
    thread.start()
    thread.join()
    assert [doc.text for doc in [*found, *stream]] == texts(60)


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing_and_double_nothing(nlp: Pipeline) -> None:
    kills = 0
    stream = (f"Текст номер {i}" for i in range(20_000))
    for i, doc in enumerate(nlp.pipe(stream, n_process=2, batch_words=50)):
        assert doc.text == f"Текст номер {i}"  # type: ignore[union-attr]
        assert doc.has_annotation("mark")  # type: ignore[union-attr]
        if i % 200 == 100:  # once in some ten batches
            kill_a_worker()
            kills += 1
    assert (i, kills) == (19_999, 100)


# -- workers that never start


def test_a_component_that_only_this_process_has_is_told(site: Site) -> None:
    @registry.components.register("mine")
    class Mine:
        requires: tuple[str, ...] = ()
        assigns: tuple[str, ...] = ()

        def __call__(self, batch: Batch) -> None:
            """Nothing."""

    nlp = pipekit.blank("ru")
    nlp.add_pipe("mine")
    try:
        with pytest.raises(
            PluginMissingError,
            match="a worker process cannot load the pipeline: "
            r".* 'mine', which this process brought",
        ):
            list(nlp.pipe(["а"] * 10, n_process=2, on_error="skip"))
    finally:
        registry.components.unregister("mine")


@pytest.mark.parametrize(
    ("deed", "message", "starts"),
    [("уйти", "exited with code 3", 2), ("убить", "was killed by SIGKILL", 4)],
)
def test_workers_that_die_while_they_load_are_not_replaced_for_ever(
    pids: Path, deed: str, message: str, starts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipekit.pipeline.workers.supervisor._FAILED_STARTS", 1)
    nlp = troubled(pids, start=deed)
    with pytest.raises(
        ProcessingError,
        match=f"a worker process {message}.* before it had loaded the pipeline. In a script",
    ):
        list(nlp.pipe(texts(50), n_process=2, batch_words=3, on_error="skip"))
    assert started(pids) <= starts


def test_a_worker_that_hangs_while_it_loads_is_not_waited_for(
    pids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipekit.pipeline.workers.supervisor._LOADING_SECONDS", 3.0)
    nlp = troubled(pids, start="спать")
    with pytest.raises(
        ProcessingError, match="a worker process has not loaded the pipeline within 3 s"
    ):
        list(nlp.pipe(["а"], n_process=2))


def test_what_keeps_a_worker_from_loading_is_told(pids: Path) -> None:
    nlp = troubled(pids, start="ошибиться")
    with pytest.raises(
        CorruptModelError,
        match=r"a worker process cannot load the pipeline: .*: ZeroDivisionError: integer division",
    ):
        list(nlp.pipe(["а"], n_process=2))


def test_where_every_document_kills_the_job_ends(
    nlp: Pipeline, pids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipekit.pipeline.workers.supervisor._DEATHS", 3)
    with pytest.raises(
        ProcessingError,
        match="7 worker processes died in a row without finishing a document, "
        "and the last one was killed",
    ):
        list(nlp.pipe(["убить"] * 200, n_process=2, batch_words=4, on_error="skip"))
    assert started(pids) <= 9


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exited with code 0"), (-11, "was killed by SIGSEGV"), (-99, "was killed by signal 99")],
)
def test_an_ending_is_told_in_words(code: int, words: str) -> None:
    assert describe_exit(code).startswith(words)


# -- parents that go


def _daemon(connection: Any, count: int) -> None:
    try:
        made = pipekit.blank("ru").pipe(["Мама"], n_process=count)
        connection.send([doc.text for doc in made])
    except Exception as error:
        connection.send((type(error).__name__, str(error)))


@pytest.mark.parametrize("count", [1, 2])
def test_a_daemonic_process_is_told_what_it_can_do(count: int) -> None:
    """As those of celery, Airflow and `multiprocessing.Pool` are."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_daemon, args=(theirs, count), daemon=True)
    process.start()
    assert ours.poll(60)
    found = ours.recv()
    process.join(60)
    if count == 1:
        assert found == ["Мама"]
    else:
        assert found[0] == "ConfigError" and "is daemonic" in found[1]
        assert "use n_process=1" in found[1]
    process.close()


@pytest.mark.skipif(sys.platform != "linux", reason="files without names are of Linux")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_a_parent_leaves_nothing_in_the_temporary_folder(
    number: int, script: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = script()
    assert process.stdout is not None and process.stdout.readline()
    before = {path.name for path in tmp_path.iterdir()}
    os.kill(process.pid, number)
    assert process.wait(timeout=30) == -number
    assert before == {path.name for path in tmp_path.iterdir()}
    assert before == {"pids", "script.py", "temporary"}


SCRIPT = """
import sys, pipekit, time

def stream():
    for i in range(100_000):
        yield {text!r}

def main():
    nlp = pipekit.blank("ru")
    nlp.add_pipe("trouble", pids={pids!r})
    docs = nlp.pipe(stream(), n_process=2, batch_words=40)
    for doc in docs:
        print(doc.text, flush=True)
        {then}

{guard}main()
"""
GUARD = 'if __name__ == "__main__":\n    '


@pytest.fixture
def script(
    tmp_path: Path, pids: Path, site: Site
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a program that reads documents from workers; it leads a group of processes."""
    begun: list[subprocess.Popen[str]] = []

    def start(
        text: str = "Мама мыла", then: str = "pass", guard: str = GUARD
    ) -> subprocess.Popen[str]:
        path = tmp_path / "script.py"
        path.write_text(
            SCRIPT.format(text=text, then=then, guard=guard, pids=str(pids)), encoding="utf-8"
        )
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(site.folder), *sys.path]),
            "PYTHONIOENCODING": "utf-8",
            "TMPDIR": str(tmp_path),
        }
        pipes: dict[str, Any] = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "encoding": "utf-8",
        }
        begun.append(
            subprocess.Popen(
                [sys.executable, str(path)], env=environment, start_new_session=True, **pipes
            )
        )
        return begun[-1]

    yield start
    for one in begun:
        one.kill()
    all_gone = wait_until(
        lambda: not any(running(int(path.name)) for path in pids.iterdir()), seconds=5
    )
    for one in begun:
        with suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        one.communicate()
    assert all_gone


def test_a_script_without_its_guard_is_told_of_it(
    script: Callable[..., subprocess.Popen[str]],
) -> None:
    _, said = outputs(script(guard=""), seconds=60)
    assert (
        "In a script, the call that starts workers stands under `if __name__ == '__main__':`"
        in said.splitlines()[-1]
    )


@pytest.mark.slow
@pytest.mark.parametrize("then", ["sys.exit()", "break"])
def test_a_stream_that_is_abandoned_makes_no_noise(
    script: Callable[..., subprocess.Popen[str]], then: str
) -> None:
    assert outputs(script(then=then), seconds=60) == ("Мама мыла\n", "")


def test_a_stream_that_is_never_closed_makes_no_noise(
    script: Callable[..., subprocess.Popen[str]],
) -> None:
    process = script(then="globals().update(kept=docs); return")
    assert outputs(process, seconds=60) == ("Мама мыла\n", "")


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (signal.SIGKILL, "увязнуть"),
        (signal.SIGTERM, "Мама мыла"),
        *(
            pytest.param(how, "спать", marks=pytest.mark.slow)
            for how in (signal.SIGKILL, signal.SIGTERM)
        ),
    ],
)
def test_workers_go_with_a_parent_that_is_killed(
    script: Callable[..., subprocess.Popen[str]], pids: Path, how: signal.Signals, text: str
) -> None:
    job = script(text=text)
    assert wait_until(lambda: started(pids) == 2, seconds=60)
    if text == "увязнуть":
        assert wait_until((pids.parent / "stuck").exists, seconds=60)
    time.sleep(0.3)
    job.send_signal(how)
    outputs(job, seconds=30)
    assert job.returncode == -how


@pytest.mark.parametrize(
    ("group", "text"),
    [(True, "Мама мыла"), (False, "спать"), pytest.param(True, "спать", marks=pytest.mark.slow)],
)
def test_ctrl_c_is_the_parents_affair(
    script: Callable[..., subprocess.Popen[str]], pids: Path, group: bool, text: str
) -> None:
    job = script(text=text)
    assert wait_until(lambda: started(pids) == 2, seconds=60)
    time.sleep(0.3)
    (os.killpg if group else os.kill)(job.pid, signal.SIGINT)
    _, said = outputs(job, seconds=30)
    assert job.returncode == -signal.SIGINT
    assert said.count("Traceback") == 1 and said.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize(
    "wait", [0.3, *(pytest.param(wait, marks=pytest.mark.slow) for wait in (0.1, 0.2, 0.5, 0.8))]
)
def test_ctrl_c_while_workers_start_is_the_parents_affair_too(
    script: Callable[..., subprocess.Popen[str]], pids: Path, wait: float
) -> None:
    job = script()
    assert wait_until(lambda: started(pids) >= 0, seconds=60)
    time.sleep(wait)
    os.killpg(job.pid, signal.SIGINT)
    _, said = outputs(job, seconds=30)
    assert said.count("Traceback") == 1 and said.rstrip().endswith("KeyboardInterrupt")


def test_workers_are_gone_when_a_consumer_fails(nlp: Pipeline) -> None:
    def consume() -> None:
        for _ in nlp.pipe(texts(1000), n_process=2, batch_words=20):
            raise KeyError("x")

    with pytest.raises(KeyError):
        consume()
    assert wait_until(lambda: not multiprocessing.active_children(), seconds=2)


# -- an annotator on its own


def test_an_annotator_is_made_of_strings_and_loads_once(
    nlp: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    nlp.to_disk(tmp_path / "a.pipekit")
    annotator = Annotator(str(tmp_path / "a.pipekit"))
    again = pickle.loads(pickle.dumps(annotator))
    assert again == annotator
    assert again.pipeline is annotator.pipeline
    given = [
        Request(7, "Мама мыла"),
        Request(8, Doc(words=["раму"]).to_bytes()),
        Request(9, "ошибиться"),
    ]
    answers = again(given, Order(overwrite=False, batch_words=100))
    assert [Doc.from_bytes(one.made).words for one in answers] == [
        ["Мама", "мыла"],
        ["раму"],
        ["ошибиться"],
    ]
    assert [one.failure and one.failure.kind for one in answers] == [None, None, "ProcessingError"]
    assert [one.words for one in answers] == [2, 1, 1]
    assert answers[2].failure.message.startswith(
        "document 9, 'ошибиться': trouble failed: ZeroDivisionError"
    )


def test_each_component_that_begins_is_told_to_who_asks(nlp: Pipeline, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "a.pipekit")
    told: list[str] = []
    annotator, order = (
        Annotator(str(tmp_path / "a.pipekit")),
        Order(overwrite=False, batch_words=100),
    )
    for began in (told.append, None):
        annotator([Request(0, "Мама мыла")], order, began)
    assert told == ["tokenizer", "trouble"]


def test_a_document_that_is_too_large_to_travel_fails_alone(
    nlp: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipekit.pipeline.workers.annotator.LARGEST", 3_000)
    large = Doc(words=["слово"] * 500)
    docs: list[Any] = list(
        nlp.pipe(["раз", "два " * 1_000, large, "три"], n_process=2, on_error="record")
    )
    assert [doc.text for doc in docs] == ["раз", "два " * 1_000, large.text, "три"]
    assert [doc.error is None for doc in docs] == [True, False, False, True]
    assert "are more than the 3000 that travel between processes" in docs[1].error
    nlp.to_disk(tmp_path / "a.pipekit")
    [answer] = Annotator(str(tmp_path / "a.pipekit"))(
        [Request(0, "ab " * 999)], Order(overwrite=False, batch_words=100)
    )
    assert answer.failure is not None and "that travel between processes" in answer.failure.message
