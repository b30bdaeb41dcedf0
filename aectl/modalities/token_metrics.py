"""Token metrics: pure functions of tokens (B, T, tracks), to one number for each window, (B,).

A weight (B, T, tracks) says how much each step of each track counts.
"""

from torch import Tensor

from aectl.modalities.vocabulary import is_onset


def token_accuracy(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The share of steps with the right token; most steps of music have no event, so a high one says little."""
    return ((output == target) * weight).sum((1, 2)) / weight.sum((1, 2)).clamp_min(1e-12)


def onset_f1(output: Tensor, target: Tensor, weight: Tensor, vocabularies: tuple[int, ...]) -> Tensor:
    r"""The harmonic mean of precision and recall of the notes that start, at the same step with the same pitch.

    .. math:: F_1 = \frac{2 \, |\text{both}|}{|\text{output}| + |\text{target}|}

    Of two windows without any note it is 1.
    """
    written, true = (is_onset(tokens, vocabularies) * weight for tokens in (output, target))
    both = (true * (output == target)).sum((1, 2))
    total = (written + true).sum((1, 2))
    return (2 * both / total.clamp_min(1e-12)).where(total > 0, 1.0)


def exact(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 where every token that has a weight is right, else 0."""
    return ((output == target) | (weight == 0)).all(2).all(1).float()
