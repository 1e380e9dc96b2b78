"""The three cells that Jozefowicz, Zaremba and Sutskever (2015) found by mutation: MUT1, MUT2 and MUT3, relatives of the GRU.

x_t is the input, h_t the state; σ, tanh and * go element by element:

    MUT1  z = σ(W_xz x_t + b_z)
          r = σ(W_xr x_t + W_hr h_t + b_r)
          h_{t+1} = tanh(W_hh (r * h_t) + tanh(x_t) + b_h) * z + h_t * (1 - z)
    MUT2  z = σ(W_xz x_t + W_hz h_t + b_z)
          r = σ(x_t + W_hr h_t + b_r)
          h_{t+1} = tanh(W_hh (r * h_t) + W_xh x_t + b_h) * z + h_t * (1 - z)
    MUT3  z = σ(W_xz x_t + W_hz tanh(h_t) + b_z)
          r = σ(W_xr x_t + W_hr h_t + b_r)
          h_{t+1} = tanh(W_hh (r * h_t) + W_xh x_t + b_h) * z + h_t * (1 - z)

Where x_t stands bare, it must be as wide as the state: an input of another width is brought to it by a learned matrix of its own, W_p x_t.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

Gates = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class Mutated(nn.Module):
    """What the three have in common, called as torch's own layers are: padded inputs in, the states of all steps and the last one out.

    All that the inputs bring is computed in one product for all steps; the loop over time does what depends on the state.
    Weights begin as those of torch's cells, uniform between ±1/√width.

    Args:
        width_in: of the inputs.
        width: of the state.
    """

    bare: ClassVar[int | None]  # which of the three sums, of z, r and h, takes x_t as it is
    update_reads_state = True

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        projected = 3 - (self.bare is not None and width_in == width)
        self.inputs = nn.Linear(width_in, projected * width, bias=False)
        self.bias = nn.Parameter(torch.empty(3, width))
        self.reset = nn.Linear(width, width, bias=False)
        self.candidate = nn.Linear(width, width, bias=False)
        if self.update_reads_state:
            self.update = nn.Linear(width, width, bias=False)
        for weight in self.parameters():
            nn.init.uniform_(weight, -(width**-0.5), width**-0.5)

    def forward(self, padded: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """float[sequences, longest, width_in] to float[sequences, longest, width] and the last state, float[sequences, width]."""
        if state is None:
            state = self.bias.new_zeros(len(padded), self.bias.shape[1])
        updates, resets, candidates = self.sums(padded)
        states = []
        with torch.autocast(
            padded.device.type, enabled=False
        ):  # a state that is rounded at each step drifts
            gates, back = self.gates(), self.candidate.weight.t()
            for z, r, h in zip(
                updates.unbind(1), resets.unbind(1), candidates.unbind(1), strict=True
            ):
                z, r = gates(state, z, r)
                state = torch.lerp(state, torch.tanh(torch.addmm(h, r * state, back)), z)
                states.append(state)
        return torch.stack(states, dim=1) if states else padded.new_zeros(
            *padded.shape[:2], len(state)
        ), state

    def sums(self, padded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What inputs and biases add to z, r and h, each float[sequences, longest, width]."""
        width = self.bias.shape[1]
        blocks = list(self.inputs(padded).to(self.bias.dtype).split(width, dim=2))
        if len(blocks) < 3 and self.bare is not None:
            blocks.insert(self.bare, padded.to(self.bias.dtype))
        z, r, h = (
            self.enters(place, block) + bias
            for place, (block, bias) in enumerate(zip(blocks, self.bias, strict=True))
        )
        return z, r, h

    def enters(self, place: int, block: Tensor) -> Tensor:
        """How the inputs of one of the three sums enter it."""
        return block

    def gates(self) -> Gates:
        """What makes the gates z and r of a state and their sums."""
        raise NotImplementedError


class MUT1(Mutated):
    """Its update gate sees the input alone, and the candidate tanh(x_t)."""

    bare = 2
    update_reads_state = False

    def sums(self, padded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z, r, h = super().sums(padded)
        return torch.sigmoid(z), r, h

    def enters(self, place: int, block: Tensor) -> Tensor:
        return torch.tanh(block) if place == self.bare else block

    def gates(self) -> Gates:
        back = self.reset.weight.t()
        return lambda state, z, r: (z, torch.sigmoid(torch.addmm(r, state, back)))


class MUT2(Mutated):
    """Its reset gate sees x_t itself."""

    bare = 1

    def gates(self) -> Gates:
        update, reset = self.update.weight.t(), self.reset.weight.t()
        return lambda state, z, r: (
            torch.sigmoid(torch.addmm(z, state, update)),
            torch.sigmoid(torch.addmm(r, state, reset)),
        )


class MUT3(Mutated):
    """Its update gate sees the state through a tanh."""

    bare = None

    def gates(self) -> Gates:
        update, reset = self.update.weight.t(), self.reset.weight.t()
        return lambda state, z, r: (
            torch.sigmoid(torch.addmm(z, torch.tanh(state), update)),
            torch.sigmoid(torch.addmm(r, state, reset)),
        )
