"""Trains an experiment into the folder of a run."""

import logging
import sys
from contextlib import nullcontext, suppress
from typing import Any

from pytorch_lightning import Callback, Trainer

from aectl.config import to_plain
from aectl.data.loader import Batches
from aectl.devices import num_processes
from aectl.errors import NonFiniteError, UserError
from aectl.io.atomic import write_json
from aectl.io.locks import run_lock
from aectl.rng import set_rng_state
from aectl.runs.run import Run, instantiate_node, num_parameters
from aectl.training import lightning_internals, processes
from aectl.training.best_checkpoint import BestCheckpoint
from aectl.training.callbacks import build_callback
from aectl.training.checkpoint_io import DurableIO
from aectl.training.checkpointing import RunSaver
from aectl.training.epoch_report import EpochReport, Report
from aectl.training.experiment import Experiment
from aectl.training.health import HealthCheck
from aectl.training.interrupts import StopSignals, TrainingStopped
from aectl.training.launch import surroundings
from aectl.training.lr_schedulers import build_schedule
from aectl.training.monitor import Monitor, UnknownMetricError
from aectl.training.nonfinite import NonFiniteGuard
from aectl.training.outside import is_removed, outer_cause, user_error_if_removed
from aectl.training.previews import Previews, Projector
from aectl.training.process_checks import check_joined
from aectl.training.progress import ProgressBar
from aectl.training.records import ConfigInCheckpoint, Hyperparameters, MetricsTable, best_metrics, hyperparameters
from aectl.training.resume import ResumableBatches, ResumePoint, find_start, format_position
from aectl.training.system import System
from aectl.training.threads import busy_cores, torch_threads
from aectl.training.torch_internals import keep_new_memory_unfilled
from aectl.training.tracking import logger_of, start_trackers

log = logging.getLogger(__name__)
START: dict[str, Any] = {"epoch": 0, "epoch_step": -1}
"""The state that a new run starts from."""


def fit(experiment: Experiment, run: Run, resume: bool = False, report: Report | None = None) -> float:
    """Trains the run, from its newest intact checkpoint on if it is resumed, and returns its best score.

    `report` is told the metrics of every epoch, and may end the training.

    Raises:
        SystemExit: a signal has asked to stop, and the run is saved; or there is nothing left to train.
        UserError: another process trains the run, its folder is removed, the disk is full, or a process that trains
            with this one has ended.
        NonFiniteError: a loss or a gradient was not finite, or the loss of every validation.
    """
    check_joined(experiment.settings)
    is_main = processes.is_main()
    with run_lock(run.folder) if is_main else nullcontext(), StopSignals(says=is_main) as signals:
        lightning_internals.silence()
        keep_new_memory_unfilled()
        batches = experiment.data.batches("train")
        point = processes.from_main(lambda: find_start(run, len(batches), resume))
        report_surprises(experiment, batches)
        training = Training(experiment, run, batches, signals, point.state if point else START, report)
        with user_error_if_removed(run):
            training.run_and_report(point)
        if signals.received:
            raise SystemExit(signals.status)
        return training.best.score


def report_surprises(experiment: Experiment, batches: Batches) -> None:
    """Says where the training is not what its config lets one expect."""
    if why := experiment.settings.resolve_precision()[1]:
        print(f"trainer.precision=auto: training in float32: {why}", file=sys.stderr)
    if (n := len(batches.split.x)) < batches.batch_size:
        print(f"{n} training examples are fewer than data.batch_size={batches.batch_size}: an epoch is one batch")


