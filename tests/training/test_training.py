"""Training: recipes, the loop, what it learns from, and that it can be stopped at any moment.

Modules: training.building, training.checkpoint, training.computing, training.loop,
    training.plot, training.recipe, training.toml, training.transfer
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.places import TESTS
from helpers.tiny import TAGGER, TEN, StopAt, gold, learn, recipe, ten
from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import Batch, Doc, Pipeline, registry
from pipekit.components.tagger.tagger import Tagger
from pipekit.corpora import token_rules as mapping
from pipekit.corpora.sources import CorpusSource, corpus_format, read_corpus, read_source
from pipekit.errors import ConfigError, CorruptModelError, DataError
from pipekit.evaluation.evaluate import evaluate
from pipekit.pipeline.hooks import hooks
from pipekit.training.building import prepare
from pipekit.training.computing import schedule, undisturbed
from pipekit.training.loop import BEST, LAST, LOG, Trainer, swapped
from pipekit.training.recipe import TrainingSettings, pace, parse_recipe, read_recipe
from pipekit.training.transfer import modules, shared

GRU = {"type": "gru", "width": 16}
SHORT = {"epochs": 6, "evaluate_every": 2}


def trainer(output: Path, raw: Mapping[str, Any]) -> Trainer:
    torch.set_num_threads(1)
    torch.manual_seed(raw["training"].get("seed", 1))
    made = parse_recipe(raw)
    return Trainer(made, prepare(made), output, "cpu")


def log(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / LOG).read_text(encoding="utf-8").splitlines()]


def tensors(nlp: Pipeline) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": tensor
        for name, part in modules(nlp).items()
        for key, tensor in part.state_dict().items()
    }


# -- recipes


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "a.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trainig]", r"a.toml: unknown section 'trainig'. Did you mean 'training'\?"),
        (
            "[training]\nepoch = 3",
            r"a.toml: \[training\] takes no 'epoch'. Did you mean 'epochs'\?",
        ),
        (
            "[training]\nepochs = 'many'",
            r"a.toml: \[training\]: epochs = 'many': an integer from 1 to",
        ),
        *(
            (f"[training]\n{line}", rf"a.toml: \[training\]: (?i:{line}): {needed}.* is needed")
            for line, needed in (
                ("learning_rate = -1", "a number from 0 to 1000"),
                ("learning_rate = nan", "a number from 0 to 1000"),
                ("epochs = 2.5", "an integer from 1 to "),
                ("epochs = true", "an integer from 1 to "),
                ("seed = -1", "an integer from 0 to "),
                ("threads = -1", "an integer from 0 to 1024"),
                ("clip = 0", "a number from 1e-06 to"),
                ("warmup = 5", "a number from 0 to 1"),
                ("average = 2.0", "a number from 0 to 1"),
                ("half = 'no'", "true or false"),
                ("start = 3", "a text"),
            )
        ),
        (
            "[training]\nlosses = { ner = -1.0 }",
            r"\[training\]: losses.ner = -1.0: a number from 0 to",
        ),
        (
            "[[train]]\npath = 'x'\nformat = 'conllu'\nrepeat = 2.5",
            r"\[\[train\]\] number 1: repeat = 2.5: an integer from 1 to",
        ),
        (
            "[[train]]\npath = 'x'\nformat = 'conllu'\nuntil = 2.0",
            r"\[\[train\]\] number 1: until = 2.0: a number from 1e-06 to 1 is needed",
        ),
        (
            "[encoders]\nmain = 'gru'",
            r"a.toml: \[encoders\] main = 'gru': a part is a table, \[encoders.main\] with type",
        ),
        ("[[train]]\npath = 'x'", r"a.toml: \[\[train\]\] number 1 needs format = "),
        (
            "[[train]]\npath = 'x'\nformat = 'conllu'\n[[dev]]\nformat = 'conllu'",
            r"\[\[dev\]\] number 1 needs path",
        ),
        ("epochs = [", "a.toml: is not valid TOML: "),
        (
            "[training]\nstart = '${NO_SUCH_VARIABLE}'",
            "environment variable NO_SUCH_VARIABLE, which is not set",
        ),
    ],
)
def test_a_recipe_that_does_not_fit_is_named_with_file_section_and_key(
    written: Callable[[str], Path], text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_recipe(written(text))


def test_a_recipe_that_is_no_recipe_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"train.conllu: a recipe is a .toml file"):
        read_recipe(tmp_path / "train.conllu")
    with pytest.raises(ConfigError, match=r"no.toml: cannot be read"):
        read_recipe(tmp_path / "no.toml")


def test_settings_can_be_overridden_by_their_path(written: Callable[[str], Path]) -> None:
    path = written(
        "[training]\nepochs = 3\n[encoders.main]\ntype = 'gru'\n"
        "[[train]]\npath = 'x'\nformat = 'conllu'"
    )
    changes = [
        "training.epochs=5",
        "encoders.main.type=bilstm",
        "train.0.repeat=2",
        'training.score=["a"]',
        "pipeline.name=x",
    ]
    found = read_recipe(path, changes)
    assert (found.settings.epochs, found.settings.score) == (5, ["a"])
    assert found.pipeline["encoders"]["main"] == {"type": "bilstm"}
    assert (found.train[0].repeat, found.meta) == (2, {"name": "x"})
    with pytest.raises(ConfigError, match=r"--set epochs: write section.key=value"):
        read_recipe(path, ["epochs"])
    with pytest.raises(ConfigError, match="takes no 'epoch'"):
        read_recipe(path, ["training.epoch=5"])


def test_paths_are_those_of_the_recipe_and_variables_are_filled_in(
    written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPEKIT_DATA", "/corpora")
    monkeypatch.setenv("PART", "train")
    train = "[[train]]\npath = '${PIPEKIT_DATA}/${PART}.txt'\nformat = 'text'\n"
    dev = "[[dev]]\npath = 'dev.txt'\nformat = 'text'\nunit = 'file'"
    path = written(train + dev)
    found = read_recipe(path)
    assert found.train[0].path == Path("/corpora/train.txt")
    assert found.dev[0] == CorpusSource(path.parent / "dev.txt", "text", options={"unit": "file"})


def test_the_data_lie_beside_the_project_where_no_variable_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIPEKIT_DATA", raising=False)
    (tmp_path / "project" / "recipes").mkdir(parents=True)
    (tmp_path / "project" / "pyproject.toml").touch()
    raw = {"train": [{"path": "${PIPEKIT_DATA}/a.txt", "format": "text"}]}
    assert (
        parse_recipe(raw, tmp_path / "project" / "recipes" / "a.toml").train[0].path
        == tmp_path / "shared" / "data" / "a.txt"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"encoders": {"main": {"type": "grru"}}},
            r"no encoder is called 'grru'. Did you mean 'gru'\?",
        ),
        (
            {"encoders": {"main": {"type": "gru", "widht": 8}}},
            r"\[encoders.main\] \(type 'gru'\) takes no 'widht'. Did you mean 'width'\?",
        ),
        (
            {"encoders": {"main": {"type": "gru", "features": {"prefix": [1]}}}},
            r"take no 'prefix'. Did you mean 'prefixes'\?",
        ),
        (
            {"components": {"tagger": {"encoder": "mian"}}},
            r"\[components.tagger\] reads the encoder 'mian'",
        ),
        (
            {"components": {"tagger": {"encoder": "main", "hiden": 8}}},
            r"takes no 'hiden'. Did you mean 'hidden'\?",
        ),
        ({"train": []}, r"\[\[train\]\] names no document"),
        ({"train": [{"path": "/no/such.conllu", "format": "conllu"}]}, "/no/such.conllu"),
        (
            {"train": [{"path": str(TEN), "format": "conlu"}]},
            r"no reader is called 'conlu'. Did you mean 'conllu'\?",
        ),
        (
            {"train": [{"path": str(TEN), "format": "conllu", "grup": 2}]},
            r"takes no 'grup'. Did you mean 'group'\?",
        ),
        (
            {"training": {"freeze": ["encoders.mian"]}},
            r"freeze names 'encoders.mian'. Did you mean 'encoders.main'\?",
        ),
        (
            {"training": {"freeze": ["encoders.main", "components.tagger"]}},
            "nothing is left to train",
        ),
        ({"training": {"start": "/no/such.pipekit"}}, "no such file or folder"),
    ],
)
def test_what_a_training_cannot_be_built_from_is_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        learn({**recipe(GRU), **change}, tmp_path)


# -- the loop


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    found = [
        learn(recipe(GRU, seed=seed, **SHORT), tmp_path / str(i)).to_bytes()
        for i, seed in enumerate((1, 1, 2))
    ]
    assert found[0] == found[1] != found[2]
    assert (tmp_path / "0" / BEST).read_bytes() == found[0]


def test_all_figures_are_in_the_log(tmp_path: Path) -> None:
    learn(recipe(GRU, dev=True, **SHORT), tmp_path)
    rows = log(tmp_path)
    assert [row["epoch"] for row in rows] == [2, 4, 6]
    assert rows[-1]["step"] == 3 * rows[0]["step"]
    assert {"pos", "morph", "lemma"} <= rows[0]["scores"].keys()
    assert rows[-1]["loss"]["tagger"] < rows[0]["loss"]["tagger"]


def test_the_figures_of_the_log_are_those_of_the_file(tmp_path: Path) -> None:
    nlp = learn(recipe(GRU, dev=True, average=0.9, **SHORT), tmp_path)
    best = max(log(tmp_path), key=lambda row: row["score"])
    found = evaluate(nlp, ten())
    assert [found["pos"], found["lemma"]] == [best["scores"]["pos"], best["scores"]["lemma"]]


def test_a_training_that_gets_no_better_is_stopped(tmp_path: Path) -> None:
    learn(
        recipe(GRU, dev=True, learning_rate=0.0, epochs=30, evaluate_every=1, patience=2), tmp_path
    )
    assert [row["epoch"] for row in log(tmp_path)] == [1, 2, 3]


def test_frozen_parts_stay_as_they_are_and_the_others_do_not(tmp_path: Path) -> None:
    raw = recipe(GRU, freeze=["encoders.main"], **SHORT)
    before = {
        name: tensor.clone() for name, tensor in tensors(trainer(tmp_path, raw).pipeline).items()
    }
    after = tensors(learn(raw, tmp_path))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("components.tagger") for name in changed)


def test_a_training_may_start_from_a_saved_pipeline(tmp_path: Path) -> None:
    first = learn(recipe(GRU, **SHORT), tmp_path / "one")
    raw = recipe(GRU, start=str(tmp_path / "one" / BEST), seed=5, learning_rate=0.0, epochs=1)
    assert learn(raw, tmp_path / "two").to_bytes() == first.to_bytes()
    wider = recipe(
        {**GRU, "width": 32}, start=str(tmp_path / "one" / BEST), learning_rate=0.0, epochs=1
    )
    theirs, ours = tensors(first), tensors(learn(wider, tmp_path / "three"))
    same = [name for name in ours if ours[name].shape == theirs[name].shape]
    assert same
    assert all(torch.equal(ours[name], theirs[name]) for name in same)


def test_parts_with_a_source_are_those_of_a_saved_pipeline_and_a_new_one_learns_beside_them(
    tmp_path: Path,
) -> None:
    first = learn(recipe(GRU, **SHORT), tmp_path / "one")
    source = {"source": str(tmp_path / "one" / BEST)}
    raw = recipe(
        {},
        {"tagger": source, "second": TAGGER},
        freeze=["encoders.main", "components.tagger"],
        **SHORT,
    )
    both = learn({**raw, "encoders": {"main": source}}, tmp_path / "two")
    before, after = tensors(first), tensors(both)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert any(name.startswith("components.second") for name in after)
    assert both.configs["components"]["tagger"] == first.configs["components"]["tagger"]


def test_what_parts_from_several_files_share_is_kept_once() -> None:
    def arrays() -> dict[str, Any]:
        return {"forms": np.arange(5), "tags": np.zeros(2)}

    made = shared(
        {
            "encoders/main": arrays(),
            "components/tagger": {**arrays(), "more": np.arange(5, dtype=np.int32)},
        }
    )
    assert made["encoders/main"]["forms"] is made["components/tagger"]["forms"]
    assert made["components/tagger"]["more"] is not made["components/tagger"]["forms"]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"type": "gru"}, r"\[encoders.main\] has a source, which brings the type: leave type out"),
        ({}, "no 'other' is there"),
    ],
)
def test_a_source_that_does_not_fit_is_named(
    tmp_path: Path, part: dict[str, Any], message: str
) -> None:
    learn(recipe(GRU, **SHORT), tmp_path / "one")
    name = "main" if part else "other"
    raw = {
        **recipe(GRU, {"tagger": {**TAGGER, "encoder": name}}),
        "encoders": {name: {"source": str(tmp_path / "one" / BEST), **part}},
    }
    with pytest.raises(ConfigError, match=message):
        learn(raw, tmp_path / "two")


def test_averages_stand_for_the_weights_within_a_context_and_not_behind_it() -> None:
    weights, averages = {"a": torch.zeros(2)}, {"a": torch.ones(2)}
    with pytest.raises(KeyError), swapped(weights, averages):
        assert (weights["a"].tolist(), averages["a"].tolist()) == ([1, 1], [0, 0])
        raise KeyError("an evaluation that fails")
    assert (weights["a"].tolist(), averages["a"].tolist()) == ([0, 0], [1, 1])


@pytest.mark.parametrize("clip", [0.01, 1.0])
def test_the_norm_of_all_gradients_together_is_bounded(tmp_path: Path, clip: float) -> None:
    made = trainer(tmp_path, recipe(GRU, clip=clip))
    for docs in made.batches(0):
        made.step(docs)
        norm = (
            torch.stack([p.grad.norm() for p in made.parameters.values() if p.grad is not None])
            .norm()
            .item()
        )
        assert 0 < norm <= clip * 1.001


def test_each_epoch_shows_every_document_once_in_an_order_of_its_own(tmp_path: Path) -> None:
    made = trainer(tmp_path, recipe(GRU, batch_words=12))
    orders = [[doc.name for docs in made.batches(epoch) for doc in docs] for epoch in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == sorted([doc.name for doc in ten()] * 2)
    assert all(sum(map(len, docs)) <= 12 for docs in made.batches(0))


UNSET = TrainingSettings()


@given(words=st.integers(1, 10**9))
def test_little_data_is_read_more_often_in_smaller_batches(words: int) -> None:
    own, more = pace(UNSET, words), pace(UNSET, 2 * words)
    assert 10 <= more.epochs <= own.epochs <= 100
    assert 200 <= own.batch_words <= more.batch_words <= 1_500
    assert own.epochs == 100 or own.epochs * max(words // own.batch_words, 1) >= 2_000


def test_a_recipe_has_the_last_word_on_epochs_and_batches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pace(TrainingSettings(epochs=3), 3_000) == (3, 200)
    assert pace(TrainingSettings(batch_words=1_500), 3_000) == (100, 1_500)
    raw = recipe(GRU, epochs=2)
    trainer(tmp_path, raw)
    assert "words" not in capsys.readouterr().out
    del raw["training"]["epochs"]
    assert trainer(tmp_path, raw).pace.epochs == 100
    assert "[training] epochs = 100: what suits 108 words" in capsys.readouterr().out


def test_recipes_of_the_project_name_what_defaults_would_change() -> None:
    for path in (TESTS.parent / "recipes").glob("*/**/*.toml"):
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        if "training" not in raw:
            continue
        assert {"epochs", "batch_words", "learning_rate"} <= raw["training"].keys(), path
        for encoder in raw.get("encoders", {}).values():
            features = encoder.get("features")
            assert not features or "dropout" in features, path
        for name, part in raw["components"].items():
            if part.get("type") in ("classifier", "entity_sentiment"):
                assert {"terms", "balance"} <= part.keys(), f"{path}: {name}"
                assert not part["terms"] or "penalty" in part, f"{path}: {name}"


def test_a_source_may_take_part_in_a_share_of_the_epochs(tmp_path: Path) -> None:
    raw = recipe(GRU, epochs=4)
    raw["train"] = [
        *raw["train"],
        {"path": str(TEN), "format": "conllu", "repeat": 3, "until": 0.5},
    ]
    made = trainer(tmp_path, raw)
    assert [sum(len(docs) for docs in made.batches(epoch)) for epoch in range(4)] == [
        50,
        50,
        20,
        20,
    ]
    assert made.steps == sum(1 for epoch in range(4) for _ in made.batches(epoch))


def test_documents_may_be_shown_in_lower_case(tmp_path: Path) -> None:
    shown = [
        doc.text
        for docs in trainer(tmp_path, recipe(GRU, lowercase=1.0)).batches(0)
        for doc in docs
    ]
    assert sorted(shown) == sorted(doc.text.lower() for doc in ten() * 2)


@pytest.mark.parametrize(
    ("share", "rate"), [(0.0, 0.01), (0.05, 0.5), (0.1, 1.0), (0.55, 0.5), (1.0, 0.0)]
)
def test_the_rate_rises_along_a_line_and_falls_along_a_cosine(share: float, rate: float) -> None:
    assert schedule(share, 0.1) == pytest.approx(rate, abs=0.01)


def test_every_step_is_told_to_the_listeners(tmp_path: Path) -> None:
    class Listener:
        def __init__(self) -> None:
            self.steps: list[int] = []

        @pipekit.hookimpl
        def train_step(self, step: int, losses: Mapping[str, float]) -> None:
            assert losses["tagger"] > 0
            self.steps.append(step)

    listener = Listener()
    hooks.add(listener)
    learn(recipe(GRU, epochs=2), tmp_path)
    hooks.remove(listener)
    assert listener.steps == list(range(1, log(tmp_path)[-1]["step"] + 1))


def test_what_a_corpus_leaves_open_teaches_nothing(tmp_path: Path) -> None:
    masked = tmp_path / "masked.conllu"
    lines = (
        TEN.read_text(encoding="utf-8")
        .replace("\tNOUN\t_\tAnimacy=Anim", "\tNOUN\t_\tAnimacy=?")
        .splitlines()
    )
    masked.write_text(
        "\n".join(line.replace("Voice=Act", "Voice=?") for line in lines) + "\n", encoding="utf-8"
    )
    raw = recipe(GRU, epochs=10)
    raw["train"] = [{"path": str(path), "format": "conllu"} for path in (TEN, masked)]
    nlp = learn(raw, tmp_path / "run")
    assert not any("?" in tag for tag in nlp.config["components"]["tagger"]["tags"])
    for doc in read_corpus(masked, None, nlp.tokenize):
        doc.tokens.remove("pos")
        doc.tokens.remove("morph")
        doc.tokens.remove("lemma")
        assert nlp.components["tagger"].loss(nlp.batch([doc])).item() == pytest.approx(0, abs=1e-5)


# -- stopped and gone on with


class Pressed(Tagger):
    """A tagger during whose loss somebody presses Ctrl-C."""

    at: int | None = None
    calls = 0

    def loss(self, batch: Batch) -> torch.Tensor:
        type(self).calls += 1
        if type(self).calls == type(self).at:
            signal.raise_signal(signal.SIGINT)
        return super().loss(batch)


RESUMED = {"epochs": 6, "evaluate_every": 2, "average": 0.9, "seed": 3}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return learn(recipe(GRU, dev=True, **RESUMED), tmp_path_factory.mktemp("whole")).to_bytes()


@pytest.mark.parametrize("step", [1, 5, 6, 13])
def test_an_interrupted_training_goes_on_exactly_where_it_was(
    tmp_path: Path, uninterrupted: bytes, step: int
) -> None:
    stop = StopAt(step)
    hooks.add(stop)
    with pytest.raises(KeyboardInterrupt):
        learn(recipe(GRU, dev=True, **RESUMED), tmp_path)
    hooks.remove(stop)
    torch.manual_seed(77)
    assert (
        learn(recipe(GRU, dev=True, **RESUMED), tmp_path, resume=True).to_bytes() == uninterrupted
    )
    assert [row["epoch"] for row in log(tmp_path)] == [2, 4, 6]


@pytest.fixture
def pressed() -> Iterator[type[Pressed]]:
    registry.components.register("pressed", Pressed)
    yield Pressed
    registry.components.unregister("pressed")
    Pressed.at, Pressed.calls = None, 0


def test_an_interrupt_in_the_middle_of_a_step_waits_for_its_end(
    tmp_path: Path, pressed: type[Pressed]
) -> None:
    raw = recipe(
        GRU, {"tagger": {"type": "pressed", "encoder": "main", "hidden": 16}}, dev=True, **RESUMED
    )
    expected = learn(raw, tmp_path / "whole").to_bytes()
    pressed.at, pressed.calls = 8, 0
    with pytest.raises(KeyboardInterrupt):
        learn(raw, tmp_path / "cut")
    pressed.at = None
    assert learn(raw, tmp_path / "cut", resume=True).to_bytes() == expected


def test_ctrl_c_waits_while_undisturbed_and_works_as_before_behind_it() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), undisturbed():
        signal.raise_signal(signal.SIGINT)
        done.append("all")
    assert done == ["all"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_killed_training_goes_on_exactly_where_it_was(
    tmp_path: Path, uninterrupted: bytes
) -> None:
    program = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from helpers.tiny import learn, recipe
import pipekit
from pipekit.pipeline.hooks import hooks

class Kill:
    @pipekit.hookimpl
    def train_step(self, step):
        if step == 8:
            os.kill(os.getpid(), signal.SIGKILL)

hooks.add(Kill())
learn(recipe({GRU!r}, dev=True, **{RESUMED!r}, checkpoint_minutes=0), Path({str(tmp_path)!r}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([BEST, LAST, LOG])
    assert (
        learn(recipe(GRU, dev=True, **RESUMED), tmp_path, resume=True).to_bytes() == uninterrupted
    )


def test_going_on_with_nothing_is_beginning_and_with_what_is_done_is_nothing(
    tmp_path: Path, uninterrupted: bytes
) -> None:
    raw = recipe(GRU, dev=True, **RESUMED)
    assert learn(raw, tmp_path / "new", resume=True).to_bytes() == uninterrupted
    before = (tmp_path / "new" / LAST).read_bytes()
    assert learn(raw, tmp_path / "new", resume=True).to_bytes() == uninterrupted
    assert (tmp_path / "new" / LAST).read_bytes() == before


def test_a_checkpoint_of_another_recipe_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    learn(recipe(GRU, epochs=1), tmp_path)
    with pytest.raises(ConfigError, match=r"settings: encoders.main.width was 16 and is 32"):
        learn(recipe({**GRU, "width": 32}, epochs=1), tmp_path, resume=True)
    data = bytearray((tmp_path / LAST).read_bytes())
    data[-1] ^= 1
    (tmp_path / LAST).write_bytes(data)
    with pytest.raises(CorruptModelError, match="was altered"):
        learn(recipe(GRU, epochs=1), tmp_path, resume=True)


# -- evaluation and sources


def test_a_pipeline_is_measured_on_copies_that_say_nothing(tmp_path: Path) -> None:
    nlp = learn(recipe(GRU), tmp_path)
    docs = ten()
    before = gold(docs)
    found = evaluate(nlp, docs)
    assert (found["pos"], found["lemma"], gold(docs)) == (1.0, 1.0, before)
    assert "tokens" not in found.figures
    assert evaluate(nlp, docs, gold_tokens=False)["tokens"] == 1.0


def test_a_score_that_is_not_measured_is_an_error_that_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"score names 'poss', which the dev documents do not give. Did you mean 'pos'\?",
    ):
        learn(recipe(GRU, dev=True, score="poss", epochs=2, evaluate_every=1), tmp_path)


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.conllu", "conllu"),
        ("a.b.conllu.gz", "conllu"),
        ("a.jsonl.xz", "jsonl"),
        ("x.txt", "text"),
        ("x.parquet", None),
        ("x", None),
    ],
)
def test_the_suffix_tells_the_format(tmp_path: Path, name: str, format: str | None) -> None:
    if format is None:
        (tmp_path / name).touch()
        with pytest.raises(
            ConfigError, match="its suffix tells no format: name one of brat, conllu"
        ):
            corpus_format(tmp_path / name)
    else:
        assert corpus_format(tmp_path / name) == format
    assert corpus_format(tmp_path) == "brat"


def test_a_repeated_source_counts_more_than_once() -> None:
    source = CorpusSource(TEN, "conllu", repeat=3)
    assert len(read_source(source, pipekit.blank("ru").tokenize)) == 30


# -- reading one corpus as if it were annotated like another


def read(rules: list[dict[str, Any]]) -> tuple[str | None, ...]:
    """What rules make of a word."""
    doc = Doc(words=["Мыла"])
    for name, value in zip(("pos", "lemma", "morph"), UNTOUCHED, strict=True):
        doc.tokens.set(name, [value])
    mapping.TokenRules(rules)([doc])
    return doc[0].pos, doc[0].lemma, None if doc[0].morph is None else str(doc[0].morph)


UNTOUCHED = ("VERB", "мыть", "Aspect=Imp|Tense=Past")


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ({}, True),
        ({"upos": ["NOUN", "VERB"]}, True),
        ({"upos": ["NOUN"]}, False),
        ({"form": ["мыла"]}, True),
        ({"form": ["Мыла"]}, False),
        ({"form_not": ["мыла"]}, False),
        ({"lemma": ["мыть"], "form": ["мыла"]}, True),
        ({"lemma": ["мыть"], "form": ["мыло"]}, False),
        ({"lemma_not": ["мыть"]}, False),
        ({"lemma_ends": ["ся", "ть"]}, True),
        ({"lemma_ends": ["ся"]}, False),
        ({"pattern": "[А-Я][а-я]+"}, True),
        ({"pattern": "[А-Я]"}, False),
        ({"first": True}, True),
        ({"first": False}, False),
        ({"feats": ["Aspect=Imp", "!Voice"]}, True),
        ({"feats": ["Aspect=Perf"]}, False),
        ({"feats": ["Aspect=Imp", "!Tense"]}, False),
        ({"lexicon_not": ["VERB"]}, True),
        ({"lexicon": ["VERB"]}, False),
    ],
)
def test_a_rule_applies_where_all_of_its_conditions_are_met(
    condition: dict[str, Any], applies: bool
) -> None:
    assert read([{**condition, "set": "AUX"}]) == (
        ("AUX", *UNTOUCHED[1:]) if applies else UNTOUCHED
    )


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ({"set": "AUX"}, ("AUX", "мыть", "Aspect=Imp|Tense=Past")),
        ({"drop": ["Aspect", "Voice"]}, ("VERB", "мыть", "Tense=Past")),
        (
            {"add": ["Voice=Act", "Aspect=Perf"]},
            ("VERB", "мыть", "Aspect=Perf|Tense=Past|Voice=Act"),
        ),
        ({"lemma_case": "form"}, ("VERB", "Мыть", "Aspect=Imp|Tense=Past")),
        ({"mask": ["UPOS"]}, (None, "мыть", "Aspect=Imp|Tense=Past")),
        ({"mask": ["LEMMA", "Voice"]}, ("VERB", None, "Aspect=Imp|Tense=Past|Voice=?")),
        ({"mask": ["Tense"], "drop": ["Tense"]}, ("VERB", "мыть", "Aspect=Imp|Tense=?")),
        ({"mask": ["*"]}, (None, None, None)),
    ],
)
def test_a_rule_says_what_the_word_is_to_be(
    effect: dict[str, Any], expected: tuple[str | None, ...]
) -> None:
    assert read([effect]) == expected


def test_each_rule_sees_what_the_one_before_has_made() -> None:
    assert read(
        [{"set": "AUX"}, {"upos": ["AUX"], "drop": ["Tense"]}, {"upos": ["VERB"], "mask": ["*"]}]
    ) == ("AUX", "мыть", "Aspect=Imp")


def test_an_unknown_key_of_a_rule_and_an_unknown_table_are_named(
    written: Callable[[str], Path],
) -> None:
    with pytest.raises(ConfigError, match=r"mapping rule 1 has no 'upso'. Did you mean 'upos'\?"):
        mapping.TokenRules([{"upso": ["X"]}])
    with pytest.raises(ConfigError, match=r"has no rules \[\[tree\]\]. Did you mean 'three'\?"):
        mapping.TokenRules.read(written("[[three]]\nset = 'X'"), "tree")


def test_documents_without_sentences_and_columns_of_any_width_are_mapped() -> None:
    doc = Doc(words=["а", "б"])
    doc.tokens.set("pos", np.array([0, -1], np.int8), ["X"]).set("lemma", [None, "б"]).set(
        "morph", ["", None]
    )
    mapping.TokenRules([{"upos": ["X"], "set": "Y"}, {"first": True, "add": ["A=B"]}])([doc])
    assert [(token.pos, token.lemma, token.morph and str(token.morph)) for token in doc] == [
        ("Y", None, "A=B"),
        (None, "б", ""),
    ]
