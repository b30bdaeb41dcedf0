"""Black-and-white images drawn from gray ones."""

from typing import Literal

import torch
from torch import Tensor

from aectl.modalities.pixels import WHITE
from aectl.rng import seeded_rng

Binarize = Literal["none", "threshold", "fixed", "dynamic"]
CHUNK = 10_000  # images drawn at a time, to bound the memory


def binarize_images(x: Tensor, how: Binarize) -> Tensor:
    """uint8 gray values as black and white, 0 and 255; the draws do not depend on the seed of a run."""
    if how == "threshold":
        return (x > WHITE // 2).mul(WHITE).to(torch.uint8)
    with seeded_rng(0, x.device):
        return torch.cat([sample_binary(chunk) for chunk in x.split(CHUNK)])


def sample_binary(x: Tensor) -> Tensor:
    """Draws each uint8 pixel black or white; its gray value is the probability of white.

    References:
        | On the Quantitative Analysis of Deep Belief Networks (Salakhutdinov & Murray, 2008), section 5
        | https://doi.org/10.1145/1390156.1390266
    """
    return (torch.rand(x.shape, device=x.device) * WHITE < x).mul(WHITE).to(torch.uint8)
