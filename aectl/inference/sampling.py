"""New images from a run: from the model's prior, or from a distribution fitted to its training latents."""

from typing import Literal

import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.inference import samplers
from aectl.inference.latents import encode_split
from aectl.inference.trained_run import TrainedRun
from aectl.models.base import Autoencoder
from aectl.rng import seeded_rng

LATENTS_TO_FIT = 10_000
BATCH_SIZE = 128
"""Its maps still fit the cache of a CPU: 500 images at once take twice as long."""

Sampler = Literal["prior", "gaussian", "mixture"]


def default_sampler(model: Autoencoder) -> Sampler:
    """What to draw from when nothing else is asked for."""
    return "prior" if model.generative else "gaussian"


@torch.inference_mode()
def generate(opened: TrainedRun, n: int, sampler: Sampler, components: int = 1, temperature: float = 1.0) -> Tensor:
    """`n` images (n, *shape) on the CPU; the same for the same seed."""
    with seeded_rng(opened.seed, opened.device):
        if sampler == "prior":
            return torch.cat([opened.model.sample(size, temperature=temperature).cpu() for size in batch_sizes(n)])
        return sample_fitted(opened, components if sampler == "mixture" else 1, n, temperature)


def batch_sizes(n: int) -> list[int]:
    """`n` in batches."""
    return [min(BATCH_SIZE, n - start) for start in range(0, n, BATCH_SIZE)]


def sample_fitted(opened: TrainedRun, components: int, n: int, temperature: float) -> Tensor:
    """Images (n, *shape) of codes drawn from a mixture that is fitted to the training latents."""
    model = opened.single_latent
    codes = encode_split(opened, "train", LATENTS_TO_FIT).codes
    if len(codes) < components:
        most = min(10, len(codes))
        raise UserError(f"components={components}: more than the {len(codes)} training latents; try components={most}")
    drawn = samplers.sample_mixture(samplers.fit_mixture(codes, components, opened.seed), n, temperature).to(
        opened.device
    )
    return torch.cat([model.decode_mean(part).cpu() for part in drawn.split(BATCH_SIZE)])
