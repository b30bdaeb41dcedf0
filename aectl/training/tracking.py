"""The Lightning logger that forwards to trackers."""

from collections.abc import Callable
from typing import Any, cast

from pytorch_lightning import Trainer
from pytorch_lightning.loggers.logger import Logger

from aectl.errors import UserError, notify, shorten
from aectl.runs.run import Run
from aectl.trackers.base import Tracker


def start_trackers(trackers: list[Tracker], run: Run, last_step: int) -> "TrackerLogger":
    """Starts the trackers of a run and returns their logger.

    Arguments:
        trackers: not started yet.
        run: what is tracked.
        last_step: the last logged step to keep, of a resumed run; -1 for a new run.

    Raises:
        UserError: a tracker cannot start.
    """
    for tracker in trackers:
        try:
            tracker.start(run.folder, f"{run.title} {run.folder.name}", last_step)
        except Exception as error:
            name = type(tracker).__name__.lower()
            raise UserError(f"tracker={name}: {shorten(error)}; check its settings, or use tracker=none") from error
    return TrackerLogger(trackers)


class TrackerLogger(Logger):
    """Forwards what Lightning and the callbacks log; a tracker that fails is dropped with a message.

    Arguments:
        trackers: started ones.
    """

    name = version = ""

    def __init__(self, trackers: list[Tracker]) -> None:
        super().__init__()
        self.trackers = trackers

    def each(self, action: Callable[[Tracker], object]) -> None:
        """Calls `action` with every tracker.

        Raises:
            OSError: the disk is full, for example; a lost connection only drops the tracker.
        """
        for tracker in list(self.trackers):
            try:
                action(tracker)
            except Exception as error:
                if isinstance(error, OSError) and not isinstance(error, ConnectionError):
                    raise
                self.trackers.remove(tracker)
                notify(f"{type(tracker).__name__} failed ({shorten(error)}); training continues without it")

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.each(lambda tracker: tracker.log_scalars(metrics, cast(int, step)))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Does nothing: the callback `Hyperparameters` logs them."""

    def save(self) -> None:
        self.each(lambda tracker: tracker.flush())

    def close(self, status: str) -> None:
        self.each(lambda tracker: tracker.close(status))


def logger_of(trainer: Trainer) -> TrackerLogger:
    """The logger of a trainer."""
    return cast(TrackerLogger, trainer.logger)
