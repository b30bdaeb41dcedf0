"""The variational autoencoder as the lesson prints it. Knows nothing of tasks, data or Lightning."""

from torch import Tensor
from torch.distributions import Distribution

from aectl.models.probability.distributions import normal, standard_normal
from aectl.models.probability.divergences import kl
from aectl.models.vae import VAE


class LessonVAE(VAE):
    r"""Reads the encoder's second output $s$ as $\log \sigma$ when it samples and as $\log \sigma^2$ in the KL.

    .. math:: z = \mu + e^s \epsilon, \quad D = -\tfrac{1}{2} \sum (1 + s - \mu^2 - e^s)

    The two disagree, so this is no bound on the likelihood; it is here to be laid beside the lesson's printed numbers.
    `VAE` is the exact form.

    References:
        | AI for Beginners, lesson 9: Autoencoders (Microsoft, 2022)
    """

    is_bound = False

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        mu, s = self.encoder(x).chunk(2, dim=1)
        return normal(mu, s.exp())

    def divergence(self, q: Distribution, z: Tensor, c: Tensor | None = None) -> dict[str, Tensor]:
        as_variance = normal(q.mean, q.stddev.sqrt())
        return {"kl": kl(as_variance, standard_normal(z))}
