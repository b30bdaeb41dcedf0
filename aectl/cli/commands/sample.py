"""`aectl sample`: new examples from a run."""

import math
from pathlib import Path
from typing import Literal

from torch import Tensor

from aectl.cli.open_run import print_written, run_command
from aectl.inference.latent_space import interpolate
from aectl.inference.sampling import Sampler, default_sampler
from aectl.inference.trained_run import TrainedRun
from aectl.io.npz import save_npz
from aectl.modalities import Modality
from aectl.models.capabilities import HasLatent
from aectl.plots import image_grid
from aectl.types import NonNegativeFloat, NonNegativeInt, PositiveInt

PICTURE_PIXELS = 64  # the side that small images are enlarged to, if the grid of them is no wider than `MOST_PIXELS`
MOST_PIXELS = 2048


@run_command
def main(
    trained: TrainedRun,
    n: PositiveInt,
    label: NonNegativeInt | None,
    temperature: NonNegativeFloat,
    sampler: Literal["auto"] | Sampler,
    components: PositiveInt,
    steps: PositiveInt,
) -> None:
    """Writes samples as an array and a grid, and an interpolation between two test images, into the run."""
    modality = trained.modality
    chosen = choose_sampler(trained, sampler)
    outputs = trained.sample(n, temperature, chosen, components, label)
    folder = trained.run.output_path("samples")
    stem = f"{chosen}-seed-{trained.seed}-n-{n}" + ("" if temperature == 1 else f"-temperature-{temperature}")
    stem += "" if label is None else f"-label-{label}"
    arrays = save_npz(folder / f"{stem}.npz", {modality.name: outputs.numpy()})
    written = f"{arrays}: {tuple(outputs.shape)}, float32 in [0, 1]"
    picture = save_picture(modality, outputs, math.ceil(math.sqrt(n)), folder / f"{stem}.png")
    if picture is None:
        print_written(f"{written}; {modality.name} have no picture")
        return
    print_written(picture, written)
    if isinstance(trained.model, HasLatent) and steps > 1:
        path = folder / f"interpolation-seed-{trained.seed}.png"
        save_picture(modality, interpolate(trained, steps, trained.as_cond(label, 1)), steps, path)
        print(f"      {path}: straight line above, slerp below")


def choose_sampler(trained: TrainedRun, sampler: Literal["auto"] | Sampler) -> Sampler:
    name = type(trained.model if trained.model.generative else trained.latent_model()).__name__
    if sampler != "auto":
        return sampler
    if not trained.model.generative:
        print(f"{name} has no prior: drawing from a Gaussian fitted to its training latents")
    elif isinstance(trained.model, HasLatent) and len(trained.model.latent_shape) > 1:
        print(
            "sampler=prior: the cells of a grid of latents are drawn independently, so these samples have no shape as "
            "a whole; to generate images, train with task=reconstruct"
        )
    return default_sampler(trained.model)


def save_picture(modality: Modality, examples: Tensor, columns: int, path: Path) -> Path | None:
    grid = modality.preview(examples.split(columns))
    if grid is None:
        return None
    zoom = max(1, min(PICTURE_PIXELS // examples.shape[-1], MOST_PIXELS // grid.shape[-1]))
    return image_grid.save_png(grid, path, zoom)
