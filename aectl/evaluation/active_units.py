"""Which dimensions of a latent code vary with the input, and what it means when some do not."""

from torch import Tensor

ACTIVE_VARIANCE = 0.01
DEAD_SHARE = 1e-4
COLLAPSED_SHARE = 0.05  # a posterior with at most this share of active dimensions has collapsed: 0 of 16, 3 of 64


def active_units(codes: Tensor, generative: bool) -> int:
    r"""The number of dimensions in codes (N, D) that vary with the input.

    .. math:: A_d = \mathrm{Var}_x(\mathbb{E}_{q(z|x)}[z_d]) > 0.01

    Without a prior a code has no scale of its own: there a dimension is dead when its variance is less than a
    ten-thousandth of the largest.

    References:
        | Importance Weighted Autoencoders (Burda, Grosse & Salakhutdinov, 2015), section 5.2
        | https://arxiv.org/abs/1509.00519
    """
    variance = unit_variances(codes)
    least = ACTIVE_VARIANCE if generative else DEAD_SHARE * float(variance.max())
    return int((variance > least).sum())


def unit_variances(codes: Tensor) -> Tensor:
    """The variance of each dimension of codes (N, D) over the examples, (D,)."""
    return codes.double().var(0, correction=0)


def has_collapsed(units: int, active: int) -> bool:
    """Whether so few dimensions are active that the decoder ignores the code."""
    return active <= COLLAPSED_SHARE * units


def describe_inactive(units: int, active: int, generative: bool, has_beta: bool) -> str:
    """What the inactive dimensions mean and what to change; empty if all are active.

    `has_beta` is whether the model has the keys `model.beta` and `model.warmup_epochs`.
    """
    if active == units:
        return ""
    count = f"{units - active} of {units} latent dimensions ({(units - active) / units:.0%})"
    if not generative:
        if not active:
            return f"dead code: {count} are the same for every input; lower optimizer.lr"
        return (
            f"{count} are the same for every input: a smaller model.latent_dim would do, "
            "or lower optimizer.lr, which may have killed them"
        )
    remedy = "lower model.beta or warm up the KL (model.warmup_epochs=)" if has_beta else "weigh the KL less"
    if has_collapsed(units, active):
        return f"posterior collapse: {count} equal the prior; the decoder ignores them: {remedy}, or shrink the decoder"
    return f"{count} equal the prior: a smaller model.latent_dim would do; to use more of them {remedy}"
