"""Pictures decoded once into one file that is mapped into memory. Knows nothing of where they came from."""

import json
import math
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from mmap import mmap
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
    """What became of one file.

    Arguments:
        name: its path.
        split: where it belongs.
        label: the number of its class, or -1.
        frames: its pictures, (n, *shape) uint8; none where it was skipped.
        error: why it was skipped.
    """

    name: str
    split: SplitName
    label: int = -1
    frames: np.ndarray | None = None
    error: str = ""


@dataclass(frozen=True)
class Index:
    """What a store holds.

    Arguments:
        shape: of one picture.
        counts: the pictures of each split, which lie one split after another.
        names: the file of each picture.
        classes: the name of each class; none where there are no classes.
        skipped: the files that could not be used, and why.
    """

    shape: Shape
    counts: dict[SplitName, int]
    names: list[str]
    classes: list[str]
    skipped: dict[str, str]


@dataclass(frozen=True)
class Store:
    """A folder with the pixels and what is known of them.

    Its files are opened when it is found, and can be read from there on even if another process deletes them.

    Arguments:
        folder: where it is: what the pictures are of, a dash, and the state that they were in.
        index: what it holds.
        pixels: the map of all pictures, (N, *shape) uint8.
        labels: the class of each, (N,) int64.
        mapped: the file that `pixels` is a view of; none where it is empty.
    """

    folder: Path
    index: Index
    pixels: Tensor
    labels: Tensor
    mapped: mmap | None

    @classmethod
    def find(cls, folder: Path) -> "Store | None":
        """The store in this folder, if there is a whole one."""
        try:
            index = Index(**json.loads((folder / INDEX).read_text()))
            labels = np.load(folder / LABELS, allow_pickle=False)
            pixels = open_memmap(folder / PIXELS, (len(index.names), *index.shape))
        except (OSError, ValueError, TypeError):
            return None
        whole = len(labels) == len(index.names) == sum(index.counts.values())
        if not whole:
            return None
        return cls(folder, index, torch.from_numpy(pixels), torch.from_numpy(labels), getattr(pixels, "_mmap", None))

    @classmethod
    def build(cls, folder: Path, shape: Shape, classes: list[str], entries: Iterable[Entry]) -> "Store":
        """Writes the entries, which come one split after another, aside, and gives the folder its name at the end.

        Of several processes that build it at once one does, and the others wait for it. What is there of other states
        of the same pictures is deleted, and so is what a process has left that died while it built.
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
            raise write_error(folder, "what was written is not whole")
        return known

    def split(self, name: SplitName) -> Split:
        """One split: a view of the map, of which only what is asked for is read from the disk."""
        counts = self.index.counts
        start = sum(counts[earlier] for earlier in list(counts)[: list(counts).index(name)])
        part = slice(start, start + counts[name])
        split = Split(self.pixels[part], mapped=self.mapped)
        if not self.index.classes or not counts[name]:
            return split
        return split._replace(y=self.labels[part], classes=self.index.classes)


def remove_folders(folders: Iterable[Path]) -> None:
    """Deletes these folders, as far as they are there."""
    for folder in list(folders):
        shutil.rmtree(folder, ignore_errors=True)


def open_memmap(path: Path, shape: Shape) -> np.ndarray:
    """A file of uint8 in memory; writing to it changes no file.

    Raises:
        ValueError: it has another size.
    """
    if path.stat().st_size != math.prod(shape):
        raise ValueError(f"{path}: {path.stat().st_size} bytes; expected {math.prod(shape)}")
    return np.memmap(path, np.uint8, mode="c", shape=shape) if math.prod(shape) else np.empty(shape, np.uint8)


def write_error(folder: Path, reason: str) -> UserError:
    """The error of a cache that takes no map."""
    return UserError(f"dataset.cache={folder.parent}: could not be written ({reason}); give a folder with more room")


def write_all(folder: Path, shape: Shape, classes: list[str], entries: Iterable[Entry]) -> None:
    """The files of a store."""
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
