"""Applies a run to pictures as they are: any size, nothing degraded."""

import numpy as np
import torch

from aectl.inference.tiles import Apply, apply_tiled
from aectl.inference.trained_run import TrainedRun

LARGEST_WHOLE = 1_500_000
"""Pixels that a model that takes any size is given at once."""
USUAL_TILE = 512
OVERLAP = 32
"""Pixels that tiles share: farther than a net of usual depth looks."""


def restore(opened: TrainedRun, picture: np.ndarray, tile: int | None = None) -> np.ndarray:
    """(C, h, w) uint8 to what the model makes of it, (C', scale * h, scale * w) uint8.

    Arguments:
        opened: the run.
        picture: with as many channels as the model's input.
        tile: the side of the tiles of a model that takes any size; none: the whole picture, or tiles of 512 pixels of a
            large one. Other models have tiles of the size that they were trained on.
    """
    model = opened.model
    scale = model.shape[1] // model.input_shape[1]
    trained = (model.input_shape[1], model.input_shape[2])
    height, width = picture.shape[1:]
    if not model.any_size:
        return apply_tiled(picture, as_array_function(opened), trained, min(trained) // 2, scale)
    if tile is None:
        tile = USUAL_TILE if height * width > LARGEST_WHOLE else max(height, width)
    sides = min(tile, height), min(tile, width)
    return apply_tiled(picture, as_array_function(opened), sides, min(OVERLAP, min(sides) // 2), scale)


def as_array_function(opened: TrainedRun) -> Apply:
    """The model as a function of arrays."""

    @torch.inference_mode()
    def apply(images: np.ndarray) -> np.ndarray:
        return opened.model.reconstruct(torch.from_numpy(images).to(opened.device)).cpu().numpy()

    return apply
