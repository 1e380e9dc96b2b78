"""Transfer learning in recipes: parts frozen, unfrozen, slowed down, mixed, and taken over.

Modules: training.building, training.layers, training.loop, training.recipe, training.transfer
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.tiny import TAGGER, TEN, StopAt, learn, recipe, ten
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import pipekit
from pipekit import Pipeline
from pipekit.errors import ConfigError
from pipekit.evaluation.evaluate import evaluate
from pipekit.nn.sequences import LayerMix
from pipekit.parts.contracts import Encoder
from pipekit.pipeline.hooks import hooks
from pipekit.training.building import build_pipeline, prepare
from pipekit.training.layers import Learning, layers_of
from pipekit.training.loop import BEST, LOG, Trainer
from pipekit.training.recipe import TrainingSettings, parse_recipe
from pipekit.training.transfer import merge_settings, modules

GRU = {"type": "gru", "width": 16}
DEEP = {**GRU, "layers": 2}
SHORT = {"epochs": 6, "evaluate_every": 2}
NETWORK = {"width": 16, "layers": 2, "heads": 2, "hidden": 32, "positions": 64}
BERT = {"type": "bert", "network": NETWORK, "features": {}, "subwords": {"size": 80}}
ENCODERS = {
    "gru": DEEP,
    "one way": {**DEEP, "bidirectional": False},
    "bilstm": {**DEEP, "type": "bilstm"},
    "mixed": {**DEEP, "mix": True},
    "transformer": {**DEEP, "type": "transformer"},
    "learned": {**DEEP, "type": "transformer", "positions": "learned", "norm": "post"},
    "bert": BERT,
    "deberta": {**BERT, "family": "deberta_v2"},
    "causal": {
        "type": "causal",
        "decoder": {"type": "causal", "width": 16, "layers": 2, "heads": 2},
        "subwords": {"size": 80},
    },
}


def trainer(output: Path, raw: Mapping[str, Any]) -> Trainer:
    torch.set_num_threads(1)
    torch.manual_seed(1)
    made = parse_recipe(raw)
    return Trainer(made, prepare(made), output, "cpu")


def tensors(part: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in part.state_dict().items()}


def changed(before: Mapping[str, torch.Tensor], part: nn.Module) -> set[str]:
    return {
        name for name, tensor in part.state_dict().items() if not torch.equal(before[name], tensor)
    }


def moves(made: Trainer) -> list[tuple[float, dict[str, set[str]]]]:
    """For each step of a training the share of steps before it, and what changes in each part."""
    found = []
    for epoch in range(made.settings.epochs):
        for docs in made.batches(epoch):
            share, before = made.share, {name: tensors(part) for name, part in made.parts.items()}
            made.step(docs)
            found.append(
                (share, {name: changed(before[name], part) for name, part in made.parts.items()})
            )
    return found


def layer(name: str) -> str:
    """The network of an encoder that a tensor belongs to: "embed", "forwards.0", …"""
    return ".".join(name.split(".")[: 1 if name.startswith("embed") else 2])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained pipeline of an encoder of two layers and a tagger."""
    folder = tmp_path_factory.mktemp("saved")
    learn(recipe(DEEP, **SHORT), folder)
    return folder / BEST


# -- layers


@pytest.mark.parametrize("settings", ENCODERS.values(), ids=ENCODERS)
def test_the_layers_of_an_encoder_share_no_weight_and_hold_all_but_what_is_new_beside_them(
    settings: dict[str, Any],
) -> None:
    raw = recipe(settings)
    encoder = build_pipeline(parse_recipe(raw), ten()).encoders["main"]
    layers = encoder.layers()
    assert len(layers) == 3
    weights = [parameter for layer in layers for parameter in layer.parameters()]
    assert len(weights) == len(set(weights))
    assert {
        name.split(".")[0]
        for name, parameter in encoder.named_parameters()
        if parameter not in set(weights)
    } <= {"mix"}
    assert layers_of(nn.Linear(1, 1))[0].in_features == 1


