"""Small decoders of every kind with random weights, and a memory for them."""

from __future__ import annotations

from typing import Any

import torch

from pipekit import registry
from pipekit.parts.decoding import Decoder, Memory

PIECES = 20
MEMORY_WIDTH = 8
CELLS = ("rnn", "lstm", "gru", "gru_before", "mut1", "mut2", "mut3")
_MEMORY = {"memory_width": MEMORY_WIDTH}
DECODERS: dict[str, dict[str, Any]] = {
    **{cell: {"type": "rnn", "cell": cell, "layers": 2} for cell in CELLS},
    "rnn, memory, no attention": {"type": "rnn", **_MEMORY},
    "rnn, memory, dot": {"type": "rnn_attention", "attention": "dot", **_MEMORY},
    "rnn, memory, general": {"type": "rnn_attention", **_MEMORY},
    "rnn, memory, additive": {"type": "rnn_attention", "attention": "additive", **_MEMORY},
    "transformer, memory": {"type": "transformer", "most": 64, "heads": 2, **_MEMORY},
    "transformer, memory, post": {
        "type": "transformer",
        "norm": "post",
        "positions": "learned",
        "heads": 2,
        "most": 64,
        **_MEMORY,
    },
    "causal": {"type": "causal", "layers": 2, "heads": 2, "most": 64},
}


def decoder(name: str) -> Decoder:
    """A decoder of 20 pieces, whose weights are large enough for scores that differ."""
    torch.manual_seed(0)
    sizes = {"pieces": PIECES, "memory_width": 0, "width": 16}
    network: Decoder = registry.decoders.build({**sizes, **DECODERS[name]}, "decoder")
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return network.eval().requires_grad_(False)


def memory_for(network: Decoder, rows: int) -> Memory | None:
    """States of several lengths; None for a decoder without memory."""
    if not network.reads_memory:
        return None
    random = torch.Generator().manual_seed(7)
    states = torch.randn(rows, 5, MEMORY_WIDTH, generator=random)
    lengths = torch.tensor([5, 3, 2, 4, 1])[torch.arange(rows) % 5]
    return Memory(states, torch.arange(5) < lengths.unsqueeze(1))
