"""From Enter to what was asked for."""

import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import number, timed
from tests.benchmarks.timing import PAIRS, Row, Watch, row

FIRST_STEP = "import sys; from tests.benchmarks.start import first_step; first_step(sys.argv[1])"
BARE = "import torch, pytorch_lightning"
ALLOWED = 1.0
"""Seconds that the first step may come after the bare imports."""
JOBS = 6


def within(seconds: float, arguments: tuple[str, ...], folder: Path) -> Row:
    """A call of the program that trains nothing."""
    watch = Watch()
    pairs = [(timed("-m", "aectl", *arguments)[0], seconds) for _ in range(PAIRS)]
    return row(f"aectl {' '.join(arguments)}", f"{seconds} s", 1.0, pairs, watch.others())


def to_first_step(folder: Path) -> Row:
    """A training of a convolutional VAE until it is about to take its first step."""
    watch, pairs = Watch(), []
    for index in range(PAIRS):
        begun = time.time()
        _, said = timed("-c", FIRST_STEP, str(folder / str(index)))
        pairs.append((number(r"at ([\d.]+)", said) - begun, timed("-c", BARE)[0] + ALLOWED))
    return row("aectl train, to the first step", "import torch, Lightning + 1 s", 1.0, pairs, watch.others())


def first_step(folder: str) -> None:
    """Trains, says when the first step begins, and ends."""
    from pytorch_lightning import Callback

    from aectl.cli.main import main
    from aectl.training import fit

    class First(Callback):
        def on_train_batch_start(self, *args: Any) -> None:
            print("first step at", time.time())
            sys.exit()

    extras = fit.extra_callbacks
    fit.extra_callbacks = lambda run: [*extras(run), First()]
    main(["train", "dataset=fashion_mnist", f"hydra.run.dir='{folder}'"])


def second_job(folder: Path) -> Row:
    """The jobs of a sweep after the first, beside their one epoch alone, validation included."""
    from pytorch_lightning import Callback

    from aectl.cli.commands import train
    from aectl.cli.main import main
    from aectl.training import fit

    epochs: list[float] = []
    ends: list[float] = []

    class Clock(Callback):
        def on_train_epoch_start(self, *args: Any) -> None:
            self.begun = time.perf_counter()

        def on_train_epoch_end(self, *args: Any) -> None:
            epochs.append(time.perf_counter() - self.begun)

    def ending(job: Callable[..., Any], cfg: Any) -> Any:
        try:
            return job(cfg)
        finally:
            ends.append(time.perf_counter())

    watch, extras = Watch(), fit.extra_callbacks
    fit.extra_callbacks = lambda run: [*extras(run), Clock()]
    train.main = partial(ending, train.main)
    seeds = ",".join("0" * JOBS)
    with (folder / "said").open("w") as said, redirect_stderr(said), redirect_stdout(said):
        sweep = ["-m", f"seed={seeds}", f"hydra.sweep.dir='{folder}'"]
        main(["train", *sweep, "dataset=fashion_mnist", "trainer.max_epochs=1"])
    jobs = [end - before for before, end in pairwise(ends)]
    pairs = list(zip(jobs, epochs[1:], strict=True))
    return row("a later job of a sweep, conv VAE, 1 epoch", "its epoch", 1 / 1.1, pairs, watch.others())
