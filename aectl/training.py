"""Trains a run: brings model, task, data and trainer together under Lightning."""

import logging
import math
import sys
import time
import warnings

import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger

from aectl.callbacks.best import BestOfFinite
from aectl.callbacks.finite import FiniteGuard
from aectl.callbacks.progress import ProgressBar
from aectl.callbacks.records import History, Hyperparameters, Provenance
from aectl.config import plain
from aectl.errors import NonFiniteError
from aectl.files import write_json
from aectl.run import Run, make
from aectl.system import System
from aectl.trainer import TrainerConfig

log = logging.getLogger(__name__)
MONITOR = "val/loss"
DERIVED = ("shape", "input_shape", "files")
"""Keys that follow from others, not for a user to set."""


class TensorBoard(TensorBoardLogger):
    """Writes events into the run's own folder, and no second copy of the config."""

    def save(self) -> None:
        self.experiment.flush()


def fit(run: Run) -> float:
    """Trains the run and returns the lowest validation loss, in nats per example.

    Raises:
        NonFiniteError: a loss or a gradient was not finite, or the loss of every validation.
    """
    quiet()
    seed_everything(run.cfg.seed, verbose=False)
    settings: TrainerConfig = make(run.cfg.trainer)
    if why := settings.precision()[1]:
        print(f"trainer.precision=auto: trained in float32: {why}", file=sys.stderr)
    logger = TensorBoard(str(run.folder), name="", version="", default_hp_metric=False)
    best = BestOfFinite(
        run.checkpoints, "best", MONITOR, save_last=True, auto_insert_metric_name=False, enable_version_counter=False
    )
    trainer = settings.make(
        logger=logger,
        callbacks=[
            FiniteGuard(settings.on_nonfinite, run.checkpoints, MONITOR),
            best,
            Provenance(run.config_text),
            History(run.metrics),
            Hyperparameters(hyperparameters(run), best),
            ProgressBar(),
            *extras(run),
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_autolog_hparams=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    started = time.monotonic()
    train, val = run.data.batches("train"), run.data.batches("val")
    if (n := len(train.split.x)) < train.batch_size:
        print(f"{n} training examples are fewer than data.batch_size={train.batch_size}: an epoch is one batch")
    try:
        trainer.fit(system(run, settings), train_dataloaders=train, val_dataloaders=val)
        best.expect_one()
    except NonFiniteError as error:
        log.info("stopped: %s", error)
        conclude(run, trainer, best, time.monotonic() - started, status="failed", error=str(error))
        raise
    return conclude(run, trainer, best, time.monotonic() - started)


def system(run: Run, settings: TrainerConfig) -> System:
    """The model, task and optimizer of a run, new."""
    return System(
        model=run.build(),
        task=run.task,
        optimizer=make(run.cfg.optimizer),
        schedule=make(run.cfg.schedule),
        clip=settings.clip,
        seed=run.cfg.seed,
        compile=run.data.batch_size if settings.compile else 0,
        channels_last=settings.channels_last,
    )


def extras(run: Run) -> list[Callback]:
    """The callbacks that the config names."""
    return [make(node) for node in run.cfg.callbacks.values() if node]


def conclude(
    run: Run, trainer: Trainer, best: ModelCheckpoint, seconds: float, status: str = "done", **more: str
) -> float:
    """Writes the summary and returns the best score."""
    score = float(best.best_model_score) if best.best_model_score is not None else math.nan
    summary = {
        "status": status,
        "monitor": MONITOR,
        "best": score,
        "epochs": trainer.current_epoch,
        "seconds": round(seconds, 1),
        **more,
    }
    write_json(run.summary, summary)
    return score


def hyperparameters(run: Run) -> dict[str, str | int | float | bool]:
    """The keys a user sets, flat: `model.beta`, `optimizer.lr`, ..."""
    groups = ("names", "model", "net", "task", "dataset", "likelihood", "optimizer", "schedule", "data", "trainer")
    flat: dict[str, str | int | float | bool] = {"seed": run.cfg.seed}
    for group in groups:
        for key, value in plain(run.cfg[group]).items():
            if not key.startswith("_") and key not in DERIVED and not isinstance(value, dict) and value is not None:
                flat[f"{group}.{key}"] = str(value) if isinstance(value, list | bool) else value
    return flat


def quiet() -> None:
    """Leaves what Lightning says of itself to the log file, and drops its hints that do not hold here."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # a guard of deterministic mode that would cost time in every step
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logging.captureWarnings(True)
    for hint in ("GPU available but not used", "does not have many workers", "isinstance.treespec, LeafSpec"):
        warnings.filterwarnings("ignore", message=f".*{hint}.*")
