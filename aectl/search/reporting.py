"""Through what a training tells the search how each epoch went, without either knowing the other."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

Report = Callable[[int, Mapping[str, float]], bool]
"""Takes an epoch and its metrics; whether the training should end there."""

current: ContextVar[Report | None] = ContextVar("report", default=None)
"""Of the job that runs in this process."""


@contextmanager
def reporting(report: Report | None) -> Iterator[None]:
    """Makes a training that runs meanwhile report its epochs."""
    token = current.set(report)
    try:
        yield
    finally:
        current.reset(token)
