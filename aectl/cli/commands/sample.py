"""`aectl sample`: new images from a run."""

import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from aectl.cli.open_run import call
from aectl.inference import samplers
from aectl.inference.latents import encode
from aectl.inference.sampling import Sampler, generate, natural
from aectl.inference.trained_run import Opened
from aectl.io.atomic import write
from aectl.models.ae import AE
from aectl.models.base import Autoencoder
from aectl.plots import image_grid
from aectl.types import Count, NonNegative

WALKED = 500
"""Test images that the two ends of a walk are chosen from."""
PICTURE_PIXELS = 64
"""The side that small images are enlarged to, as long as the grid of them is no wider than `MOST_PIXELS`."""
MOST_PIXELS = 2048


def main(cfg: DictConfig) -> None:
    call(sample, cfg)


@torch.inference_mode()
def sample(
    opened: Opened,
    n: Count,
    temperature: NonNegative,
    sampler: Literal["auto"] | Sampler,
    components: Count,
    steps: Count,
) -> None:
    """Leaves a grid of samples, the samples themselves, and a walk between two test images in the run."""
    chosen = choose(opened.model if opened.model.generative else opened.single_latent, sampler)
    images = generate(opened, n, chosen, components, temperature)
    folder = opened.run.place("samples")
    stem = f"{chosen}-seed-{opened.seed}-n-{n}" + ("" if temperature == 1 else f"-temperature-{temperature}")
    grid = image_grid.tile(images, columns=math.ceil(math.sqrt(n)))
    zoom = max(1, PICTURE_PIXELS // images.shape[-1])
    zoom_of_grid = max(1, min(zoom, MOST_PIXELS // grid.shape[-1]))
    print(f"wrote {image_grid.save(grid, folder / f'{stem}.png', zoom_of_grid)}")
    print(f"      {save_arrays(folder / f'{stem}.npz', images)}: {tuple(images.shape)}, float32 in [0, 1]")
    if isinstance(opened.model, AE) and steps > 1:
        path = folder / f"walk-seed-{opened.seed}.png"
        print(f"      {image_grid.save(walk(opened, steps), path, zoom)}: straight line above, slerp below")


def save_arrays(path: Path, images: Tensor) -> Path:
    """The images as the array `images` of an .npz file."""
    return write(path, lambda aside: np.savez(aside, images=images.numpy()))


def choose(model: Autoencoder, sampler: Literal["auto"] | Sampler) -> Sampler:
    """What to draw from: the prior where the model has one, unless something else is asked for."""
    if sampler != "auto":
        return sampler
    if not model.generative:
        print(f"{type(model).__name__} has no prior: drawing from a Gaussian fitted to its training latents")
    return natural(model)


def walk(opened: Opened, steps: int) -> Tensor:
    """A picture of the way from one test image's code to another's: straight, and below it along the arc."""
    codes = encode(opened, "test", WALKED).codes.to(opened.device)
    chosen = torch.randperm(len(codes), generator=torch.Generator().manual_seed(opened.seed))[:2]
    start, end = codes[chosen]
    ways = torch.cat([samplers.straight(start, end, steps), samplers.slerp(start, end, steps)])
    return image_grid.tile(opened.single_latent.render(ways), columns=steps)
