"""Errors of writing become one line; a reader that stops reading is none."""

import errno
import os
import signal

import pytest

from aectl.cli.write_errors import user_error_on_write
from aectl.errors import UserError, is_unread


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full (No space left on device); "),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "/x: could not be written (Read-only file system); "),
        (OSError("encoder error -2 when writing image file"), "could not be written (encoder error -2 when writing"),
    ],
)
def test_an_error_of_the_system_says_what_to_do(error: OSError, said: str) -> None:
    with pytest.raises(UserError, match="output=FOLDER") as caught, user_error_on_write("output=out/"):
        raise error
    assert str(caught.value).startswith(f"output=out/: {said}")


def test_a_closed_pipe_ends_the_command_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    kept = os.dup(1)
    try:
        with pytest.raises(SystemExit) as caught, user_error_on_write("output=out/"):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    assert caught.value.code == 128 + signal.SIGPIPE
    assert capfd.readouterr().err == ""


def test_a_pipe_without_a_reader_is_told_from_one_with_a_reader(capfd: pytest.CaptureFixture[str]) -> None:
    kept, (reader, writer) = os.dup(1), os.pipe()
    try:
        os.dup2(writer, 1)
        read = is_unread()
        os.close(reader)
        unread = is_unread()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(writer)
    assert (read, unread) == (False, True)
