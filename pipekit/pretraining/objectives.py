"""What an encoder of the BERT family learns of raw text: hidden pieces, exchanged ones, what follows what; one name for each objective."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.encoders.bert.encoder import Bert
from pipekit.encoders.bert.families import BertShape
from pipekit.encoders.bert.network import Network
from pipekit.errors import ConfigError, near
from pipekit.pretraining.masking import Corrupted, Sequences, hide, ordinary
from pipekit.pretraining.objective import (
    Objective,
    PieceHead,
    RowObjective,
    RowStates,
    cross_entropy,
    in_one_pass,
    last_states,
)
from pipekit.pretraining.permutation import Permutation
from pipekit.registry import check_arguments


class MaskedTokens(RowObjective):
    """The pieces of hidden words (Devlin et al. 2019), whole words at a time, others in each pass (Liu et al. 2019).

    Args:
        share: of the words that are hidden.
    """

    def __init__(self, encoder: Bert, share: float = 0.15) -> None:
        super().__init__()
        self.share = share
        self.special = encoder.subwords.special
        self.head = PieceHead(encoder.width, encoder.network.embed.pieces)

    def hide(
        self, network: Network, sequences: Sequences, so_far: Corrupted, random: torch.Generator
    ) -> Corrupted:
        return hide(
            sequences, self.special, network.embed.pieces.num_embeddings, self.share, random
        )

    def losses(
        self, network: Network, sequences: Sequences, reading: RowStates
    ) -> dict[str, Tensor]:
        scores = self.head(reading.states[reading.chosen], network.embed.pieces)
        return {"masked": cross_entropy(scores, sequences.ids[reading.chosen])}


class ReplacedTokens(Objective):
    """Which pieces a smaller network, the generator, has exchanged (Clark et al. 2020); it learns to guess hidden ones meanwhile.

    Args:
        share: of the words that are hidden from the generator.
        generator: settings of its network that differ from those of the encoder's; a quarter of the width by default.
        weight: of the loss of the discriminator, which is the encoder, beside that of the generator.
    """

    def __init__(
        self,
        encoder: Bert,
        share: float = 0.15,
        generator: Mapping[str, Any] | None = None,
        weight: float = 50.0,
    ) -> None:
        super().__init__()
        self.share, self.weight = share, weight
        self.special = encoder.subwords.special
        embed, shape = encoder.network.embed, encoder.shape
        check_arguments(BertShape, generator or {}, "[objectives.replaced] generator")
        small = {
            "width": max(shape.width // 4, 1),
            "heads": max(shape.heads // 4, 1),
            "hidden": 0,
            **(generator or {}),
        }
        self.generator = Network(
            embed.pieces.num_embeddings,
            replace(shape, **{**small, "embedding_width": embed.pieces.embedding_dim}),
        )
        # Both embed by one table, which is the generator's to learn most from.
        self.generator.embed.pieces, self.generator.embed.positions = embed.pieces, embed.positions
        self.head = PieceHead(self.generator.shape.width, embed.pieces)
        self.detect = nn.Sequential(
            nn.Linear(encoder.width, encoder.width), nn.GELU(), nn.Linear(encoder.width, 1)
        )

    def forward(
        self, network: Network, sequences: Sequences, random: torch.Generator
    ) -> dict[str, Tensor]:
        pieces = network.embed.pieces
        hidden = hide(sequences, self.special, pieces.num_embeddings, self.share, random)
        guessed = last_states(self.generator, hidden.ids, sequences.segments)[hidden.chosen]
        scores = self.head(guessed, pieces).float()
        exchanged = sequences.ids.clone()
        exchanged[hidden.chosen] = sample(scores.detach(), random)
        told = ordinary(sequences.ids, self.special)
        found = self.detect(last_states(network, exchanged, sequences.segments)[told])[:, 0]
        truth = (exchanged != sequences.ids)[told]
        return {
            "generator": cross_entropy(scores, sequences.ids[hidden.chosen]),
            "replaced": self.weight
            * functional.binary_cross_entropy_with_logits(found.float(), truth.float()),
        }


def sample(scores: Tensor, random: torch.Generator) -> Tensor:
    """A column for each row of scores, drawn by their softmax (the Gumbel-max trick), int64[n]."""
    noise = torch.rand(scores.shape, generator=random, device=scores.device).clamp_(1e-9, 1 - 1e-7)
    return (scores - noise.log_().neg_().log_()).argmax(1)


class SentencePairs(RowObjective):
    """Whether the second of two texts follows the first, told by the state of [CLS] through a dense layer and tanh.

    To be learned of running prose: where each line of a corpus is a sentence from elsewhere, nothing follows.
    """

    def __init__(self, encoder: Bert) -> None:
        super().__init__()
        self.tell = nn.Sequential(
            nn.Linear(encoder.width, encoder.width), nn.Tanh(), nn.Linear(encoder.width, 2)
        )

    def losses(
        self, network: Network, sequences: Sequences, reading: RowStates
    ) -> dict[str, Tensor]:
        assert sequences.follows is not None, f"rows of the framing {self.framing!r} are needed"
        return {self.framing: cross_entropy(self.tell(reading.states[:, 0]), sequences.follows)}


class NextSentence(SentencePairs):
    """Whether the second text follows the first or comes from elsewhere (Devlin et al. 2019)."""

    framing = "next"


class SentenceOrder(SentencePairs):
    """Whether the second text follows the first or was before it (Lan et al. 2020)."""

    framing = "order"


OBJECTIVES: dict[str, type[Objective]] = {
    "masked": MaskedTokens,
    "replaced": ReplacedTokens,
    "next": NextSentence,
    "order": SentenceOrder,
    "permutation": Permutation,
}


def build_objectives(settings: Mapping[str, Mapping[str, Any]], encoder: Bert) -> nn.ModuleDict:
    """Objectives by name, each with its settings. Errors: `ConfigError` naming the objective or the setting that is not known."""
    for name in settings:
        if name not in OBJECTIVES:
            raise ConfigError(
                f"nothing is learned by the objective {name!r}.{near(name, OBJECTIVES)}"
            )
        check_arguments(OBJECTIVES[name], {"encoder", *settings[name]}, f"[objectives.{name}]")
    return nn.ModuleDict(
        {name: OBJECTIVES[name](encoder, **given) for name, given in settings.items()}
    )


def losses(
    objectives: Iterable[nn.Module], network: Network, sequences: Sequences, random: torch.Generator
) -> dict[str, Tensor]:
    """The losses of all objectives by name, see `Objective.forward`. What can be learned of the same states is learned in one pass."""
    objectives = list(objectives)
    found = in_one_pass(
        [each for each in objectives if isinstance(each, RowObjective)], network, sequences, random
    )
    for each in objectives:
        if not isinstance(each, RowObjective):
            found |= each(network, sequences, random)
    return found
