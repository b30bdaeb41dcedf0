"""`aectl sample`: new images from a run."""

import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from aectl import pictures, samplers
from aectl.bounds import Count, NonNegative
from aectl.commands.on_run import call
from aectl.draws import same_draws
from aectl.errors import UserError
from aectl.files import write
from aectl.latents import encode
from aectl.models.ae import AE
from aectl.models.base import Autoencoder
from aectl.opened import Opened

LATENTS_TO_FIT = 10_000
BATCH_SIZE = 500
PICTURE_PIXELS = 64


def main(cfg: DictConfig) -> None:
    call(sample, cfg)


@torch.inference_mode()
def sample(
    opened: Opened,
    n: Count,
    temperature: NonNegative,
    sampler: Literal["auto", "prior", "gaussian", "mixture"],
    components: Count,
    steps: Count,
) -> None:
    """Leaves a grid of samples, the samples themselves, and a walk between two test images in the run."""
    chosen = choose(opened.model, sampler)
    with same_draws(opened.seed, opened.device):
        if chosen == "prior":
            images = torch.cat([opened.model.sample(size, temperature=temperature).cpu() for size in parts(n)])
        else:
            images = fitted(opened, components if chosen == "mixture" else 1, n, temperature)
    folder = opened.run.folder / "samples"
    stem = f"{chosen}-seed-{opened.seed}-n-{n}" + ("" if temperature == 1 else f"-temperature-{temperature}")
    zoom = max(1, PICTURE_PIXELS // images.shape[-1])
    grid = pictures.tile(images, columns=math.ceil(math.sqrt(n)))
    print(f"wrote {pictures.save(grid, folder / f'{stem}.png', zoom)}")
    print(f"      {save_arrays(folder / f'{stem}.npz', images)}: {tuple(images.shape)}, float32 in [0, 1]")
    if isinstance(opened.model, AE) and steps > 1:
        path = folder / f"walk-seed-{opened.seed}.png"
        print(f"      {pictures.save(walk(opened, steps), path, zoom)}: straight line above, slerp below")


def save_arrays(path: Path, images: Tensor) -> Path:
    """The images as the array `images` of an .npz file."""
    return write(path, lambda aside: np.savez_compressed(aside, images=images.numpy()))


def choose(model: Autoencoder, sampler: str) -> str:
    """What to draw from: the prior where the model has one, unless something else is asked for."""
    if sampler == "auto" and not model.generative:
        print(f"{type(model).__name__} has no prior: drawing from a Gaussian fitted to its training latents")
        return "gaussian"
    return "prior" if sampler == "auto" else sampler


def parts(n: int) -> list[int]:
    """`n` in batches."""
    return [min(BATCH_SIZE, n - start) for start in range(0, n, BATCH_SIZE)]


def fitted(opened: Opened, components: int, n: int, temperature: float) -> Tensor:
    """Images (n, *shape) of codes drawn from a mixture that is fitted to the training latents."""
    codes = encode(opened, "train", LATENTS_TO_FIT).codes
    if len(codes) < components:
        raise UserError(f"components={components}: more than the {len(codes)} training latents; try components=10")
    drawn = samplers.draw(samplers.fit(codes, components, opened.seed), n, temperature).to(opened.device)
    return torch.cat([opened.single_latent.render(part).cpu() for part in drawn.split(BATCH_SIZE)])


def walk(opened: Opened, steps: int) -> Tensor:
    """A picture of the way from one test image's code to another's: straight, and below it along the arc."""
    codes = encode(opened, "test", BATCH_SIZE).codes.to(opened.device)
    chosen = torch.randperm(len(codes), generator=torch.Generator().manual_seed(opened.seed))[:2]
    start, end = codes[chosen]
    ways = torch.cat([samplers.straight(start, end, steps), samplers.slerp(start, end, steps)])
    return pictures.tile(opened.single_latent.render(ways), columns=steps)
