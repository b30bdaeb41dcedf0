"""The one exception that is a message to the user rather than a defect. Imports nothing but sys."""

import sys
from typing import NoReturn


class UserError(Exception):
    """A mistake that the user can mend.

    The message is one line in four parts: the name, the value given, what was expected, what to do next.
    """

    status = 2
    """What the program exits with."""


class NonFiniteError(UserError):
    """A training met a number that is not finite, and was told to go no further."""

    status = 1


def fail(program: str, message: object, status: int = UserError.status) -> NoReturn:
    """Prints one line to standard error and exits; what would steer the terminal is shown as ?."""
    text = "".join(sign if sign.isprintable() else "?" for sign in one_line(message))
    print(f"{program}: {text}", file=sys.stderr)
    raise SystemExit(status)


def one_line(text: object) -> str:
    """What it says, without line breaks."""
    return " ".join(str(text).split())


def shorten(error: BaseException, most: int = 400) -> str:
    """What an error says, in one line."""
    text = one_line(error)
    return text if len(text) <= most else f"{text[:most]} ..."
