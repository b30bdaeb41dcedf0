"""Scores of reconstructions in validation: PSNR, SSIM and the gain over the untouched input; those of tokens."""

import torch
from torch import Tensor

from aectl.data.sharding import Share
from aectl.example import Example
from aectl.modalities import HIDDEN, Images, Modality
from aectl.models.base import Autoencoder
from aectl.tasks.base import Task

SCORES = ("psnr", "ssim", "psnr_gain", HIDDEN, "onset_f1", "token_accuracy", "exact")
MOST_SCORED = 1_000
FEWEST_SCORED = 32
SCORED_FRACTION = 0.05
"""Of the number of training examples in an epoch, so that scores take under 2 % of its time."""


class ReconstructionScores:
    """Scores the first batches of every validation: images by PSNR and SSIM, tokens by their own metrics.

    Arguments:
        task: poses the examples; images that it degrades are also scored by their gain over the untouched input.
        modality: what an example is.
    """

    def __init__(self, task: Task, modality: Modality) -> None:
        self.task, self.modality = task, modality
        self.start(0)

    def start(self, num_trained: float) -> None:
        """Starts a validation after an epoch of this many training examples; infinity without training."""
        self.left = int(min(MOST_SCORED, max(FEWEST_SCORED, SCORED_FRACTION * num_trained)))
        self.is_first = True

    def loss_and_scores(
        self, model: Autoencoder, example: Example, share: Share | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
        """The terms of the loss, the mean scores, and the number of examples that were scored.

        Batches are scored as a whole, until one would exceed the limit; only a first batch above it is scored in part.

        Arguments:
            model: what is validated.
            example: a batch, or a share of it.
            share: which.
        """
        size = share.total if share else len(example.target)
        n = size if size <= self.left else self.left * self.is_first
        self.left, self.is_first = (self.left - n) * (n == size), False
        if share:
            size, n = share.size, share.up_to(n)
        if n == size:
            terms, output = model.loss_and_reconstruction(self.task.for_loss(example))
        else:
            terms = model.loss(self.task.for_loss(example))
            if not n:
                return terms, {}, 0
            example = first_of(example, n)
            output = model.reconstruct(example.input, example.cond)
        return terms, self.scores(self.task.keep_known(output, example.input), example), n

    def scores(self, output: Tensor, example: Example) -> dict[str, Tensor]:
        """The mean scores of the outputs of a batch."""
        found = mean_scores(self.modality, output, example)
        if not self.task.restores or not isinstance(self.modality, Images):
            return found
        untouched = self.task.untouched(example.input)
        if untouched.shape != example.target.shape:  # a task of the user's own that does not say how it enlarges
            return found
        return {**found, "psnr_gain": found["psnr"] - mean_scores(self.modality, untouched, example, ("psnr",))["psnr"]}


def first_of(example: Example, n: int) -> Example:
    return Example(**{name: part[:n] for name, part in example._asdict().items() if part is not None})


def mean_scores(
    modality: Modality, output: Tensor, example: Example, names: tuple[str, ...] = SCORES
) -> dict[str, Tensor]:
    """The mean of each of these scores over a batch, in full precision also under autocast."""
    _, target, _, weight, hidden = example
    with torch.autocast(target.device.type, enabled=False):
        scores = modality.score(output, target, weight, hidden, names)
    return {name: values.mean() for name, values in scores.items()}
