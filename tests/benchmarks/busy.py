"""Training alone and beside another busy process, on threads that are chosen while it runs and on all of them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

from aectl.training import fit
from tests.benchmarks.processes import quietly
from tests.benchmarks.timing import Row, Watch, row

PAIRS = 5
DENSE = ["dataset=fashion_mnist", "model=vae", "likelihood=bernoulli", "net=mlp", "net.hidden=[512]"]
SHORT = ["trainer.max_epochs=3", "trainer.limit_val_batches=1"]


def on_threads(folder: Path, busy: bool, at_least: float) -> Row:
    """Three epochs of a dense VAE."""
    watch, where = Watch(), "beside a busy process" if busy else "alone"
    with busy_process() if busy else nullcontext():
        pairs = [by_turns(folder / str(index), ours_first=index % 2 == 0) for index in range(PAIRS)]
    return row(f"dense VAE, 3 epochs, {where}", "always on all threads", at_least, pairs, watch.others())


def by_turns(folder: Path, ours_first: bool) -> tuple[float, float]:
    """The seconds of a training that chooses its threads and of one on all of them."""
    if ours_first:
        return seconds(folder / "chosen"), seconds_on_all(folder / "all")
    on_all = seconds_on_all(folder / "all")
    return seconds(folder / "chosen"), on_all


def seconds(run: Path) -> float:
    """What a training took, without its start."""
    quietly("train", *DENSE, *SHORT, f"hydra.run.dir='{run}'")
    return float(json.loads((run / "summary.json").read_text())["seconds"])


def seconds_on_all(run: Path) -> float:
    with patch.object(fit, "busy_cores", lambda *_, **__: []):
        return seconds(run)


@contextmanager
def busy_process() -> Iterator[None]:
    """One that keeps a core busy."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()
