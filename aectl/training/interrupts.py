"""Ctrl-C and the signals of job schedulers: requests to stop, which training follows at the end of a step."""

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

from aectl.training import processes

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
SHOW_CURSOR = b"\x1b[?25h"


class StopSignals:
    """Remembers the first signal; the second one quits the process at once.

    Arguments:
        says: whether it is said that training will stop.

    Attributes:
        received: the number of the signal, or none.
    """

    def __init__(self, says: bool = True) -> None:
        self.says = says
        self.received: int | None = None
        self.former: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
                    self.former[number] = signal.signal(number, self.handle)
        return self

    def reinstall(self) -> None:
        """Takes the signals back from a library that has set its own handlers since."""
        for number in self.former:
            signal.signal(number, self.handle)

    def __exit__(self, *error: object) -> None:
        for number, handler in self.former.items():
            signal.signal(number, handler)

    @property
    def status(self) -> int:
        """The exit status by the convention of shells: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.received or 0)

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            write_stderr(SHOW_CURSOR if sys.stderr.isatty() else b"")
            os._exit(128 + number)
        self.received = number
        if self.says:
            write_stderr(b"\naectl train: stopping after this step and saving; press Ctrl-C again to quit now\n")

    def agreed(self) -> int | None:
        """The signal that this process or one that trains with it has received; all are asked at the same step."""
        if number := processes.largest(self.received or 0):
            self.received = number
        return number or None


def write_stderr(text: bytes) -> None:
    """Writes to standard error, which may be closed, from a signal handler, where print is not safe."""
    with suppress(OSError):
        os.write(2, text)


class TrainingStopped(Exception):  # noqa: N818
    """A signal has asked training to stop, and the run is saved."""
