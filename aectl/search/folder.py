"""Starts a sweep in a folder, or finds it there; nothing is written until the command is known to fit."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from aectl.errors import UserError
from aectl.io.atomic import write_text
from aectl.io.locks import file_lock
from aectl.search.command import FILE, check_same, earlier_words, is_sweep, read_words, words_of, write_words
from aectl.search.jobs import Job, Jobs
from aectl.search.strategies import Strategy

Subfolder = Callable[[int, Sequence[str]], str]
"""Where the job of this number, with these overrides, writes; raises what Hydra does if they do not fit."""


def check_folder(folder: Path, words: Sequence[str], overrides: Sequence[str]) -> None:
    """Raises a UserError unless the folder is free, or has the sweep of this command.

    Arguments:
        folder: of the sweep; it need not exist.
        words: of the command, with the flags and keys of Hydra.
        overrides: those of them that a sweep of version 0.2 or before stored.
    """
    if is_sweep(folder):
        check_same(folder, read_words(folder), words)
    elif (earlier := earlier_words(folder)) is not None:
        check_same(folder, earlier, words_of(overrides))
    elif any(folder.glob("*/config.yaml")):
        raise UserError(f"sweep.dir={folder}: has runs, but of no sweep; expected a new folder, or one of a sweep")


def start(folder: Path, words: Sequence[str], strategy: Strategy, subfolder: Subfolder, config: DictConfig) -> Jobs:
    """The jobs in the folder of a sweep, with those added that are known and not there yet."""
    jobs = Jobs(folder)
    missing = new_jobs(jobs, strategy, subfolder) if strategy.ahead else []
    make_folder(folder)
    with file_lock(folder / FILE, "starts the sweep"):
        check_folder(folder, words, config.hydra.overrides.task)
        if not is_sweep(folder):
            write_text(folder / "multirun.yaml", OmegaConf.to_yaml(config))
            write_words(folder, words)
        elif {*read_words(folder)} != {*words}:
            write_words(folder, [*(word for word in read_words(folder) if word in words), *more(folder, words)])
        for job in missing:
            if not jobs.path(job.number).exists():
                jobs.write(job)
    return jobs


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"sweep.dir={folder}: {error.strerror}; expected a folder that can be made") from error


def more(folder: Path, words: Sequence[str]) -> list[str]:
    """The words that the sweep does not have yet: another number of trials."""
    return [word for word in words if word not in read_words(folder)]


def new_jobs(jobs: Jobs, strategy: Strategy, subfolder: Subfolder) -> list[Job]:
    """The jobs of the strategy that have no file; a UserError if two would write into one folder."""
    known, owners = {*jobs.numbers()}, {job.folder: job.number for job in jobs.all()}
    found: list[Job] = []
    for number in itertools.count():
        overrides = strategy.propose(number)
        if overrides is None:
            return found
        if number not in known:
            folder = subfolder(number, overrides)
            if (other := owners.setdefault(folder, number)) != number:
                raise UserError(
                    f"hydra.sweep.subdir={folder}: jobs {other} and {number} would share it; "
                    "expected a folder for each: put ${hydra:job.num} into it"
                )
            found.append(Job(number, overrides, folder))
    raise AssertionError("unreachable: the count has no end")
