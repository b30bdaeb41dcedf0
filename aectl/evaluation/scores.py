"""Scores of every single image, and what may be said of their means. Knows nothing of models."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student
from torch import Tensor

from aectl.modalities.image_metrics import MS_SSIM_SIDE, ms_ssim, mse, psnr, ssim

METRICS = {"psnr": psnr, "ssim": ssim, "mse": mse}
CONFIDENCE = 0.95

Scores = dict[str, np.ndarray]
"""For each metric the value of every image, (N,)."""


@dataclass(frozen=True)
class MeanCI:
    """A mean over images, and the interval that holds the mean of all such images 95 times in 100."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def negative(self) -> "MeanCI":
        """The same of what has the other sign."""
        return MeanCI(-self.mean, -self.high, -self.low)


def score(output: Tensor, target: Tensor) -> Scores:
    """Every metric of every image, (B, C, H, W) twice; the output is cut to [0, 1] as a file would be."""
    metrics = METRICS if min(target.shape[-2:]) < MS_SSIM_SIDE else {**METRICS, "ms_ssim": ms_ssim}
    clipped = output.clamp(0, 1)
    return {name: metric(clipped, target).cpu().double().numpy() for name, metric in metrics.items()}


def concatenate_scores(parts: list[Scores]) -> Scores:
    """The scores of several batches as those of one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def first_scores(scores: Scores, n: int) -> Scores:
    """The scores of the first `n` images."""
    return {name: values[:n] for name, values in scores.items()}


def mean_ci(values: np.ndarray) -> MeanCI:
    """The mean of (N,) with its 95 % interval by Student's t; a single value has no interval but itself."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return MeanCI(mean, mean, mean)
    half = float(student.ppf((1 + CONFIDENCE) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return MeanCI(mean, mean - half, mean + half)


def mean_scores(scores: Scores) -> dict[str, MeanCI]:
    """The mean of each metric with its interval."""
    return {name: mean_ci(values) for name, values in scores.items()}
