"""MUT1, MUT2 and MUT3, three cells that were found by mutation, and the GRU, their relative.

Sources: Jozefowicz, Zaremba and Sutskever (2015); for the GRU Cho et al. (2014), in the notation of
Chung et al. (2014), where z is the share of the candidate. x_t is the input, h_t the state; σ, tanh
and * go element by element:

    GRU   z = σ(W_xz x_t + W_hz h_t + b_z)
          r = σ(W_xr x_t + W_hr h_t + b_r)
          h_{t+1} = tanh(W_hh (r * h_t) + W_xh x_t + b_h) * z + h_t * (1 - z)
    MUT1  z = σ(W_xz x_t + b_z)
          r = σ(W_xr x_t + W_hr h_t + b_r)
          h_{t+1} = tanh(W_hh (r * h_t) + tanh(x_t) + b_h) * z + h_t * (1 - z)
    MUT2  z = σ(W_xz x_t + W_hz h_t + b_z)
          r = σ(x_t + W_hr h_t + b_r)
          h_{t+1} = tanh(W_hh (r * h_t) + W_xh x_t + b_h) * z + h_t * (1 - z)
    MUT3  z = σ(W_xz x_t + W_hz tanh(h_t) + b_z)
          r = σ(W_xr x_t + W_hr h_t + b_r)
          h_{t+1} = tanh(W_hh (r * h_t) + W_xh x_t + b_h) * z + h_t * (1 - z)

MUT1 and MUT2 each have a place where x_t stands without a matrix. There it must be as wide as the
state; an input of another width goes through a learned matrix W_p first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

# From the state and the sums of z and r to the gates z and r, all float[sequences, width].
Gates = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class Mutated(nn.Module):
    """What the cells share. They are called as torch's own recurrent layers are.

    The products with the inputs are computed for all steps at once. The loop over time computes
    what depends on the state:

        x_t ──▶ sums of z, r, h    (sequences, longest, width) each
                      │
        h_t ──▶ gates z, r ──▶ candidate tanh(W_hh (r * h_t) + sum of h)
          └────────────────────────▶ h_{t+1} between h_t and the candidate, by z

    Weights begin as those of torch's cells, uniform between ±1/√width.

    Args:
        width_in: width of the inputs.
        width: width of the state.
    """

    # Which of the sums of z, r and h takes x_t without a matrix: 0, 1, 2, or None.
    bare: ClassVar[int | None]
    update_reads_state = True

    def __init__(
        self,
        width_in: int,
        width: int,
    ) -> None:
        super().__init__()
        has_bare = self.bare is not None and width_in == width
        projected = 2 if has_bare else 3
        self.inputs = nn.Linear(width_in, projected * width, bias=False)
        self.bias = nn.Parameter(torch.empty(3, width))
        self.reset = nn.Linear(width, width, bias=False)
        self.candidate = nn.Linear(width, width, bias=False)
        if self.update_reads_state:
            self.update = nn.Linear(width, width, bias=False)
        limit = width**-0.5
        for weight in self.parameters():
            nn.init.uniform_(weight, -limit, limit)

    def forward(
        self,
        padded: Tensor,
        state: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Read padded sequences.

        Args:
            padded: float[sequences, longest, width_in].
            state: before the first step, float[sequences, width]; zeros by default.

        Returns: the states of all steps, float[sequences, longest, width], and the last one.
        """
        if state is None:
            state = self.bias.new_zeros(len(padded), self.bias.shape[1])
        sums = self.sums(padded)
        steps = zip(*(values.unbind(1) for values in sums), strict=True)
        states = []
        # Without autocast, since a state that is rounded at each step drifts.
        with torch.autocast(padded.device.type, enabled=False):
            gates = self.gates()
            matrix = self.candidate.weight.t()
            for update_sum, reset_sum, candidate_sum in steps:  # (sequences, width) each
                update, reset = gates(state, update_sum, reset_sum)
                candidate = torch.tanh(torch.addmm(candidate_sum, reset * state, matrix))
                state = torch.lerp(state, candidate, update)
                states.append(state)
        if not states:
            return state.new_zeros(len(padded), 0, state.shape[1]), state
        return torch.stack(states, dim=1), state

    def sums(self, padded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What inputs and biases add to z, r and h, each float[sequences, longest, width]."""
        width = self.bias.shape[1]
        dtype = self.bias.dtype
        projected = self.inputs(padded).to(dtype)
        blocks = list(projected.split(width, dim=2))
        if len(blocks) < 3 and self.bare is not None:
            blocks.insert(self.bare, padded.to(dtype))
        z_bias, r_bias, h_bias = self.bias
        z = self.enter(0, blocks[0]) + z_bias
        r = self.enter(1, blocks[1]) + r_bias
        h = self.enter(2, blocks[2]) + h_bias
        return z, r, h

    def enter(
        self,
        place: int,
        block: Tensor,
    ) -> Tensor:
        """How the inputs of one of the sums enter it; `place` is 0 for z, 1 for r, 2 for h."""
        return block

    def gates(self) -> Gates:
        """The function that computes the gates of a step."""
        raise NotImplementedError


class MUT1(Mutated):
    """The update gate reads the input alone; the candidate reads tanh(x_t)."""

    bare = 2
    update_reads_state = False

    def sums(self, padded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z, r, h = super().sums(padded)
        return torch.sigmoid(z), r, h

    def enter(
        self,
        place: int,
        block: Tensor,
    ) -> Tensor:
        return torch.tanh(block) if place == self.bare else block

    def gates(self) -> Gates:
        reset_matrix = self.reset.weight.t()

        def gates_of(
            state: Tensor,
            z: Tensor,
            r: Tensor,
        ) -> tuple[Tensor, Tensor]:
            reset = torch.sigmoid(torch.addmm(r, state, reset_matrix))
            return z, reset

        return gates_of


class ChoGRU(Mutated):
    """The GRU of Cho et al. (2014): the reset gate acts before the product with the state.

    cuDNN's and torch's, `torch.nn.GRU`, has the reset gate after this product.
    """

    bare: ClassVar[int | None] = None

    def gates(self) -> Gates:
        update_matrix = self.update.weight.t()
        reset_matrix = self.reset.weight.t()

        def gates_of(
            state: Tensor,
            z: Tensor,
            r: Tensor,
        ) -> tuple[Tensor, Tensor]:
            update = torch.sigmoid(torch.addmm(z, state, update_matrix))
            reset = torch.sigmoid(torch.addmm(r, state, reset_matrix))
            return update, reset

        return gates_of


class MUT2(ChoGRU):
    """A GRU whose reset gate reads x_t itself."""

    bare = 1


class MUT3(Mutated):
    """The update gate reads the tanh of the state."""

    bare = None

    def gates(self) -> Gates:
        update_matrix = self.update.weight.t()
        reset_matrix = self.reset.weight.t()

        def gates_of(
            state: Tensor,
            z: Tensor,
            r: Tensor,
        ) -> tuple[Tensor, Tensor]:
            squashed = torch.tanh(state)
            update = torch.sigmoid(torch.addmm(z, squashed, update_matrix))
            reset = torch.sigmoid(torch.addmm(r, state, reset_matrix))
            return update, reset

        return gates_of
