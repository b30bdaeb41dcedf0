"""Restores photographs that runs have not seen, and versions of them, beside a classical method at its best setting.

`python -m docs.held_out RUN ...` takes runs on `dataset=photos`, whose `dataset.test` names what was held out.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import aectl
from aectl.data.photos import read
from aectl.inference.restoration import restore
from aectl.inference.trained_run import TrainedRun
from aectl.io.tables import make_table, print_table
from aectl.modalities.image_metrics import psnr
from aectl.tasks.base import Task
from aectl.tasks.baselines.filters import NonLocalMeans
from aectl.tasks.baselines.interpolation import Enlarged
from aectl.tasks.denoise import Denoise
from aectl.tasks.super_res import SuperRes
from docs.classical import attempts

SIGMAS = (0.05, 0.1, 0.2)
SIDE = 256  # of the crop from the centre
VERSIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda photo: photo,
    "permuted colours": lambda photo: photo[[1, 2, 0]],
    "negative": lambda photo: 255 - photo,
    "brightened": lambda photo: (255 * (photo / 255) ** 0.6).round().astype(np.uint8),
}


class Result(NamedTuple):
    """The PSNR of a run and of the classical method on a photograph, in dB."""

    photo: str
    version: str
    task: str
    model: float
    classical: float


def results(trained: TrainedRun) -> Iterator[Result]:
    """On every held-out photograph, as 8-bit input and output."""
    tasks: list[Task] = [trained.run.task]
    if isinstance(trained.run.task, Denoise):
        tasks = [Denoise(sigma, mean=0.0, clip=True) for sigma in SIGMAS]
    for name in trained.run.cfg.dataset.test:
        for version, change in VERSIONS.items():
            truth = change(centre(read(name).transpose(2, 0, 1)))
            for task in tasks:
                torch.manual_seed(0)
                degraded = task.degrade(torch.from_numpy(truth / np.float32(255))[None])[0]
                small = (degraded * 255).round().byte().numpy()
                best = max(score(image, truth) for image in classical(task, small))
                yield Result(name, version, task.label, score(restore(trained, small), truth), best)


def centre(photo: np.ndarray) -> np.ndarray:
    """The middle of a picture, (3, SIDE, SIDE)."""
    top, left = ((side - SIDE) // 2 for side in photo.shape[1:])
    return np.ascontiguousarray(photo[:, top : top + SIDE, left : left + SIDE])


def classical(task: Task, small: np.ndarray) -> Iterator[np.ndarray]:
    """Non-local means with each of its settings, or Lanczos where the picture is to be enlarged; uint8."""
    baseline = Enlarged("lanczos", task.scale) if isinstance(task, SuperRes) else NonLocalMeans()
    found = attempts(baseline, small[None] / np.float32(255))
    return ((255 * image[0].clip(0, 1)).round().astype(np.uint8) for image in found)


def score(image: np.ndarray, truth: np.ndarray) -> float:
    return float(psnr(*(torch.from_numpy(x[None] / np.float32(255)) for x in (image, truth))))


def main(folders: list[str]) -> None:
    found = [result for folder in folders for result in results(aectl.open(Path(folder)))]
    table = make_table(
        "", ["photograph", "version", "task", "aectl, dB", "classical, dB", "gain, dB"], left=["version", "task"]
    )
    for r in found:
        table.add_row(*r[:3], f"{r.model:.2f}", f"{r.classical:.2f}", f"{r.model - r.classical:+.2f}")
    print_table(table)
    for task in dict.fromkeys(result.task for result in found):
        gains = [result.model - result.classical for result in found if result.task == task]
        ahead = sum(gain > 0 for gain in gains)
        print(f"{task}: {np.mean(gains):+.2f} dB on average, ahead on {ahead} of {len(gains)} pictures")


if __name__ == "__main__":
    main(sys.argv[1:])
