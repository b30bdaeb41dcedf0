"""`aectl predict`: a run applied to picture files."""

import math
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from aectl.cli.open_run import input_files, output_folder, print_written, run_command
from aectl.cli.restoration_gain import warn_without_gain
from aectl.errors import UserError
from aectl.inference.restoration import require_images, restore
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.modalities import image_files, modality_for
from aectl.modalities.image_files import UnreadableError
from aectl.plots import image_grid
from aectl.types import NonNegativeInt, PositiveInt

Format = Literal["png", "jpg", "webp", "tif", "bmp"]


@run_command
def main(
    trained: TrainedRun,
    input: str | None,
    label: NonNegativeInt | None,
    output: str | None,
    format: Format | None,
    overwrite: bool,
    tile: PositiveInt | None,
    compare: bool,
    reference: str | None,
) -> None:
    """Writes what the model makes of each picture; exit status 1 if any could not be read."""
    require_images(trained)
    cond = trained.as_cond(label, 1)
    root, files = input_files(input)
    folder = output_folder(trained, output, "predictions")
    paths = output_paths(root, files, folder, format)
    references = reference_paths(root, files, reference)
    warn_without_gain(trained.run)
    todo = [file for file in files if overwrite or not paths[file].exists()]
    scores, failed = [], []
    for file in track(todo, "predict"):
        try:
            small = image_files.read_image(file, trained.model.input_shape[0])
            target = image_files.read_image(references[file], trained.model.shape[0]) if file in references else None
            large = restore(trained, small, tile, cond)
            if target is not None:
                scores.append(psnr_against(large, target, file))
        except UnreadableError as error:
            failed.append(file)
            print(error, file=sys.stderr)
            continue
        image_files.write_image(large, paths[file])
        if compare:
            path = paths[file].with_name(f"{paths[file].stem}-compared.png")
            image_grid.save_png(side_by_side(small, large, target), path)
    print_summary(len(files), len(todo), len(failed), folder, scores)
    if failed:
        raise SystemExit(1)


def output_paths(root: Path, files: list[Path], folder: Path, format: Format | None) -> dict[Path, Path]:
    """Where each result goes, by the same name; a UserError if it would replace an input or another result."""
    inputs: dict[Path, Path] = {}
    for file in files:
        path = folder / file.relative_to(root)
        path = path.with_suffix(f".{format}") if format else path
        if path.resolve() == file.resolve():
            raise UserError(f"output={folder}: would overwrite the input {file}; give another folder")
        if not path.parent.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"output={folder}: {path.parent} leads out of it; remove the link")
        if path in inputs:
            raise UserError(f"format={format}: {inputs[path]} and {file} would both become {path}; rename one")
        inputs[path] = file
    return {file: path for path, file in inputs.items()}


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


def psnr_against(output: np.ndarray, target: np.ndarray, file: Path) -> float:
    """The PSNR of a result in dB; an UnreadableError if the reference has another size."""
    if output.shape != target.shape:
        sizes = " and ".join(f"{height}x{width}" for height, width in (output.shape[1:], target.shape[1:]))
        raise UnreadableError(f"{file}: the result and its reference are {sizes} pixels; expected the same")
    modality = modality_for(target.shape)
    images = (modality.to_model(torch.from_numpy(picture)[None]) for picture in (output, target))
    return float(modality.metrics["psnr"].compute(*images))


def side_by_side(input: np.ndarray, output: np.ndarray, target: np.ndarray | None) -> torch.Tensor:
    shown = [output] if target is None else [output, target, np.abs(output.astype(int) - target).astype(np.uint8)]
    images = torch.from_numpy(np.stack(shown))
    small = torch.from_numpy(input)[None].expand(1, images.shape[1], -1, -1)
    return image_grid.tile_images(
        torch.cat([image_grid.enlarge(small, (images.shape[2], images.shape[3])), images]), columns=len(images) + 1
    )


def print_summary(found: int, done: int, failed: int, folder: Path, scores: list[float]) -> None:
    kept = f", {found - done} exist already (overwrite=true writes them again)" if found > done else ""
    lost = f", {failed} could not be read" if failed else ""
    print_written(f"{done - failed} of {found} pictures to {folder}/{kept}{lost}")
    if scores:
        print(f"PSNR against the reference: {math.fsum(scores) / len(scores):.2f} dB, mean of {len(scores)}")
