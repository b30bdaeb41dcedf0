"""`aectl predict`: a run applied to picture files."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from aectl.cli.midi_input import predict_midi
from aectl.cli.open_run import input_files, output_folder, run_command
from aectl.cli.prediction_files import Job, plan_jobs
from aectl.cli.prediction_summary import Tally, print_summary
from aectl.cli.restoration_gain import warn_without_gain
from aectl.cli.write_errors import check_writable
from aectl.errors import UserError
from aectl.inference.denoising import Strength
from aectl.inference.restoration import draw_input, predict, require_images, require_mask
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import Progress
from aectl.modalities import Tokens, modality_for, pixels
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
    mask: str | None,
    compare: bool,
    reference: str | None,
) -> None:
    """Writes what the model makes of each picture; exit status 1 if one, or a reference, could not be read."""
    if isinstance(trained.modality, Tokens):
        refuse_keys(format=format, tile=tile, mask=mask, reference=reference, compare=compare or None)
        predict_midi(trained, input, label, output_folder(trained.run, output, "predictions"), overwrite)
        return
    require_images(trained)
    require_mask(trained, mask is not None)
    work = Work(trained, trained.as_cond(label, 1), tile, strength, compare)
    root, files = input_files(input)
    folder = output_folder(trained.run, output, "predictions")
    jobs = plan_jobs(root, files, folder, format, reference, mask)
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


def refuse_keys(**given: object) -> None:
    """Raises a UserError for a key of pictures that is given to a run on music."""
    for key, value in given.items():
        if value is not None:
            raise UserError(f"{key}={value}: is a key of pictures, but this run takes MIDI files; leave it out")


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
            picture = read_picture(job.input, self.trained.picture_shape[0])
            hidden = read_mask(job.mask, picture.pixels, job.input) if job.mask else None
        except UnreadableError as error:
            tally.failed.append(job.input)
            print(error, file=sys.stderr)
            advance(1)
            return
        found = predict(self.trained, picture.pixels, self.tile, self.cond, self.strength, advance, hidden)
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
                if hidden is not None:
                    tally.hidden_scores.append(psnr(result, target, hidden))
            except UnreadableError as error:
                tally.uncompared.append(job.reference)
                print(error, file=sys.stderr)
        if self.compare:
            path = job.compared
            figures.save_figure(compare(self.trained, picture.pixels, result, target, hidden), path)


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


def read_mask(path: Path, picture: np.ndarray, of: Path) -> np.ndarray:
    """Where a picture (C, h, w) is hidden, (h, w): where its mask is white; an UnreadableError if that does not fit."""
    mask = read_picture(path, 1)
    if mask.pixels.shape[1:] != picture.shape[1:]:
        expected, found = (format_shape(each.shape[:0:-1]) for each in (picture, mask.pixels))
        raise UnreadableError(f"mask={path}: is {found} pixels; expected {expected} like {of}, which was left out")
    if not mask.pixels.any():
        print(f"aectl predict: mask={path}: is black: nothing of {of} is hidden, so it stays as it is", file=sys.stderr)
    layers = [mask.pixels[0]] if mask.alpha is None else [mask.pixels[0], mask.alpha]
    return np.all([pixels.to_depth(layer, np.float32) > 0.5 for layer in layers], axis=0)


def psnr(output: np.ndarray, target: np.ndarray, hidden: np.ndarray | None = None) -> float:
    """The PSNR of a result in dB, or of the part (h, w) of it."""
    images = (torch.from_numpy(pixels.to_depth(picture, np.float32))[None] for picture in (output, target))
    weight = None if hidden is None else torch.from_numpy(hidden.astype(np.float32))[None, None]
    return float(modality_for(target.shape).metrics["psnr"].compute(*images, weight))


def compare(
    trained: TrainedRun, input: np.ndarray, output: np.ndarray, target: np.ndarray | None, hidden: np.ndarray | None
) -> figures.Figure:
    """A figure of a picture, the result and what it should be, each with its PSNR, and of the error of the result."""
    before, after = draw_input(trained, input, hidden), pixels.to_depth(output, np.float32)
    if target is None:
        return comparison({"input": before, "output": after})
    truth = pixels.to_depth(target, np.float32)
    alike = input.shape == target.shape and hidden is None
    of_input = f"input, {psnr(input, target):.2f} dB" if alike else "input"
    panels = {of_input: before, f"output, {psnr(output, target):.2f} dB": after, "reference": truth}
    return comparison(panels, 255 * np.abs(after - truth).mean(axis=0))
