"""The autoencoder whose code has exactly k active latents."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from aectl.errors import UserError
from aectl.models.ae import AE
from aectl.models.base import at_least_float32
from aectl.models.nets.base import Net
from aectl.models.probability.distributions import Dirac
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import PositiveInt, Shape


class KSparseAE(AE):
    r"""An autoencoder that keeps the k largest latents of each code, and sets all others to 0.

    .. math:: \mathcal{L}(x) = -\log p(x|z), \quad z = \mathrm{supp}_k(f(x))

    On a grid of latents these are the k largest of each cell.

    References:
        | k-Sparse Autoencoders (Makhzani & Frey, 2014), algorithm 1, with as many latents in training and after it
        | https://arxiv.org/abs/1312.5663

    Logs `loss` and `nll`, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`.
        k: the number of latents that are kept.

    Raises:
        UserError: k is more than there are.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        k: PositiveInt,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        if k > latent_dim:
            raise UserError(f"model.k={k}: more than model.latent_dim={latent_dim}; expected at most as many")
        super().__init__(shape, input_shape, latent_dim, net, likelihood)
        self.k = k

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        return Dirac(keep_largest(at_least_float32(self.encoder(x)), self.k))


def keep_largest(z: Tensor, k: int) -> Tensor:
    """Latents (B, F, *grid) with the k largest of each F kept and the others 0."""
    largest = z.topk(k, dim=1)
    return torch.zeros_like(z).scatter(1, largest.indices, largest.values)
