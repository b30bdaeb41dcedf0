"""How well a model reconstructs validation examples, beside the loss."""

import torch
from torch import Tensor

from aectl.example import Example
from aectl.modalities import modality_for
from aectl.models.base import Autoencoder

SCORES = ("psnr", "ssim")
MOST_SCORED = 1_000
FEWEST_SCORED = 32
SCORED_FRACTION = 0.05
"""Of as many examples as an epoch trains on; with it, scores take under 2 % of an epoch's time."""


class ReconstructionScores:
    """Scores the first batches of each validation: PSNR, and of images SSIM."""

    def __init__(self) -> None:
        self.start(0)

    def start(self, num_trained: float) -> None:
        """Begins the validation of an epoch that trained on so many examples; infinity where there is no training."""
        self.left = int(min(MOST_SCORED, max(FEWEST_SCORED, SCORED_FRACTION * num_trained)))
        self.is_first = True

    def loss_and_scores(self, model: Autoencoder, example: Example) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
        """The terms of the loss, the mean scores of the first examples, and how many these are.

        Only the first batch is scored in part, where it is larger than what is to be scored.
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
    """The mean of each score over a batch, in full precision whatever the model is trained in."""
    metrics = modality_for(target.shape[1:]).metrics
    with torch.autocast(target.device.type, enabled=False):
        output = output.clamp(0, 1)
        return {name: metrics[name].compute(output, target).mean() for name in SCORES if name in metrics}
