"""`aectl predict`: a run applied to picture files."""

import math
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from omegaconf import DictConfig

from aectl.cli.open_run import run_command
from aectl.errors import UserError
from aectl.inference.restoration import restore
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.modalities import image_files, modality_for
from aectl.modalities.image_files import UnreadableError
from aectl.plots import image_grid
from aectl.types import PositiveInt

Format = Literal["png", "jpg", "webp", "tif", "bmp"]


def main(cfg: DictConfig) -> None:
    run_command(predict_files, cfg)


def predict_files(
    opened: TrainedRun,
    input: str | None,
    output: str | None,
    format: Format | None,
    overwrite: bool,
    tile: PositiveInt | None,
    compare: bool,
    reference: str | None,
) -> None:
    """Writes what the model makes of each picture; exit status 1 if any could not be read."""
    root, files = input_files(input)
    folder = Path(output).expanduser() if output else opened.run.place("predictions")
    places = output_paths(root, files, folder, format)
    truths = reference_paths(root, files, reference)
    todo = [file for file in files if overwrite or not places[file].exists()]
    scores, failed = [], []
    for file in track(todo, "predict"):
        try:
            small = image_files.read_image(file, opened.model.input_shape[0])
            truth = image_files.read_image(truths[file], opened.model.shape[0]) if file in truths else None
            large = restore(opened, small, tile)
            if truth is not None:
                scores.append(psnr_against(large, truth, file))
        except UnreadableError as error:
            failed.append(file)
            print(error, file=sys.stderr)
            continue
        image_files.write_image(large, places[file])
        if compare:
            path = places[file].with_name(f"{places[file].stem}-compared.png")
            image_grid.save_png(side_by_side(small, large, truth), path)
    print_summary(len(files), len(todo), len(failed), folder, scores)
    if failed:
        raise SystemExit(1)


def input_files(input: str | None) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the files."""
    if input is None:
        raise UserError("input: no pictures to work on; give input=FILE or input=FOLDER")
    path = Path(input).expanduser()
    if path.is_file():
        return path.parent, [path]
    files = image_files.find_images(path) if path.is_dir() else []
    if not files:
        what = "no pictures in it" if path.is_dir() else "no such file or folder"
        raise UserError(f"input={input}: {what}; expected {', '.join(image_files.SUFFIXES)}")
    return path, files


def output_paths(root: Path, files: list[Path], folder: Path, format: Format | None) -> dict[Path, Path]:
    """Where each result goes: the same names and folders, in the same format or the one given.

    Raises:
        UserError: a result would take the place of an input, or of another result.
    """
    places: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    for file in files:
        place = folder / file.relative_to(root)
        place = place.with_suffix(f".{format}") if format else place
        if place.resolve() == file.resolve():
            raise UserError(f"output={folder}: would overwrite the input {file}; give another folder")
        if not place.parent.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"output={folder}: {place.parent} leads out of it; remove the link")
        if place in owners:
            raise UserError(f"format={format}: {owners[place]} and {file} would both become {place}; rename one")
        owners[place] = file
        places[file] = place
    return places


def reference_paths(root: Path, files: list[Path], reference: str | None) -> dict[Path, Path]:
    """For each file the picture that its result should be: the one given, or the one of the same name in a folder."""
    if reference is None:
        return {}
    path = Path(reference).expanduser()
    if path.is_file() and len(files) == 1:
        return {files[0]: path}
    if not path.is_dir():
        raise UserError(f"reference={reference}: expected a folder with the names of the input, or a file for one file")
    return {file: path / file.relative_to(root) for file in files if (path / file.relative_to(root)).is_file()}


def psnr_against(output: np.ndarray, truth: np.ndarray, file: Path) -> float:
    """The PSNR of a result in dB.

    Raises:
        UnreadableError: the reference has another size.
    """
    if output.shape != truth.shape:
        sizes = " and ".join(f"{height}x{width}" for height, width in (output.shape[1:], truth.shape[1:]))
        raise UnreadableError(f"{file}: the result and its reference are {sizes} pixels; expected the same")
    modality = modality_for(truth.shape)
    images = (modality.to_model(torch.from_numpy(picture)[None]) for picture in (output, truth))
    return float(modality.metrics["psnr"].compute(*images))


def side_by_side(input: np.ndarray, output: np.ndarray, truth: np.ndarray | None) -> torch.Tensor:
    """Input, output and, where there is one, reference and difference, side by side."""
    shown = [output] if truth is None else [output, truth, np.abs(output.astype(int) - truth).astype(np.uint8)]
    images = torch.from_numpy(np.stack(shown))
    small = torch.from_numpy(input)[None].expand(1, images.shape[1], -1, -1)
    return image_grid.tile_images(
        torch.cat([image_grid.enlarge(small, (images.shape[2], images.shape[3])), images]), columns=len(images) + 1
    )


def print_summary(found: int, done: int, failed: int, folder: Path, scores: list[float]) -> None:
    """What became of the files."""
    kept = f", {found - done} there already (overwrite=true writes them again)" if found > done else ""
    lost = f", {failed} could not be read" if failed else ""
    print(f"wrote {done - failed} of {found} pictures to {folder}/{kept}{lost}")
    if scores:
        print(f"PSNR against the reference: {math.fsum(scores) / len(scores):.2f} dB, mean of {len(scores)}")
