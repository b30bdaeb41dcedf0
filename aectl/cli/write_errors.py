"""Failures to write, in one line."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aectl.errors import DISK_FULL, UserError, end_unread, shorten


@contextmanager
def user_error_on_write(key: str) -> Iterator[None]:
    """Turns an OSError into a UserError that starts with `key`, such as `output=clean/`, and says what to do."""
    try:
        yield
    except BrokenPipeError:
        end_unread()
    except OSError as error:
        reason = error.strerror or shorten(error)
        if error.errno in DISK_FULL:
            raise UserError(
                f"{key}: the disk is full ({reason}); the files written before are complete; free some space and "
                "repeat the command, or give output=FOLDER on another disk"
            ) from error
        where = f"{error.filename}: " if error.filename else ""
        raise UserError(
            f"{key}: {where}could not be written ({reason}); give output=FOLDER that can be written"
        ) from error


def check_writable(folder: Path) -> None:
    """Raises an OSError, before any work is done, if a folder exists or can be made in no way."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(existing))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(existing))
