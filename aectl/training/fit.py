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

from aectl.config import plain
from aectl.errors import NonFiniteError, UserError
from aectl.io.atomic import write_json
from aectl.io.run_lock import claimed
from aectl.runs.run import Run, make
from aectl.training.best_checkpoint import Best
from aectl.training.checkpoint_io import DurableIO, Found, tidy
from aectl.training.checkpointing import Saver
from aectl.training.interrupts import Signals, Stopped
from aectl.training.nonfinite import FiniteGuard
from aectl.training.progress import ProgressBar
from aectl.training.records import History, Hyperparameters, Provenance
from aectl.training.resume import Resumable, position, where_to_go_on
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
    with claimed(run.folder), Signals() as signals:
        quiet()
        found = where_to_go_on(run) if resume else None
        seed_everything(run.cfg.seed, verbose=False)
        tidy(run.checkpoints)
        settings: TrainerConfig = make(run.cfg.trainer)
        if why := settings.precision()[1]:
            print(f"trainer.precision=auto: trained in float32: {why}", file=sys.stderr)
        train = run.data.batches("train").on(settings.device())
        if (n := len(train.split.x)) < train.batch_size:
            print(f"{n} training examples are fewer than data.batch_size={train.batch_size}: an epoch is one batch")
        saver = Saver(run.checkpoints, Resumable(train), signals)
        best = Best(run.checkpoints, MONITOR, saver)
        trainer = assemble(run, settings, saver, best, found.place if found else START)
        conclude(run, trainer, best, "running")
        train_on(run, trainer, system(run, settings), saver, best, found)
        return score_of(best)


def assemble(run: Run, settings: TrainerConfig, saver: Saver, best: Best, place: dict[str, Any]) -> Trainer:
    """The trainer with all that a run keeps; what was written after the place that it goes on from is taken back."""
    history = History(run.metrics)
    history.forget(place["epoch"])
    logger = TensorBoard(
        str(run.folder), name="", version="", default_hp_metric=False, purge_step=place["epoch_step"] + 1
    )
    return settings.make(
        logger=logger,
        plugins=[DurableIO()],
        callbacks=[
            FiniteGuard(settings.on_nonfinite, run.checkpoints, MONITOR),
            best,
            Provenance(run.config_text),
            history,
            Hyperparameters(hyperparameters(run), best),
            ProgressBar(),
            *extras(run),
            saver,
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_autolog_hparams=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )


def train_on(run: Run, trainer: Trainer, system: System, saver: Saver, best: Best, found: Found | None) -> None:
    """Trains to the end, to the wish to stop or to a failure, and says in the summary which of them it was."""
    status, more = "interrupted", {}
    try:
        saver.at_end = lambda: conclude(run, trainer, best, "done", saver.elapsed)
        val = run.data.batches("val").on(saver.batches.batches.split.x.device)
        trainer.fit(system, saver.batches, val, ckpt_path=found and found.path)
        best.expect_one()
        status = "interrupted" if saver.partial else "done"
    except Stopped:
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
            conclude(run, trainer, best, status, saver.elapsed, **more)
    if status == "interrupted":
        print(f"saved at {position(saver.last, len(saver.batches))}; to go on: {run.to_resume}")
    if saver.signals.received:
        raise SystemExit(saver.signals.status)


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


def score_of(best: Best) -> float:
    """The lowest validation loss so far."""
    return math.nan if best.best_model_score is None else float(best.best_model_score)


def conclude(run: Run, trainer: Trainer, best: Best, status: str, seconds: float = 0.0, **more: str) -> None:
    """Writes how far the run is: running, interrupted, failed or done."""
    summary = {
        "status": status,
        "monitor": MONITOR,
        "best": score_of(best),
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
    for hint in (
        "GPU available but not used",
        "does not have many workers",
        "isinstance.treespec, LeafSpec",
        "exists and is not empty",
    ):
        warnings.filterwarnings("ignore", message=f".*{hint}.*")
