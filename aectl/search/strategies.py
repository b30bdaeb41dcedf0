"""What the jobs of a sweep are: a strategy proposes them one by one and is told what came of them."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hydra.core.override_parser.types import Override

from aectl.errors import UserError
from aectl.search.jobs import Outcome
from aectl.search.reporting import Report


class Strategy(Protocol):
    """Where the jobs of a sweep come from."""

    total: int
    """How many there will be."""

    varied: list[str]
    """The keys in which they differ."""

    ahead: bool
    """Whether they are known before the first has ended."""

    def has_more(self, number: int) -> bool:
        """Whether there is a job of this number, if all before it are there."""

    def propose(self, number: int) -> list[str] | None:
        """The overrides of the job of this number; None if there are no more. One process calls it at a time."""

    def accepts(self, number: int, overrides: Sequence[str]) -> bool:
        """Whether a stored job is one of this sweep."""

    def reporter(self, number: int) -> Report | None:
        """What a training reports its epochs to; None if nobody wants to know."""

    def learn(self, number: int, run: Path, outcome: Outcome) -> Outcome:
        """Takes note of how a job has ended; returns that, or why its result is of no use."""


class Grid:
    """Every combination of the values, numbered as Hydra does: the last key varies fastest.

    Arguments:
        overrides: of the command line; a later one of the same key replaces an earlier one.
    """

    def __init__(self, overrides: Sequence[Override]) -> None:
        values = {override.get_key_element(): list(spellings(override)) for override in overrides}
        self.jobs = [list(job) for job in itertools.product(*values.values())]
        self.total = len(self.jobs)
        self.varied = [key for key, each in values.items() if len(each) > 1]
        self.ahead = True

    def has_more(self, number: int) -> bool:
        return number < self.total

    def propose(self, number: int) -> list[str] | None:
        return self.jobs[number] if number < self.total else None

    def accepts(self, number: int, overrides: Sequence[str]) -> bool:
        return self.propose(number) == list(overrides)

    def reporter(self, number: int) -> Report | None:
        return None

    def learn(self, number: int, run: Path, outcome: Outcome) -> Outcome:
        return outcome


def spellings(override: Override) -> list[str]:
    """An override once for each of its values; a UserError if these cannot be listed."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line}: a grid needs single values; list some, or search: add sweep=optuna")
    return [f"{key}={value}" for value in override.sweep_string_iterator()]
