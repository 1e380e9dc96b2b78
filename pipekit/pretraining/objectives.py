"""What an encoder learns from raw text, one name for each objective: hidden pieces, exchanged
pieces, the order of texts, what comes next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.encoders.bert.encoder import Bert
from pipekit.encoders.bert.families import BertShape
from pipekit.encoders.bert.guessing import PieceHead
from pipekit.encoders.bert.network import Network
from pipekit.encoders.causal import Causal
from pipekit.errors import ConfigError, near
from pipekit.parts.decoding import Decoder, next_piece_loss
from pipekit.pretraining.masking import Corrupted, Sequences, hide, ordinary
from pipekit.pretraining.objective import (
    Learner,
    Objective,
    RowObjective,
    RowStates,
    cross_entropy,
    in_one_pass,
    last_states,
)
from pipekit.pretraining.permutation import Permutation
from pipekit.registry import check_arguments


class MaskedTokens(RowObjective):
    """Guess the pieces of hidden words (Devlin et al. 2019), other words in each pass (Liu et al.
    2019).

    Args:
        share: the share of the words that are hidden.
    """

    def __init__(
        self,
        encoder: Bert,
        share: float = 0.15,
    ) -> None:
        super().__init__()
        self.share = share
        self.special = encoder.subwords.special
        # The head of the encoder, where it keeps one, so that it guesses afterwards.
        self.head = encoder.head or PieceHead(encoder.shape, encoder.network.embed.pieces)

    def hide(
        self,
        network: Network,
        sequences: Sequences,
        so_far: Corrupted,
        random: torch.Generator,
    ) -> Corrupted:
        pieces = network.embed.pieces.num_embeddings
        return hide(sequences, self.special, pieces, self.share, random)

    def losses(
        self,
        network: Network,
        sequences: Sequences,
        reading: RowStates,
    ) -> dict[str, Tensor]:
        scores = self.head(reading.states[reading.hidden], network.embed.pieces)
        return {"masked": cross_entropy(scores, sequences.ids[reading.hidden])}


class ReplacedTokens(Objective):
    """Tell which pieces a smaller network, the generator, has exchanged (Clark et al. 2020).

    The generator learns to guess hidden pieces at the same time:

        text ─ hide ─▶ generator ─ guess ─▶ exchanged text ─▶ encoder ─▶ original or exchanged?

    Args:
        share: the share of the words that are hidden from the generator.
        generator: settings of its network that differ from those of the encoder; by default a
            quarter of the width.
        weight: the weight of the encoder's loss beside that of the generator.
    """

    def __init__(
        self,
        encoder: Bert,
        share: float = 0.15,
        generator: Mapping[str, Any] | None = None,
        weight: float = 50.0,
    ) -> None:
        super().__init__()
        self.share = share
        self.weight = weight
        self.special = encoder.subwords.special
        embed = encoder.network.embed
        self.generator = Network(
            embed.pieces.num_embeddings,
            _generator_shape(encoder, generator or {}),
        )
        # One table embeds for both networks; the generator teaches it most.
        self.generator.embed.pieces = embed.pieces
        self.generator.embed.positions = embed.positions
        self.head = PieceHead(self.generator.shape, embed.pieces)
        self.detect = nn.Sequential(
            nn.Linear(encoder.width, encoder.width),
            nn.GELU(),
            nn.Linear(encoder.width, 1),
        )

    def forward(
        self,
        network: Network,
        sequences: Sequences,
        random: torch.Generator,
    ) -> dict[str, Tensor]:
        pieces = network.embed.pieces
        corrupted = hide(sequences, self.special, pieces.num_embeddings, self.share, random)
        guesses = last_states(self.generator, corrupted.ids, sequences.segments)
        scores = self.head(guesses[corrupted.hidden], pieces).float()  # (hidden, pieces)
        exchanged = sequences.ids.clone()
        exchanged[corrupted.hidden] = sample(scores.detach(), random)
        is_text = ordinary(sequences.ids, self.special)
        states = last_states(network, exchanged, sequences.segments)
        logits = self.detect(states[is_text])[:, 0].float()  # (pieces of text,)
        truth = (exchanged != sequences.ids)[is_text].float()
        detection = functional.binary_cross_entropy_with_logits(logits, truth)
        return {
            "generator": cross_entropy(scores, sequences.ids[corrupted.hidden]),
            "replaced": self.weight * detection,
        }


def _generator_shape(
    encoder: Bert,
    changes: Mapping[str, Any],
) -> BertShape:
    check_arguments(BertShape, changes, "[objectives.replaced] generator")
    shape = encoder.shape
    smaller = {
        "width": max(shape.width // 4, 1),
        "heads": max(shape.heads // 4, 1),
        "hidden": 0,
        **changes,
        "embedding_width": encoder.network.embed.pieces.embedding_dim,
    }
    return replace(shape, **smaller)


def sample(
    scores: Tensor,
    random: torch.Generator,
) -> Tensor:
    """A column for each row of scores, drawn by their softmax (the Gumbel-max trick), int64[n]."""
    noise = torch.rand(scores.shape, generator=random, device=scores.device)
    noise.clamp_(1e-9, 1 - 1e-7)
    gumbel = noise.log_().neg_().log_().neg_()
    return (scores + gumbel).argmax(1)


class SentencePairs(RowObjective):
    """Tell whether the second of two texts follows the first, from the state of [CLS].

    This needs running prose: where each line of a corpus is a sentence from elsewhere, no sentence
    follows another.
    """

    def __init__(self, encoder: Bert) -> None:
        super().__init__()
        self.tell = nn.Sequential(
            nn.Linear(encoder.width, encoder.width),
            nn.Tanh(),
            nn.Linear(encoder.width, 2),
        )

    def losses(
        self,
        network: Network,
        sequences: Sequences,
        reading: RowStates,
    ) -> dict[str, Tensor]:
        assert sequences.follows is not None, f"rows of the framing {self.framing!r} are needed"
        scores = self.tell(reading.states[:, 0])
        return {self.framing: cross_entropy(scores, sequences.follows)}


class NextSentence(SentencePairs):
    """The second text follows the first, or comes from elsewhere (Devlin et al. 2019)."""

    framing = "next"


class SentenceOrder(SentencePairs):
    """The second text follows the first, or stood before it (Lan et al. 2020)."""

    framing = "order"


class NextPiece(Objective):
    """Tell each piece from those before it, as a language model does (Radford et al. 2018).

    Errors: `ConfigError` for a vocabulary that loses spaces.
    """

    teaches = Causal
    framing = "stream"

    def __init__(self, encoder: Causal) -> None:
        super().__init__()
        if not encoder.subwords.keeps_spaces:
            raise ConfigError(
                "a vocabulary of WordPiece does not tell where spaces stand, so nothing readable "
                "can be written with it: learn one by `pipekit subwords --algorithm bpe`"
            )
        self.start = encoder.vocabulary.start
        self.has_two_borders = encoder.vocabulary.start != encoder.vocabulary.end

    def forward(
        self,
        network: Decoder,
        sequences: Sequences,
        random: torch.Generator,
    ) -> dict[str, Tensor]:
        states = network.read(sequences.ids[:, :-1], network.begin(len(sequences.ids)))
        targets = sequences.ids[:, 1:]
        inside = torch.ones_like(targets, dtype=torch.bool)
        if self.has_two_borders:  # an end is always followed by a start: that teaches nothing
            inside = targets != self.start
        total = next_piece_loss(network, states, targets, inside)
        return {"causal": total / inside.sum().clamp(min=1)}


OBJECTIVES: dict[str, type[Objective]] = {
    "causal": NextPiece,
    "masked": MaskedTokens,
    "replaced": ReplacedTokens,
    "next": NextSentence,
    "order": SentenceOrder,
    "permutation": Permutation,
}


def build_objectives(
    settings: Mapping[str, Mapping[str, Any]],
    encoder: Learner,
) -> nn.ModuleDict:
    """Objectives by name, each with its settings.

    Errors: `ConfigError` naming an unknown objective or setting, or one for other encoders.
    """
    objectives = nn.ModuleDict()
    for name in settings:
        if name not in OBJECTIVES:
            raise ConfigError(
                f"nothing is learned by the objective {name!r}.{near(name, OBJECTIVES)}"
            )
        factory: Any = OBJECTIVES[name]
        if not isinstance(encoder, factory.teaches):
            fitting = [
                other for other, each in OBJECTIVES.items() if isinstance(encoder, each.teaches)
            ]
            raise ConfigError(
                f"[objectives.{name}] teaches no encoder of the class {type(encoder).__name__}: "
                f"take {' or '.join(fitting)}"
            )
        check_arguments(factory, {"encoder": encoder, **settings[name]}, f"[objectives.{name}]")
    for name, arguments in settings.items():
        factory = OBJECTIVES[name]
        objectives[name] = factory(encoder, **arguments)
    return objectives


def losses(
    objectives: Iterable[nn.Module],
    network: Any,
    sequences: Sequences,
    random: torch.Generator,
) -> dict[str, Tensor]:
    """The losses of all objectives by name, see `Objective.forward`.

    Objectives that learn from the same states share one pass of the network.
    """
    of_rows: list[RowObjective] = []
    others: list[nn.Module] = []
    for objective in objectives:
        if isinstance(objective, RowObjective):
            of_rows.append(objective)
        else:
            others.append(objective)
    values = in_one_pass(of_rows, network, sequences, random)
    for objective in others:
        values |= objective(network, sequences, random)
    return values
