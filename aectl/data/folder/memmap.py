"""The cache of a picture folder: all pictures decoded into one file that is mapped into memory."""

import json
import math
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from mmap import ACCESS_COPY, mmap
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aectl.data.source import Split, SplitName
from aectl.errors import UserError
from aectl.io.atomic import write_json
from aectl.io.locks import file_lock
from aectl.types import Shape

PIXELS, LABELS, INDEX = "pixels.u8", "labels.npy", "index.json"


@dataclass(frozen=True)
class Entry:
    """One file of the folder, decoded or skipped.

    Arguments:
        label: the number of its class, or -1.
        frames: its images, (n, *shape) uint8; None if it was skipped.
    """

    name: str
    split: SplitName
    label: int = -1
    frames: np.ndarray | None = None
    error: str = ""


@dataclass(frozen=True)
class Index:
    """What a store contains.

    Arguments:
        counts: the number of images of each split; the splits follow one another.
        names: the file of each image.
        classes: the name of each class; empty without labels.
        skipped: the files that could not be used, and why.
    """

    shape: Shape
    counts: dict[SplitName, int]
    names: list[str]
    classes: list[str]
    skipped: dict[str, str]


@dataclass(frozen=True)
class Store:
    """A folder with the pixels and labels of all images.

    Once it is found it can be read even if another process deletes its files.

    Arguments:
        folder: its path, named after a hash of the source and its settings, a dash, and a hash of the files' state.
        pixels: the map of all images, (N, *shape) uint8.
        labels: the class of each image, (N,) int64.
        mapped: the file that `pixels` is a view of; None if it is empty.
    """

    folder: Path
    index: Index
    pixels: Tensor
    labels: Tensor
    mapped: mmap | None

    @classmethod
    def find(cls, folder: Path) -> "Store | None":
        """The store in this folder, or None if there is none or it is damaged."""
        try:
            index = Index(**json.loads((folder / INDEX).read_text()))
            labels = np.load(folder / LABELS, allow_pickle=False)
            pixels, mapped = map_file(folder / PIXELS, (len(index.names), *index.shape))
        except (OSError, ValueError, TypeError):
            return None
        if not len(labels) == len(index.names) == sum(index.counts.values()):
            return None
        return cls(folder, index, pixels, torch.from_numpy(labels), mapped)

    @classmethod
    def build(cls, folder: Path, shape: Shape, classes: list[str], entries: Iterable[Entry]) -> "Store":
        """Writes the entries, sorted by split, into a temporary folder that gets its name when it is complete.

        Other processes that need it wait. Stores of earlier states of the same pictures are deleted, and so is what a
        build that was killed has left.
        """
        family = folder.name.split("-")[0]
        try:
            with file_lock(folder.with_name(family), f"decodes pictures into {folder}"):
                if (known := cls.find(folder)) is None:
                    remove_folders(folder.parent.glob(f".{family}-*"))
                    aside = folder.with_name(f".{folder.name}")
                    try:
                        aside.mkdir()
                        write_all(aside, shape, classes, entries)
                        remove_folders(folder.parent.glob(f"{family}-*"))
                        aside.rename(folder)
                    finally:
                        remove_folders([aside])
                    known = cls.find(folder)
        except OSError as error:
            raise write_error(folder, str(error)) from error
        if known is None:
            raise write_error(folder, "what was written is incomplete")
        return known

    def split(self, name: SplitName) -> Split:
        """One split: a view of the map, read from disk on demand."""
        counts = self.index.counts
        start = sum(counts[earlier] for earlier in list(counts)[: list(counts).index(name)])
        part = slice(start, start + counts[name])
        split = Split(self.pixels[part], mapped=self.mapped)
        if not self.index.classes or not counts[name]:
            return split
        return split._replace(y=self.labels[part], classes=self.index.classes)


def remove_folders(folders: Iterable[Path]) -> None:
    for folder in list(folders):
        shutil.rmtree(folder, ignore_errors=True)


def map_file(path: Path, shape: Shape) -> tuple[Tensor, mmap | None]:
    """A file of uint8 as a tensor read on demand, and its map, a private copy; a ValueError for another size."""
    size = path.stat().st_size
    if size != math.prod(shape):
        raise ValueError(f"{path}: {size} bytes; expected {math.prod(shape)}")
    if not size:  # cannot be mapped
        return torch.empty(shape, dtype=torch.uint8), None
    with path.open("rb") as file:
        mapped = mmap(file.fileno(), 0, access=ACCESS_COPY)
    return torch.from_numpy(np.frombuffer(mapped, np.uint8).reshape(shape)), mapped


def write_error(folder: Path, reason: str) -> UserError:
    return UserError(f"dataset.cache={folder.parent}: could not be written ({reason}); give a folder with more room")


def write_all(folder: Path, shape: Shape, classes: list[str], entries: Iterable[Entry]) -> None:
    counts: dict[SplitName, int] = {"train": 0, "val": 0, "test": 0}
    names: list[str] = []
    labels: list[int] = []
    skipped: dict[str, str] = {}
    with (folder / PIXELS).open("wb") as pixels:
        for entry in entries:
            if entry.frames is None:
                skipped[entry.name] = entry.error
                continue
            pixels.write(np.ascontiguousarray(entry.frames).data)
            counts[entry.split] += len(entry.frames)
            names += [entry.name] * len(entry.frames)
            labels += [entry.label] * len(entry.frames)
        pixels.flush()
        os.fsync(pixels.fileno())
    np.save(folder / LABELS, np.array(labels, np.int64))
    write_json(folder / INDEX, asdict(Index(shape, counts, names, classes, skipped)))
