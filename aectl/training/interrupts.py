"""Ctrl-C and a cluster's signals as a wish to stop, which training grants at the end of a step."""

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
SHOW_CURSOR = b"\x1b[?25h"


class StopSignals:
    """Takes note of the first signal; the second ends the process at once.

    Attributes:
        received: the number of the signal, or none.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.former: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
                    self.former[number] = signal.signal(number, self.handle)
        return self

    def reinstall(self) -> None:
        """Takes the signals back from a library that has set handlers of its own since."""
        for number in self.former:
            signal.signal(number, self.handle)

    def __exit__(self, *error: object) -> None:
        for number, handler in self.former.items():
            signal.signal(number, handler)

    @property
    def status(self) -> int:
        """The exit status that shells know: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.received or 0)

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            write_stderr(SHOW_CURSOR if sys.stderr.isatty() else b"")
            os._exit(128 + number)
        self.received = number
        write_stderr(b"\naectl train: stops after this step and saves; once more ends at once\n")


def write_stderr(text: bytes) -> None:
    """Writes to standard error from within a signal handler, where print may not be called; it may be gone."""
    with suppress(OSError):
        os.write(2, text)


class TrainingStopped(Exception):  # noqa: N818
    """Training was asked to stop, and has saved."""
