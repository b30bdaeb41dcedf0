"""`aectl sample`: new images from a run."""

import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from aectl.cli.open_run import run_command
from aectl.inference import sampling
from aectl.inference.latents import encode_split
from aectl.inference.sampling import Sampler, default_sampler, generate
from aectl.inference.trained_run import TrainedRun
from aectl.io.atomic import write_atomic
from aectl.models.ae import AE
from aectl.models.base import Autoencoder
from aectl.plots import image_grid
from aectl.types import NonNegativeFloat, PositiveInt

INTERPOLATION_POOL = 500
"""Test images that the two ends of a walk are chosen from."""
PICTURE_PIXELS = 64
"""The side that small images are enlarged to, as long as the grid of them is no wider than `MOST_PIXELS`."""
MOST_PIXELS = 2048


def main(cfg: DictConfig) -> None:
    run_command(sample, cfg)


@torch.inference_mode()
def sample(
    opened: TrainedRun,
    n: PositiveInt,
    temperature: NonNegativeFloat,
    sampler: Literal["auto"] | Sampler,
    components: PositiveInt,
    steps: PositiveInt,
) -> None:
    """Leaves a grid of samples, the samples themselves, and a walk between two test images in the run."""
    chosen = choose_sampler(opened.model if opened.model.generative else opened.single_latent, sampler)
    images = generate(opened, n, chosen, components, temperature)
    folder = opened.run.place("samples")
    stem = f"{chosen}-seed-{opened.seed}-n-{n}" + ("" if temperature == 1 else f"-temperature-{temperature}")
    grid = image_grid.tile_images(opened.run.modality.to_uint8(images), columns=math.ceil(math.sqrt(n)))
    zoom = max(1, PICTURE_PIXELS // images.shape[-1])
    zoom_of_grid = max(1, min(zoom, MOST_PIXELS // grid.shape[-1]))
    print(f"wrote {image_grid.save_png(grid, folder / f'{stem}.png', zoom_of_grid)}")
    print(f"      {save_arrays(folder / f'{stem}.npz', images)}: {tuple(images.shape)}, float32 in [0, 1]")
    if isinstance(opened.model, AE) and steps > 1:
        path = folder / f"walk-seed-{opened.seed}.png"
        image_grid.save_png(interpolation_grid(opened, steps), path, zoom)
        print(f"      {path}: straight line above, slerp below")


def save_arrays(path: Path, images: Tensor) -> Path:
    """The images as the array `images` of an .npz file."""
    return write_atomic(path, lambda aside: np.savez(aside, images=images.numpy()))


def choose_sampler(model: Autoencoder, sampler: Literal["auto"] | Sampler) -> Sampler:
    """What to draw from: the prior where the model has one, unless something else is asked for."""
    if sampler != "auto":
        return sampler
    if not model.generative:
        print(f"{type(model).__name__} has no prior: drawing from a Gaussian fitted to its training latents")
    return default_sampler(model)


def interpolation_grid(opened: TrainedRun, steps: int) -> Tensor:
    """A picture of the way from one test image's code to another's: straight, and below it along the arc."""
    codes = encode_split(opened, "test", INTERPOLATION_POOL).codes.to(opened.device)
    chosen = torch.randperm(len(codes), generator=torch.Generator().manual_seed(opened.seed))[:2]
    start, end = codes[chosen]
    ways = torch.cat([sampling.lerp(start, end, steps), sampling.slerp(start, end, steps)])
    images = opened.run.modality.to_uint8(opened.single_latent.decode_mean(ways))
    return image_grid.tile_images(images, columns=steps)
