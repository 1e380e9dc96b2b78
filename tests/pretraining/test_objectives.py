"""Objectives of pretraining against slow plain versions, and the rows that they learn from.

Modules: pretraining.framing, pretraining.masking, pretraining.objective,
    pretraining.objectives, pretraining.permutation, pretraining.shards
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from helpers.places import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pipekit.corpora.readers import read_conllu
from pipekit.encoders.bert.encoder import Bert
from pipekit.encoders.bert.families import FAMILIES
from pipekit.encoders.bert.guessing import PieceHead
from pipekit.encoders.bert.network import Network
from pipekit.encoders.causal import Causal
from pipekit.errors import ConfigError
from pipekit.nn.stack import Attention
from pipekit.pretraining.framing import FRAMINGS, REACH, framing_of, single
from pipekit.pretraining.masking import Sequences, hide
from pipekit.pretraining.objectives import OBJECTIVES, build_objectives, losses, sample
from pipekit.pretraining.permutation import Permutation, draw_order, foretell
from pipekit.pretraining.shards import LINE, NUMBER, SENTENCE, WORD, Pieces
from pipekit.subwords.cutter import Special

SPECIAL = Special(pad=0, unknown=1, cls=2, sep=3, mask=4)
TEN = CASES / "ten.conllu"
NETWORK = {"width": 16, "heads": 4, "layers": 2}


@cache
def prepared() -> Any:
    return Bert.prepare({"features": None, "subwords": {"size": 90}}, list(read_conllu(TEN)))


def bert(family: str = "bert", **network: Any) -> Bert:
    torch.manual_seed(5)
    return Bert(family, {**NETWORK, **network}, tables=prepared().tables)


def corpus(rows: int, size: int, pieces: int = 60, seed: int = 1) -> Pieces:
    """Slices of random pieces.

    A word has two of them on average, a sentence eight; a sentence begins with a word.
    """
    random = np.random.default_rng(seed)
    found = random.integers(len(SPECIAL), pieces, (rows, size)).astype(np.uint32)
    words = random.random((rows, size)) < 0.5
    sentences = words & (random.random((rows, size)) < 0.25)
    return (
        found
        | words * WORD
        | sentences * SENTENCE
        | (sentences & (random.random((rows, size)) < 0.1)) * LINE
    )


def rows_of(framing: str, rows: int = 4, length: int = 20, seed: int = 1) -> Sequences:
    made = FRAMINGS[framing]
    return made.rows(
        corpus(rows, made.needs(length), seed=seed), length, SPECIAL, np.random.default_rng(seed)
    )


def chance(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def words(sequences: Sequences) -> list[list[tuple[int, int]]]:
    """The cells of each word, found one after another."""
    found: list[list[tuple[int, int]]] = []
    for row, (ids, begins) in enumerate(
        zip(sequences.ids.tolist(), sequences.begins.tolist(), strict=True)
    ):
        goes_on = False
        for column, (piece, begin) in enumerate(zip(ids, begins, strict=True)):
            text = piece not in (SPECIAL.cls, SPECIAL.sep, SPECIAL.pad)
            if text and goes_on and not begin:
                found[-1].append((row, column))
            elif text:
                found.append([(row, column)])
            goes_on = text
    return found


# What is hidden


@pytest.mark.parametrize("framing", FRAMINGS)
def test_whole_words_are_hidden_in_the_published_shares(framing: str) -> None:
    sequences = rows_of(framing, rows=400, length=128)
    hidden = hide(sequences, SPECIAL, 60, 0.15, chance())
    fates = {"hidden": 0, "kept": 0, "exchanged": 0}
    all_words = words(sequences)
    for cells in all_words:
        chosen = {bool(hidden.hidden[cell]) for cell in cells}
        assert len(chosen) == 1
        before, after = (
            [int(sequences.ids[cell]) for cell in cells],
            [int(hidden.ids[cell]) for cell in cells],
        )
        if chosen == {False} or before == after:
            assert before == after
            fates["kept"] += chosen == {True}
        else:
            masked = {piece == SPECIAL.mask for piece in after}
            assert len(masked) == 1
            fates["hidden" if masked == {True} else "exchanged"] += 1
            assert masked == {True} or not set(after) & set(SPECIAL)
    total = sum(fates.values())
    assert total / len(all_words) == pytest.approx(0.15, abs=0.01)
    assert fates["hidden"] / total == pytest.approx(0.8, abs=0.02)
    assert fates["kept"] / total == pytest.approx(0.1, abs=0.02)
    special = torch.isin(sequences.ids, torch.tensor(SPECIAL))
    assert not (special & hidden.hidden).any() and torch.equal(
        hidden.ids[special], sequences.ids[special]
    )


def test_pieces_are_exchanged_with_all_but_the_special_ones() -> None:
    special = Special(pad=3, unknown=0, cls=9, sep=4, mask=7)
    sequences = Sequences(torch.full((100, 100), 5), torch.ones(100, 100, dtype=torch.bool))
    hidden = hide(sequences, special, 12, 1.0, chance())
    assert set(hidden.ids[hidden.ids != special.mask].tolist()) == {1, 2, 5, 6, 8, 10, 11}


def test_what_a_row_begins_with_is_hidden_apart_from_the_last_word_of_the_row_before() -> None:
    sequences = single(np.full((500, 6), 9, np.uint32), SPECIAL)  # rows from within a word
    chosen = hide(sequences, SPECIAL, 60, 0.5, chance()).hidden[:, 1:-1]
    assert torch.equal(chosen.all(1), chosen.any(1)) and float(
        chosen.float().mean()
    ) == pytest.approx(0.5, abs=0.1)


def test_another_draw_hides_other_words_and_the_same_seed_the_same() -> None:
    sequences = rows_of("single")
    one, same, other = (hide(sequences, SPECIAL, 60, 0.15, chance(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.ids, same.ids) and torch.equal(one.hidden, same.hidden)
    assert not torch.equal(one.hidden, other.hidden)


# Losses against their definitions


def state_of(
    network: Network, ids: Tensor, row: int, column: int, segments: Tensor | None = None
) -> Tensor:
    """The state of one piece, its row read alone."""
    return network(
        ids[row : row + 1], segments=None if segments is None else segments[row : row + 1]
    )[-1][0, column]


def plain_scores(head: PieceHead, pieces: nn.Embedding, state: Tensor) -> Tensor:
    mixed = head.mix.weight @ state + head.mix.bias
    mixed = mixed * (1 + torch.erf(mixed / math.sqrt(2))) / 2
    normed = (mixed - mixed.mean()) / torch.sqrt(
        mixed.var(correction=0) + head.norm.eps
    ) * head.norm.weight + head.norm.bias
    return torch.stack([normed @ vector for vector in pieces.weight]) + head.bias


def surprise(scores: Tensor, truth: int) -> float:
    return float(torch.logsumexp(scores, 0) - scores[truth])


@torch.no_grad()
def test_the_loss_of_hidden_pieces_is_the_mean_of_their_surprise() -> None:
    encoder, sequences = bert().eval(), rows_of("single")
    objective = build_objectives({"masked": {"share": 0.3}}, encoder)["masked"].eval()
    count = len(encoder.subwords)
    hidden = hide(sequences, encoder.subwords.special, count, 0.3, chance())
    found = []
    for row in range(4):
        for column in range(20):
            if hidden.hidden[row, column]:
                scores = plain_scores(
                    objective.head,
                    encoder.network.embed.pieces,
                    state_of(encoder.network, hidden.ids, row, column),
                )
                found.append(surprise(scores, int(sequences.ids[row, column])))
    loss = objective(encoder.network, sequences, chance())
    assert loss.keys() == {"masked"} and len(found) > 10
    assert float(loss["masked"]) == pytest.approx(sum(found) / len(found), rel=1e-5)


@torch.no_grad()
def test_losses_of_exchanged_pieces_are_those_of_generator_and_discriminator() -> None:
    encoder, sequences = bert().eval(), rows_of("single")
    objective = build_objectives({"replaced": {"share": 0.4, "weight": 7.0}}, encoder)[
        "replaced"
    ].eval()
    random, pieces = chance(), encoder.network.embed.pieces
    hidden = hide(sequences, SPECIAL, len(encoder.subwords), 0.4, random)
    cells = [
        (row, column) for row in range(4) for column in range(20) if hidden.hidden[row, column]
    ]
    scores = {
        cell: plain_scores(objective.head, pieces, state_of(objective.generator, hidden.ids, *cell))
        for cell in cells
    }
    exchanged = sequences.ids.clone()
    for cell, piece in zip(
        cells, sample(torch.stack(list(scores.values())), random).tolist(), strict=True
    ):
        exchanged[cell] = piece
    found = []
    for row in range(4):
        for column in range(1, 19):
            state = state_of(encoder.network, exchanged, row, column)
            told = torch.sigmoid(objective.detect(state)[0])
            other = int(exchanged[row, column]) != int(sequences.ids[row, column])
            found.append(-math.log(told if other else 1 - told))
    loss = objective(encoder.network, sequences, chance())
    guessed = [surprise(scores[cell], int(sequences.ids[cell])) for cell in cells]
    assert float(loss["generator"]) == pytest.approx(sum(guessed) / len(guessed), rel=1e-5)
    assert float(loss["replaced"]) == pytest.approx(7 * sum(found) / len(found), rel=1e-4)


@torch.no_grad()
def test_a_piece_that_is_exchanged_with_itself_is_the_original() -> None:
    encoder, sequences = bert().eval(), rows_of("single")
    sequences = Sequences(
        torch.where(torch.isin(sequences.ids, torch.tensor(SPECIAL)), sequences.ids, 30),
        sequences.begins,
    )
    objective = build_objectives({"replaced": {"share": 0.5, "weight": 1.0}}, encoder)[
        "replaced"
    ].eval()
    objective.head.bias[30] = 1e4  # a generator that is always right
    told = objective.detect(encoder.network(sequences.ids)[-1][:, 1:-1])
    loss = objective(encoder.network, sequences, chance())["replaced"]
    assert float(loss) == pytest.approx(float(nn.functional.softplus(told).mean()), rel=1e-5)


def test_the_generator_learns_nothing_of_what_the_discriminator_finds_but_shares_its_table() -> (
    None
):
    encoder = bert()
    objective = build_objectives({"replaced": {}}, encoder)["replaced"]
    table = encoder.network.embed.pieces.weight
    assert objective.generator.embed.pieces.weight is table
    loss = objective(encoder.network, rows_of("single"), chance())
    loss["replaced"].backward(retain_graph=True)
    alone = [
        *objective.generator.stack.parameters(),
        *objective.head.parameters(),
        *objective.generator.embed.norm.parameters(),
    ]
    assert all(parameter.grad is None for parameter in alone) and table.grad is not None
    loss["generator"].backward()
    assert all(parameter.grad is not None for parameter in alone)


def test_guesses_are_drawn_by_their_softmax() -> None:
    scores = torch.tensor([[0.0, 1.0, 2.0, -1.0]])
    drawn = sample(scores.expand(40_000, 4), chance()).bincount(minlength=4) / 40_000
    assert torch.allclose(drawn, scores[0].softmax(0), atol=0.01)


@torch.no_grad()
@pytest.mark.parametrize("framing", ["next", "order"])
def test_the_loss_of_pairs_is_the_mean_surprise_at_what_cls_says(framing: str) -> None:
    encoder, sequences = bert().eval(), rows_of(framing)
    objective = build_objectives({framing: {}}, encoder)[framing].eval()
    dense, _, out = objective.tell
    found = []
    assert sequences.follows is not None
    for row, follows in enumerate(sequences.follows.tolist()):
        pooled = torch.tanh(
            dense.weight @ state_of(encoder.network, sequences.ids, row, 0, sequences.segments)
            + dense.bias
        )
        found.append(surprise(out.weight @ pooled + out.bias, follows))
    assert float(objective(encoder.network, sequences, chance())[framing]) == pytest.approx(
        sum(found) / len(found), rel=1e-5
    )


# Several together


def test_hidden_pieces_and_pairs_are_learned_in_one_pass() -> None:
    encoder, sequences = bert().eval(), rows_of("order")
    objectives = build_objectives({"order": {}, "masked": {}}, encoder).eval()
    passes: list[int] = []
    encoder.network.register_forward_hook(lambda *_: passes.append(1))
    together = losses(objectives.values(), encoder.network, sequences, chance())
    assert len(passes) == 1 and together.keys() == {"order", "masked"}
    assert torch.equal(
        together["masked"], objectives["masked"](encoder.network, sequences, chance())["masked"]
    )
    hidden = hide(sequences, SPECIAL, len(encoder.subwords), 0.15, chance())
    read = Sequences(hidden.ids, sequences.begins, sequences.segments, sequences.follows)
    assert torch.equal(
        together["order"], objectives["order"](encoder.network, read, chance())["order"]
    )


def test_objectives_say_which_rows_they_need() -> None:
    encoder = bert()
    for names, framing in (
        (["masked", "order"], "order"),
        (["next", "replaced"], "next"),
        (["permutation"], "single"),
        ([], "single"),
    ):
        assert (
            framing_of(build_objectives({name: {} for name in names}, encoder).values())
            is FRAMINGS[framing]
        )
    with pytest.raises(ConfigError, match="next and order learn of different pairs of texts"):
        framing_of(build_objectives({"order": {}, "next": {}}, encoder).values())


@pytest.mark.parametrize(
    ("settings", "network", "message"),
    [
        ({"maskd": {}}, {}, r"the objective 'maskd'. Did you mean 'masked'\?"),
        (
            {"masked": {"shar": 1}},
            {},
            r"\[objectives.masked\] takes no 'shar'. Did you mean 'share'\?",
        ),
        (
            {"replaced": {"generator": {"widht": 4}}},
            {},
            r"generator takes no 'widht'. Did you mean 'width'\?",
        ),
        ({"permutation": {}}, {"positions": 0}, "'permutation' asks what stands at a position"),
    ],
)
def test_an_objective_that_does_not_fit_is_named(
    settings: Mapping[str, Any], network: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        build_objectives(settings, bert(**network))


def causal(**decoder: Any) -> Causal:
    torch.manual_seed(5)
    settings = {"type": "causal", "width": 32, "heads": 2, "layers": 2, "dropout": 0.0, **decoder}
    return Causal(settings, tables={"subwords": prepared().tables["subwords"]})


@torch.no_grad()
def test_what_comes_next_costs_what_the_decoder_says_of_it() -> None:
    encoder = causal().eval()
    ids = torch.tensor([[7, 8, SPECIAL.sep, SPECIAL.cls, 9], [9, 9, 7, 6, 5]])
    sequences = Sequences(ids, torch.ones_like(ids, dtype=torch.bool))
    [objective] = build_objectives({"causal": {}}, encoder).values()
    surprises = []
    for row, column in [(0, 1), (0, 2), (0, 4), (1, 1), (1, 2), (1, 3), (1, 4)]:  # no start
        before = encoder.decoder(ids[row : row + 1, :column], encoder.decoder.begin(1))[0, -1]
        surprises.append(surprise(before, int(ids[row, column])))
    loss = objective(encoder.network, sequences, chance())["causal"]
    assert float(loss) == pytest.approx(float(np.mean(surprises)), abs=1e-5)


def test_a_decoder_learns_what_comes_next() -> None:
    encoder = causal()
    parts = nn.ModuleDict({"network": encoder.network, **build_objectives({"causal": {}}, encoder)})
    optimizer = torch.optim.AdamW(parts.parameters(), 3e-3, fused=True)
    costs = []
    for step in range(100):
        loss = parts["causal"](encoder.network, simple("stream", step), chance(step))["causal"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        costs.append(float(loss.detach()))
    assert np.mean(costs[-10:]) < costs[0] / 10  # each piece is the one behind the piece before


def test_an_objective_for_other_encoders_is_refused_and_those_that_fit_are_named() -> None:
    with pytest.raises(ConfigError, match=r"masked\] teaches no .* class Causal: take causal"):
        build_objectives({"masked": {}}, causal())
    with pytest.raises(ConfigError, match=r"causal\] teaches no .* class Bert: take masked or"):
        build_objectives({"causal": {}}, bert())


OF_BERT = [name for name, objective in OBJECTIVES.items() if objective.teaches is Bert]


@pytest.mark.parametrize("name", OF_BERT)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_objective_teaches_all_weights_of_every_family(family: str, name: str) -> None:
    encoder = bert(family)
    if name == "permutation" and encoder.shape.relative:
        with pytest.raises(ConfigError, match="choose a network that learns them"):
            build_objectives({name: {}}, encoder)
        return
    objectives = build_objectives({name: {}}, encoder)
    rows = rows_of(OBJECTIVES[name].framing)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = losses(objectives.values(), encoder.network, rows, chance())
    assert all(
        loss.dtype == torch.float32 and loss.ndim == 0 and loss.isfinite()
        for loss in found.values()
    )
    torch.stack(list(found.values())).sum().backward()
    parts = nn.ModuleDict({"network": encoder.network, "objectives": objectives})
    for key, parameter in parts.named_parameters():
        assert (
            parameter.grad is not None
            and parameter.grad.isfinite().all()
            and parameter.grad.abs().sum() > 0
        ), key


@pytest.mark.parametrize("name", ["masked", "replaced", "permutation"])
def test_a_batch_in_which_nothing_is_chosen_has_no_loss(name: str) -> None:
    encoder = bert()
    found = build_objectives({name: {"share": 0.0}}, encoder)[name](
        encoder.network, rows_of("single"), chance()
    )
    assert float(found["generator" if name == "replaced" else name].detach()) == 0
    torch.stack(list(found.values())).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.network.parameters())


def simple(framing: str, step: int) -> Sequences:
    """Rows of one word again and again; pairs of texts begin alike unless they were exchanged."""
    random, made = np.random.default_rng(step), FRAMINGS[framing]
    size = made.needs(16)
    once, texts = random.integers(5, 25, (16, 1)), np.minimum(5 + np.arange(size), 60)
    slices = np.broadcast_to(once if framing == "single" else texts, (16, size)).astype(np.uint32)
    return made.rows(slices | WORD | SENTENCE, 16, SPECIAL, random)


@pytest.mark.parametrize("name", OF_BERT)
def test_what_can_be_told_is_learned(name: str) -> None:
    encoder = bert(width=32, dropout=0.0)
    taken = {"generator": {"width": 32}} if name == "replaced" else {}
    parts = nn.ModuleDict({"network": encoder.network, **build_objectives({name: taken}, encoder)})
    optimizer = torch.optim.AdamW(parts.parameters(), 3e-3, fused=True)
    found: list[float] = []
    for step in range(200):
        loss = losses(
            [parts[name]], encoder.network, simple(OBJECTIVES[name].framing, step), chance(step)
        )
        optimizer.zero_grad()
        torch.stack(list(loss.values())).sum().backward()
        optimizer.step()
        found.append(float(next(iter(loss.values())).detach()))
    guessing = math.log(20 if OBJECTIVES[name].framing == "single" else 2)
    assert np.mean(found[-20:]) < guessing / 2, found[::10]


# Permutations


def two_streams(network: Network, ids: list[int], order: list[int], target: int) -> Tensor:
    """The state that predicts one piece, by Yang et al. 2019 (section 2.3), piece by piece."""
    given = [place for place in range(len(ids)) if order[place] < order[target]]
    embedded = network.embed(torch.tensor([ids]))[0]
    content = {place: embedded[place] for place in given}
    query = network.embed(torch.tensor([[SPECIAL.mask] * len(ids)]))[0, target]
    for number in range(network.shape.layers):
        block = network.stack.blocks[number % len(network.stack.blocks)]

        def step(
            state: Tensor, keys: list[int], block: Any = block, content: dict[int, Tensor] = content
        ) -> Tensor:
            state = block.norms[0](
                state + attend(block.attention, state, torch.stack([content[key] for key in keys]))
            )
            return block.norms[1](state + block.feed(state))  # type: ignore[no-any-return]

        query = step(query, given)
        content = {
            place: step(content[place], [other for other in given if order[other] <= order[place]])
            for place in given
        }
    return query


def attend(attention: Attention, state: Tensor, others: Tensor) -> Tensor:
    """Multi-head attention of one state to others, float[width]."""
    (w_query, w_key, w_value), (b_query, b_key, b_value) = (
        attention.project.weight.chunk(3),
        attention.project.bias.chunk(3),
    )
    heads = []
    for rows in torch.arange(len(state)).chunk(attention.heads):
        query = w_query[rows] @ state + b_query[rows]
        scores = (others @ w_key[rows].T + b_key[rows]) @ query / math.sqrt(len(rows))
        heads.append(scores.softmax(0) @ (others @ w_value[rows].T + b_value[rows]))
    return attention.output(torch.cat(heads))  # type: ignore[no-any-return]


@torch.no_grad()
@pytest.mark.parametrize("family", ["bert", "albert"])
def test_a_piece_is_foretold_as_in_a_run_that_holds_only_those_before_it(family: str) -> None:
    network, sequences = bert(family).eval().network, rows_of("single")
    order = draw_order(sequences, SPECIAL, 0.4, chance())
    found = iter(foretell(network, sequences, order, SPECIAL.mask))
    for ids, places in zip(sequences.ids.tolist(), order.tolist(), strict=True):
        for target in range(len(ids)):
            if places[target]:
                assert torch.allclose(
                    next(found), two_streams(network, ids, places, target), atol=1e-5
                )
    assert next(found, None) is None


@torch.no_grad()
def test_no_piece_sees_itself_or_those_after_it_but_those_before() -> None:
    network, sequences = bert().eval().network, rows_of("single")
    order = draw_order(sequences, SPECIAL, 0.4, chance())
    places = order[order > 0]
    rows = torch.arange(4)[:, None].expand_as(order)[order > 0]
    before = foretell(network, sequences, order, SPECIAL.mask)
    for changed in range(len(places)):
        ids = sequences.ids.clone()
        cell = (order > 0).nonzero()[changed]
        ids[cell[0], cell[1]] = 5 + (ids[cell[0], cell[1]] - 4) % 55
        after = foretell(network, Sequences(ids, sequences.begins), order, SPECIAL.mask)
        differs = (after - before).abs().amax(1) > 1e-6
        assert torch.equal(differs, (rows == rows[changed]) & (places > places[changed]))


def test_whole_words_are_foretold_from_left_to_right_and_words_in_an_order_of_chance() -> None:
    sequences = rows_of("single", rows=200, length=100)
    order = draw_order(sequences, SPECIAL, 1 / 6, chance())
    all_words = words(sequences)
    told = [[int(order[cell]) for cell in cells] for cells in all_words]
    assert all(
        places == [places[0] + i for i in range(len(places))] if places[0] else not any(places)
        for places in told
    )
    assert sum(places[0] > 0 for places in told) / len(told) == pytest.approx(1 / 6, abs=0.02)
    firsts = [places[0] for places in told if places[0]]
    assert 0.4 < sum(a < b for a, b in pairwise(firsts)) / len(firsts) < 0.6
    assert all(
        len(set(row)) == len(row) for row in ([p for p in row if p] for row in order.tolist())
    )
    assert not torch.equal(order, draw_order(sequences, SPECIAL, 1 / 6, chance(8)))


@torch.no_grad()
def test_the_loss_of_permutations_is_the_mean_surprise() -> None:
    encoder, sequences = bert().eval(), rows_of("single")
    objective = build_objectives({"permutation": {}}, encoder)["permutation"].eval()
    assert isinstance(objective, Permutation)
    order = draw_order(sequences, SPECIAL, 1 / 6, chance())
    states = foretell(encoder.network, sequences, order, SPECIAL.mask)
    found = [
        surprise(plain_scores(objective.head, encoder.network.embed.pieces, state), truth)
        for state, truth in zip(states, sequences.ids[order > 0].tolist(), strict=True)
    ]
    assert float(objective(encoder.network, sequences, chance())["permutation"]) == pytest.approx(
        sum(found) / len(found), rel=1e-5
    )


# Rows of a corpus


def numbered(rows: int, size: int, seed: int) -> Pieces:
    """Slices of which no two pieces are alike."""
    return (np.arange(rows * size, dtype=np.uint32).reshape(rows, size) + 100) | (
        corpus(rows, size, seed=seed) & ~NUMBER
    )


def test_a_single_text_stands_between_cls_and_sep() -> None:
    slices = numbered(3, 10, 1)
    found = single(slices, SPECIAL)
    assert found.ids[:, 0].eq(SPECIAL.cls).all() and found.ids[:, -1].eq(SPECIAL.sep).all()
    assert (found.ids[:, 1:-1].numpy() == slices & NUMBER).all()
    assert (found.begins[:, 1:-1].numpy() == (slices & WORD > 0)).all() and not found.begins[
        :, [0, -1]
    ].any()
    assert found.segments is None and found.follows is None


def plain_border(slices: Pieces, row: int, begin: int) -> int:
    for flag in (SENTENCE, WORD):
        for place in range(begin, begin + REACH):
            if slices[row, place] & flag:
                return place
    return begin


@settings(max_examples=60)
@given(
    st.sampled_from(["next", "order"]),
    st.integers(1, 9),
    st.integers(8, 70),
    st.integers(0, 1000),
    st.booleans(),
)
def test_pairs_begin_with_sentences_and_fill_their_rows(
    framing: str, rows: int, length: int, seed: int, flat: bool
) -> None:
    slices = numbered(rows, FRAMINGS[framing].needs(length), seed)
    if flat:  # one sentence without an end
        slices &= ~SENTENCE
    found = FRAMINGS[framing].rows(slices, length, SPECIAL, np.random.default_rng(seed))
    assert (
        found.ids.shape == found.begins.shape == (rows, length)
        and found.segments is not None
        and found.follows is not None
    )
    for row, ids in enumerate(found.ids.tolist()):
        middle = ids.index(SPECIAL.sep)
        assert ids[0] == SPECIAL.cls and ids[-1] == SPECIAL.sep and ids.count(SPECIAL.sep) == 2
        assert found.segments[row].tolist() == [0] * (middle + 1) + [1] * (length - middle - 1)
        texts = [ids[1:middle], ids[middle + 1 : -1]]
        assert min(map(len, texts)) >= (length - 3) // 4
        (one, begin), (two, then) = (divmod(text[0] - 100, slices.shape[1]) for text in texts)
        for text, owner, at in zip(texts, (one, two), (begin, then), strict=True):
            assert text == [int(piece) & 0xFFFFFF for piece in slices[owner, at : at + len(text)]]
        follows = bool(found.follows[row])
        if framing == "order" and not follows:
            (begin, then), texts = (then, begin), texts[::-1]
        assert one == row and begin == plain_border(slices, row, 0)
        if framing == "order" or follows:
            assert two == row and then == plain_border(slices, row, begin + len(texts[0]))
        else:
            assert two != row and then == plain_border(slices, two, 0)


def test_half_of_the_pairs_follow() -> None:
    for framing in ("next", "order"):
        follows = rows_of(framing, rows=2000).follows
        assert follows is not None and float(follows.float().mean()) == pytest.approx(0.5, abs=0.05)


def test_where_a_word_begins_is_known_in_pairs_too() -> None:
    slices = numbered(5, FRAMINGS["next"].needs(30), 3)
    found = FRAMINGS["next"].rows(slices, 30, SPECIAL, np.random.default_rng(3))
    begins = {int(piece & NUMBER) for piece in slices.flatten() if piece & WORD}
    assert found.begins.tolist() == [
        [piece in begins for piece in row] for row in found.ids.tolist()
    ]