def test_an_encoder_that_names_no_layers_is_one() -> None:
    encoder = Encoder()
    assert encoder.layers() == [encoder]


# -- freezing


@pytest.mark.parametrize(
    ("freeze", "still"),
    [
        ("encoders.main[:1]", {"embed"}),
        ("encoders.main[:2]", {"embed", "forwards.0", "backwards.0"}),
        ("encoders.main[-1:]", {"forwards.1", "backwards.1"}),
        ("encoders.main.backwards", {"backwards.0", "backwards.1"}),
    ],
)
def test_layers_and_networks_of_a_part_may_be_frozen_alone(
    tmp_path: Path, freeze: str, still: set[str]
) -> None:
    made = trainer(tmp_path, recipe(DEEP, epochs=2, freeze=[freeze]))
    encoder = made.parts["encoders.main"]
    before = tensors(encoder)
    moves(made)
    every = {"embed", "forwards.0", "backwards.0", "forwards.1", "backwards.1"}
    assert {layer(name) for name in changed(before, encoder)} == every - still


def test_what_is_frozen_drops_nothing_and_what_learns_does(tmp_path: Path) -> None:
    made = trainer(tmp_path, recipe(DEEP, freeze=["encoders.main[:1]"]))
    made.learning.enter(0.0)
    encoder = made.pipeline.encoders["main"]
    assert not any(module.training for module in encoder.embed.modules())
    assert encoder.dropout.training
    assert made.pipeline.components["tagger"].training


# -- unfreezing


def test_layers_begin_to_learn_one_after_another_from_the_top_and_components_at_once(
    tmp_path: Path,
) -> None:
    made = trainer(tmp_path, recipe(DEEP, epochs=8, unfreeze={"encoders.main": 0.6}))
    starts: dict[str, float] = {}
    for share, changes in moves(made):
        for name in changes["encoders.main"]:
            starts.setdefault(layer(name), share)
        assert changes["components.tagger"]
    planned = {
        "forwards.1": 0.2,
        "backwards.1": 0.2,
        "forwards.0": 0.4,
        "backwards.0": 0.4,
        "embed": 0.6,
    }
    assert starts.keys() == planned.keys()
    assert all(0 <= starts[name] - begin < 1 / made.steps for name, begin in planned.items())


def test_the_lowest_layers_may_stay_frozen_while_those_above_are_unfrozen(tmp_path: Path) -> None:
    raw = recipe(DEEP, epochs=4, freeze=["encoders.main[:1]"], unfreeze={"encoders.main[1:]": 0.5})
    found = set[str]().union(
        *(changes["encoders.main"] for _, changes in moves(trainer(tmp_path, raw)))
    )
    assert {name.split(".")[0] for name in found} == {"forwards", "backwards"}


RATES = {"layer_decay": 0.5, "rates": {"encoders.main": 0.5}, "decay_biases": False}
GRADUAL = {**SHORT, **RATES, "unfreeze": {"encoders.main": 0.7}, "average": 0.9}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return learn(recipe(DEEP, dev=True, **GRADUAL), tmp_path_factory.mktemp("whole")).to_bytes()


