"""The loss in the units of the lesson, for comparison with its numbers."""

import math
from typing import cast

from pytorch_lightning import Callback, LightningModule, Trainer

from aectl.models.ae import AE
from aectl.training.system import System


class LessonLoss(Callback):
    r"""Logs `train/lesson` and `val/lesson`: the loss without the constant part of the negative log-likelihood.

    For a Bernoulli likelihood it is the binary cross-entropy; for a Gaussian one with $\sigma^2 = 1/2$ it is the sum of
    squared errors, 784 times the mean on MNIST, and the KL.

    References:
        | AI for Beginners, lesson 9: Autoencoders (Microsoft, 2022)

    Arguments:
        per_pixel: divide by the elements of the target.
    """

    def __init__(self, per_pixel: bool) -> None:
        self.per_pixel = per_pixel

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        system = cast(System, pl_module)
        model = cast(AE, system.model)
        system.derived_terms.append(lambda means: {"lesson": self.in_lesson_units(means["loss"], model)})

    def in_lesson_units(self, loss: float, model: AE) -> float:
        """A loss in nats per example as the lesson prints it."""
        size = math.prod(model.shape)
        return (loss - model.likelihood.nll_floor(model.shape)) / (size if self.per_pixel else 1)
