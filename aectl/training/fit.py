"""Trains a run: brings model, task, data and trainer together under Lightning."""

import errno
import logging
import math
import sys
import warnings
from contextlib import suppress
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import TensorBoardLogger

from aectl.config import to_plain
from aectl.errors import NonFiniteError, UserError
from aectl.io.atomic import write_json
from aectl.io.locks import run_lock
from aectl.rng import set_rng_state
from aectl.runs.run import DERIVED, Run, instantiate_node
from aectl.training.best_checkpoint import BestCheckpoint
from aectl.training.checkpoint_io import DurableIO, ResumePoint, clean_up
from aectl.training.checkpointing import RunSaver
from aectl.training.experiment import Experiment
from aectl.training.interrupts import StopSignals, TrainingStopped
from aectl.training.nonfinite import NonFiniteGuard
from aectl.training.progress import ProgressBar
from aectl.training.records import ConfigInCheckpoint, Hyperparameters, MetricsTable
from aectl.training.resume import ResumableBatches, find_resume_point, format_position
from aectl.training.system import System
from aectl.training.trainer import TrainerConfig

log = logging.getLogger(__name__)
MONITOR = "val/loss"
START: dict[str, Any] = {"epoch": 0, "epoch_step": -1}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class TensorBoard(TensorBoardLogger):
    """Writes events into the run's own folder, and no second copy of the config."""

    def save(self) -> None:
        self.experiment.flush()


def fit(experiment: Experiment, run: Run, resume: bool = False) -> float:
    """Trains the run, from its newest whole checkpoint on if it is to resume, and returns the lowest validation loss.

    Raises:
        SystemExit: somebody asked to stop; the run is saved.
        UserError: another process trains it, or the disk is full.
        NonFiniteError: a loss or a gradient was not finite, or the loss of every validation.
    """
    with run_lock(run.folder), StopSignals() as signals:
        silence_lightning()
        data, settings = experiment.data, experiment.settings
        train = data.batches("train")
        found = find_resume_point(run, len(train)) if resume else None
        clean_up(run.checkpoints)
        if why := settings.precision()[1]:
            print(f"trainer.precision=auto: trained in float32: {why}", file=sys.stderr)
        train = train.on(settings.device())
        if (n := len(train.split.x)) < train.batch_size:
            print(f"{n} training examples are fewer than data.batch_size={train.batch_size}: an epoch is one batch")
        saver = RunSaver(run.checkpoints, ResumableBatches(train), signals)
        best = BestCheckpoint(run.checkpoints, MONITOR, saver)
        trainer = build_trainer(run, settings, saver, best, found.place if found else START)
        write_summary(run, trainer, best, "running")
        run_trainer(experiment, run, trainer, saver, best, found)
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
    experiment: Experiment,
    run: Run,
    trainer: Trainer,
    saver: RunSaver,
    best: BestCheckpoint,
    found: ResumePoint | None,
) -> None:
    """Trains to the end, to the wish to stop or to a failure, and says in the summary which of them it was."""
    status, more = "interrupted", {}
    try:
        saver.at_end = lambda: write_summary(run, trainer, best, "done", saver.elapsed)
        val = experiment.data.batches("val").on(saver.batches.batches.split.x.device)
        set_rng_state(experiment.rng_state)
        trainer.fit(build_system(experiment), saver.batches, val, ckpt_path=found and found.path)
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


def build_system(experiment: Experiment) -> System:
    """The model on its task under its optimizer, as Lightning trains it."""
    config, settings = experiment.config, experiment.settings
    return System(
        model=experiment.model,
        task=experiment.task,
        optimizer=instantiate_node(config.optimizer),
        schedule=instantiate_node(config.schedule),
        clip=settings.clip,
        seed=config.seed,
        compile=experiment.data.batch_size if settings.compile else 0,
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
    flat: dict[str, str | int | float | bool] = {"seed": run.cfg.seed}
    for group, node in to_plain(run.cfg).items():
        if isinstance(node, dict) and ("_target_" in node or group == "names"):
            kept = {f"{group}.{key}": value for key, value in node.items() if is_hyperparameter(key, value)}
            flat |= {key: str(value) if isinstance(value, list | bool) else value for key, value in kept.items()}
    return flat


def is_hyperparameter(key: str, value: Any) -> bool:
    """Whether a user sets it: it is no node, no list of files, and nothing that data set and task decide."""
    of_files = isinstance(value, list) and any(isinstance(item, str) for item in value)
    return not (key.startswith("_") or key in DERIVED or value is None or isinstance(value, dict) or of_files)


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
