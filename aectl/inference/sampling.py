"""New images from a run: from the model's prior, or from a distribution fitted to its training latents."""

import copy
from typing import Literal

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from aectl.errors import UserError
from aectl.inference.latents import encode_split
from aectl.inference.trained_run import TrainedRun
from aectl.models.base import Autoencoder
from aectl.rng import seeded_rng

LATENTS_TO_FIT = 10_000
LARGEST_FULL_COVARIANCE = 256
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
    drawn = sample_mixture(fit_mixture(codes, components, opened.seed), n, temperature).to(opened.device)
    return torch.cat([model.decode_mean(part).cpu() for part in drawn.split(BATCH_SIZE)])


def fit_mixture(latents: Tensor, components: int, seed: int) -> GaussianMixture:
    """A mixture of Gaussians over training latents (N, D): one component is a single Gaussian.

    References:
        | From Variational to Deterministic Autoencoders (Ghosh et al., 2020), section 4
        | https://arxiv.org/abs/1903.12436
    """
    kind = "full" if latents.shape[1] <= LARGEST_FULL_COVARIANCE else "diag"
    mixture = GaussianMixture(components, covariance_type=kind, reg_covar=1e-5, random_state=seed)
    return mixture.fit(latents.cpu().double().numpy())


def sample_mixture(mixture: GaussianMixture, n: int, temperature: float) -> Tensor:
    """New latents (n, D); `temperature` multiplies the standard deviation of each component."""
    scaled = copy.copy(mixture)
    scaled.covariances_ = mixture.covariances_ * temperature**2
    latents, _ = scaled.sample(n)
    return torch.from_numpy(np.random.default_rng(mixture.random_state).permutation(latents)).float()


def lerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Codes (steps, D) from `a` (D,) to `b` at even distances on the line between them."""
    t = torch.linspace(0, 1, steps, device=a.device).unsqueeze(1)  # (steps, 1)
    return (1 - t) * a + t * b


def slerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    r"""Codes (steps, D) from `a` (D,) to `b` along the arc between them, which keeps their length like the prior's.

    .. math:: z_t = \frac{\sin((1 - t) \omega)}{\sin \omega} a + \frac{\sin(t \omega)}{\sin \omega} b

    References:
        | Sampling Generative Networks (White, 2016), section 2.1
        | https://arxiv.org/abs/1609.04468
    """
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=0).clamp(-1, 1)
    omega = cosine.arccos()
    if omega.sin() < 1e-3:
        return lerp(a, b, steps)
    t = torch.linspace(0, 1, steps, device=a.device).unsqueeze(1)  # (steps, 1)
    return (((1 - t) * omega).sin() * a + (t * omega).sin() * b) / omega.sin()
