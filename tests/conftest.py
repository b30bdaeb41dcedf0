"""What the tests share: the program as a user calls it, and runs trained once."""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from aectl.cli import main

os.environ["OMP_NUM_THREADS"] = (
    "1"  # before torch: tests run beside each other, and threads that wait for a core cost most
)
os.environ["AECTL_CACHE"] = tempfile.mkdtemp(prefix="aectl-tests-")  # what one test has fitted serves the others
QUICK = ("trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.limit_val_batches=1")
"""Overrides that make a training as short as it can be."""


class Result(NamedTuple):
    """What a call of the program left: its exit status and what it printed."""

    status: int
    out: str
    err: str


Aectl = Callable[..., Result]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """The program sets its own arguments and environment; the next test must not see them."""
    environment, arguments = dict(os.environ), list(sys.argv)
    yield
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = arguments


@pytest.fixture
def aectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Aectl:
    """Calls the program in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        capfd.readouterr()
        status = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = capfd.readouterr()
        return Result(status, out, err)

    return call


def run_folder(result: Result) -> Path:
    """The folder of the run that a training printed."""
    found = re.search(r"(\S+)/\n", result.out)
    assert found, result
    return Path(found[1])