@pytest.mark.parametrize("step", [2, 5, 9, 12])
def test_a_training_interrupted_while_layers_are_unfrozen_goes_on_exactly(
    tmp_path: Path, uninterrupted: bytes, step: int
) -> None:
    raw, stop = recipe(DEEP, dev=True, **GRADUAL), StopAt(step)
    hooks.add(stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            learn(raw, tmp_path)
    finally:
        hooks.remove(stop)
    assert learn(raw, tmp_path, resume=True).to_bytes() == uninterrupted


def test_the_state_of_a_weight_is_found_by_its_name_when_the_groups_are_others(
    tmp_path: Path,
) -> None:
    first = trainer(tmp_path, recipe(DEEP))
    first.step(next(first.batches(0)))
    first.save()
    second = trainer(
        tmp_path,
        recipe(
            DEEP,
            rates={"encoders.main.backwards": 0.5},
            layer_decay=0.9,
            freeze=["encoders.main[:1]"],
        ),
    )
    second.resume()
    names = {
        parameter: name for group in first.learning.groups for name, parameter in group["params"]
    }
    means = {name: first.optimizer.state[parameter]["exp_avg"] for parameter, name in names.items()}
    ours = {
        name: second.optimizer.state[parameter]["exp_avg"]
        for group in second.learning.groups
        for name, parameter in group["params"]
    }
    assert 0 < len(ours) < len(means)
    assert all(torch.equal(mean, means[name]) for name, mean in ours.items())


# -- rates


def test_a_weight_learns_at_the_product_of_all_factors_that_are_meant_for_it(
    tmp_path: Path,
) -> None:
    raw = recipe(
        DEEP,
        layer_decay=0.5,
        rates={"encoders.main": 0.1, "encoders.main[:1]": 0.2},
        weight_decay=0.0,
        clip=1e6,
    )
    made = trainer(tmp_path, raw)
    before = {name: tensors(part) for name, part in made.parts.items()}
    made.step(next(made.batches(0)))
    rate = next(group["lr"] / group["factor"] for group in made.optimizer.param_groups)

    def step(part: str, name: str) -> float:
        """The largest change of a tensor, in units of the rate.

        In its first step Adam changes a weight by its rate, whatever the gradient.
        """
        return float((made.parts[part].state_dict()[name] - before[part][name]).abs().max()) / rate

    assert step("components.tagger", next(iter(before["components.tagger"]))) == pytest.approx(
        1, rel=1e-2
    )
    assert step("encoders.main", "forwards.1.weight_hh_l0") == pytest.approx(0.1, rel=1e-2)
    assert step("encoders.main", "backwards.0.weight_hh_l0") == pytest.approx(0.1 * 0.5, rel=1e-2)
    assert step("encoders.main", "embed.output.weight") == pytest.approx(0.1 * 0.2 * 0.25, rel=1e-2)


def test_rates_name_parts_with_or_without_quotation_marks() -> None:
    raw = recipe(GRU, rates={"encoders": {"main": 0.1}, "components.tagger": 2})
    assert parse_recipe(raw).settings.rates == {"encoders.main": 0.1, "components.tagger": 2}


def test_weights_may_decay_without_biases_and_norms(tmp_path: Path) -> None:
    made = trainer(tmp_path, recipe(DEEP, decay_biases=False, weight_decay=0.1))
    decays = {
        parameter.ndim > 1: group["weight_decay"]
        for group in made.optimizer.param_groups
        for parameter in group["params"]
    }
    assert decays == {True: 0.1, False: 0.0}


@given(st.integers(1, 6), st.floats(0.01, 0.99), st.floats(0.3, 1))
def test_every_layer_learns_in_the_end_and_none_faster_than_the_one_above(
    count: int, end: float, decay: float
) -> None:
    class Layered(Encoder):
        def __init__(self) -> None:
            super().__init__()
            self.all = nn.ModuleList(nn.Linear(1, 1) for _ in range(count))

        def layers(self) -> list[nn.Module]:
            return list(self.all)

    encoder = Layered()
    made = Learning(
        TrainingSettings(unfreeze={"encoders.a": end}, layer_decay=decay),
        {"encoders.a": encoder, "components.b": nn.Linear(1, 1)},
    )
    factors = {name: group["factor"] for group in made.groups for name, _ in group["params"]}
    rates = [factors[f"encoders.a.all.{number}.weight"] for number in range(count)]
    assert rates == sorted(rates)
    assert rates[-1] == 1
    learning = []
    for share in (0, end / 2, end, 1):
        made.enter(share)
        learning.append(sum(layer.weight.requires_grad for layer in encoder.all))
    assert learning == [0, count // 2, count, count]
    assert [made.complete(share) for share in (0, end / 2, end)] == [False, False, True]


# -- messages


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"freeze": "encoders.main"},
            r"freeze = 'encoders.main': a list is needed, such as \['encoders.main'\]",
        ),
        (
            {"freeze": ["encoders.mian[:1]"]},
            r"freeze names 'encoders.mian\[:1\]'.* Known: components.tagger, encoders.main",
        ),
        (
            {"freeze": ["encoders.main[3:]"]},
            r"'encoders.main\[3:\]': of 3 layers, 0 the lowest, write some as \[:1\] or \[1:2\]",
        ),
        ({"freeze": ["encoders.main[0]"]}, "of 3 layers"),
        (
            {"freeze": ["encoders.main.forward"]},
            r"which is no network there. Did you mean 'encoders.main.forwards'\?",
        ),
        (
            {"freeze": ["encoders.main"], "unfreeze": {"encoders.main": 0.5}},
            "unfreeze names 'encoders.main', and freeze, or unfreeze",
        ),
        (
            {"freeze": ["encoders.main[1:2]"], "unfreeze": {"encoders.main": 0.5}},
            "unfreeze names 'encoders.main', and freeze, or unfreeze",
        ),
        (
            {"unfreeze": {"encoders.main": 0.5, "encoders.main[:1]": 0.9}},
            r"unfreeze names 'encoders.main\[:1\]', and freeze, or unfreeze",
        ),
        (
            {"unfreeze": {"components.tagger": 0.5}},
            r"unfreeze names 'components.tagger'.* Known: encoders.main",
        ),
        (
            {"unfreeze": {"encoders.main": 1.5}},
            r'\[training.unfreeze\] "encoders.main" = 1.5: a share of the training between 0 and 1',
        ),
        ({"unfreeze": 0.5}, r"\[training\] unfreeze = 0.5: names with a number each are needed"),
        (
            {"unfreeze": {"encoders.main": 0.5}, "freeze": ["components.tagger"]},
            "nothing is left to train",
        ),
        (
            {"rates": {"encoders.main": 0}},
            r'\[training.rates\] "encoders.main" = 0: a factor above 0 is needed; freeze what',
        ),
        (
            {"rates": {"encoders": {"main": "slow"}}},
            r"rates.encoders.main = 'slow': names with a number each",
        ),
        (
            {"rates": {"encoder.main": 0.1}},
            r"rates names 'encoder.main'. Did you mean 'encoders.main'\?",
        ),
        ({"layer_decay": 1.5}, "layer_decay = 1.5: a factor above 0, and 1 at most"),
        (
            {"score": "poss"},
            r"score names 'poss', which the dev documents do not give. Did you mean 'pos'\?",
        ),
        ({"score": ["pos", "ents"]}, "score names 'ents', which the dev documents do not give"),
    ],
)
def test_settings_that_contradict_each_other_or_mean_nothing_are_refused_before_the_first_step(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        trainer(tmp_path, recipe(DEEP, dev=True, **settings))


@pytest.mark.parametrize("settings", [{"score": "pos"}, {"patience": 2}])
def test_a_score_and_patience_without_dev_documents_are_refused(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    with pytest.raises(
        ConfigError, match=r"score and patience are for dev documents: name some under \[\[dev\]\]"
    ):
        trainer(tmp_path, recipe(DEEP, **settings))


def test_a_score_that_an_evaluation_gives_is_not_refused(tmp_path: Path) -> None:
    parts = {"tagger": TAGGER, "ner": {"type": "ner", "encoder": "main"}}
    nlp = learn(recipe(GRU, parts, dev=True, epochs=1), tmp_path / "one")
    found = evaluate(nlp, ten())
    for name in [
        *(name for name, counts in found.figures.items() if counts.has_prediction),
        "ents macro",
        "morph macro",
    ]:
        trainer(tmp_path, recipe(GRU, parts, dev=True, score=name))


# -- stopping early


class Watcher:
    """Remembers the best pipeline as it first was."""

    def __init__(self, folder: Path) -> None:
        self.best = folder / BEST
        self.first = b""

    @pipekit.hookimpl
    def train_step(self) -> None:
        if self.best.exists():
            self.first = self.first or self.best.read_bytes()


def test_what_is_kept_is_the_best_and_not_the_last(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    hooks.add(watcher)
    nlp = learn(
        recipe(GRU, dev=True, learning_rate=1e-6, epochs=30, evaluate_every=1, patience=2), tmp_path
    )
    hooks.remove(watcher)
    assert len(figures(tmp_path)) == 3
    assert watcher.first == (tmp_path / BEST).read_bytes() == nlp.to_bytes()


def test_patience_counts_from_the_moment_when_everything_learns(tmp_path: Path) -> None:
    raw = recipe(
        GRU,
        dev=True,
        learning_rate=0.0,
        epochs=10,
        evaluate_every=1,
        patience=2,
        unfreeze={"encoders.main": 0.5},
    )
    learn(raw, tmp_path)
    assert len(figures(tmp_path)) == 6


def figures(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / LOG).read_text(encoding="utf-8").splitlines()]


# -- layers mixed


@given(st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=2, max_size=5))
def test_a_mix_begins_as_the_mean_and_is_the_weighted_sum(rows: list[list[float]]) -> None:
    layers = [torch.tensor(row) for row in rows]
    mix = LayerMix(len(layers))
    assert torch.allclose(mix(layers), torch.stack(layers).mean(0), atol=1e-5)
    with torch.no_grad():
        mix.scores.copy_(torch.arange(len(layers)))
        mix.scale.fill_(2.0)
    shares = torch.softmax(torch.arange(len(layers), dtype=torch.float32), 0)
    assert torch.allclose(
        mix(layers),
        2 * sum(share * layer for share, layer in zip(shares, layers, strict=True)),
        atol=1e-4,
    )
    assert mix([layer.bfloat16() for layer in layers]).dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["gru", "transformer", "bert"])
