"""How well a model reconstructs validation examples, beside the loss."""

import torch
from torch import Tensor

from aectl.example import Example
from aectl.modalities import modality_for
from aectl.models.base import Autoencoder

SCORES = ("psnr", "ssim")
MOST_SCORED = 1_000
"""Examples of a validation that are scored: the mean hardly moves with more of them, but the time does."""


class ReconstructionScores:
    """Scores the first examples of each validation: PSNR, and of images SSIM."""

    def __init__(self) -> None:
        self.left = MOST_SCORED

    def reset(self) -> None:
        """Begins a validation."""
        self.left = MOST_SCORED

    def loss_and_scores(self, model: Autoencoder, example: Example) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
        """The terms of the loss, the mean scores of the first examples, and how many these are."""
        n = min(self.left, len(example.target))
        self.left -= n
        if n == len(example.target):
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
