"""Tells whoever wants to know how each epoch went, such as a search that stops hopeless trainings."""

from collections.abc import Callable, Mapping

from pytorch_lightning import Callback, LightningModule, Trainer

from aectl.errors import notify

Report = Callable[[int, Mapping[str, float]], bool]
"""Takes an epoch, from 0, and its metrics; whether the training should end there."""


class EpochReport(Callback):
    """Reports the metrics of every epoch, and ends the training if it is told to.

    Arguments:
        report: what is called.
    """

    def __init__(self, report: Report) -> None:
        self.report = report

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if self.report(trainer.current_epoch, metrics):
            notify(f"pruned after epoch {trainer.current_epoch + 1}: others were better by then")
            trainer.should_stop = True