def test_a_mix_learns_while_the_layers_below_it_are_frozen(tmp_path: Path, name: str) -> None:
    made = trainer(
        tmp_path, recipe({**ENCODERS[name], "mix": True}, epochs=2, freeze=["encoders.main[:]"])
    )
    assert set[str]().union(*(changes["encoders.main"] for _, changes in moves(made))) == {
        "mix.scores",
        "mix.scale",
    }


def test_a_mix_changes_no_name_of_a_weight_and_needs_two_layers(tmp_path: Path) -> None:
    plain, mixed = (
        trainer(tmp_path, recipe({**DEEP, "mix": mix})).parts["encoders.main"].state_dict()
        for mix in (False, True)
    )
    assert mixed.keys() - plain.keys() == {"mix.scores", "mix.scale"}
    assert plain.keys() <= mixed.keys()
    with pytest.raises(ConfigError, match="mix = true is for two layers or more"):
        trainer(tmp_path, recipe({**GRU, "mix": True}))


# -- from saved pipelines


def other(part: Mapping[str, Any], name: str = "main", **training: Any) -> dict[str, Any]:
    """A recipe whose encoder comes from elsewhere."""
    raw = recipe(
        {},
        {"tagger": {**TAGGER, "encoder": name}},
        **{"epochs": 1, "learning_rate": 0.0, **training},
    )
    return {**raw, "encoders": {name: dict(part)}}


