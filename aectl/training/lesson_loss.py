"""The loss in the units that the lesson prints, to be laid beside its numbers."""

import math
from typing import Any, cast

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from aectl.data.loader import Batch
from aectl.models.ae import AE
from aectl.training.system import System


class LessonLoss(Callback):
    r"""Logs `train/lesson` and `val/lesson`: the loss without the part that no decoder can change.

    For a Bernoulli likelihood it is the binary cross-entropy; for a Gaussian one with $\sigma^2 = 1/2$ it is the sum of
    squared errors, 784 times the mean on MNIST, and the KL.

    References:
        | AI for Beginners, lesson 9: Autoencoders (Microsoft, 2022)

    Arguments:
        per_pixel: divide by the elements of the target.
    """

    def __init__(self, per_pixel: bool) -> None:
        self.per_pixel = per_pixel

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._log("train", pl_module, outputs["loss"], batch)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._log("val", pl_module, outputs, batch)

    def _log(self, split: str, pl_module: LightningModule, loss: Tensor, batch: Batch) -> None:
        value = self.in_lesson_units(loss.detach(), cast(AE, cast(System, pl_module).model))
        pl_module.log(f"{split}/lesson", value, on_step=False, on_epoch=True, batch_size=len(batch["x"]))

    def in_lesson_units(self, loss: Tensor, model: AE) -> Tensor:
        """A loss in nats per example as the lesson would print it."""
        size = math.prod(model.shape)
        return (loss - model.likelihood.nll_floor(model.shape)) / (size if self.per_pixel else 1)
