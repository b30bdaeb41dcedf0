"""New examples from a run: from the model's prior, or from a distribution fitted to its training latents."""

import copy
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.inference.kernel_density import fit_kernel_density
from aectl.inference.latent_flow import fit_flow
from aectl.inference.latents import DECODED_AT_ONCE, decode_codes, encode_split
from aectl.models.base import Autoencoder
from aectl.models.probability.flows import check_flows
from aectl.rng import seeded_rng

if TYPE_CHECKING:
    from aectl.inference.trained_run import TrainedRun

LATENTS_TO_FIT = 10_000
LARGEST_FULL_COVARIANCE = 256
COMPONENTS_OF_MIXTURE = 10

Sampler = Literal["prior", "standard", "gaussian", "mixture", "kde", "flow"]
SOURCES: dict[Sampler, str] = {
    "prior": "the prior",
    "standard": "N(0, I)",
    "gaussian": "a Gaussian fitted to the training latents",
    "mixture": "a mixture of Gaussians fitted to the training latents",
    "kde": "a kernel density estimate of the training latents",
    "flow": "a normalizing flow fitted to the training latents",
}


def default_sampler(model: Autoencoder) -> Sampler:
    return "prior" if model.generative else "gaussian"


@torch.inference_mode()
def generate(
    trained: "TrainedRun",
    n: int,
    sampler: Sampler,
    components: int = 1,
    temperature: float | None = None,
    cond: Tensor | None = None,
) -> Tensor:
    """`n` examples (n, *shape) on the CPU, of the classes `cond` (n,) if the model is conditional."""
    of_codes = 1.0 if temperature is None else temperature
    with seeded_rng(trained.seed, trained.device):
        if sampler == "standard":
            codes = of_codes * torch.randn(n, trained.latent_model().latent_size)
            return decode_codes(trained, codes, cond)
        if sampler != "prior":
            codes = draw_codes(trained, n, sampler, components if sampler == "mixture" else 1, of_codes)
            return decode_codes(trained, codes, cond)
        conds = [None] * n if cond is None else cond.split(DECODED_AT_ONCE)
        sizes = zip(batch_sizes(n), conds, strict=False)
        given = {} if temperature is None else {"temperature": temperature}
        return torch.cat([trained.model.sample(size, part, **given).cpu() for size, part in sizes])


def batch_sizes(n: int) -> list[int]:
    return [min(DECODED_AT_ONCE, n - start) for start in range(0, n, DECODED_AT_ONCE)]


def draw_codes(trained: "TrainedRun", n: int, sampler: Sampler, components: int, temperature: float) -> Tensor:
    """Codes (n, D) drawn from what is fitted to the training latents."""
    check_sampler(trained, sampler)  # raises before anything is encoded
    codes = encode_split(trained, "train", LATENTS_TO_FIT).codes
    if sampler == "kde":
        return fit_kernel_density(codes, trained.seed).sample(n, temperature)
    if sampler == "flow":
        return fit_flow(codes).sample(n, temperature)
    if len(codes) < components:
        most = min(10, len(codes))
        raise UserError(f"components={components}: more than the {len(codes)} training latents; try components={most}")
    return sample_mixture(fit_mixture(codes, components, trained.seed), n, temperature)


def check_sampler(trained: "TrainedRun", sampler: Sampler) -> None:
    """Raises a UserError for a sampler of latents that the model does not have, or that is not installed."""
    trained.latent_model()
    if sampler == "flow":
        check_flows("sampler=flow")


def fit_mixture(latents: Tensor, components: int, seed: int) -> Any:
    """A scikit-learn mixture of Gaussians over training latents (N, D): one component is a single Gaussian.

    References:
        | From Variational to Deterministic Autoencoders (Ghosh et al., 2020), section 4
        | https://arxiv.org/abs/1903.12436
    """
    from sklearn.mixture import GaussianMixture

    kind = "full" if latents.shape[1] <= LARGEST_FULL_COVARIANCE else "diag"
    mixture = GaussianMixture(components, covariance_type=kind, reg_covar=1e-5, random_state=seed)
    return mixture.fit(latents.cpu().double().numpy())


def sample_mixture(mixture: Any, n: int, temperature: float) -> Tensor:
    """New latents (n, D); `temperature` multiplies the standard deviation of each component."""
    scaled = copy.copy(mixture)
    scaled.covariances_ = mixture.covariances_ * temperature**2
    latents, _ = scaled.sample(n)
    return torch.from_numpy(np.random.default_rng(mixture.random_state).permutation(latents)).float()
