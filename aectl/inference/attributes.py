"""Attributes: classes as directions in the latent space, along which the codes of examples are moved."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.inference.latents import decode_codes, encode_split
from aectl.inference.sampling import LATENTS_TO_FIT

if TYPE_CHECKING:
    from aectl.inference.trained_run import TrainedRun


def attribute_vector(trained: "TrainedRun", towards: int, away_from: int | None) -> Tensor:
    r"""The mean training latent of a class less that of another, or of all others where it is None, (D,).

    .. math:: a = \mathbb{E}[z | y = A] - \mathbb{E}[z | y = B]

    References:
        | Sampling Generative Networks (White, 2016), section 3.2
        | https://arxiv.org/abs/1609.04468

    Raises:
        UserError: one of the two has no training examples.
    """
    codes, y, classes = encode_split(trained, "train", LATENTS_TO_FIT)
    assert y is not None
    own, others = y == towards, of_others(y, towards, away_from)
    if not (own.any() and others.any()):
        raise UserError(
            f"attribute={classes[towards]}: no training examples on one side of the vector; expected a class with some"
        )
    return codes[own].mean(0) - codes[others].mean(0)


def of_others(y: Tensor, towards: int, away_from: int | None) -> Tensor:
    """Which of the labels (N,) are of the class to start from, or of any other, (N,); an unlabelled one is of none."""
    return (y != towards) & (y >= 0) if away_from is None else y == away_from


def move_along(trained: "TrainedRun", examples: Tensor, vector: Tensor, strengths: list[float]) -> Tensor:
    """Outputs (len(examples), len(strengths), *shape) for the codes of test examples, moved by multiples of a vector.

    `examples` (N,) are their indices.
    """
    codes = encode_split(trained, "test", int(examples.max()) + 1).codes[examples]  # (N, D)
    moved = codes.unsqueeze(1) + torch.tensor(strengths).view(1, -1, 1) * vector  # (N, S, D)
    return decode_codes(trained, moved.flatten(0, 1), None).unflatten(0, moved.shape[:2])
