"""What can go wrong in training: each check returns a line with a remedy, or none."""

from torch import Tensor

from aectl.evaluation.active_units import DEAD_SHARE, active_units, describe_inactive, has_collapsed
from aectl.evaluation.loss_terms import CHANCE
from aectl.models.probability.likelihoods import HALF_A_GRAY_LEVEL

MOSTLY_DEAD = 0.5
"""Fewer dead dimensions than this fraction cost little; a code that ends in rectifiers always has some."""
GRAY = 0.1
"""A pixel is gray if it is further than this from black and white."""
FEW_GRAY = 0.01
SATURATED_SHARE = 0.9
CONSTANT_SHARE = 0.01
"""Of the variance of the targets: two latent dimensions keep 30 %, and a net that has learned anything several."""
SATURATED_LOSS = 0.05
"""In nats a decision: right with a probability of 95 %."""
LEAST_GAIN = 0.05
"""In dB over the untouched input."""
NAMED = 3
"""Dead weights that are given by name."""


def posterior_collapse(means: Tensor, has_beta: bool = True) -> str | None:
    """Whether next to no dimension of q(z|x) depends on x; its means are (N, D)."""
    units, active = means.shape[1], active_units(means, generative=True)
    return describe_inactive(units, active, True, has_beta) if has_collapsed(units, active) else None


def dead_codes(use: Tensor) -> str | None:
    """Whether most codes are never used.

    Arguments:
        use: how much each is used, (D,): the variance of a dimension over the examples, or the share of the examples
            that choose an entry of a codebook.
    """
    units, active = len(use), int((use > DEAD_SHARE * use.max()).sum())
    mostly_dead = units - active > MOSTLY_DEAD * units
    return describe_inactive(units, active, generative=False, has_beta=False) if mostly_dead else None


def saturated_outputs(output: Tensor, target: Tensor) -> str | None:
    """Whether gray pixels come out black or white; both (B, *shape) in [0, 1]."""
    gray = (target > GRAY) & (target < 1 - GRAY)
    if float(gray.float().mean()) < FEW_GRAY:
        return None
    share = float(((output[gray] - 0.5).abs() >= 0.5 - HALF_A_GRAY_LEVEL).float().mean())
    if share < SATURATED_SHARE:
        return None
    return (
        f"saturated outputs: {share:.0%} of the gray pixels come out black or white, where the sigmoid passes no "
        "gradient; lower optimizer.lr, or set trainer.gradient_clip_val=1, and train again"
    )


def constant_output(output: Tensor, target: Tensor) -> str | None:
    """Whether the output is the same for every input; both (B, *shape), B at least 2."""
    variance, wanted = (float(examples.var(0, correction=0).mean()) for examples in (output, target))
    if variance >= CONSTANT_SHARE * wanted:
        return None
    return (
        f"constant output: the same for every input (its variance is {variance / wanted:.1%} of the targets'); "
        "lower optimizer.lr, or try a smaller net or another seed"
    )


def saturated_discriminator(player: str, loss: float) -> str | None:
    """Whether a discriminator is always right; its loss is in nats a decision."""
    if loss > SATURATED_LOSS:
        return None
    return (
        f"{player} is saturated (loss {loss:.2g}, chance {CHANCE:.2g}): no useful gradient; give it a smaller net, "
        f"a lower learning rate (optimizer.players.{player}.lr=) or noise on its input"
    )


def no_gain(gain: float, advice: str) -> str | None:
    """Whether a restoring model gives back little more than its input; `gain` is in dB of PSNR over it."""
    if not gain < LEAST_GAIN:
        return None
    return f"no gain over the input yet: val/psnr_gain is {gain:.2f} dB, expected more than {LEAST_GAIN}. {advice}"


def dead_weights(dead: list[str], of: int, have_moved: bool) -> str | None:
    """Whether weights do not learn.

    Arguments:
        dead: their names.
        of: the number of all weights.
        have_moved: whether some of them have changed before.
    """
    if not dead:
        return None
    what = "get a gradient of exactly 0" if have_moved else "have not moved since the start"
    names = ", ".join(dead[:NAMED]) + ", ..." * (len(dead) > NAMED)
    return (
        f"dead layers: {len(dead)} of {of} weight tensors {what} ({names}); lower optimizer.lr or use another seed, "
        "and train again"
    )
