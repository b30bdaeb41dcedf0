"""`aectl encode`: the latents of pictures or of a split, as a file."""

from typing import NoReturn

from aectl.cli.midi_input import encode_midi
from aectl.cli.open_run import input_files, output_file, print_written, run_command
from aectl.data.source import SplitName
from aectl.errors import UserError
from aectl.inference.latents import encode_split
from aectl.inference.picture_latents import encode_pictures
from aectl.inference.restoration import require_images
from aectl.inference.trained_run import TrainedRun
from aectl.io import latent_tables
from aectl.io.latent_tables import LatentTable
from aectl.modalities import Tokens
from aectl.modalities.image_files import UnreadableError
from aectl.types import NonNegativeInt, format_shape


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
    """The latents of pictures as they are, scaled and cropped to the model's input; of music those of its windows."""
    if isinstance(trained.modality, Tokens):
        return encode_midi(trained, input, label)
    require_images(trained)
    root, files = input_files(input)
    _, codes = encode_pictures(trained, files, label, raise_with_advice)
    return LatentTable([str(file.relative_to(root)) for file in files], codes)


def raise_with_advice(error: UnreadableError) -> NoReturn:
    raise UserError(f"{error}; mend the file, or move it out of the folder") from error
