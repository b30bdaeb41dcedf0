"""What `aectl similar` compares: the pictures of a folder, or the windows of MIDI files."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from aectl.cli.midi_input import encode_windows, modality_of
from aectl.cli.open_run import input_files
from aectl.errors import UserError
from aectl.inference.picture_latents import encode_pictures, read_frame
from aectl.inference.restoration import require_images
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Tokens
from aectl.modalities.image_files import UnreadableError

SIDE = 96  # pixels of a picture on the sheet


class Compared(NamedTuple):
    """Examples with their names and codes.

    Arguments:
        noun: what one of them is.
        names: of each.
        codes: (N, D).
        draw: from the indices of each row of a sheet to its pictures, (n, C, H, W) in [0, 1].
        failed: how many files could not be used.
    """

    noun: Literal["picture", "window"]
    names: list[str]
    codes: np.ndarray
    draw: Callable[[list[list[int]]], list[np.ndarray]]
    failed: int


def read_compared(trained: TrainedRun, input: str | None, label: int | None) -> Compared:
    """The examples in the folder or file `input`, those that can be used; the others are reported."""
    if isinstance(trained.modality, Tokens):
        return read_music(trained, input, label)
    require_images(trained)
    return read_pictures(trained, input, label)


def read_pictures(trained: TrainedRun, input: str | None, label: int | None) -> Compared:
    if input is None:
        raise UserError("input: no pictures to compare; give input=FOLDER")
    root, files = input_files(input)
    failed: list[UnreadableError] = []
    read, codes = encode_pictures(trained, files, label, failed.append)
    for error in failed:
        print(error, file=sys.stderr)
    if len(read) > 1:
        warn_without_bottleneck(trained, codes.shape[1])

    def draw(rows: list[list[int]]) -> list[np.ndarray]:
        return [np.stack([frame(read[index]) for index in row]) for row in rows]

    return Compared("picture", [str(file.relative_to(root)) for file in read], codes, draw, len(failed))


def frame(file: Path) -> np.ndarray:
    return read_frame(file, (3, SIDE, SIDE)) / np.float32(255)


def warn_without_bottleneck(trained: TrainedRun, numbers: int) -> None:
    """Says that a code as long as the picture compares pixels."""
    if numbers >= np.prod(trained.model.input_shape):
        print(
            f"aectl similar: the code of this run has {numbers:,} numbers, no fewer than the picture has values, so "
            "that pixels are compared; a short code compares what is on the pictures: "
            "aectl train dataset=folder dataset.root=FOLDER model.latent_dim=32",
            file=sys.stderr,
        )


def read_music(trained: TrainedRun, input: str | None, label: int | None) -> Compared:
    modality = modality_of(trained)
    skipped: list[Path] = []
    names, windows, codes = encode_windows(trained, input, label, skipped)

    def draw(rows: list[list[int]]) -> list[np.ndarray]:
        return [rolls.numpy() for rolls in modality.draw([modality.to_model(windows[row]) for row in rows])]

    return Compared("window", names, codes.flatten(1).numpy(), draw, len(skipped))
