"""The autoencoder with a sparse code."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor
from torch.distributions import Distribution

from aectl.models.ae import AE
from aectl.models.base import at_least_float32
from aectl.models.nets.base import Net
from aectl.models.probability.distributions import Dirac
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class SparseAE(AE):
    r"""An autoencoder whose code is not negative and mostly 0, as each number in it costs.

    .. math:: \mathcal{L}(x) = -\log p(x|z) + \lambda D \|z\|_1, \quad z = \max(f(x), 0)

    $D$ is the number of values of the target: with `likelihood=bernoulli` this is $D$ times the loss of Keras, which
    is a mean over the pixels, and $\lambda$ is the weight there.

    References:
        | Building Autoencoders in Keras (Chollet, 2016), "Adding a sparsity constraint on the encoded representations"
        | https://blog.keras.io/building-autoencoders-in-keras.html

    Logs `loss` and `nll`, in nats per example, `l1`, the sum of the code, and `active`, the latents that are not 0.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`.
        lambda_l1: the weight of the code's sum, in nats for each value of the target.
    """

    term_units: Mapping[str, str] = MappingProxyType({"active": "latents"})
    penalties = frozenset({"l1"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        lambda_l1: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, net, likelihood)
        self.lambda_l1 = lambda_l1

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        return Dirac(at_least_float32(self.encoder(x)).relu())

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        z, terms = super().latent(q, c)
        code = z.flatten(1)
        return z, {**terms, "l1": code.sum(1), "active": (code > 0).sum(1).float()}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"l1": self.lambda_l1 * math.prod(self.shape)}
