"""What walks between the codes of test windows of music pass through, beside mixing the windows themselves."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from aectl.inference.latent_space import slerp
from aectl.inference.latents import decode_codes, encode_split
from aectl.modalities import Tokens

if TYPE_CHECKING:
    from aectl.inference.trained_run import TrainedRun

Cost = Callable[[Tensor], Tensor]
"""How unlikely windows (N, T, tracks) of tokens are, (N,) nats."""


class Walks(NamedTuple):
    """Means over pairs of windows, at steps from the one to the other, (S,) each.

    Arguments:
        to_first, to_last: the share of the tokens that differ from those of the window at either end.
        cost: of what the model decodes, in nats.
        mixed_cost: of windows whose tokens are each drawn from one of the two, ever more from the last.
    """

    to_first: Tensor
    to_last: Tensor
    cost: Tensor
    mixed_cost: Tensor


def measure_walks(trained: "TrainedRun", cost: Cost, pairs: int, steps: int) -> Walks:
    """Walks along arcs between the codes of pairs of test windows, which the seed chooses.

    References:
        | A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music (Roberts et al., 2018), section
          5.3
        | https://arxiv.org/abs/1803.05428
    """
    modality = trained.modality
    assert isinstance(modality, Tokens)
    windows = trained.run.data.split("test").x
    rng = torch.Generator().manual_seed(trained.seed)
    chosen = torch.randperm(len(windows), generator=rng)[: 2 * min(pairs, len(windows) // 2)].view(2, -1)
    codes = encode_split(trained, "test", len(windows)).codes
    between = torch.stack([slerp(codes[first], codes[last], steps) for first, last in chosen.T])  # (N, S, D)
    decoded = decode_codes(trained, between.flatten(0, 1), None)
    walked = modality.to_stored(decoded).unflatten(0, (-1, steps))  # (N, S, T, tracks)
    ends = windows[chosen][:, :, None]  # (2, N, 1, T, tracks)
    to_first, to_last = (walked != ends).float().mean((1, 3, 4))
    mixed = mix(ends[0], ends[1], steps, rng)
    costs = [cost(each.flatten(0, 1)).unflatten(0, (-1, steps)).mean(0) for each in (walked, mixed)]
    return Walks(to_first, to_last, *costs)


def mix(first: Tensor, last: Tensor, steps: int, rng: torch.Generator) -> Tensor:
    """Windows (N, S, T, tracks) whose tokens are from `last` with a probability that rises from 0 to 1, else `first`.

    Both have the shape (N, 1, T, tracks).
    """
    shape = (first.shape[0], steps, *first.shape[2:])
    share = torch.linspace(0, 1, steps).view(1, -1, 1, 1)
    return last.where(torch.rand(shape, generator=rng) < share, first)
