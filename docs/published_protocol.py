"""Denoises a folder of gray pictures by the protocol of the published tables, of BSD68 or Set12 for instance.

`python -m docs.published_protocol RUN FOLDER SIGMA`: Gaussian noise of SIGMA of 255 is added and neither clipped nor
rounded, the result is rounded to 8 bits, and the PSNR of all pictures is averaged, as in Beyond a Gaussian Denoiser
(Zhang et al., 2017, https://arxiv.org/abs/1608.03981). Its table II, on BSD68 at sigma 25: BM3D 28.57, DnCNN 29.23 dB.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import aectl
from aectl.inference.trained_run import TrainedRun
from aectl.io.tables import make_table, print_table
from aectl.modalities.image_metrics import psnr
from aectl.tasks.baselines.filters import NonLocalMeans
from docs.classical import attempts

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm")


def scores(trained: TrainedRun, folder: Path, sigma: float) -> Iterator[tuple[str, float, float, float]]:
    """Name, and the PSNR in dB of the noisy picture, of non-local means at its best setting and of the run."""
    for index, path in enumerate(sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)):
        truth = np.array(Image.open(path).convert("L"), np.float32)[None, None] / 255
        noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(index)).numpy()
        noisy = truth + sigma / 255 * noise
        with torch.inference_mode():
            restored = trained.model.reconstruct(torch.from_numpy(noisy).to(trained.device)).cpu().numpy()
        best = max(score(image, truth) for image in attempts(NonLocalMeans(), noisy))
        yield path.name, decibels(noisy, truth), best, score(restored, truth)


def score(image: np.ndarray, truth: np.ndarray) -> float:
    """The PSNR of an image (1, 1, H, W) as it would be saved, in dB."""
    return decibels((255 * image.clip(0, 1)).round() / 255, truth)


def decibels(image: np.ndarray, truth: np.ndarray) -> float:
    return float(psnr(torch.from_numpy(image.astype(np.float32)), torch.from_numpy(truth)))


def main(run: str, folder: str, sigma: str) -> None:
    table = make_table(
        f"sigma {sigma} of 255, gray, not clipped", ["picture", "noisy, dB", "non-local means, dB", "aectl, dB"]
    )
    found = list(scores(aectl.open(run), Path(folder), float(sigma)))
    mean = "mean", *np.mean([row[1:] for row in found], axis=0).tolist()
    for name, *values in [*found, mean]:
        table.add_row(name, *(f"{value:.2f}" for value in values))
    print_table(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
