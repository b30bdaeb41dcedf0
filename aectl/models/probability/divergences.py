"""Divergences between distributions, in nats: pure functions."""

from torch import Tensor
from torch.distributions import Distribution, Normal, kl_divergence

from aectl.models.probability.distributions import log_prob, sum_events


def kl(q: Distribution, p: Distribution) -> Tensor:
    r"""The Kullback-Leibler divergence in closed form: q and p over (B, ...), elementwise or joint, to (B,) nats.

    .. math:: D_{KL}(q \| p) = \mathbb{E}_q [\log q(z) - \log p(z)]

    References:
        | Auto-Encoding Variational Bayes (Kingma & Welling, 2013), appendix B
        | https://arxiv.org/abs/1312.6114

    Raises:
        NotImplementedError: the pair has no closed form in torch.
    """
    return sum_events(elementwise_kl(q, p))


def elementwise_kl(q: Distribution, p: Distribution) -> Tensor:
    """As `kl`, but for each dimension of distributions that are elementwise, (B, ...)."""
    return kl_normals(q, p) if isinstance(q, Normal) and isinstance(p, Normal) else kl_divergence(q, p)


def kl_or_estimate(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    r"""The closed form or, of a pair without one, such as a flow, its unbiased estimate from z drawn from q, (B,) nats.

    .. math:: D_{KL}(q \| p) \approx \log q(z) - \log p(z), \quad z \sim q(z)
    """
    try:
        return kl(q, p)
    except NotImplementedError:
        return log_prob(q, z) - log_prob(p, z)


def kl_normals(q: Normal, p: Normal) -> Tensor:
    r"""The elementwise KL divergence of normal distributions; torch's own cannot be compiled.

    .. math:: D_{KL}(q \| p) = \tfrac{1}{2} (r^2 + t^2 - 1) - \log r,
        \quad r = \frac{\sigma_q}{\sigma_p}, \quad t = \frac{\mu_q - \mu_p}{\sigma_p}
    """
    ratio = q.scale / p.scale
    return 0.5 * (ratio.square() + ((q.loc - p.loc) / p.scale).square() - 1) - ratio.log()
