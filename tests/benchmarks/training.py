"""Steps of `aectl train` beside a peer's, by turns in one process."""

import copy
import os
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from aectl.cli.main import main
from aectl.training import fit
from aectl.training.progress import ProgressBar
from aectl.training.threads import torch_threads
from tests.benchmarks.peers import Peer

WARM = 20
BLOCK = 25
"""Steps that are timed at once: short, so that whatever slows the machine down slows both."""
PAIRS = 15


class Turns(Callback):
    """Lets the peer train whenever ours has trained for a block of steps, and ends the run after enough of them."""

    def __init__(self, peer: Peer, block: int) -> None:
        self.make_peer = peer
        self.block = block
        self.done = 0
        self.pairs: list[tuple[float, float]] = []
        self.threads = torch.get_num_threads()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        model = copy.deepcopy(pl_module.model).to(memory_format=torch.contiguous_format)
        self.peer = self.make_peer(model, trainer.train_dataloader.batches.split.x)
        with Paused(trainer):
            self.peer(WARM)

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        self.done += 1
        past = self.done - WARM
        if past < 0 or past % self.block:
            return
        if past:
            ours = time.perf_counter() - self.begun
            with Paused(trainer), torch_threads(self.threads):
                self.pairs.append((ours, self.peer(self.block)))
        trainer.should_stop = len(self.pairs) == PAIRS
        self.begun = time.perf_counter()


class Paused:
    """The bar does not draw while the peer trains."""

    def __init__(self, trainer: Trainer) -> None:
        self.bar = next(callback.bar for callback in trainer.callbacks if isinstance(callback, ProgressBar))

    def __enter__(self) -> None:
        self.bar.stop()

    def __exit__(self, *args: object) -> None:
        self.bar.start()


def by_turns(overrides: list[str], peer: Peer, folder: Path, block: int = BLOCK) -> list[Any]:
    """Pairs of seconds, ours with logging and the bar on, and the peer's."""
    turns = Turns(peer, block)
    extras = fit.extra_callbacks
    fit.extra_callbacks = lambda run: [*extras(run), turns]
    terminal = patch.dict(os.environ, TTY_COMPATIBLE="1")  # the bar is drawn, as in a terminal
    try:
        with terminal, Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere), redirect_stdout(nowhere):
            main(["train", *overrides, "trainer.limit_val_batches=1", f"hydra.run.dir='{folder}'"])
    finally:
        fit.extra_callbacks = extras
    if len(turns.pairs) < PAIRS:
        sys.exit(f"only {len(turns.pairs)} of {PAIRS} pairs: the epoch is too short")
    return turns.pairs
