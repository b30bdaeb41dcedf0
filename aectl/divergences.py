"""How far one distribution lies from another, in nats. Pure functions that know only torch."""

from torch import Tensor
from torch.distributions import Distribution, kl_divergence


def kl(q: Distribution, p: Distribution) -> Tensor:
    r"""The divergence of Kullback and Leibler in closed form, summed over everything but the batch.

    .. math:: D_{KL}(q \| p) = \mathbb{E}_q [\log q(z) - \log p(z)]

    References:
        | Auto-Encoding Variational Bayes (Kingma & Welling, 2013), appendix B
        | https://arxiv.org/abs/1312.6114

    Arguments:
        q: the approximate posterior, elementwise over (B, ...).
        p: the prior, elementwise over the same shape.

    Returns:
        (B,) nats.

    Raises:
        NotImplementedError: the pair has no closed form in torch.
    """
    return kl_divergence(q, p).flatten(1).sum(1)
