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

from aectl.config import to_plain
from aectl.errors import NonFiniteError, UserError
from aectl.io.atomic import write_json
from aectl.io.locks import run_lock
from aectl.rng import set_rng_state
from aectl.runs.run import Run, instantiate_node, num_parameters
from aectl.training.best_checkpoint import BestCheckpoint
from aectl.training.checkpoint_io import DurableIO, ResumePoint, clean_up
from aectl.training.checkpointing import RunSaver
from aectl.training.experiment import Experiment
from aectl.training.interrupts import StopSignals, TrainingStopped
from aectl.training.nonfinite import NonFiniteGuard
from aectl.training.progress import ProgressBar
from aectl.training.records import ConfigInCheckpoint, Hyperparameters, MetricsTable, best_metrics, hyperparameters
from aectl.training.resume import ResumableBatches, find_resume_point, format_position
from aectl.training.system import System
from aectl.training.tracking import logger_of, start_trackers

log = logging.getLogger(__name__)
MONITOR = "val/loss"
START: dict[str, Any] = {"epoch": 0, "epoch_step": -1}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
        trainer = build_trainer(experiment, run, saver, best, found.place if found else START)
        write_summary(experiment, run, trainer, best, "running")
        run_trainer(experiment, run, trainer, saver, best, found)
        return best_score(best)


def build_trainer(
    experiment: Experiment, run: Run, saver: RunSaver, best: BestCheckpoint, place: dict[str, Any]
) -> Trainer:
    """The trainer with all that a run keeps; what was written after the place that it goes on from is taken back."""
    history = MetricsTable(run.metrics)
    history.truncate(place["epoch"])
    settings = experiment.settings
    return settings.make(
        logger=start_trackers(experiment.trackers, run, last_step=place["epoch_step"]),
        plugins=[DurableIO()],
        callbacks=[
            NonFiniteGuard(settings.on_nonfinite, run.checkpoints, MONITOR),
            best,
            ConfigInCheckpoint(run.config_text),
            history,
            Hyperparameters(hyperparameters(to_plain(run.cfg)), best, run.metrics),
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
        saver.at_end = lambda: write_summary(experiment, run, trainer, best, "done", saver.elapsed)
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
            f"free some space, then: {run.resume_command}"
        ) from error
    finally:
        with suppress(OSError):
            write_summary(experiment, run, trainer, best, status, saver.elapsed, **more)
        logger_of(trainer).close(status)
    if status == "interrupted":
        print(f"saved at {format_position(saver.last, len(saver.batches))}; to go on: {run.resume_command}")
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
    experiment: Experiment,
    run: Run,
    trainer: Trainer,
    best: BestCheckpoint,
    status: str,
    seconds: float = 0.0,
    **more: str,
) -> None:
    """Writes how far the run is: running, interrupted, failed or done."""
    summary = {
        "status": status,
        "monitor": MONITOR,
        "best": best_score(best),
        "metrics": best_metrics(run.metrics, MONITOR, best_score(best)),
        "parameters": num_parameters(experiment.model),
        "epochs": trainer.current_epoch,
        "seconds": round(seconds, 1),
        **more,
    }
    write_json(run.summary, summary)


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