class Training:
    """A run and what trains it.

    Arguments:
        experiment: what is trained.
        run: where.
        batches: the training split.
        signals: whether a signal has asked to stop.
        start: the state that the run is resumed from; what it has recorded since then is removed.
        report: told the metrics of every epoch.
    """

    def __init__(
        self,
        experiment: Experiment,
        run: Run,
        batches: Batches,
        signals: StopSignals,
        start: dict[str, Any],
        report: Report | None = None,
    ) -> None:
        self.experiment = experiment
        self.run = run
        self.device = experiment.settings.device()
        self.batches = ResumableBatches(own_share(batches.on(self.device)))
        self.saver = RunSaver(run.checkpoints, self.batches, signals, lambda: self.write_summary("done"))
        self.monitor = Monitor.of(run.cfg)
        self.best = BestCheckpoint(run.checkpoints, self.monitor, self.saver)
        self.report = report
        self.trainer = self.build_trainer(start)

    def build_trainer(self, start: dict[str, Any]) -> Trainer:
        experiment, run, settings = self.experiment, self.run, self.experiment.settings
        trackers, history = experiment.trackers, MetricsTable(run.metrics)
        if processes.is_main():
            history.truncate(start["epoch"])
        return settings.make(
            num_players=len(experiment.model.players),
            logger=start_trackers(trackers if processes.is_main() else [], run, last_step=start["epoch_step"]),
            plugins=[DurableIO(), *surroundings(settings)],
            callbacks=[
                NonFiniteGuard(settings.on_nonfinite, run.checkpoints, self.monitor),
                self.best,
                ConfigInCheckpoint(run.config_text),
                *([history] if processes.is_main() else []),
                Hyperparameters(hyperparameters(to_plain(run.cfg)), self.best, run.metrics),
                ProgressBar(),
                *busy_cores(settings, num_players=len(experiment.model.players)),
                *extra_callbacks(run),
                *([EpochReport(self.report)] if self.report else []),
                self.saver,
            ],
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_autolog_hparams=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )

    def run_and_report(self, point: ResumePoint | None) -> None:
        """Trains until the end, a request to stop or a failure, and writes into the summary which of them it was."""
        status, more = "interrupted", {}
        self.write_summary("running")
        try:
            status = self.train(point)
        except (NonFiniteError, UnknownMetricError) as error:
            log.info("stopped: %s", error)
            status, more = "failed", {"error": str(error)}
            raise
        finally:
            with suppress(OSError):
                self.write_summary(status, **more)
            logger_of(self.trainer).close(status)
        if status == "interrupted":
            print(
                f"saved at {format_position(self.saver.last, len(self.batches))}; to resume: {self.run.resume_command}"
            )

    def train(self, point: ResumePoint | None) -> str:
        """Trains until the end or a request to stop, and returns the status."""
        val = own_share(self.experiment.data.batches("val").on(self.device))
        set_rng_state(self.experiment.rng_state)
        try:
            with torch_threads(self.experiment.settings.threads):
                self.trainer.fit(build_system(self.experiment), self.batches, val, ckpt_path=point and point.path)
            self.best.require_best()
        except TrainingStopped:
            return "interrupted"
        except Exception as error:
            if why := outer_cause(error):
                raise UserError(f"{self.run.folder}: {why}, then: {self.run.resume_command}") from error
            raise
        return "interrupted" if self.saver.partial_epoch and not self.saver.steps_are_done else "done"

    def write_summary(self, status: str, **more: str) -> None:
        """Writes the status of the run, running, interrupted, failed or done, and its best score.

        Nothing is written into the folder of a run that has been removed.
        """
        if is_removed(self.run) or not processes.is_main():
            return
        summary = {
            "status": status,
            "monitor": self.monitor.name,
            "mode": self.monitor.direction,
            "best": self.best.score,
            "metrics": best_metrics(self.run.metrics, self.monitor.name, self.best.score),
            "parameters": num_parameters(self.experiment.model),
            "epochs": self.trainer.current_epoch,
            "max_epochs": self.experiment.settings.max_epochs,
            "budget_epochs": budget_epochs(self.experiment),
            "seconds": 0.0 if status == "running" else round(self.saver.elapsed, 1),
            **more,
        }
        write_json(self.run.summary, summary)


def budget_epochs(experiment: Experiment) -> int | None:
    """The epochs that the budget of the data set asks for, whatever the run is told; None for one of version 0.1."""
    node = experiment.config.get("budget")
    data = experiment.data
    return instantiate_node(node).epochs(data.num_examples("train"), data.source.shape) if node else None


def own_share(batches: Batches) -> Batches:
    """Of every batch only what this process computes of it."""
    return batches.among(processes.rank(), num_processes())


def extra_callbacks(run: Run) -> list[Callback]:
    """The callbacks that the config names; of FSDP, whose model has no weights outside a step, those that need none."""
    made = [build_callback(name, node) for name, node in run.cfg.callbacks.items() if node is not None]
    is_split = run.cfg.trainer.get("strategy") == "fsdp"
    return [each for each in made if not (is_split and isinstance(each, Previews | Projector | HealthCheck))]


def build_system(experiment: Experiment) -> System:
    """The model on its task under its optimizers, as Lightning trains it."""
    config, settings = experiment.config, experiment.settings
    return System(
        model=experiment.model,
        task=experiment.task,
        modality=experiment.data.modality,
        optimizers=experiment.optimizers,
        schedule=build_schedule(to_plain(config.schedule), Monitor.of(config)),
        clip=settings.gradient_clip_val,
        seed=config.seed,
        compile=experiment.data.batch_size if settings.compile else 0,
        channels_last=settings.channels_last,
        accumulate=settings.accumulate_grad_batches,
        augment=experiment.augment,
    )
