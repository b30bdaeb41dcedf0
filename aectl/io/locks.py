"""Locks between processes; the system releases one when its holder ends, however it ends."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from aectl.errors import UserError
from aectl.io.atomic import write_text

PATIENCE = 3.0  # seconds to wait before saying so


@contextmanager
def file_lock(path: Path, doing: str) -> Iterator[None]:
    """Lets one process at a time make `path`; the others wait, and after a while print what it is `doing` in words.

    A process that waited checks again whether the file is there. The lock is a hidden file beside `path`. It is never
    deleted: two processes could hold a lock that is deleted while one of them waits for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        print(f"waiting for another process, which {doing}", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def try_lock(path: Path) -> Callable[[], object] | None:
    """Takes the lock of `path`, a hidden file beside it, and returns what frees it; None if another process holds it.

    On a file system without locks everybody gets it.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except (OSError, NotImplementedError):
        pass
    return lock.release


def try_run_lock(folder: Path) -> Callable[[], object] | None:
    """Takes the lock of the run in a folder if it has one, and returns what frees it; None if a process trains it."""
    path = folder / ".lock"
    if not path.is_file():
        return lambda: None
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except OSError:  # a file system without locks, or a run that others may only read
        return lambda: None
    return lock.release


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Lets one process at a time train the run in a folder; raises a UserError in any other."""
    lock, holder = FileLock(folder / ".lock"), folder / ".lock.pid"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = holder.read_text() if holder.is_file() else "?"
        raise UserError(f"resume={folder}: process {pid} is already training it; wait or stop it first") from None
    except OSError:  # a file system without locks
        pass
    write_text(holder, str(os.getpid()))
    try:
        yield
    finally:
        lock.release()
