"""Data sets that lie in files of arrays: the format of MNIST, and NumPy's. Knows nothing of models or tasks."""

import gzip
import hashlib
import math
import sys
import zlib
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aectl.data.source import Split, SplitName, hold_out_indices
from aectl.errors import UserError
from aectl.io.archives import check_unpacked_size
from aectl.io.npz import load_npz
from aectl.modalities.pixels import as_pixels
from aectl.types import Fraction, Shape

PART = 2**24
"""Bytes that are unpacked at once."""
UBYTE = 8
"""The code of unsigned bytes in an idx file."""
MOST_AXES = 8
Pair = tuple[np.ndarray, np.ndarray | None]
"""Images and, where there are any, their classes."""


class Arrays(ABC):
    """What is the same for all of them: a part for training, one for testing, and a share of the first validates.

    Arguments:
        path: the file or folder.
        val: the share of the training examples that validate.
        test: the share of all examples that test, where the files have no test part.
    """

    def __init__(self, path: str, val: Fraction, test: Fraction) -> None:
        self.path = Path(path).expanduser()
        self.val = val
        self.test = test

    @abstractmethod
    def read(self) -> dict[str, Pair]:
        """The parts that the files have: `train` and, maybe, `test`.

        Raises:
            UserError: the files are not there or not of the format.
        """

    def prepare(self) -> None:
        self.parts  # noqa: B018 - reads them

    @property
    def shape(self) -> Shape:
        return tuple(self.parts["train"].x.shape[1:])

    @cached_property
    def parts(self) -> dict[SplitName, Split]:
        """The three splits."""
        read = self.read()
        for x, y in read.values():
            if y is not None and y.shape != (len(x),):
                raise UserError(
                    f"dataset.path={self.path}: {len(x)} images, labels of shape {y.shape}; expected one for each image"
                )
        classes = np.unique(np.concatenate([np.empty(0, int), *(y for _, y in read.values() if y is not None)]))
        images = as_pixels({name: x for name, (x, _) in read.items()}, f"dataset.path={self.path}")
        found = {name: as_split(images[name], y, classes, self.path) for name, (_, y) in read.items()}
        rest = found["train"]
        test = found.get("test")
        if test is None:
            rest, test = hold_out(rest, self.test)
        elif copies := int(is_duplicate(test.x, rest.x).sum()):
            print(
                f"dataset.path={self.path}: {copies} of its {len(test.x)} test images are in its training part too, "
                "so that what is measured on the test split is too good",
                file=sys.stderr,
            )
        train, val = hold_out(rest, self.val)
        return {"train": train, "val": val, "test": test}

    def split(self, name: SplitName) -> Split:
        return self.parts[name]


class Idx(Arrays):
    """The files of MNIST and its like in any folder, plain or gzipped: `*images*` and `*labels*` of `train` and `t10k`.

    References:
        | The MNIST database of handwritten digits (LeCun, Cortes & Burges), "File formats"
    """

    def read(self) -> dict[str, Pair]:
        if not self.path.is_dir():
            raise UserError(
                f"dataset.path={self.path}: no such folder; expected one with files like train-images-idx3-ubyte"
            )
        return {name: pair for name, word in (("train", "train"), ("test", "t10k")) if (pair := self._pair(word))}

    def _pair(self, word: str) -> Pair | None:
        files = sorted(path for path in self.path.rglob(f"*{word}*") if path.is_file())
        images = next((path for path in files if "images" in path.name), None)
        labels = next((path for path in files if "labels" in path.name), None)
        if images is None:
            if word == "train":
                raise UserError(
                    f"dataset.path={self.path}: no file *{word}*images* in it; expected train-images-idx3-ubyte"
                )
            return None
        return read_idx(images), read_idx(labels) if labels else None


class Npz(Arrays):
    """A .npz file: `x_train`, `y_train`, `x_test`, `y_test` as Keras keeps them, or `images` and `labels`."""

    def read(self) -> dict[str, Pair]:
        try:
            found = load_npz(self.path)
        except ValueError as error:
            raise UserError(f"dataset.path={self.path}: not a readable .npz file ({error})") from error
        parts = {
            name: (found[x], found.get(y))
            for name, x, y in (
                ("train", "x_train", "y_train"),
                ("test", "x_test", "y_test"),
                ("train", "images", "labels"),
            )
            if x in found
        }
        if "train" not in parts:
            keys = ", ".join(found) or "nothing"
            raise UserError(f"dataset.path={self.path}: holds {keys}; expected x_train, or images")
        return parts


def read_idx(path: Path) -> np.ndarray:
    """The array in an idx file of unsigned bytes, plain or gzipped.

    Raises:
        UserError: it is no such file, or not whole.
    """
    try:
        content = read_gzip(path) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"dataset.path: {path} is damaged ({error})") from error
    start = 4 + 4 * content[3] if len(content) > 3 else 0
    if content[:3] != bytes((0, 0, UBYTE)) or not 8 <= start <= min(len(content), 4 + 4 * MOST_AXES):
        raise UserError(f"dataset.path: {path} is no idx file of unsigned bytes")
    shape = tuple(np.frombuffer(content[4:start], ">i4").tolist())
    if min(shape) < 0 or len(content) - start != math.prod(shape):
        raise UserError(f"dataset.path: {path} is not whole: {len(content) - start} bytes for {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_gzip(path: Path) -> bytes:
    """What is in a gzip file, read no further than such a file may grow."""
    content = bytearray()
    with gzip.open(path) as file:
        while part := file.read(PART):
            content += part
            check_unpacked_size(len(content), path.stat().st_size)
    return bytes(content)


def as_split(x: np.ndarray, y: np.ndarray | None, classes: np.ndarray, path: Path) -> Split:
    """Pixels as a split: (N, H, W), (N, H, W, C) or (N, C, H, W).

    Raises:
        UserError: they are something else.
    """
    if x.ndim == 4 and x.shape[-1] in (1, 3) and x.shape[1] not in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    x = x[:, None] if x.ndim == 3 else x
    if x.ndim != 4:
        raise UserError(
            f"dataset.path={path}: images of shape {x.shape}; expected (N, H, W), (N, H, W, C) or (N, C, H, W)"
        )
    images = torch.from_numpy(np.array(x))
    if y is None:
        return Split(images)
    numbers = torch.from_numpy(np.searchsorted(classes, y)).long()
    return Split(images, numbers, [str(name) for name in classes])


def hold_out(split: Split, share: float) -> tuple[Split, Split]:
    """A split without a share of it, and that share; copies of one image lie on one side."""
    rest, held = hold_out_indices(len(split.x), share)
    copies = is_duplicate(split.x[held], split.x[rest])
    rest, held = torch.cat([rest, held[copies]]), held[~copies]
    return subset(split, rest), subset(split, held)


def image_digests(images: Tensor) -> list[bytes]:
    """What tells each image from others."""
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images.numpy()]


def is_duplicate(images: Tensor, others: Tensor) -> Tensor:
    """For each image whether it is a copy of one of the others, (N,) bool."""
    there = set(image_digests(others))
    return torch.tensor([content in there for content in image_digests(images)], dtype=torch.bool)


def subset(split: Split, part: Tensor) -> Split:
    """The examples at these indices."""
    return Split(split.x[part], None if split.y is None else split.y[part], split.classes)
