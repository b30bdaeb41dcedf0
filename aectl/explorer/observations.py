"""What a run makes of a split, in one pass: its latents, its errors and small pictures."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.data.loader import Batches
from aectl.data.source import SplitName
from aectl.example import Example
from aectl.inference.latents import ENCODED_AT_ONCE
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.models.capabilities import HasLatent

LARGEST_THUMBNAIL = 32  # pixels along a side
MOST_BYTES = 4_000_000  # of latents in the page, two for each number
NUM_SHOWN = 24  # examples of the restoring view, in full size


class Observations(NamedTuple):
    """The first examples of a split as the task poses them.

    Arguments:
        codes: the latents (N, D); None of a model without a single one.
        errors: the mean squared error of each output, (N,).
        thumbnails: the targets (N, h, w) or (N, h, w, 3) uint8, no side over 32 pixels.
        shown: inputs as outputs that nothing was done to, outputs and targets of a few, (n, C, H, W) in [0, 1] each.
        total: examples of the split.
    """

    codes: Tensor | None
    errors: np.ndarray
    thumbnails: np.ndarray
    y: Tensor | None
    classes: list[str]
    shown: tuple[Tensor, Tensor, Tensor]
    total: int


@torch.inference_mode()
def observe(trained: TrainedRun, split: SplitName, n: int) -> Observations:
    """Runs the model on the first `n` examples, fewer if their latents would make the page too large."""
    whole = trained.run.data.split(split)
    has_latent = isinstance(trained.model, HasLatent)
    if has_latent:
        n = min(n, max(100, MOST_BYTES // (2 * trained.model.latent_size)))
    part = whole.first(n)
    codes: list[Tensor] = []
    shown: list[Tensor] = []
    errors, thumbnails = [], []
    for index, batch in enumerate(track(Batches(part, ENCODED_AT_ONCE, shuffle=False), "explore")):
        example = trained.make_example(batch, index)
        output = restored(trained, example)
        errors.append((output - example.target).square().flatten(1).mean(1).cpu().numpy())
        thumbnails.append(to_thumbnails(example.target))
        if has_latent:
            codes.append(trained.model.embed(example.input, example.cond).cpu())
        if not shown:
            untouched = trained.run.task.untouched(example.input).clamp(0, 1)
            shown = [images[:NUM_SHOWN].cpu() for images in (untouched, output, example.target)]
    return Observations(
        torch.cat(codes).flatten(1) if codes else None,
        np.concatenate(errors),
        np.concatenate(thumbnails),
        part.y,
        part.classes or [],
        (shown[0], shown[1], shown[2]),
        len(whole.x),
    )


def restored(trained: TrainedRun, example: Example) -> Tensor:
    output = trained.model.reconstruct(example.input, example.cond)
    return trained.run.task.keep_known(output, example.input).clamp(0, 1)


def to_thumbnails(images: Tensor) -> np.ndarray:
    """Images (B, C, H, W) in [0, 1] as (B, h, w) or (B, h, w, 3) uint8."""
    longest = max(images.shape[2:])
    if longest > LARGEST_THUMBNAIL:
        sides = [max(1, round(side * LARGEST_THUMBNAIL / longest)) for side in images.shape[2:]]
        images = F.interpolate(images, sides, mode="bilinear", antialias=True)
    pixels = (images.clamp(0, 1) * 255).round().byte().cpu()
    return (pixels[:, :3].movedim(1, -1) if images.shape[1] >= 3 else pixels[:, 0]).numpy()
