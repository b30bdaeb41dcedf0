"""Where new latents come from when a model has no prior, or when its prior fits badly. Knows only arrays."""

import copy

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

LARGEST_FULL_COVARIANCE = 256


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
