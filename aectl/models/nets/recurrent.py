"""Recurrent nets, which read and write an example step by step: an image row by row, a sequence by its steps."""

import copy
import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from aectl.errors import UserError
from aectl.models.nets.base import Net
from aectl.types import PositiveInt, Shape

Cell = Literal["gru", "lstm"]
State = Tensor
"""What a cell keeps from step to step, (states, layers, B, hidden): h and, of an LSTM, c."""
CELLS: dict[Cell, tuple[type[nn.GRU] | type[nn.LSTM], int]] = {"gru": (nn.GRU, 1), "lstm": (nn.LSTM, 2)}
"""The layers of each kind of cell, and how many tensors their state has."""


class Recurrent(Net):
    r"""A recurrent encoder, whose last state is the latent, and a recurrent decoder that is told it at every step.

    .. math:: h_t = f(x_t, h_{t-1}), \quad z = A h_T + a; \qquad
        s_0 = \tanh(B z + b), \quad s_t = g(z, s_{t-1}), \quad \hat{x}_t = C s_t + c

    References:
        | Unsupervised Learning of Video Representations using LSTMs (Srivastava, Mansimov & Salakhutdinov, 2015),
          section 2, the autoencoder with the unconditioned decoder
        | https://arxiv.org/abs/1502.04681
        | A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music (Roberts et al., 2018), for
          how a decoder is told a latent: as its first state and at every step
        | https://arxiv.org/abs/1803.05428

    Arguments:
        cell: `gru` or `lstm`.
        hidden: the size of a state.
        layers: of the encoder and of the decoder, one upon another.
        bidirectional: whether the encoder reads the steps in both directions.
        reverse: whether the decoder writes the last step first, so that it begins with what was read last.
    """

    def __init__(
        self, cell: Cell, hidden: PositiveInt, layers: PositiveInt, bidirectional: bool, reverse: bool
    ) -> None:
        self.cell: Cell = cell
        self.hidden, self.layers, self.bidirectional, self.reverse = hidden, layers, bidirectional, reverse
        self.told_previous = False

    def with_feedback(self) -> "Recurrent":
        """The same net, whose decoder is also told the step before each."""
        net = copy.copy(self)
        net.told_previous = True
        return net

    def latent_shape(self, shape: Shape, features: int) -> Shape:
        step_shape(shape, f"net={self.cell}")
        return (features,)

    def encoder(self, shape: Shape, features: int, params: int = 1) -> nn.Module:
        _, size = step_shape(shape, f"net={self.cell}")
        return StepEncoder(self.cell, size, self.hidden, self.layers, self.bidirectional, params * features)

    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> nn.Module:
        return StepDecoder(self.cell, features, self.hidden, self.layers, shape, self.told_previous, self.reverse)


class StepEncoder(nn.Module):
    """(B, *shape) to (B, features): reads the steps and maps the last state of the topmost layer."""

    def __init__(
        self, cell: Cell, step_size: int, hidden: int, layers: int, bidirectional: bool, features: int
    ) -> None:
        super().__init__()
        kind, _ = CELLS[cell]
        self.cells = kind(step_size, hidden, layers, batch_first=True, bidirectional=bidirectional)
        self.last = nn.Linear((1 + bidirectional) * hidden, features)

    def forward(self, x: Tensor) -> Tensor:
        state = self.cells(to_steps(x))[1]
        h = state[0] if isinstance(state, tuple) else state  # (layers * directions, B, hidden)
        directions = 1 + self.cells.bidirectional
        return self.last(h[-directions:].transpose(0, 1).flatten(1))


class StepDecoder(nn.Module):
    """Writes the steps of a latent (B, features), from the first to the last or, reversed, from the last to the first.

    Arguments:
        cell, hidden, layers, reverse: as for `Recurrent`.
        features: of the latent.
        shape: of what the steps make up.
        told_previous: whether a step is told the one before it, as it is written.
    """

    def __init__(
        self, cell: Cell, features: int, hidden: int, layers: int, shape: Shape, told_previous: bool, reverse: bool
    ) -> None:
        super().__init__()
        kind, states = CELLS[cell]
        self.shape, self.reverse = shape, reverse
        self.num_steps, self.step_size = step_shape(shape, f"net={cell}")
        self.first = nn.Linear(features, states * layers * hidden)
        self.state_shape = (states, layers, hidden)
        self.cells = kind(features + told_previous * self.step_size, hidden, layers, batch_first=True)
        self.last = nn.Linear(hidden, self.step_size)

    def start(self, z: Tensor) -> State:
        """The state before the first step."""
        return first_state(self.first, z, self.state_shape)

    def write(self, z: Tensor, state: State, previous: Tensor | None = None) -> tuple[Tensor, State]:
        """The next steps and the state after them: as many as there are `previous` ones, (B, S, step_size), or all."""
        told = z[:, None].expand(-1, self.num_steps if previous is None else previous.shape[1], -1)
        told = told if previous is None else torch.cat([told, previous], dim=2)
        states = tuple(state.to(told.dtype))
        out, after = self.cells(told, states if len(states) > 1 else states[0])
        return self.last(out), torch.stack(after) if isinstance(after, tuple) else after[None]

    def forward(self, z: Tensor) -> Tensor:
        """(B, features) to (B, *shape), without telling it any step."""
        return self.arrange(self.write(z, self.start(z))[0])

    def unroll(self, z: Tensor, feed: Callable[[int, Tensor], Tensor]) -> Tensor:
        """(B, features) to (B, *shape), step by step.

        Arguments:
            z: the latents.
            feed: from the number of a step and what was written, (B, 1, step_size), to what the next one is told.
        """
        state, previous, steps = self.start(z), z.new_zeros(z.shape[0], 1, self.step_size), []
        for number in range(self.num_steps):
            step, state = self.write(z, state, previous)
            steps.append(step)
            previous = feed(number, step)
        return self.arrange(torch.cat(steps, dim=1))

    def order(self, steps: Tensor) -> Tensor:
        """Steps (B, S, step_size) of an example in the order in which they are written, and back."""
        return steps.flip(1) if self.reverse else steps

    def arrange(self, steps: Tensor) -> Tensor:
        """What is written, (B, S, step_size), as (B, *shape)."""
        return from_steps(self.order(steps), self.shape)


def first_state(layer: nn.Linear, z: Tensor, shape: Shape) -> State:
    """The state of this shape, (states, layers, hidden), that cells start from when they are told a latent (B, D)."""
    return layer(z).tanh().unflatten(1, shape).movedim(0, 2).contiguous()


def step_shape(shape: Shape, choice: str) -> tuple[int, int]:
    """How many steps data of a shape has, and the size of a step: images (C, H, W) have rows, sequences (steps, size).

    Raises:
        UserError: the data has no steps.
    """
    if len(shape) not in {2, 3}:
        raise UserError(
            f"{choice}: takes images (C, H, W) and sequences (steps, features), but the data has shape "
            f"{tuple(shape)}; use net=mlp"
        )
    return shape[-2], math.prod(shape) // shape[-2]


def to_steps(x: Tensor) -> Tensor:
    """(B, C, H, W) to its rows (B, H, C W); sequences (B, steps, features) are such steps."""
    return x.transpose(1, 2).flatten(2) if x.ndim == 4 else x


def from_steps(steps: Tensor, shape: Shape) -> Tensor:
    """The inverse of `to_steps` for examples of a shape."""
    return steps.unflatten(2, (shape[0], shape[2])).transpose(1, 2) if len(shape) == 3 else steps
