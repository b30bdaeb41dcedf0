"""The latents of picture files."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from aectl.data.folder.resize import make_frames
from aectl.inference.labels import Labels
from aectl.inference.restoration import require_images
from aectl.io.progress import track
from aectl.modalities import image_files, pixels
from aectl.modalities.image_files import UnreadableError

if TYPE_CHECKING:
    from aectl.inference.trained_run import TrainedRun

AT_ONCE = 64


def encode_pictures(
    trained: "TrainedRun", files: list[Path], label: Labels | None, on_error: Callable[[UnreadableError], None]
) -> tuple[list[Path], np.ndarray]:
    """The files that can be read, and the latents of their pictures (N, D), scaled and cropped to the model's input.

    Arguments:
        trained: the run.
        files: the pictures.
        label: their class, for a conditional model.
        on_error: what is done about a file that cannot be read; it may raise the error.
    """
    require_images(trained)
    read: list[Path] = []
    codes = [torch.empty(0)]
    for start in track(range(0, len(files), AT_ONCE), "encode"):
        frames = []
        for file in files[start : start + AT_ONCE]:
            try:
                frames.append(read_frame(file, trained.picture_shape))
            except UnreadableError as error:
                on_error(error)
                continue
            read.append(file)
        if frames:
            pictures = pixels.to_float(torch.from_numpy(np.stack(frames)))
            codes.append(trained.encode(trained.run.task.from_pictures(pictures), label))
    return read, torch.cat(codes[1:] or codes).numpy()


def read_frame(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The middle of a picture, scaled to the shape (C, H, W), uint8."""
    channels, height, width = shape
    picture = image_files.read_image(file, channels)
    return make_frames(picture, (height, width), "crop", 1, np.random.default_rng(0))[0]
