"""One training at a time in a run's folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aectl.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Holds the folder; the system lets go of it when the process ends, however it ends.

    Raises:
        UserError: another process trains there.
    """
    path = folder / ".lock"
    with path.open("a+") as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UserError(
                f"resume={folder}: process {file.read().strip() or '?'} is training it; "
                "expected a run that nobody trains, wait for it or stop it first"
            ) from None
        except OSError:  # a file system without locks
            pass
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
