"""Data sets in files of arrays: the format of MNIST and NumPy's .npz."""

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
from aectl.io.archives import read_gzip
from aectl.io.npz import load_npz
from aectl.modalities.pixels import as_pixels
from aectl.types import Fraction, Shape

UBYTE = 8  # the code of unsigned bytes in an idx file
MAX_AXES = 8
Part = tuple[np.ndarray, np.ndarray | None]  # examples and their labels, if they have any


class Arrays(ABC):
    """A data set with a training part, maybe a test part, and a validation split held out from the training part.

    Arguments:
        path: the file or folder.
        val: the share of the training examples that is held out for validation.
        test: the share of all examples that is held out for testing if the files have no test part.
    """

    def __init__(self, path: str, val: Fraction, test: Fraction) -> None:
        self.path = Path(path).expanduser()
        self.val, self.test = val, test

    @abstractmethod
    def read(self) -> dict[str, Part]:
        """The parts in the files, `train` and maybe `test`; a UserError if they are missing or in another format."""

    def prepare(self) -> None:
        self.parts  # noqa: B018 - reads them

    @property
    def shape(self) -> Shape:
        return tuple(self.parts["train"].x.shape[1:])

    @cached_property
    def parts(self) -> dict[SplitName, Split]:
        read = self.read()
        for x, y in read.values():
            if y is not None and y.shape != (len(x),):
                raise UserError(
                    f"dataset.path={self.path}: {len(x)} examples, labels of shape {y.shape}; expected one each"
                )
        classes = np.unique(np.concatenate([np.empty(0, int), *(y for _, y in read.values() if y is not None)]))
        values = as_pixels({name: x for name, (x, _) in read.items()}, f"dataset.path={self.path}")
        found = {name: self.as_split(values[name], y, classes) for name, (_, y) in read.items()}
        rest = found["train"]
        test = found.get("test")
        if test is None:
            rest, test = hold_out(rest, self.test)
        elif copies := int(is_duplicate(test.x, rest.x).sum()):
            print(
                f"dataset.path={self.path}: {copies} of its {len(test.x)} test examples are also in its training part, "
                "so scores on the test split are too good",
                file=sys.stderr,
            )
        train, val = hold_out(rest, self.val)
        return {"train": train, "val": val, "test": test}

    def as_split(self, x: np.ndarray, y: np.ndarray | None, classes: np.ndarray) -> Split:
        """Images (N, H, W), (N, H, W, C) or (N, C, H, W), or vectors (N, D), with labels; else a UserError."""
        if x.ndim == 4 and x.shape[-1] in (1, 3) and x.shape[1] not in (1, 3):
            x = x.transpose(0, 3, 1, 2)
        x = x[:, None] if x.ndim == 3 else x
        if x.ndim not in (2, 4):
            raise self.shape_error(x)
        examples = torch.from_numpy(np.array(x))
        if y is None:
            return Split(examples)
        numbers = torch.from_numpy(np.searchsorted(classes, y)).long()
        return Split(examples, numbers, [str(name) for name in classes])

    def shape_error(self, x: np.ndarray) -> UserError:
        return UserError(
            f"dataset.path={self.path}: examples of shape {x.shape}; "
            "expected (N, H, W), (N, H, W, C) or (N, C, H, W) for images, or x_train of (N, D) for vectors"
        )

    def split(self, name: SplitName) -> Split:
        return self.parts[name]


class Idx(Arrays):
    """Files like MNIST's in any folder, plain or gzipped: `*images*` and `*labels*` of `train` and `t10k`.

    References:
        | The MNIST database of handwritten digits (LeCun, Cortes & Burges), "File formats"
    """

    def read(self) -> dict[str, Part]:
        if not self.path.is_dir():
            raise UserError(
                f"dataset.path={self.path}: no such folder; expected one with files like train-images-idx3-ubyte"
            )
        return {name: part for name, word in (("train", "train"), ("test", "t10k")) if (part := self._part(word))}

    def _part(self, word: str) -> Part | None:
        files = sorted(path for path in self.path.rglob(f"*{word}*") if path.is_file())
        images = next((path for path in files if "images" in path.name), None)
        labels = next((path for path in files if "labels" in path.name), None)
        if images:
            return read_idx(images), read_idx(labels) if labels else None
        if word == "train":
            raise UserError(f"dataset.path={self.path}: no file *train*images* in it; expected train-images-idx3-ubyte")
        return None


class Npz(Arrays):
    """A .npz file: `x_train`, `y_train`, `x_test`, `y_test` as in Keras, or `images` and `labels`."""

    def read(self) -> dict[str, Part]:
        try:
            found = load_npz(self.path)
        except ValueError as error:
            raise UserError(
                f"dataset.path={self.path}: not a readable .npz file ({error}); expected one that numpy.savez wrote"
            ) from error
        if "images" in found and found["images"].ndim < 3:
            raise self.shape_error(found["images"])
        keys = (("train", "x_train", "y_train"), ("test", "x_test", "y_test"), ("train", "images", "labels"))
        parts = {name: (found[x], found.get(y)) for name, x, y in keys if x in found}
        if "train" not in parts:
            names = ", ".join(found) or "nothing"
            raise UserError(f"dataset.path={self.path}: holds {names}; expected x_train, or images")
        return parts


def read_idx(path: Path) -> np.ndarray:
    """The array in an idx file of unsigned bytes, plain or gzipped; a UserError if it is damaged or another file."""
    try:
        content = b"".join(read_gzip(path)) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"dataset.path: {path} is damaged ({error})") from error
    start = 4 + 4 * content[3] if len(content) > 3 else 0
    if content[:3] != bytes((0, 0, UBYTE)) or not 8 <= start <= min(len(content), 4 + 4 * MAX_AXES):
        raise UserError(f"dataset.path: {path} is not an idx file of unsigned bytes")
    shape = tuple(np.frombuffer(content[4:start], ">i4").tolist())
    if min(shape) < 0 or len(content) - start != math.prod(shape):
        raise UserError(f"dataset.path: {path} is truncated: {len(content) - start} bytes for {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def hold_out(split: Split, share: float) -> tuple[Split, Split]:
    """A split without a share of its examples, and that share; copies of an example stay together."""
    rest, held = hold_out_indices(len(split.x), share)
    copies = is_duplicate(split.x[held], split.x[rest])
    rest, held = torch.cat([rest, held[copies]]), held[~copies]
    return subset(split, rest), subset(split, held)


def is_duplicate(x: Tensor, others: Tensor) -> Tensor:
    """Which examples also occur among others, (N,) bool."""
    known = set(digests(others))
    return torch.tensor([digest in known for digest in digests(x)], dtype=torch.bool)


def digests(x: Tensor) -> list[bytes]:
    return [hashlib.blake2b(example.tobytes(), digest_size=16).digest() for example in x.numpy()]


def subset(split: Split, indices: Tensor) -> Split:
    return Split(split.x[indices], None if split.y is None else split.y[indices], split.classes)