def same(ours: nn.Module, theirs: nn.Module) -> set[str]:
    given = theirs.state_dict()
    return {
        name
        for name, tensor in ours.state_dict().items()
        if name in given and torch.equal(given[name], tensor)
    }


def test_an_encoder_may_be_taken_from_a_part_of_another_name(tmp_path: Path, saved: Path) -> None:
    made = trainer(tmp_path, other({"source": str(saved), "part": "main"}, "second")).pipeline
    first = pipekit.load(saved, device="cpu")
    assert made.configs["encoders"]["second"] == first.configs["encoders"]["main"]
    assert (
        same(made.encoders["second"], first.encoders["main"])
        == first.encoders["main"].state_dict().keys()
    )


def test_a_source_may_be_changed_and_what_still_fits_is_kept(
    tmp_path: Path, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"mix": True, "dropout": 0.1, "features": {"suffixes": [1, 2], "dropout": 0.0}}
    made = trainer(tmp_path, other({"source": str(saved), **changes})).pipeline
    first = pipekit.load(saved, device="cpu").encoders["main"]
    encoder = made.encoders["main"]
    assert (encoder.mix is None, encoder.dropout.rate, encoder.embed.dropout.p) == (False, 0.1, 0.0)
    assert made.configs["encoders"]["main"]["features"] == {
        **learned_features(saved),
        **changes["features"],
    }
    new = encoder.state_dict().keys() - same(encoder, first)
    assert {"mix.scores", "mix.scale", "embed.output.weight"} == new
    total = len(encoder.state_dict())
    line = (
        f"[encoders.main] source = '{saved}': {total - 3} of {total} tensors of encoders.main; "
        "embed.output.weight is [48, "
    )
    assert line in capsys.readouterr().out


