"""The regularized autoencoder, a generator without noise in training."""

from collections.abc import Mapping
from typing import Literal

from torch import Tensor
from torch.distributions import Distribution

from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.nets.base import Net
from aectl.models.probability.distributions import sum_events
from aectl.models.probability.jacobians import frobenius_estimate
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class RAE(AE):
    r"""An autoencoder with short codes and a smooth decoder; new codes are drawn from a density fitted afterwards.

    .. math:: \mathcal{L}(x) = -\log p(x|z) + \beta \, \tfrac{1}{2} \|z\|_2^2 + \lambda \mathcal{L}_{REG},
        \quad z = f(x), \quad \mathcal{L}_{REG} = \| \nabla_z D(z) \|_F^2 \text{ or } \| \theta_D \|_2^2

    The norm of the decoder's Jacobian is estimated without bias from a random direction. `aectl sample` fits a Gaussian
    to the training codes, and with `sampler=mixture` a mixture, which the paper recommends.

    References:
        | From Variational to Deterministic Autoencoders (Ghosh et al., 2020), sections 3 and 4
        | https://arxiv.org/abs/1903.12436

    Logs `loss` and `nll`, in nats per example, `l2`, half the squared length of the code, and `gradient` or `weights`,
    the squared norm of the decoder's Jacobian or of its weights; these have no unit.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`.
        beta_code: the weight of the code's length.
        lambda_decoder: the weight of what keeps the decoder smooth.
        regularizer: which that is: `gradient`, its Jacobian at the code, or `weights`.
    """

    penalties = frozenset({"l2", "gradient", "weights"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta_code: NonNegativeFloat,
        lambda_decoder: NonNegativeFloat,
        regularizer: Literal["gradient", "weights"],
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, net, likelihood)
        self.beta_code, self.lambda_decoder, self.regularizer = beta_code, lambda_decoder, regularizer

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        z, terms = super().latent(q, c)
        return z, {**terms, "l2": 0.5 * sum_events(z.square())}

    def regularizers(self, example: Example, q: Distribution, z: Tensor) -> dict[str, Tensor]:
        if self.regularizer == "weights":
            return {"weights": sum((p.square().sum() for p in self.decoder.parameters()), z.new_zeros(()))}
        return {"gradient": frobenius_estimate(lambda z: self.decode(z, example.cond).mean, z)}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"l2": self.beta_code, self.regularizer: self.lambda_decoder}
