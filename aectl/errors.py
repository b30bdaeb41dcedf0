"""Errors and notices for the user, each one line. Imports nothing heavy."""

import errno
import logging
import os
import select
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The errors of the system for a disk without space."""


class UserError(Exception):
    """A mistake that the user can fix, as opposed to a bug.

    The message is one line in four parts: the name, the value given, what was expected, what to do next.
    """

    status = 2
    """What the program exits with."""


class NonFiniteError(UserError):
    """A loss or a gradient is NaN or infinite, and training stops."""

    status = 1


def fail(program: str, message: object, status: int = UserError.status) -> NoReturn:
    """Prints one line to standard error and exits; control characters are shown as ?."""
    text = "".join(sign if sign.isprintable() else "?" for sign in one_line(message))
    print(f"{program}: {text}", file=sys.stderr)
    raise SystemExit(status)


def end_unread() -> NoReturn:
    """Exits quietly, as programs do whose standard output is read no further, such as by `head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    raise SystemExit(128 + signal.SIGPIPE)


def is_unread() -> bool:
    """Whether the standard output is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(1, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


@contextmanager
def quiet_when_unread() -> Iterator[None]:
    """Ends the program quietly where it would write to a standard output that nobody reads any more."""
    try:
        yield
    except BrokenPipeError:
        if is_unread():
            end_unread()
        raise


def notify(line: str) -> None:
    """Tells the user about the running training: one line on standard error and in train.log."""
    print(f"aectl train: {line}", file=sys.stderr)
    logging.getLogger("aectl").info(line)


def one_line(text: object) -> str:
    """The text with all white space, line breaks included, as single blanks."""
    return " ".join(str(text).split())


def describe_error(error: BaseException) -> str:
    """An error that is no UserError, in one line: its type, its message, and the line of code that raised it."""
    text = shorten(error)
    if isinstance(error, UserError):
        return text
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_library(Path(frame.filename))]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text}" + ("" if isinstance(error, SyntaxError) else place)


def is_library(file: Path) -> bool:
    """Whether a source file is of an installed package or of Python itself."""
    return bool({"site-packages", "dist-packages"} & {*file.parts}) or file.is_relative_to(
        Path(traceback.__file__).parent
    )


def shorten(error: BaseException, most: int = 400) -> str:
    """The message of an error, in one line of at most `most` characters."""
    text = one_line(error)
    return text if len(text) <= most else f"{text[:most]} ..."
