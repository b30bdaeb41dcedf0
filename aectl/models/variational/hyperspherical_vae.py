"""The VAE whose latents lie on a sphere."""

from torch import Tensor
from torch.distributions import Distribution
from torch.nn import functional as F

from aectl.errors import UserError
from aectl.models.base import at_least_float32
from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.probability.von_mises_fisher import HypersphericalUniform, VonMisesFisher
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class HypersphericalVAE(VAE):
    r"""A VAE whose prior is uniform on the unit sphere, and whose posteriors are von Mises-Fisher distributions.

    .. math:: \mathcal{L}(x) = \mathbb{E}_{q(z|x)} [-\log p(x|z)] + \beta D_{KL}(q(z|x) \| \mathcal{U}(S^{D - 1})),
        \quad q(z|x) \propto e^{\kappa(x) \mu(x)^T z}, \quad \| z \| = 1

    The sphere has no centre that the prior draws all latents to. Each cell of a latent grid has a sphere of its own.

    References:
        | Hyperspherical Variational Auto-Encoders (Davidson et al., 2018), section 3
        | https://arxiv.org/abs/1804.00891

    Logs `loss`, `nll` and `kl`, in nats per example.

    Arguments:
        shape, input_shape, beta, warmup_epochs, net, likelihood: as for `VAE`.
        latent_dim: the coordinates of a latent, D, at least 2; the sphere has a dimension less.

    Raises:
        UserError: `latent_dim` is 1; a sample at a temperature: the uniform distribution has no spread to scale.
    """

    params_per_latent = 1

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        if latent_dim < 2:
            raise UserError(
                f"model.latent_dim={latent_dim}: expected 2 or more coordinates for a point on a sphere; "
                "model.latent_dim=2 is a circle"
            )
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        self.encoder = net.encoder(self.input_shape, latent_dim + 1)  # one more: the concentration
        self.coordinates = -len(self.latent_shape)

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        direction, h = at_least_float32(self.encoder(x)).tensor_split([self.latent_shape[0]], dim=1)
        kappa = 1 + self.latent_shape[0] * F.softplus(h)  # a first posterior is well apart from the uniform one
        return VonMisesFisher(F.normalize(direction, dim=1), kappa, self.coordinates)

    def decode(self, z: Tensor, c: Tensor | None = None, sides: Shape | None = None) -> Distribution:
        """p(x|z, c); the decoder sees coordinates with a deviation of about 1, as other models' have."""
        return super().decode(self.latent_shape[0] ** 0.5 * z, c, sides)

    def prior(self, n: int, c: Tensor | None = None) -> Distribution:
        """p(z) over (n, *latent_shape), uniform on the sphere of each cell."""
        like = next(self.parameters()).new_empty(n, *self.latent_shape)
        return HypersphericalUniform(like, self.coordinates)

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        if temperature != 1:
            raise UserError(
                f"temperature={temperature:g}: the prior of HypersphericalVAE is uniform on a sphere, without a "
                "deviation to scale; expected 1"
            )
        return super().sample(n, cond)
