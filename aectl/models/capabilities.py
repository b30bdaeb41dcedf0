"""What a model can do beyond the interface of `Autoencoder`; ask `isinstance(model, HasLatent)`, not for a class."""

import math
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from aectl.example import Example
from aectl.models.base import Autoencoder
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import Shape


@runtime_checkable
class HasLatent(Protocol):
    """A model with a single latent, which `embed` returns as (B, latent_size) and `decode_mean` decodes."""

    latent_shape: Shape
    latent_size: int

    def decode_mean(self, z: Tensor, cond: Tensor | None = None) -> Tensor: ...


@runtime_checkable
class HasPrior(Protocol):
    """A model with a prior over its latents (n, *latent_shape), elementwise or joint."""

    def prior(self, n: int, c: Tensor | None = None) -> Distribution: ...


@runtime_checkable
class HasKL(HasLatent, HasPrior, Protocol):
    """A variational model: the terms of its `latent` add up to the KL divergence of the posterior from the prior.

    Its `penalties`, if any, are no part of it.

    Attributes:
        is_bound: whether -nll - kl is a lower bound of log p(x).
        likelihood: the distribution that the decoder's output parametrizes.
    """

    is_bound: bool
    if TYPE_CHECKING:  # from Python 3.12 on `isinstance` does not find submodules
        likelihood: Likelihood

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution: ...

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]: ...

    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution: ...


@runtime_checkable
class HasCodes(Protocol):
    """A model whose latent is made of discrete codes, (B, *code_shape) int64 of `num_codes` each."""

    code_shape: Shape
    num_codes: int

    def codes(self, input: Tensor, cond: Tensor | None = None) -> Tensor: ...

    def decode_codes(self, indices: Tensor, cond: Tensor | None = None) -> Tensor: ...


@runtime_checkable
class HasLogLikelihood(Protocol):
    """A model that estimates log p(x) itself, such as one with several levels of latents."""

    def log_likelihood(self, example: Example, k: int) -> Tensor:
        """log p(target) from `k` draws, (B,) nats; in expectation a lower bound, with one draw the ELBO."""
        ...


@runtime_checkable
class HasTeacherForcing(Protocol):
    """A model that writes step by step, each told the one before it: `reconstruct` tells what it has written itself."""

    def teacher_forced(self, example: Example) -> Tensor:
        """The same, but told the true step before each, (B, *shape)."""
        ...


@runtime_checkable
class HasDecoderLoop(Protocol):
    """A model that decodes step by step, for exporters, which would write out every step."""

    def decoder_loop(self) -> tuple[nn.Module, nn.Module]:
        """What comes before the loop and a step of it, as `aectl.models.nets.music_loop` describes."""
        ...


@runtime_checkable
class HasBeta(Protocol):
    """A model whose loss weights the KL by `beta`."""

    beta: float


@runtime_checkable
class IsConditional(Protocol):
    """A model conditioned on class labels: all of its calls need `cond`, (B,) int64."""

    num_classes: int


def has_normal_prior(model: object) -> bool:
    """Whether the prior is elementwise normal, as N(0, I) is, and no mixture, flow or the like."""
    return isinstance(model, HasPrior) and isinstance(model.prior(1), Normal)


def code_length(model: Autoencoder) -> int:
    """How many numbers describe an example: the discrete codes of a model that has some, else the latent."""
    return math.prod(model.code_shape) if isinstance(model, HasCodes) else model.latent_size


def is_bound(model: object) -> bool:
    """Whether the model's ELBO is a lower bound of log p(x)."""
    return isinstance(model, HasKL) and model.is_bound