@pytest.fixture(scope="module", params=["causal", "rnn"])
def language_model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A language model that was trained."""
    component = {
        "type": "lm",
        "decoder": {"type": request.param, "width": 16, "layers": 2},
        "subwords": {"algorithm": "letters"},
    }
    raw = recipe({}, {"lm": component}, **SHORT)
    del raw["encoders"]
    folder = tmp_path_factory.mktemp("lm")
    learn(raw, folder)
    return folder / BEST


def test_a_language_model_is_fine_tuned_as_an_encoder(
    tmp_path: Path, language_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    section = {"source": str(language_model), "part": "lm"}
    made = trainer(tmp_path, other(section)).pipeline
    encoder, model = made.encoders["main"], pipekit.load(language_model).components["lm"]
    assert same(encoder, model) == encoder.state_dict().keys() == model.state_dict().keys()
    total = len(model.state_dict())
    assert f"{total} of {total} tensors of encoders.main" in capsys.readouterr().out
    learn(other(section), tmp_path / "run")
    learned = pipekit.load(tmp_path / "run" / BEST, device="cpu")
    assert learned("Мама мыла раму.")[0].pos
    assert learned.generate("Мама", most=4).text


def test_a_component_that_is_no_encoder_is_none(tmp_path: Path, saved: Path) -> None:
    with pytest.raises(ConfigError, match=r"encoders.main.*no 'tagger' is there.*main"):
        trainer(tmp_path, other({"source": str(saved), "part": "tagger"}))


def learned_features(path: Path) -> dict[str, Any]:
    return dict(pipekit.load(path, device="cpu").configs["encoders"]["main"]["features"])


def test_changes_reach_into_tables_of_settings() -> None:
    assert merge_settings({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 4}, "e": 5}) == {
        "a": 1,
        "b": {"c": 2, "d": 4},
        "e": 5,
    }
    assert merge_settings({"b": {"c": 2}}, {"b": False}) == {"b": False}


def test_a_vocabulary_stays_with_the_weights_that_know_it(tmp_path: Path) -> None:
    raw = recipe({}, epochs=1)
    first = learn({**raw, "encoders": {"main": {**BERT, "features": {}}}}, tmp_path / "one")
    second = trainer(
        tmp_path, other({"source": str(tmp_path / "one" / BEST), "mix": True})
    ).pipeline
    assert (
        second.encoders["main"].tables["subwords"].tobytes()
        == first.encoders["main"].tables["subwords"].tobytes()
    )
    assert (
        same(second.encoders["main"], first.encoders["main"])
        == first.encoders["main"].state_dict().keys()
    )


def test_a_start_says_how_much_it_gives(
    tmp_path: Path, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = recipe({**DEEP, "width": 32}, {"second": TAGGER}, start=str(saved))
    parts, first = trainer(tmp_path, raw).parts, pipekit.load(saved, device="cpu").encoders["main"]
    fits, total = len(same(parts["encoders.main"], first)), len(parts["encoders.main"].state_dict())
    lines = capsys.readouterr().out.splitlines()
    assert 0 < fits < total
    assert (
        f"{fits} of {total} tensors of encoders.main; "
        "forwards.0.weight_ih_l0 is [48, 48] here and [24, 48] there" in lines[0]
    )
    assert (
        f"0 of {len(parts['components.second'].state_dict())} tensors of components.second; "
        "there is no components.second" in lines[1]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {},
            r"start = '.*' gives nothing to begin with: it has encoders.main, "
            "components.tagger, and the recipe encoders.second, comp",
        ),
        (
            {"source": "SAVED"},
            r"no 'second' is there.* Known: main. Take a part of another name with part = ",
        ),
        ({"source": "SAVED", "part": "mian"}, r"no 'mian' is there. Did you mean 'main'\?"),
        (
            {"source": "SAVED", "part": "main", "type": "gru"},
            "which brings the type: leave type out",
        ),
        (
            {"source": "SAVED", "part": "main", "widht": 8},
            r"takes no 'widht'. Did you mean 'width'\?",
        ),
    ],
)
def test_what_cannot_be_taken_is_named(
    tmp_path: Path, saved: Path, change: dict[str, Any], message: str
) -> None:
    own = {key: str(saved) if value == "SAVED" else value for key, value in change.items()}
    raw = other(own or DEEP, "second", **({} if own else {"start": str(saved)}))
    raw["components"] = {"named": {**TAGGER, "encoder": "second"}}
    with pytest.raises(ConfigError, match=message):
        trainer(tmp_path, raw)


class Bare(Encoder):
    """One tensor."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.only = nn.Parameter(torch.zeros(width))


