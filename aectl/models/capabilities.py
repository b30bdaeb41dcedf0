"""What a model can do beyond the calls of `Autoencoder`: asked with `isinstance`, never by the model's class."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor
from torch.distributions import Distribution

from aectl.types import Shape

if TYPE_CHECKING:
    from aectl.models.probability.likelihoods import Likelihood


@runtime_checkable
class HasLatent(Protocol):
    """A model with one latent that can be decoded; `embed` gives it flat, (B, latent_size)."""

    latent_shape: Shape

    @property
    def latent_size(self) -> int: ...

    def decode_mean(self, z: Tensor, cond: Tensor | None = None) -> Tensor: ...


@runtime_checkable
class HasPrior(Protocol):
    """A model with a distribution over its latents, (n, *latent_shape), to draw from."""

    def prior(self, n: int, c: Tensor | None = None) -> Distribution: ...


@runtime_checkable
class HasKL(HasLatent, HasPrior, Protocol):
    """A variational model: it is charged, in nats, for what the posterior says beyond the prior.

    Attributes:
        is_bound: whether -nll - kl is a lower bound of log p(x).
        likelihood: how the decoder's output is scored.
    """

    is_bound: bool
    if TYPE_CHECKING:  # a submodule, which `isinstance` does not find: it looks past `nn.Module.__getattr__`
        likelihood: Likelihood

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution: ...

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]: ...

    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution: ...


@runtime_checkable
class HasBeta(Protocol):
    """A model whose KL has a weight in the loss, the key `model.beta`."""

    beta: float


@runtime_checkable
class IsConditional(Protocol):
    """A model that is told the class of each example: `cond` is (B,) int64 in all of its calls."""

    num_classes: int


def is_bound(model: object) -> bool:
    """Whether the model's ELBO is a lower bound of log p(x)."""
    return isinstance(model, HasKL) and model.is_bound
