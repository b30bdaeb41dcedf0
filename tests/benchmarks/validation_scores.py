"""What PSNR and SSIM in validation cost, as a share of an epoch: python -m tests.benchmarks.validation_scores

Trains with scores in every other epoch, and compares the processor time of the validations.
"""

import statistics
import tempfile
import time
from typing import Any, ClassVar

from pytorch_lightning import Callback, LightningModule, Trainer

from aectl.cli.main import main

SHARED = ("tracker=none", "~callbacks.pictures", "~callbacks.projector", "~callbacks.diagnosis", "trainer=cpu")
STOPWATCH = "+callbacks.stopwatch._target_=__main__.Stopwatch"
TRAININGS = {
    "digits": ("dataset=digits", "trainer.max_epochs=61"),
    "digits, net=mlp": ("dataset=digits", "net=mlp", "trainer.max_epochs=61"),
    "fashion_mnist, net=mlp": ("dataset=fashion_mnist", "net=mlp", "trainer.max_epochs=9"),
}


class Stopwatch(Callback):
    """Turns the scores off in every other epoch, and keeps the processor time of epochs and of validations."""

    epochs: ClassVar[list[float]] = []
    validations: ClassVar[list[float]] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.began = time.process_time()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.validation_began = time.process_time()

    def on_validation_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch % 2:
            pl_module.scores.left = 0

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.validations.append(time.process_time() - self.validation_began)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epochs.append(time.process_time() - self.began)


def share_of_epoch(overrides: tuple[str, ...]) -> tuple[float, float, float]:
    """The extra seconds of a validation with scores, the seconds of an epoch without, and their ratio."""
    for times in (Stopwatch.epochs, Stopwatch.validations):
        times.clear()
    with tempfile.TemporaryDirectory() as folder:
        main(["train", *SHARED, *overrides, STOPWATCH, f"hydra.run.dir={folder}"])
    scored, plain = (statistics.median(Stopwatch.validations[start::2]) for start in (2, 1))  # the first warms up
    epoch = statistics.median(Stopwatch.epochs[1::2])
    return scored - plain, epoch, (scored - plain) / epoch


if __name__ == "__main__":
    for name, overrides in TRAININGS.items():
        extra, epoch, share = share_of_epoch(overrides)
        print(f"{name}: {1000 * extra:.1f} ms of {1000 * epoch:.0f} ms: {share:.2%}", flush=True)
