"""`aectl decode`: latents back into pictures, music or vectors."""

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
from aectl.modalities import Modality, Tokens
from aectl.modalities.pixels import to_uint8
from aectl.models.capabilities import IsConditional
from aectl.plots import image_grid
from aectl.types import NonNegativeInt

ALL = "all.png"
GRID = 100  # the most pictures in the grid of all


@run_command
def main(
    trained: TrainedRun, latents: str | None, label: NonNegativeInt | None, output: str | None, overwrite: bool
) -> None:
    """Writes a PNG or a MIDI file for each latent, under its name, and a picture of the first hundred together.

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
    modality = trained.modality
    single = modality.suffix != ".npz"
    paths = file_paths(table, folder, latents, modality.suffix) if single else [folder / f"{modality.name}.npz"]
    if not overwrite and (existing := next((path for path in paths if path.exists()), None)):
        raise UserError(f"output={folder}: {existing} exists; overwrite=true writes it again")
    outputs = trained.decode(table.codes, choose_labels(trained, table, label, latents))
    if single:
        write_files(modality, outputs, paths, folder)
        return
    print_written(save_npz(paths[0], {"names": np.array(table.names), modality.name: outputs.numpy()}))


def file_paths(table: LatentTable, folder: Path, latents: str, suffix: str) -> list[Path]:
    """Where each example goes, by its name without a suffix; equal names are numbered, `a.png`, `a-2.png`."""
    paths = {folder / ALL: ""}
    numbers: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(2))
    for name in table.names:
        stem = str(Path(name).with_suffix("")) if Path(name).name else "unnamed"
        path = folder / f"{stem}{suffix}"
        while path in paths:
            path = folder / f"{stem}-{next(numbers[stem])}{suffix}"
        if "\0" in name or not path.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"latents={latents}: the name {name} leads out of the output folder; expected plain names")
        paths[path] = name
    return list(paths)[1:]


def choose_labels(trained: TrainedRun, table: LatentTable, label: int | None, latents: str) -> Labels | None:
    if label is not None or table.labels is None or not isinstance(trained.model, IsConditional):
        return label
    return class_numbers(table.labels, trained.run.data.split("test").classes or [], f"latents={latents}")


def write_files(modality: Modality, outputs: Tensor, paths: list[Path], folder: Path) -> None:
    for output, path in zip(track(outputs, "decode"), paths, strict=True):
        modality.write_file(output, path)
    pictures = to_uint8(modality.draw([outputs[:GRID]])[0])
    grid = image_grid.tile_images(pictures, columns=math.ceil(math.sqrt(len(pictures))))
    zoom = 1 if isinstance(modality, Tokens) else 2
    print_written(f"{len(outputs)} {modality.name} to {folder}/", image_grid.save_png(grid, folder / ALL, zoom=zoom))
