"""Importance weights of latents: their probability under the model, relative to the posterior they are drawn from."""

from torch import Tensor
from torch.distributions import Distribution

from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.capabilities import HasKL
from aectl.models.probability.distributions import log_prob


def log_weights(model: HasKL, example: Example, q: Distribution, z: Tensor) -> tuple[Tensor, Tensor]:
    r"""The two parts of $\log w_k$, (k, B) nats each, for latents (k, B, *latent_shape) drawn from q.

    .. math:: \log w_k = \log p(x|z_k) - \log \frac{q(z_k|x)}{p(z_k)}

    References:
        | Importance Weighted Autoencoders (Burda, Grosse & Salakhutdinov, 2015), eq. 8
        | https://arxiv.org/abs/1509.00519
    """
    k, n = z.shape[:2]
    prior = model.prior(n, example.cond)
    log_ratio = log_prob(q, z, 2) - log_prob(prior, z, 2)
    cond, weight = repeat_batch(example.cond, k), repeat_batch(example.weight, k)
    target = example.target.expand(k, *example.target.shape).flatten(0, 1)
    p = scored_by(model, z.flatten(0, 1), example._replace(target=target, cond=cond, weight=weight))
    nll = model.likelihood.nll(p, target, weight)
    return -nll.view(k, n), log_ratio


def scored_by(model: HasKL, z: Tensor, example: Example) -> Distribution:
    """The p(x|z, c) of latents (B, *latent_shape) that a target is scored by."""
    return model.decode_for(z, example) if isinstance(model, AE) else model.decode(z, example.cond)


def repeat_batch(part: Tensor | None, k: int) -> Tensor | None:
    """A part of an example (B, ...) as (k * B, ...)."""
    return None if part is None else part.repeat(k, *[1] * (part.ndim - 1))
