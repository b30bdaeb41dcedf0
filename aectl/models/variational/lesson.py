"""The variational autoencoder as the lesson implements it."""

from torch import Tensor
from torch.distributions import Distribution

from aectl.models.probability.distributions import normal, standard_normal
from aectl.models.probability.divergences import kl
from aectl.models.vae import VAE


class LessonVAE(VAE):
    r"""A VAE that reads its encoder's second output $s$ as $\log \sigma$ in sampling and as $\log \sigma^2$ in the KL.

    .. math:: z = \mu + e^s \epsilon, \quad D = -\tfrac{1}{2} \sum (1 + s - \mu^2 - e^s)

    The two disagree, so the loss is no bound on the likelihood: use it only to compare with the numbers that the lesson
    prints. `VAE` is the exact form.

    References:
        | AI for Beginners, lesson 9: Autoencoders (Microsoft, 2022)
    """

    is_bound = False

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        mu, s = self.encoder(x).chunk(2, dim=1)
        return normal(mu, s.exp())

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        as_variance = normal(q.mean, q.stddev.sqrt())
        return q.rsample(), {"kl": kl(as_variance, standard_normal(q.mean))}
