"""The view of runs on images: thumbnails, and what restoring them needs."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.explorer.observations import Observations
from aectl.explorer.sheets import sheet, to_pictures
from aectl.explorer.view import View
from aectl.inference.trained_run import TrainedRun
from aectl.tasks.denoise import Denoise, DenoiseSaltPepper
from aectl.tasks.strength import bounds

LARGEST_THUMBNAIL = 32  # pixels along a side
COLUMNS = 100  # of the sheet of thumbnails
HALF_A_LEVEL = 0.5 / 255


class PictureView(View):
    """Images as thumbnails; a task that restores has a panel of its own, and so has a drawing of the reader's."""

    name = "pictures"
    networks = ("encoder", "decoder", "whole")
    measures = ("squared error",)

    def keep(self, examples: Tensor) -> np.ndarray:
        return to_thumbnails(examples)

    def pack(self, kept: np.ndarray, columns: int) -> bytes:
        return sheet(kept, columns)

    def measure(self, output: Tensor, target: Tensor) -> np.ndarray:
        return (output - target).square().flatten(1).mean(1)[None].cpu().numpy()

    def looks_same(self, output: Tensor, expected: Tensor) -> bool:
        """Whether they differ by less than half a gray level: of the largest value, as latents may exceed 1."""
        return bool((output - expected).abs().max() < HALF_A_LEVEL * expected.abs().max().clamp_min(1.0))

    def describe(self, trained: TrainedRun, seen: Observations) -> tuple[dict[str, Any], dict[str, bytes]]:
        facts = {
            "columns": COLUMNS,
            "thumbnail": list(seen.kept.shape[1:3]),
            "inputShape": list(trained.model.input_shape),
            "anySize": trained.model.any_size,
            "noise": noise(trained),
            "restores": trained.run.task.restores,
            "shown": len(seen.shown[0]),
        }
        files = {
            "thumbnails": sheet(seen.kept, COLUMNS),
            "shown": sheet(to_pictures(torch.cat(seen.shown)), len(seen.shown[0]), lossless=True),
        }
        return facts, files


def to_thumbnails(images: Tensor) -> np.ndarray:
    """Images (B, C, H, W) in [0, 1] as (B, h, w) or (B, h, w, 3) uint8, no side over 32 pixels."""
    longest = max(images.shape[2:])
    if longest > LARGEST_THUMBNAIL:
        sides = [max(1, round(side * LARGEST_THUMBNAIL / longest)) for side in images.shape[2:]]
        images = F.interpolate(images, sides, mode="bilinear", antialias=True)
    pixels = (images.clamp(0, 1) * 255).round().byte().cpu()
    return (pixels[:, :3].movedim(1, -1) if images.shape[1] >= 3 else pixels[:, 0]).numpy()


def noise(trained: TrainedRun) -> dict[str, Any] | None:
    """How the page adds the noise of the task itself, with any strength; None for any other task."""
    task = trained.run.task
    if isinstance(task, Denoise):
        low, high = bounds(task.sigma)
        return {"kind": "gaussian", "strength": (low + high) / 2, "mean": task.mean, "clip": task.clip}
    if isinstance(task, DenoiseSaltPepper):
        return {"kind": "salt and pepper", "strength": task.amount, "mean": 0, "clip": True}
    return None
