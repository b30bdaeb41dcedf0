"""The rows of the table: each does one piece of work by turns with a peer."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks.busy import on_threads
from tests.benchmarks.explorer import in_page
from tests.benchmarks.peers import Peer, hand_written, pythae, usual
from tests.benchmarks.quality import to_quality
from tests.benchmarks.scale import again, flat, mapped, resident
from tests.benchmarks.start import second_job, to_first_step, within
from tests.benchmarks.sweep import one_by_one, sequential, with_workers
from tests.benchmarks.timing import Row, Watch, row
from tests.benchmarks.training import by_turns
from tests.benchmarks.verbs import evaluation, sampling

FASHION = ["dataset=fashion_mnist", "model=vae", "likelihood=bernoulli"]
DENSE = [*FASHION, "net=mlp", "net.hidden=[512]", "model.latent_dim=2"]
CONV = [*FASHION, "net=conv"]
FAST = "trainer=fast"


def training(overrides: list[str], peer: Peer, work: str, against: str, at_least: float, folder: Path) -> Row:
    """Steps of training."""
    watch = Watch()
    pairs = by_turns(overrides, partial(peer, folder=folder), folder / "run")
    return row(work, against, at_least, pairs, watch.others())


HAND, LOADER, PYTHAE = "hand-written loop", "DataLoader loop, {} workers", "pythae 0.1.2"
ALL: dict[str, Callable[[Path], Row]] = {
    "dense-hand": partial(training, DENSE, hand_written, "dense VAE, 25 steps", HAND, 1.0),
    "dense-loader-0": partial(training, DENSE, partial(usual, workers=0), "dense VAE, 25 steps", LOADER.format(0), 2.0),
    "dense-loader-2": partial(training, DENSE, partial(usual, workers=2), "dense VAE, 25 steps", LOADER.format(2), 2.0),
    "conv-hand": partial(training, CONV, hand_written, "conv VAE, 25 steps", HAND, 0.98),
    "conv-fast-hand": partial(training, [*CONV, FAST], hand_written, "conv VAE, trainer=fast, 25 steps", HAND, 1.6),
    "conv-pythae": partial(training, CONV, pythae, "conv VAE, 25 steps", PYTHAE, 1.0),
    "conv-fast-pythae": partial(training, [*CONV, FAST], pythae, "conv VAE, trainer=fast, 25 steps", PYTHAE, 1.6),
    "threads-alone": partial(on_threads, busy=False, at_least=0.95),
    "threads-busy": partial(on_threads, busy=True, at_least=1.7),
    "eval": evaluation,
    "sample": sampling,
    "quality": to_quality,
    "start-help": partial(within, 0.15, ("--help",)),
    "start-train-help": partial(within, 0.6, ("train", "--help")),
    "start-config": partial(within, 0.6, ("train", "--cfg", "job")),
    "start-first-step": to_first_step,
    "start-second-job": second_job,
    "sweep-workers": partial(with_workers, peer=one_by_one, against="24 calls of aectl train", at_least=1 / 0.55),
    "sweep-workers-sequential": partial(
        with_workers, peer=sequential, against="the sweep in one process", at_least=1.25
    ),
    "explore-ready": partial(in_page, "ready"),
    "explore-slider": partial(in_page, "slider"),
    "explore-pan": partial(in_page, "pan"),
    "scale-memory": resident,
    "scale-epoch": mapped,
    "scale-flat": flat,
    "scale-start": again,
}
