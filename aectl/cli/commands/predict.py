"""`aectl predict`: a run applied to picture files."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from aectl.cli.open_run import input_files, output_folder, run_command
from aectl.cli.prediction_files import Job, plan_jobs
from aectl.cli.prediction_summary import Tally, print_summary
from aectl.cli.restoration_gain import warn_without_gain
from aectl.cli.write_errors import check_writable
from aectl.inference.denoising import Strength
from aectl.inference.restoration import predict, require_images
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import Progress
from aectl.modalities import modality_for, pixels
from aectl.modalities.image_files import UnreadableError
from aectl.modalities.picture_writer import write_picture
from aectl.modalities.pictures import read_picture
from aectl.plots import figures
from aectl.plots.comparison import comparison
from aectl.types import NonNegativeInt, PositiveInt, format_shape

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
    strength: Strength,
    compare: bool,
    reference: str | None,
) -> None:
    """Writes what the model makes of each picture; exit status 1 if one, or a reference, could not be read."""
    require_images(trained)
    work = Work(trained, trained.as_cond(label, 1), tile, strength, compare)
    root, files = input_files(input)
    folder = output_folder(trained.run, output, "predictions")
    jobs = plan_jobs(root, files, folder, format, reference)
    check_writable(folder)
    warn_without_gain(trained.run)
    todo = [job for job in jobs if overwrite or not job.output.exists()]
    tally = Tally()
    with Progress("predict", len(todo)) as progress:
        for job in todo:
            work.run(job, tally, progress.advance)
    print_summary(tally, len(jobs), len(todo), folder, trained.run.task.noise, strength)
    if tally.failed or tally.uncompared:
        raise SystemExit(1)


@dataclass(frozen=True)
class Work:
    """What is done to each picture: the keys of the command."""

    trained: TrainedRun
    cond: Tensor | None
    tile: int | None
    strength: Strength
    compare: bool

    def run(self, job: Job, tally: Tally, advance: Callable[[float], None]) -> None:
        """Does a job and notes what became of it; a picture that cannot be read is reported."""
        try:
            picture = read_picture(job.input, self.trained.model.input_shape[0])
        except UnreadableError as error:
            tally.failed.append(job.input)
            print(error, file=sys.stderr)
            advance(1)
            return
        found = predict(self.trained, picture.pixels, self.tile, self.cond, self.strength, advance)
        result = found.pixels
        tally.sigmas.append(found.sigma)
        if self.strength == "auto":
            print(f"{job.input}: noise sigma {found.sigma:.3f} ({255 * found.sigma:.0f} of 255), {found.strength:.0%}")
        tally.lost.update(write_picture(result, picture, job.output))
        target = None
        if job.reference:
            try:
                target = read_reference(job.reference, result)
                tally.scores.append(psnr(result, target))
            except UnreadableError as error:
                tally.uncompared.append(job.reference)
                print(error, file=sys.stderr)
        if self.compare:
            path = job.output.with_name(f"{job.output.stem}-compared.png")
            figures.save_figure(compare(picture.pixels, result, target), path)


def read_reference(path: Path, result: np.ndarray) -> np.ndarray:
    """The picture that a result should be; an UnreadableError if it cannot be read or has another size."""
    reference = read_picture(path, len(result)).pixels
    if reference.shape != result.shape:
        expected, found = (format_shape(picture.shape[:0:-1]) for picture in (result, reference))
        raise UnreadableError(
            f"reference={path}: is {found} pixels; expected {expected} like the result, which was written; "
            "give the original of the same picture at that size"
        )
    return reference


def psnr(output: np.ndarray, target: np.ndarray) -> float:
    """The PSNR of a result in dB."""
    images = (torch.from_numpy(pixels.to_depth(picture, np.float32))[None] for picture in (output, target))
    return float(modality_for(target.shape).metrics["psnr"].compute(*images))


def compare(input: np.ndarray, output: np.ndarray, target: np.ndarray | None) -> figures.Figure:
    """A figure of a picture, the result and what it should be, each with its PSNR, and of the error of the result."""
    before, after = (pixels.to_depth(picture, np.float32) for picture in (input, output))
    if target is None:
        return comparison({"input": before, "output": after})
    truth = pixels.to_depth(target, np.float32)
    of_input = f"input, {psnr(input, target):.2f} dB" if input.shape == target.shape else "input"
    panels = {of_input: before, f"output, {psnr(output, target):.2f} dB": after, "reference": truth}
    return comparison(panels, 255 * np.abs(after - truth).mean(axis=0))
