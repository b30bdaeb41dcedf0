"""PSNR and SSIM of reconstructions in validation."""

import torch
from torch import Tensor

from aectl.example import Example
from aectl.modalities import modality_for
from aectl.models.base import Autoencoder

SCORES = ("psnr", "ssim")
MOST_SCORED = 1_000
FEWEST_SCORED = 32
SCORED_FRACTION = 0.05
"""Of the number of training examples in an epoch, so that scores take under 2 % of its time."""


class ReconstructionScores:
    """Scores the first batches of every validation: PSNR, and SSIM if the examples are images."""

    def __init__(self) -> None:
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
        return terms, mean_scores(output, example.target[:n]), n


def mean_scores(output: Tensor, target: Tensor) -> dict[str, Tensor]:
    """The mean of each score over a batch, in full precision also under autocast."""
    metrics = modality_for(target.shape[1:]).metrics
    with torch.autocast(target.device.type, enabled=False):
        output = output.clamp(0, 1)
        return {name: metrics[name].compute(output, target).mean() for name in SCORES if name in metrics}