@pytest.fixture
def bare() -> Iterator[None]:
    pipekit.registry.encoders.register("one_tensor")(Bare)
    yield


def test_a_start_or_source_of_which_nothing_fits_names_the_first_tensor_and_both_shapes(
    tmp_path: Path, bare: None
) -> None:
    Pipeline({"lang": "ru", "encoders": {"main": {"type": "one_tensor", "width": 3}}}).to_disk(
        tmp_path / "a.pipekit"
    )
    part = {"source": str(tmp_path / "a.pipekit"), "width": 4}
    for raw in (other(part), other({"type": "one_tensor", "width": 4}, start=part["source"])):
        with pytest.raises(
            ConfigError,
            match=r"a.pipekit' gives nothing to begin with: only is \[4\] here and \[3\] there",
        ):
            trainer(tmp_path, raw)


def test_a_component_keeps_the_tables_of_its_source(tmp_path: Path, saved: Path) -> None:
    raw = other({"source": str(saved)})
    raw["components"] = {"tagger": {"source": str(saved), "dropout": 0.0}}
    made, first = trainer(tmp_path, raw).pipeline, pipekit.load(saved, device="cpu")
    tables = made.components["tagger"].tables, first.components["tagger"].tables
    assert {name: array.tobytes() for name, array in tables[0].items()} == {
        name: array.tobytes() for name, array in tables[1].items()
    }
    raw["components"]["tagger"]["lexicon"] = str(TEN)
    with pytest.raises(ConfigError, match="which brings the lexicon: leave lexicon out"):
        trainer(tmp_path, raw)


def test_the_parts_of_a_pipeline_that_learn_have_names() -> None:
    assert modules(pipekit.blank("ru")) == {}
