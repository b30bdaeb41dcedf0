"""The processes of one training: which of them this is, and what they agree on. Without a group there is one.

Only the main process writes files and prints. Whatever decides how a training goes on is decided by all together:
processes that took different steps would wait for each other for ever.
"""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import distributed

from aectl.devices import num_processes
from aectl.errors import NonFiniteError, UserError
from aectl.training.monitor import UnknownMetricError
from aectl.training.torch_internals import is_lost_connection

T = TypeVar("T")


def rank() -> int:
    """The number of this process, from 0."""
    return distributed.get_rank() if num_processes() > 1 else 0


def is_main() -> bool:
    return rank() == 0


def largest(number: int) -> int:
    """The largest of the numbers of all processes."""
    if num_processes() == 1:
        return number
    shared = torch.tensor(number)
    distributed.all_reduce(shared, distributed.ReduceOp.MAX)
    return int(shared)


def any_of(flag: bool) -> bool:
    """Whether it is so in any process."""
    return bool(largest(int(flag)))


def gather(value: T) -> list[T]:
    """The values of all processes, in their order."""
    if num_processes() == 1:
        return [value]
    values: list[Any] = [None] * num_processes()
    distributed.all_gather_object(values, value)
    return values


def from_main(make: Callable[[], T]) -> T:
    """What the main process makes, in every process.

    Raises:
        UserError, SystemExit: the main process has raised it; the others end with the same status, and say nothing.
    """
    if num_processes() == 1:
        return make()
    outcome: list[Any] = [None, None]
    error: BaseException | None = None
    if is_main():
        try:
            outcome[0] = make()
        except (UserError, SystemExit) as raised:
            error, outcome[1] = raised, raised.status if isinstance(raised, UserError) else raised.code
    distributed.broadcast_object_list(outcome)
    if error is not None:
        raise error
    if outcome[1] is not None:
        raise SystemExit(outcome[1])
    return outcome[0]


@contextmanager
def quiet(helper: bool) -> Iterator[None]:
    """Drops what a process that is not the main one prints; errors leave the block, and are printed outside."""
    if not helper:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(io.StringIO()):
        yield


@contextmanager
def only_main_prints() -> Iterator[None]:
    """Leaves it to the main process to print, and to say why a training ends, unless only this process knows.

    Raises:
        SystemExit: in another process, for an error that all find, or because it cannot reach the others any more.
        UserError: in the main process, because it cannot reach the others any more.
    """
    helper = not is_main()
    with quiet(helper):
        try:
            yield
        except (NonFiniteError, UnknownMetricError) as error:
            if not helper:
                raise
            raise SystemExit(error.status) from None
        except Exception as error:
            if num_processes() == 1 or not is_lost_connection(error):
                raise
            if helper:
                raise SystemExit(1) from None
            raise UserError("another process of this training has ended; see above why") from error
