"""What ends a training from outside: its folder is removed, the disk is full, or another of its processes has ended."""

from collections.abc import Iterator
from contextlib import contextmanager

from aectl.devices import num_processes
from aectl.errors import DISK_FULL, UserError
from aectl.runs.run import Run
from aectl.training import processes
from aectl.training.torch_internals import is_lost_connection


@contextmanager
def user_error_if_removed(run: Run) -> Iterator[None]:
    """Turns whatever happens to a training whose folder is removed meanwhile into a UserError."""
    try:
        yield
    except Exception:
        if not is_removed(run):
            raise
    if is_removed(run):
        raise UserError(f"{run.folder}: was removed while it was trained; whatever is left there is no run")


def is_removed(run: Run) -> bool:
    return not (run.folder / "config.yaml").is_file()


def outer_cause(error: Exception) -> str:
    """What has ended a training and is no fault of it, with what to do; nothing of any other error."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return f"the disk is full ({error.strerror}); the last checkpoint is intact; free some space"
    if num_processes() > 1 and is_lost_connection(error) and processes.is_main():
        return f"another of its {num_processes()} processes has ended; the last checkpoint is intact; see its error"
    return ""
