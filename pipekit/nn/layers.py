"""Layers that several heads begin with."""

from __future__ import annotations

from torch import nn


def hidden_layer(
    width: int,
    hidden: int,
    dropout: float,
) -> nn.Sequential:
    """Vectors float[…, width] to hidden states float[…, hidden], normalised.

    The modules are numbered in this order in files of weights.
    """
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.LayerNorm(hidden),
        nn.Dropout(dropout),
    )
