"""Trains a run: brings model, task, data and trainer together under Lightning."""

import errno
import logging
import math
import sys
import warnings
from contextlib import suppress
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.loggers import TensorBoardLogger

from aectl.config import to_plain
from aectl.errors import NonFiniteError, UserError
from aectl.io.atomic import write_json
from aectl.io.locks import run_lock
from aectl.runs.run import Run, instantiate_node
from aectl.training.best_checkpoint import BestCheckpoint
from aectl.training.checkpoint_io import DurableIO, ResumePoint, clean_up
from aectl.training.checkpointing import RunSaver
from aectl.training.interrupts import StopSignals, TrainingStopped
from aectl.training.nonfinite import NonFiniteGuard
from aectl.training.progress import ProgressBar
from aectl.training.records import ConfigInCheckpoint, Hyperparameters, MetricsTable
from aectl.training.resume import ResumableBatches, find_resume_point, format_position
from aectl.training.system import System
from aectl.training.trainer import TrainerConfig

log = logging.getLogger(__name__)
MONITOR = "val/loss"
DERIVED = ("shape", "input_shape", "files")
"""Keys that follow from others, not for a user to set."""
START: dict[str, Any] = {"epoch": 0, "epoch_step": -1}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class TensorBoard(TensorBoardLogger):
    """Writes events into the run's own folder, and no second copy of the config."""

    def save(self) -> None:
        self.experiment.flush()


def fit(run: Run, resume: bool = False) -> float:
    """Trains the run, from its newest whole checkpoint on if it is to resume, and returns the lowest validation loss.

    Raises:
        SystemExit: somebody asked to stop; the run is saved.
        UserError: another process trains it, or the disk is full.
        NonFiniteError: a loss or a gradient was not finite, or the loss of every validation.
    """
    with run_lock(run.folder), StopSignals() as signals:
        silence_lightning()
        found = find_resume_point(run) if resume else None
        seed_everything(run.cfg.seed, verbose=False)
        clean_up(run.checkpoints)
        settings: TrainerConfig = instantiate_node(run.cfg.trainer)
        if why := settings.precision()[1]:
            print(f"trainer.precision=auto: trained in float32: {why}", file=sys.stderr)
        train = run.data.batches("train").on(settings.device())
        if (n := len(train.split.x)) < train.batch_size:
            print(f"{n} training examples are fewer than data.batch_size={train.batch_size}: an epoch is one batch")
        saver = RunSaver(run.checkpoints, ResumableBatches(train), signals)
        best = BestCheckpoint(run.checkpoints, MONITOR, saver)
        trainer = build_trainer(run, settings, saver, best, found.place if found else START)
        write_summary(run, trainer, best, "running")
        run_trainer(run, trainer, build_system(run, settings), saver, best, found)
        return best_score(best)


def build_trainer(
    run: Run, settings: TrainerConfig, saver: RunSaver, best: BestCheckpoint, place: dict[str, Any]
) -> Trainer:
    """The trainer with all that a run keeps; what was written after the place that it goes on from is taken back."""
    history = MetricsTable(run.metrics)
    history.truncate(place["epoch"])
    logger = TensorBoard(
        str(run.folder), name="", version="", default_hp_metric=False, purge_step=place["epoch_step"] + 1
    )
    return settings.make(
        logger=logger,
        plugins=[DurableIO()],
        callbacks=[
            NonFiniteGuard(settings.on_nonfinite, run.checkpoints, MONITOR),
            best,
            ConfigInCheckpoint(run.config_text),
            history,
            Hyperparameters(hyperparameters(run), best),
            ProgressBar(),
            *extra_callbacks(run),
            saver,
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_autolog_hparams=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )


def run_trainer(
    run: Run, trainer: Trainer, system: System, saver: RunSaver, best: BestCheckpoint, found: ResumePoint | None
) -> None:
    """Trains to the end, to the wish to stop or to a failure, and says in the summary which of them it was."""
    status, more = "interrupted", {}
    try:
        saver.at_end = lambda: write_summary(run, trainer, best, "done", saver.elapsed)
        val = run.data.batches("val").on(saver.batches.batches.split.x.device)
        trainer.fit(system, saver.batches, val, ckpt_path=found and found.path)
        best.require_best()
        status = "interrupted" if saver.partial else "done"
    except TrainingStopped:
        pass
    except NonFiniteError as error:
        log.info("stopped: %s", error)
        status, more = "failed", {"error": str(error)}
        raise
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise UserError(
            f"{run.folder}: the disk is full ({error.strerror}); the last good checkpoint is whole; "
            f"free some space, then: {run.to_resume}"
        ) from error
    finally:
        with suppress(OSError):
            write_summary(run, trainer, best, status, saver.elapsed, **more)
    if status == "interrupted":
        print(f"saved at {format_position(saver.last, len(saver.batches))}; to go on: {run.to_resume}")
    if saver.signals.received:
        raise SystemExit(saver.signals.status)


def build_system(run: Run, settings: TrainerConfig) -> System:
    """The model, task and optimizer of a run, new."""
    return System(
        model=run.build(),
        task=run.task,
        optimizer=instantiate_node(run.cfg.optimizer),
        schedule=instantiate_node(run.cfg.schedule),
        clip=settings.clip,
        seed=run.cfg.seed,
        compile=run.data.batch_size if settings.compile else 0,
        channels_last=settings.channels_last,
    )


def extra_callbacks(run: Run) -> list[Callback]:
    """The callbacks that the config names."""
    return [instantiate_node(node) for node in run.cfg.callbacks.values() if node]


def best_score(best: BestCheckpoint) -> float:
    """The lowest validation loss so far."""
    return math.nan if best.best_model_score is None else float(best.best_model_score)


def write_summary(
    run: Run, trainer: Trainer, best: BestCheckpoint, status: str, seconds: float = 0.0, **more: str
) -> None:
    """Writes how far the run is: running, interrupted, failed or done."""
    summary = {
        "status": status,
        "monitor": MONITOR,
        "best": best_score(best),
        "epochs": trainer.current_epoch,
        "seconds": round(seconds, 1),
        **more,
    }
    write_json(run.summary, summary)


def hyperparameters(run: Run) -> dict[str, str | int | float | bool]:
    """The keys a user sets, flat: `model.beta`, `optimizer.lr`, ..."""
    groups = ("names", "model", "net", "task", "dataset", "likelihood", "optimizer", "schedule", "data", "trainer")
    flat: dict[str, str | int | float | bool] = {"seed": run.cfg.seed}
    for group in groups:
        for key, value in to_plain(run.cfg[group]).items():
            if not key.startswith("_") and key not in DERIVED and not isinstance(value, dict) and value is not None:
                flat[f"{group}.{key}"] = str(value) if isinstance(value, list | bool) else value
    return flat


def silence_lightning() -> None:
    """Leaves what Lightning says of itself to the log file, and drops its hints that do not hold here."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # a guard of deterministic mode that would cost time in every step
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logging.captureWarnings(True)
    for hint in (
        "GPU available but not used",
        "does not have many workers",
        "isinstance.treespec, LeafSpec",
        "exists and is not empty",
    ):
        warnings.filterwarnings("ignore", message=f".*{hint}.*")
