"""Locks between processes, held by the system: one ends with its holder, so that a dead process leaves none behind."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PATIENCE = 3.0
"""Seconds to wait in silence."""


@contextmanager
def file_lock(path: Path, doing: str) -> Iterator[None]:
    """Lets one process at a time make what is to lie at `path`; the others wait, and say so after a while.

    Who waited looks again whether it is there. The lock is a hidden file beside `path`, and stays: a lock that is
    deleted while others wait for it can be held twice.

    Arguments:
        path: what is made.
        doing: what the process that holds the lock does, in words: `decodes photos/`.
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
