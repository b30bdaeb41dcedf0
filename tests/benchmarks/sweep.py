"""A grid of 24 short jobs: `python -m tests.benchmarks sweep`."""

from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.processes import timed
from tests.benchmarks.timing import Row, Watch, row

PAIRS = 3
LATENT_DIMS, BETAS, SEEDS = (2, 8), (0.5, 1, 2), range(4)
JOB = ("dataset=digits", "net=mlp")


def grid(folder: Path, *words: str) -> float:
    """The seconds of the sweep."""
    varied = {"model.latent_dim": LATENT_DIMS, "model.beta": BETAS, "seed": SEEDS}
    keys = [f"{key}={','.join(map(str, values))}" for key, values in varied.items()]
    return timed("-m", "aectl", "train", "-m", *keys, *JOB, f"sweep.dir={folder}", *words)[0]


def sequential(folder: Path) -> float:
    """The sweep in one process."""
    return grid(folder)


def one_by_one(folder: Path) -> float:
    """A program call for each job."""
    jobs = [
        (f"model.latent_dim={latent_dim}", f"model.beta={beta}", f"seed={seed}")
        for latent_dim in LATENT_DIMS
        for beta in BETAS
        for seed in SEEDS
    ]
    runs = [f"hydra.run.dir='{folder / str(number)}'" for number in range(len(jobs))]
    return sum(timed("-m", "aectl", "train", *job, *JOB, run)[0] for job, run in zip(jobs, runs, strict=True))


def with_workers(folder: Path, peer: Callable[[Path], float], against: str, at_least: float) -> Row:
    """The sweep in two processes."""
    watch, pairs = Watch(), []
    for index in range(PAIRS):
        ours, other = folder / f"workers-{index}", folder / f"peer-{index}"
        if index % 2:
            second, first = peer(other), grid(ours, "sweep.workers=2")
        else:
            first, second = grid(ours, "sweep.workers=2"), peer(other)
        pairs.append((first, second))
    return row("24 jobs on digits, two workers", against, at_least, pairs, watch.others())
