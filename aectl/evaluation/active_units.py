"""Which numbers of a code vary with the input. Pure functions of codes."""

from torch import Tensor

ACTIVE_VARIANCE = 0.01
DEAD_SHARE = 1e-4


def active_units(codes: Tensor, generative: bool) -> int:
    r"""How many of the numbers in a code (N, D) vary with the input.

    .. math:: A_d = \mathrm{Var}_x(\mathbb{E}_{q(z|x)}[z_d]) > 0.01

    A code without a prior has no scale of its own: there a unit is dead when its variance is less than a ten-thousandth
    of the largest.

    References:
        | Importance Weighted Autoencoders (Burda, Grosse & Salakhutdinov, 2015), section 5.2
        | https://arxiv.org/abs/1509.00519
    """
    variance = unit_variances(codes)
    least = ACTIVE_VARIANCE if generative else DEAD_SHARE * float(variance.max())
    return int((variance > least).sum())


def unit_variances(codes: Tensor) -> Tensor:
    """How much each number in a code (N, D) varies over the examples, (D,)."""
    return codes.double().var(0, correction=0)
