"""The autoencoder whose code resists small changes of the input."""

from collections.abc import Mapping

from torch import Tensor
from torch.distributions import Distribution

from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.nets.base import Net
from aectl.models.probability.distributions import location
from aectl.models.probability.jacobians import frobenius, frobenius_estimate
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class ContractiveAE(AE):
    r"""An autoencoder with a penalty on the Jacobian of its encoder, so that a code changes only where it has to.

    .. math:: \mathcal{L}(x) = -\log p(x | f(x)) + \lambda \left\| \frac{\partial f(x)}{\partial x} \right\|_F^2

    The norm is exact, at the cost of a backward pass for each latent, or with `probes` estimated without bias, at that
    of one for each probe.

    References:
        | Contractive Auto-Encoders: Explicit Invariance During Feature Extraction (Rifai et al., 2011), section 2
        | https://icml.cc/2011/papers/455_icmlpaper.pdf

    Logs `loss` and `nll`, in nats per example, and `jacobian`, the squared norm, in squared latents a squared pixel
    range.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`.
        lambda_jacobian: the weight of the squared norm.
        probes: the random directions that it is estimated from; none: exact.
    """

    penalties = frozenset({"jacobian"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        lambda_jacobian: NonNegativeFloat,
        probes: PositiveInt | None,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, net, likelihood)
        self.lambda_jacobian, self.probes = lambda_jacobian, probes

    def regularizers(self, example: Example, q: Distribution, z: Tensor) -> dict[str, Tensor]:
        x = example.input
        norm = frobenius_estimate(self._code, x, self.probes) if self.probes else frobenius(self._code, x)
        return {"jacobian": norm}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"jacobian": self.lambda_jacobian}

    def _code(self, x: Tensor) -> Tensor:
        return location(self.encode(x))
