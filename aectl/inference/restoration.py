"""Applies a run to pictures of any size, as they are."""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.inference import denoising
from aectl.inference.denoising import Denoised, Strength
from aectl.inference.tiling import Advance, Tiling, apply_tiled, ignore
from aectl.modalities import Images, pixels
from aectl.types import format_shape

if TYPE_CHECKING:
    from aectl.inference.trained_run import TrainedRun

LARGEST_WHOLE = 1_500_000  # the most pixels that a model that takes any size is given at once
USUAL_TILE = 512
OVERLAP = 32  # pixels that tiles share: in their middle, a net of usual depth hardly sees the edge
STEP = 8  # pixels: each net of usual depth computes on cells whose side divides it


def require_images(trained: "TrainedRun") -> None:
    """Raises a UserError for a run whose examples are no images."""
    if not isinstance(modality := trained.modality, Images):
        raise UserError(
            f"run={trained.run.folder}: trained on {modality.name} of {format_shape(modality.shape)} values, not on "
            "images; picture files need a run on images"
        )


def require_pictures(trained: "TrainedRun") -> None:
    """Raises a UserError for a run whose examples cannot be drawn."""
    if not trained.modality.has_pictures:
        require_images(trained)


def restore(
    trained: "TrainedRun",
    picture: np.ndarray,
    tile: int | None = None,
    cond: Tensor | None = None,
    advance: Advance = ignore,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """(C, h, w) to what the model makes of it, (C', scale * h, scale * w), at the same depth.

    The depth is uint8, uint16 or float32 in [0, 1]. A model that takes any size is given tiles with sides of `tile`;
    without it the whole picture, or tiles of 512 pixels of a large one. Other models have tiles of the size that they
    were trained on. `cond` is (1,). `advance` is told after each tile what share of the picture that was. `mask` (h, w)
    is true where the picture is hidden, for a run that fills such pixels.
    """
    require_images(trained)
    require_mask(trained, mask is not None)
    model, task, channels = trained.model, trained.run.task, len(picture)
    if mask is not None:
        if mask.shape != picture.shape[1:]:
            raise UserError(f"mask: of shape {mask.shape}; expected {picture.shape[1:]}, the sides of the picture")
        picture = np.concatenate([picture, pixels.to_depth(mask[None].astype(np.float32), picture.dtype)])

    @torch.inference_mode()
    def apply(images: np.ndarray) -> np.ndarray:
        pictures = torch.from_numpy(images)
        input = task.from_pictures(pictures[:, :channels], None if mask is None else pictures[:, channels:])
        input = input.to(trained.device, memory_format=torch.channels_last)
        return task.keep_known(model.reconstruct(input, cond), input).cpu().numpy()

    return apply_tiled(picture, apply, choose_tiling(trained, picture, tile), model.scale, advance)


def draw_input(trained: "TrainedRun", picture: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """What the model sees of a picture (C, h, w) of any depth, to be drawn, (1 or 3, h, w) float32."""
    image = torch.from_numpy(pixels.to_depth(picture, np.float32))[None]
    hidden = None if mask is None else torch.from_numpy(mask.astype(np.float32))[None, None]
    task = trained.run.task
    return task.drawn(task.from_pictures(image, hidden))[0].numpy()


def require_mask(trained: "TrainedRun", given: bool) -> None:
    """Raises a UserError for a mask that is missing, or not wanted."""
    wanted = trained.run.task.takes_mask
    if wanted and not given:
        raise UserError(
            f"mask=null: {trained.run.folder} fills hidden pixels (task=inpaint); expected what is hidden: "
            "mask=FILE, white there, or a folder with a mask for each picture"
        )
    if given and not wanted:
        raise UserError(
            f"mask=: {trained.run.folder} fills no hidden pixels; leave it out, or use a run of task=inpaint"
        )


def choose_tiling(trained: "TrainedRun", picture: np.ndarray, tile: int | None) -> Tiling:
    """The tiles of a picture (C, h, w), with sides of `tile` if the model takes any size."""
    _, height, width = picture.shape
    if not trained.model.any_size:
        sides = trained.model.input_shape[1], trained.model.input_shape[2]
        return Tiling(sides, overlap=min(sides) // 2)
    tile = tile or (USUAL_TILE if height * width > LARGEST_WHOLE else max(height, width))
    tile = max(tile, 2 * STEP)
    sides = min(tile, height), min(tile, width)
    overlap = min(OVERLAP, min(sides) // 2)
    return Tiling(sides, overlap, margin=overlap // 4, step=STEP)


def predict(
    trained: "TrainedRun",
    picture: np.ndarray,
    tile: int | None = None,
    cond: Tensor | None = None,
    strength: Strength = 1.0,
    advance: Advance = ignore,
    mask: np.ndarray | None = None,
) -> Denoised:
    """What `restore` gives; of a denoiser with the colour of each region kept, and at a strength.

    Arguments:
        strength: how much of its change a denoiser makes, from 0 to 1; `auto`: as much as the noise explains.

    Raises:
        UserError: a strength below 1 for a run that removes no noise.
    """
    if trained.run.task.noise is None:
        if strength != 1:
            raise UserError(f"strength={strength}: expected 1 for a run that removes no Gaussian noise of mean 0")
        return Denoised(restore(trained, picture, tile, cond, advance, mask), math.nan, 1.0)
    return denoising.finish(picture, restore(trained, picture, tile, cond, advance, mask), strength)
