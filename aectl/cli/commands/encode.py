"""`aectl encode`: the latents of pictures or of a split, as a file."""

import numpy as np
import torch

from aectl.cli.open_run import input_files, output_file, print_written, run_command
from aectl.data.folder.resize import make_frames
from aectl.data.source import SplitName
from aectl.errors import UserError
from aectl.inference.latents import encode_split
from aectl.inference.restoration import require_images
from aectl.inference.trained_run import TrainedRun
from aectl.io import latent_tables
from aectl.io.latent_tables import LatentTable
from aectl.io.progress import track
from aectl.modalities import image_files
from aectl.types import NonNegativeInt, format_shape

AT_ONCE = 64


@run_command
def main(
    trained: TrainedRun, input: str | None, label: NonNegativeInt | None, split: SplitName, output: str | None
) -> None:
    """Writes names, latents and classes: of the pictures in `input`, else of a split of the run's own data set."""
    given = None if output is None else latent_tables.check_suffix(output)
    path = output_file(trained.run, given, "latents", "latents.npz")
    if input is None and label is not None:
        raise UserError(f"label={label}: a split has labels of its own; expected with input=FILE or input=FOLDER only")
    table = encode_whole_split(trained, split) if input is None else encode_files(trained, input, label)
    print_written(f"{latent_tables.save(table, path)}: {format_shape(table.codes.shape)} latents")


def encode_whole_split(trained: TrainedRun, split: SplitName) -> LatentTable:
    found = encode_split(trained, split, len(trained.run.data.split(split).x))
    labels = None if found.y is None else [found.classes[number] for number in found.y.tolist()]
    return LatentTable([f"{split}-{index:06d}" for index in range(len(found.codes))], found.codes.numpy(), labels)


def encode_files(trained: TrainedRun, input: str, label: int | None) -> LatentTable:
    """The latents of pictures as they are, scaled and cropped to the size of the model's input."""
    require_images(trained)
    root, files = input_files(input)
    channels, height, width = trained.model.input_shape
    codes = []
    for start in track(range(0, len(files), AT_ONCE), "encode"):
        pictures = [image_files.read_image(file, channels) for file in files[start : start + AT_ONCE]]
        rng = np.random.default_rng(0)
        batch = np.concatenate([make_frames(picture, (height, width), "crop", 1, rng) for picture in pictures])
        codes.append(trained.encode(batch, label))
    return LatentTable([str(file.relative_to(root)) for file in files], torch.cat(codes).numpy())
