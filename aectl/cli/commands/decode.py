"""`aectl decode`: latents back into pictures, or into vectors."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from aectl.cli.open_run import output_folder, print_written, run_command
from aectl.errors import UserError
from aectl.inference.labels import Labels, class_numbers
from aectl.inference.trained_run import TrainedRun
from aectl.io import latent_tables
from aectl.io.latent_tables import LatentTable
from aectl.io.npz import save_npz
from aectl.io.progress import track
from aectl.modalities import Images
from aectl.models.capabilities import IsConditional
from aectl.plots import image_grid
from aectl.types import NonNegativeInt

ALL = "all.png"
GRID = 100  # the most pictures in the grid of all


@run_command
def main(
    trained: TrainedRun, latents: str | None, label: NonNegativeInt | None, output: str | None, overwrite: bool
) -> None:
    """Writes a PNG for each latent, under its name, and one of the first hundred together.

    Vectors have no picture: they go into one .npz file.
    """
    if latents is None:
        raise UserError("latents: nothing to decode; give latents=FILE, such as `aectl encode` writes")
    table = latent_tables.load(latent_tables.check_suffix(latents))
    size = trained.latent_model().latent_size
    if table.codes.shape[1] != size:
        raise UserError(
            f"latents={latents}: {table.codes.shape[1]} numbers a code, but this model has {size}; "
            "expected latents of this run"
        )
    folder = output_folder(trained.run, output, "decoded")
    pictures = isinstance(trained.modality, Images)
    paths = picture_paths(table, folder, latents) if pictures else [folder / f"{trained.modality.name}.npz"]
    if not overwrite and (existing := next((path for path in paths if path.exists()), None)):
        raise UserError(f"output={folder}: {existing} exists; overwrite=true writes it again")
    outputs = trained.decode(table.codes, choose_labels(trained, table, label, latents))
    if pictures:
        write_pictures(trained.modality.to_uint8(outputs), paths, folder)
        return
    print_written(save_npz(paths[0], {"names": np.array(table.names), trained.modality.name: outputs.numpy()}))


def picture_paths(table: LatentTable, folder: Path, latents: str) -> list[Path]:
    """Where each picture goes, by its name without a suffix; equal names are numbered, `a.png`, `a-2.png`."""
    paths = {folder / ALL: ""}
    numbers: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(2))
    for name in table.names:
        stem = str(Path(name).with_suffix("")) if Path(name).name else "unnamed"
        path = folder / f"{stem}.png"
        while path in paths:
            path = folder / f"{stem}-{next(numbers[stem])}.png"
        if "\0" in name or not path.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"latents={latents}: the name {name} leads out of the output folder; expected plain names")
        paths[path] = name
    return list(paths)[1:]


def choose_labels(trained: TrainedRun, table: LatentTable, label: int | None, latents: str) -> Labels | None:
    if label is not None or table.labels is None or not isinstance(trained.model, IsConditional):
        return label
    return class_numbers(table.labels, trained.run.data.split("test").classes or [], f"latents={latents}")


def write_pictures(images: Tensor, paths: list[Path], folder: Path) -> None:
    for image, path in zip(track(images, "decode"), paths, strict=True):
        image_grid.save_png(image, path)
    grid = image_grid.tile_images(images[:GRID], columns=math.ceil(math.sqrt(min(GRID, len(images)))))
    print_written(f"{len(images)} pictures to {folder}/", image_grid.save_png(grid, folder / ALL, zoom=2))
