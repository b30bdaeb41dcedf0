"""What TensorBoard shows besides curves: pictures as the run goes on, and the latents when it is done."""

import shutil
from pathlib import Path
from typing import cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from aectl.data.loader import Batch, Batches, to_float
from aectl.modalities import modality_for
from aectl.rng import seeded_rng
from aectl.training.system import System
from aectl.types import PositiveInt


class Previews(Callback):
    """Rows of input, output and target, and samples of a generative model, every few epochs.

    Arguments:
        every_n_epochs: epochs between pictures; the end of the run always has them.
        n: examples in a picture.
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
        self.drawn = trainer.global_step
        step = trainer.global_step // len(trainer.optimizers)  # as the curves count: once a batch, not once a player
        system.model.eval()
        batch = first_examples(trainer, system, self.n)
        with torch.inference_mode(), seeded_rng(system.seed, system.device):
            example = system.task(**batch)
            rows = [example.input, system.model.reconstruct(example.input, example.cond), example.target]
            self._add_picture(trainer, "input, output, target", rows, step)
            if system.model.generative:
                samples = system.model.sample(len(example.target), example.cond)
                self._add_picture(trainer, "samples from the prior", list(samples.split(8)), step)

    def _add_picture(self, trainer: Trainer, name: str, rows: list[Tensor], step: int) -> None:
        picture = modality_for(rows[-1].shape[1:]).preview(rows)
        if picture is not None:
            writer(trainer).add_image(name, picture, step)


class Projector(Callback):
    """The latents of validation examples with their classes and thumbnails, for TensorBoard's Projector.

    Arguments:
        n: how many, at most.
    """

    def __init__(self, n: PositiveInt) -> None:
        self.n = n

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        system = cast(System, pl_module)
        system.model.eval()
        batch = first_examples(trainer, system, self.n)
        with torch.inference_mode(), seeded_rng(system.seed, system.device):
            example = system.task(**batch)
            latents = system.model.embed(example.input, example.cond)
        split = validation_batches(trainer).split
        labels = [split.classes[i] for i in batch["y"].tolist()] if split.classes and "y" in batch else None
        writer(trainer).add_embedding(latents, labels, thumbnails(example.target), tag="latents")
        rename_projector_files(Path(writer(trainer).log_dir))


def rename_projector_files(run: Path) -> None:
    """Gives the Projector's files, which torch names after the step, a folder with a name that says what they are."""
    folder, config = run / "projector", run / "projector_config.pbtxt"
    shutil.rmtree(folder, ignore_errors=True)
    (run / "00000").rename(folder)
    config.write_text(config.read_text().replace('"00000/', '"projector/'))


def validation_batches(trainer: Trainer) -> Batches:
    """The validation split of this run."""
    return cast(Batches, trainer.val_dataloaders)


def first_examples(trainer: Trainer, system: System, n: int) -> Batch:
    """The first `n` validation examples, on the model's device, as the model gets them."""
    split = validation_batches(trainer)
    batch = split.take(torch.arange(min(n, len(split.split.x))))
    return to_float({name: value.to(system.device) for name, value in batch.items()})


def thumbnails(images: Tensor) -> Tensor:
    """(N, C, H, W) padded to squares, as the Projector's sprite wants them."""
    height, width = images.shape[-2:]
    side = max(height, width)
    return torch.nn.functional.pad(images, (0, side - width, 0, side - height))


def writer(trainer: Trainer) -> SummaryWriter:
    """TensorBoard's writer of this run."""
    return cast(TensorBoardLogger, trainer.logger).experiment
