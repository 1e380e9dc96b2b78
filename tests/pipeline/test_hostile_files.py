"""Files that were made to do harm, under checksums that hold: nothing of them takes a machine down.

Modules: pipeline.saving
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.hostile_files import Outcome, described, measured, replaced, write_pipelines

import pipekit
from pipekit.errors import ConfigError, CorruptModelError, PipekitError
from pipekit.storage import store

SMALL = described(
    {"type": "gru", "width": 8, "features": {"width": 8, "word_buckets": 20}},
    {"type": "ner", "labels": ["PER"], "encoder": "main", "hidden": 8},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("pipelines")
    write_pipelines(folder)
    return folder


def harms(outcomes: list[Outcome], seconds: float) -> dict[str, str]:
    return {each.name: each.harm(seconds) for each in outcomes if each.harm(seconds)}


linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@linux
def test_a_hostile_file_is_refused_or_works_with_little_memory(folder: Path) -> None:
    outcomes = measured(folder, step=997)
    assert len(outcomes) > 30
    assert not harms(outcomes, seconds=60)


@pytest.mark.slow
@linux
def test_every_hostile_file_is_refused_or_works_within_a_second(folder: Path) -> None:
    outcomes = measured(folder)
    assert len(outcomes) > 10_000
    assert not harms(outcomes, seconds=1)


# -- what a refusal says


def small() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    data = pipekit.Pipeline(SMALL["config"]).to_bytes()
    container = store.container_from_bytes(data)
    return container.header, container.tensors


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "encoders.main.width",
            1 << 40,
            r"\[encoders.main\] \(type 'gru'\): width = 1099511627776: an integer from 1 to 16384",
        ),
        ("components.it.hidden", "8", r"\[components.it\].*hidden = '8': an integer"),
        ("components.it.labels", ["PER", 5], r"labels\[1\] = 5: a text of length 1 to 256"),
        ("components.it.encoder", "mian", r"reads the encoder 'mian'.*Did you mean 'main'"),
        ("encoders.main.features.prefixes", [1 << 40], r"prefixes\[0\] = 1099511627776"),
        ("encoders.main.features.dropout", float("nan"), "dropout = nan: a number from 0 to 0.99"),
        ("tokenizer.lang", "../x", "no tokenization rules for language '../x'"),
        ("lang", 5, "lang = 5: a text"),
        ("given", "ents", "given = 'ents': a list"),
        ("components.it.type", "os.system", "needs the component 'os.system', which an unknown"),
        ("components.it.hidden", 9, r"components/it: its weights do not fit its settings"),
    ],
)
def test_a_wrong_setting_is_named_with_file_part_and_range(
    path: str, value: Any, message: str, tmp_path: Path
) -> None:
    header, tensors = small()
    altered = replaced(header, ("config", *path.split(".")), value)
    file = tmp_path / "a.pipekit"
    store.save(file, altered, tensors)
    with pytest.raises(PipekitError, match=message) as caught:
        pipekit.load(file, device="cpu")
    assert str(caught.value).startswith(str(file))


def test_a_number_that_is_none_a_stranger_and_another_type_are_refused() -> None:
    header, tensors = small()
    name = "components/it/weights/emit.bias"
    for array, message in (
        (np.full_like(tensors[name], np.nan), "emit.bias has a number that is infinite, or NaN"),
        (np.full_like(tensors[name], np.inf), "emit.bias has a number that is infinite, or NaN"),
        (tensors[name].astype(np.float64), "emit.bias is torch.float64, and not torch.float32"),
        (tensors[name][:-1], "size mismatch for emit.bias"),
    ):
        with pytest.raises(CorruptModelError, match=message):
            pipekit.from_bytes(store.to_bytes(header, {**tensors, name: array}), device="cpu")
    stranger = {**tensors, "components/other/weights/x": np.zeros(2)}
    with pytest.raises(CorruptModelError, match="'components/other/weights/x' belongs to no part"):
        pipekit.from_bytes(store.to_bytes(header, stranger), device="cpu")


def test_a_mask_of_infinities_that_a_plugin_saves_comes_back() -> None:
    import torch

    class Masked(torch.nn.Module):
        requires = assigns = ()

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mask", torch.full((3, 3), -torch.inf))
            self.scale = torch.nn.Parameter(torch.ones(3))

        def forward(self, batch: pipekit.Batch) -> None:
            return

    pipekit.registry.components.register("masked", Masked)
    try:
        nlp = pipekit.blank("ru")
        nlp.add_pipe("masked")
        again = pipekit.from_bytes(nlp.to_bytes(), device="cpu")
        assert again.to_bytes() == nlp.to_bytes()
    finally:
        pipekit.registry.components.unregister("masked")


def test_a_plugin_that_allocates_more_than_its_file_warrants_is_refused_from_a_file_alone() -> None:
    import torch

    class Large:
        requires = assigns = ()

        def __init__(self, rows: int = 1) -> None:
            self.table = torch.zeros(rows, 1024)

        def __call__(self, batch: pipekit.Batch) -> None:
            return

    pipekit.registry.components.register("large", Large)
    try:
        nlp = pipekit.blank("ru")
        nlp.add_pipe("large", rows=10_000)
        with pytest.raises(CorruptModelError, match="more than a file of this size can need"):
            pipekit.from_bytes(nlp.to_bytes(), device="cpu")
    finally:
        pipekit.registry.components.unregister("large")


def test_weights_of_a_file_are_not_drawn_at_random_first() -> None:
    import torch

    data = pipekit.Pipeline(SMALL["config"]).to_bytes()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    pipekit.from_bytes(data, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


# -- names in a file import nothing

TRAPS = ("os.system", "a.b:c", "antigravity", "setuptools", "pipekit_trap", "pipekit_trap:run")
_traps = cycle(TRAPS)
LOADING = {"open", "exec", "compile", "import", "os.system", "subprocess.Popen", "socket.connect"}
PACKAGE_FILES = (".zip", "entry_points.txt", "METADATA")
_events: list[tuple[str, Any]] | None = None


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    if _events is not None and event in LOADING:
        _events.append((event, arguments[0] if arguments else None))


sys.addaudithook(_record)


def events_of(action: Callable[[], Any]) -> list[tuple[str, Any]]:
    """The files that an action opened, and what it imported, compiled, started or connected to."""
    global _events
    _events = []
    try:
        action()
    except PipekitError:
        pass
    finally:
        events, _events = _events, None
    return [(event, what) for event, what in events if not is_metadata(event, what)]


def is_metadata(event: str, what: Any) -> bool:
    """Whether a file was opened that tells which packages are installed, and what they bring."""
    path = str(what)
    return event == "open" and (path in sys.path or path.endswith(PACKAGE_FILES))


def with_traps(value: Any) -> Iterator[Any]:
    """The value with one of its strings, keys too, replaced by a trap: each string in turn."""
    if isinstance(value, str):
        yield next(_traps)
    elif isinstance(value, dict):
        for key, item in value.items():
            for altered in with_traps(item):
                yield {**value, key: altered}
            trap = next(_traps)
            yield {(trap if name == key else name): other for name, other in value.items()}
    elif isinstance(value, list):
        for number, item in enumerate(value):
            for altered in with_traps(item):
                yield [*value[:number], altered, *value[number + 1 :]]


def test_dotted_names_in_a_file_import_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipekit_trap.py").write_text("raise SystemExit", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    header, tensors = small()
    header["meta"] = {"name": "проба", "sources": ["a", {"b": "c"}]}
    file = tmp_path / "a.pipekit"
    store.save(file, header, tensors)
    for _ in range(2):
        pipekit.load(file, device="cpu")("Раз.")  # so that all that is needed is imported
        events_of(lambda: pipekit.from_bytes(b"PK", device="cpu"))
    files = [store.to_bytes(header, tensors)]
    files += [store.to_bytes(altered, tensors) for altered in with_traps(header)]
    files += [files[0][:-1], files[0] + b"x", files[0][:200]]
    modules = set(sys.modules)
    for data in files[::2]:
        file.write_bytes(data)
        assert events_of(lambda: pipekit.load(file, device="cpu")) == [("open", str(file))]
    for data in files[1::2]:
        assert events_of(lambda data=data: pipekit.from_bytes(data, device="cpu")) == []
    assert len(files) > 40
    assert set(sys.modules) == modules


# -- recipes have the same check


def test_a_wrong_value_of_a_recipe_is_named_with_its_section() -> None:
    from helpers.tiny import recipe, ten

    from pipekit.training.building import build_pipeline
    from pipekit.training.recipe import parse_recipe

    for settings, message in (
        ({"hidden": 0}, r"\[components.ner\].*hidden = 0: an integer from 1 to 16384 is needed"),
        ({"labels": "PER"}, r"\[components.ner\].*labels = 'PER': a list"),
        ({"dropout": "0.3"}, r"\[components.ner\].*dropout = '0.3': a number from 0 to 0.99"),
    ):
        raw = recipe({"type": "gru", "width": 8}, {"ner": {"type": "ner", **settings}})
        with pytest.raises(ConfigError, match=message):
            build_pipeline(parse_recipe(raw), ten())
