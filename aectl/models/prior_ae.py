"""An autoencoder with a prior over its latent, to sample from."""

from torch import Tensor
from torch.distributions import Distribution

from aectl.models.ae import AE
from aectl.models.probability.distributions import standard_normal


class PriorAE(AE):
    r"""An autoencoder whose latents are to follow $p(z) = \mathcal{N}(0, I)$; how they are made to is its subclasses'.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`.
    """

    def prior(self, n: int, c: Tensor | None = None) -> Distribution:
        """p(z|c) over (n, *latent_shape), elementwise or joint."""
        return standard_normal(next(self.parameters()).new_empty(n, *self.latent_shape))

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        z = temperature * self.prior(n, cond).sample()
        return self.decode(z, cond).mean
