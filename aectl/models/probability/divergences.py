"""Divergences between distributions, in nats: pure functions."""

from torch import Tensor
from torch.distributions import Distribution, Normal, kl_divergence


def kl(q: Distribution, p: Distribution) -> Tensor:
    r"""The Kullback-Leibler divergence in closed form: q and p elementwise over (B, ...) to (B,) nats.

    .. math:: D_{KL}(q \| p) = \mathbb{E}_q [\log q(z) - \log p(z)]

    References:
        | Auto-Encoding Variational Bayes (Kingma & Welling, 2013), appendix B
        | https://arxiv.org/abs/1312.6114

    Raises:
        NotImplementedError: the pair has no closed form in torch.
    """
    elementwise = kl_normals(q, p) if isinstance(q, Normal) and isinstance(p, Normal) else kl_divergence(q, p)
    return elementwise.flatten(1).sum(1)


def kl_normals(q: Normal, p: Normal) -> Tensor:
    r"""The elementwise KL divergence of normal distributions; torch's own cannot be compiled.

    .. math:: D_{KL}(q \| p) = \tfrac{1}{2} (r^2 + t^2 - 1) - \log r,
        \quad r = \frac{\sigma_q}{\sigma_p}, \quad t = \frac{\mu_q - \mu_p}{\sigma_p}
    """
    ratio = q.scale / p.scale
    return 0.5 * (ratio.square() + ((q.loc - p.loc) / p.scale).square() - 1) - ratio.log()
