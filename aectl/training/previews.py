"""Pictures during training and latents at its end, for the trackers."""

from typing import cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from aectl.data.loader import Batch, Batches
from aectl.modalities import Images
from aectl.rng import seeded_rng
from aectl.training.system import System
from aectl.training.tracking import logger_of
from aectl.types import PositiveInt


class Previews(Callback):
    """Logs a picture of inputs, outputs and targets, and one of samples of a generative model, every few epochs.

    Arguments:
        every_n_epochs: epochs between pictures; the last epoch always has them.
        n: examples per picture.
    """

    def __init__(self, every_n_epochs: PositiveInt, n: PositiveInt) -> None:
        self.every_n_epochs = every_n_epochs
        self.n = n
        self.drawn = -1

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if (trainer.current_epoch + 1) % self.every_n_epochs == 0:
            self._draw(trainer, cast(System, pl_module))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.drawn != trainer.global_step:
            self._draw(trainer, cast(System, pl_module))

    def _draw(self, trainer: Trainer, system: System) -> None:
        if not logger_of(trainer).trackers:
            return
        self.drawn = trainer.global_step
        step = trainer.global_step // len(trainer.optimizers)  # it counts the steps of every player
        system.model.eval()
        batch = first_examples(trainer, system, self.n)
        with torch.inference_mode(), seeded_rng(system.seed, system.device):
            example = system.task(**batch)
            output = system.task.keep_known(system.model.reconstruct(example.input, example.cond), example.input)
            rows = [system.task.drawn(example.input), output, example.target]
            self._log_picture(system, "input, output, target", rows, step)
            if system.model.generative:
                samples = system.model.sample(len(example.target), example.cond)
                self._log_picture(system, "samples from the prior", list(samples.split(8)), step)

    def _log_picture(self, system: System, name: str, rows: list[Tensor], step: int) -> None:
        picture = system.modality.preview(rows)
        if picture is not None:
            logger_of(system.trainer).each(lambda tracker: tracker.log_image(name, picture, step))


class Projector(Callback):
    """Logs the latents of validation examples with their classes and pictures, for TensorBoard's Projector.

    Arguments:
        n: the most examples.
    """

    def __init__(self, n: PositiveInt) -> None:
        self.n = n

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        system, logger = cast(System, pl_module), logger_of(trainer)
        if not logger.trackers:
            return
        system.model.eval()
        batch = first_examples(trainer, system, self.n)
        with torch.inference_mode(), seeded_rng(system.seed, system.device):
            example = system.task(**batch)
            latents = system.model.embed(example.input, example.cond)
        split = validation_batches(trainer).split
        labels = [split.classes[i] for i in batch["y"].tolist()] if split.classes and "y" in batch else None
        images = example.target if isinstance(system.modality, Images) else None
        logger.each(lambda tracker: tracker.log_embedding(latents, labels, images))


def validation_batches(trainer: Trainer) -> Batches:
    """The validation split of this run."""
    return cast(Batches, trainer.val_dataloaders)


def first_examples(trainer: Trainer, system: System, n: int) -> Batch:
    """The first `n` validation examples as the model takes them, on its device."""
    split = validation_batches(trainer)
    batch = split.take(torch.arange(min(n, len(split.split.x))))
    batch = {name: value.to(system.device) for name, value in batch.items()}
    return {**batch, "x": system.modality.to_model(batch["x"])}
