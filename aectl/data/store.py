"""Pictures decoded once into one file that is mapped into memory. Knows nothing of where they came from."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from aectl.bounds import Shape
from aectl.data.source import Split, SplitName
from aectl.errors import UserError
from aectl.files import write_json

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
    """A folder with the pixels and what is known of them."""

    folder: Path
    index: Index

    @classmethod
    def find(cls, folder: Path) -> "Store | None":
        """The store in this folder, if there is a whole one."""
        try:
            index = Index(**json.loads((folder / INDEX).read_text()))
            whole = (folder / PIXELS).stat().st_size == sum(index.counts.values()) * int(np.prod(index.shape))
        except (OSError, ValueError, TypeError):
            return None
        return cls(folder, index) if whole else None

    @classmethod
    def build(cls, folder: Path, shape: Shape, classes: list[str], entries: Iterable[Entry]) -> "Store":
        """Writes the entries, which come one split after another, aside, and gives the folder its name at the end."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            write_all(aside, shape, classes, entries)
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # another process was quicker, with the same content
                aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        built = cls.find(folder)
        if built is None:
            raise UserError(f"dataset.cache={folder.parent}: could not be written; give a folder with more room")
        return built

    def split(self, name: SplitName) -> Split:
        """One split: a view of the map, of which only what is asked for is read from the disk."""
        counts = self.index.counts
        start = sum(counts[earlier] for earlier in list(counts)[: list(counts).index(name)])
        if not counts[name]:
            return Split(torch.empty(0, *self.index.shape, dtype=torch.uint8))
        everything = (sum(counts.values()), *self.index.shape)
        mapped = np.memmap(self.folder / PIXELS, np.uint8, mode="c", shape=everything)
        part = slice(start, start + counts[name])
        split = Split(torch.from_numpy(mapped)[part], mapped=mapped._mmap)  # type: ignore[attr-defined]
        if not self.index.classes:
            return split
        labels = torch.from_numpy(np.load(self.folder / LABELS, allow_pickle=False))
        return split._replace(y=labels[part], classes=self.index.classes)


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
