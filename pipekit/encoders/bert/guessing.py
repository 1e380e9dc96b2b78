"""The head of masked language models: which piece stands in a place.

Source: Devlin et al. 2019; Press and Wolf 2017 for scores by the embedded pieces.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from pipekit.encoders.bert.families import BertShape
from pipekit.nn.stack import ACTIVATIONS


class PieceHead(nn.Module):
    """Scores of all pieces for states, by the vectors that the network embeds the pieces by."""

    def __init__(
        self,
        shape: BertShape,
        pieces: nn.Embedding,
    ) -> None:
        super().__init__()
        self.mix = nn.Linear(shape.width, pieces.embedding_dim)
        self.activation = ACTIVATIONS[shape.activation]()
        self.norm = nn.LayerNorm(pieces.embedding_dim, shape.epsilon)
        self.bias = nn.Parameter(pieces.weight.new_zeros(pieces.num_embeddings))

    def forward(
        self,
        states: Tensor,
        pieces: nn.Embedding,
    ) -> Tensor:
        """float[n, width] to float[n, pieces]."""
        mixed = self.norm(self.activation(self.mix(states)))
        return functional.linear(mixed, pieces.weight, self.bias)
