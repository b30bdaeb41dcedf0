"""PSNR and SSIM of reconstructions in validation, and the gain in PSNR over the untouched input."""

from collections.abc import Callable

import torch
from torch import Tensor

from aectl.example import Example
from aectl.modalities import Images, modality_for
from aectl.models.base import Autoencoder

SCORES = ("psnr", "ssim", "psnr_gain")
MOST_SCORED = 1_000
FEWEST_SCORED = 32
SCORED_FRACTION = 0.05
"""Of the number of training examples in an epoch, so that scores take under 2 % of its time."""


class ReconstructionScores:
    """Scores the first batches of every validation: PSNR, and SSIM if the examples are images.

    Arguments:
        untouched: an input as an output that nothing was done to; images are scored by their gain over it too.
    """

    def __init__(self, untouched: Callable[[Tensor], Tensor] | None = None) -> None:
        self.untouched = untouched
        self.start(0)

    def start(self, num_trained: float) -> None:
        """Starts a validation after an epoch of this many training examples; infinity without training."""
        self.left = int(min(MOST_SCORED, max(FEWEST_SCORED, SCORED_FRACTION * num_trained)))
        self.is_first = True

    def loss_and_scores(self, model: Autoencoder, example: Example) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
        """The terms of the loss, the mean scores, and the number of examples that were scored.

        Batches are scored as a whole, until one would exceed the limit; only a first batch above it is scored in part.
        """
        size = len(example.target)
        n = size if size <= self.left else self.left * self.is_first
        self.left, self.is_first = (self.left - n) * (n == size), False
        if n == size:
            terms, output = model.loss_and_reconstruction(example)
        else:
            terms = model.loss(example)
            if not n:
                return terms, {}, 0
            output = model.reconstruct(example.input[:n], None if example.cond is None else example.cond[:n])
        return terms, self._scores(output, example.input[:n], example.target[:n]), n

    def _scores(self, output: Tensor, input: Tensor, target: Tensor) -> dict[str, Tensor]:
        scores = mean_scores(output, target)
        if self.untouched is None or not isinstance(modality_for(target.shape[1:]), Images):
            return scores
        untouched = self.untouched(input)
        if untouched.shape != target.shape:  # a task of the user's own that changes the size and does not say how
            return scores
        return {**scores, "psnr_gain": scores["psnr"] - mean_scores(untouched, target, ("psnr",))["psnr"]}


def mean_scores(output: Tensor, target: Tensor, names: tuple[str, ...] = SCORES) -> dict[str, Tensor]:
    """The mean of each of these scores over a batch, in full precision also under autocast."""
    metrics = modality_for(target.shape[1:]).metrics
    with torch.autocast(target.device.type, enabled=False):
        output = output.clamp(0, 1)
        return {name: metrics[name].compute(output, target).mean() for name in names if name in metrics}
