"""The loss in the units of the lesson, for comparison with its numbers."""

from typing import cast

from pytorch_lightning import Callback, LightningModule, Trainer

from aectl.evaluation.lesson_loss import TERM, Origin, lesson_units
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
        reference: the number of the lesson's own model on the test split of MNIST, which `train` and `eval` print
            beside that of the run; None if there is none.
        origin: whose number it is: `lesson` or `keras`, the Keras blog.
    """

    def __init__(self, per_pixel: bool, reference: float | None = None, origin: Origin = "lesson") -> None:
        self.per_pixel = per_pixel
        self.reference = reference
        self.origin = origin

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        system = cast(System, pl_module)
        model = cast(AE, system.model)
        system.derived_terms.append(
            lambda means: {TERM: lesson_units(own_loss(means), model.likelihood, model.shape, self.per_pixel)}
        )


def own_loss(means: dict[str, float]) -> float:
    """The loss of the model or, of several players, of the first."""
    return next(mean for name, mean in means.items() if name == "loss" or name.endswith("/loss"))
