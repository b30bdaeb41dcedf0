"""A folder of pictures of any format and size. Knows nothing of models, tasks or Lightning."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from aectl.data.folder.memmap import Entry, Store
from aectl.data.folder.probe import probe_shape
from aectl.data.folder.resize import Resize, make_frames
from aectl.data.folder.splitting import SPLITS, split_files
from aectl.data.source import Split, SplitName
from aectl.errors import UserError
from aectl.io.progress import track
from aectl.modalities import image_files
from aectl.types import Fraction, HeightWidth, PositiveInt, Seed, Shape

AT_ONCE = 1_000
SHOWN = 3
FORMAT = 1

T = TypeVar("T")


class Folder:
    """The pictures below a folder, decoded once into a memory map in the cache and read from there ever after.

    Files that were added, changed or deleted make a new map. Folders `train`, `val` and `test` are the splits where
    there are any; the others are parted by their content, so that copies of one file lie in one split. The first
    folders below those are the classes, where there are two or more.

    Arguments:
        root: the folder.
        size: the side of the images in pixels, or `[height, width]`; none: that of all pictures if they have the same,
            else 64, or the shortest side of any if that is smaller.
        channels: 1 for gray, 3 for colour, or none for what the pictures have.
        resize: `crop`: the middle, scaled to fill the frame; `fit`: all of the picture, its edges repeated; `patches`:
            random places at full resolution, for restoring.
        patches: how many are cut from each picture.
        val: the share of the files that validate, where there is no folder `val`.
        test: the share of the files that test, where there is no folder `test`.
        split_seed: which files those are.
        strict: stop at the first file that is no picture; else it is skipped and reported.
        cache: where the maps are kept.
    """

    def __init__(
        self,
        root: str,
        size: PositiveInt | HeightWidth | None,
        channels: Literal[1, 3] | None,
        resize: Resize,
        patches: PositiveInt,
        val: Fraction,
        test: Fraction,
        split_seed: Seed,
        strict: bool,
        cache: str,
    ) -> None:
        self.root = Path(root).expanduser()
        height, width = (size, size) if isinstance(size, int) else size or (None, None)
        self.size = (height, width) if height and width else None
        self.channels = channels
        self.resize = resize
        self.patches = patches
        self.shares: dict[SplitName, float] = {"val": val, "test": test}
        self.split_seed = split_seed
        self.strict = strict
        self.cache = Path(cache).expanduser()
        self.settings = [self.size, channels, resize, patches, val, test, split_seed]

    def prepare(self) -> None:
        self.store  # noqa: B018 - builds it

    def split(self, name: SplitName) -> Split:
        return self.store.split(name)

    @cached_property
    def shape(self) -> Shape:
        known = Store.find(self._place)
        return tuple(known.index.shape) if known else probe_shape(self.files, self.size, self.channels)

    @cached_property
    def listed(self) -> list[image_files.ImageFile]:
        """Every picture below the root.

        Raises:
            UserError: there is none.
        """
        if not self.root.is_dir():
            raise UserError(f"dataset.root={self.root}: no such folder; expected one with pictures")
        found = image_files.list_images(self.root)
        if not found:
            kinds = ", ".join(suffix[1:] for suffix in image_files.SUFFIXES)
            raise UserError(f"dataset.root={self.root}: no pictures in it; expected files of {kinds}, at any depth")
        return found

    @cached_property
    def files(self) -> list[Path]:
        """The paths of these."""
        return [self.root / file.name for file in self.listed]

    @cached_property
    def store(self) -> Store:
        """The memory map of these files with these settings, built if it is not there."""
        known = Store.find(self._place)
        if known is None:
            known = Store.build(self._place, self.shape, self.classes, self._entries())
            report_skipped(known)
        if not sum(known.index.counts.values()):
            name, why = next(iter(known.index.skipped.items()))
            raise UserError(
                f"dataset.root={self.root}: none of its {len(self.files)} pictures can be used; {name}: {why}"
            )
        return known

    @cached_property
    def _place(self) -> Path:
        """Where the map of these files with these settings lies: what it is of, a dash, and the state of the files."""
        return self.cache / f"{digest([FORMAT, str(self.root.resolve()), self.settings])}-{digest(self.listed)}"

    @cached_property
    def classes(self) -> list[str]:
        """The folders that name classes."""
        found = sorted({label for path in self.files if (label := self._label(path))})
        return found if len(found) > 1 else []

    @cached_property
    def _folders(self) -> dict[str, SplitName]:
        """The split of each file that lies in the folder of one; without a folder `train` those are classes."""
        tops = {str(path): path.relative_to(self.root).parts[0] for path in self.files}
        by_name = {str(split): split for split in SPLITS}
        return {name: by_name[top] for name, top in tops.items() if top in by_name} if "train" in tops.values() else {}

    def _label(self, path: Path) -> str | None:
        """The first folder below the root, or below the folder of a split."""
        inner = path.relative_to(self.root).parts[str(path) in self._folders :]
        return inner[0] if len(inner) > 1 else None

    def _entries(self) -> Iterator[Entry]:
        """Every file, decoded, one split after another."""
        content = {str(path): digest for path, digest in map_parallel(file_digest, self.files, "reading")}
        splits = split_files(content, self._folders, self.shares, self.split_seed)
        for name, split in splits.items():
            if split is None:
                yield Entry(name, "train", error="a copy of a picture in another split")
        for split in SPLITS:
            part = sorted((p for p in self.files if splits[str(p)] == split), key=lambda p: content[str(p)])  # mixed
            for path, found in map_parallel(self._decoded, part, f"decoding {split}"):
                yield self._entry(path, split, found)

    def _entry(self, path: Path, split: SplitName, found: np.ndarray | UserError) -> Entry:
        """What became of a file; in strict mode one that cannot be used ends it all."""
        if not isinstance(found, UserError):
            label = self._label(path)
            return Entry(str(path), split, self.classes.index(label) if label in self.classes else -1, found)
        if self.strict:
            raise found
        return Entry(str(path), split, error=str(found).removeprefix(f"{path}: "))

    def _decoded(self, path: Path) -> np.ndarray | UserError:
        """The frames of one file, or what is wrong with it."""
        rng = np.random.default_rng(int.from_bytes(hashlib.blake2b(path.name.encode(), digest_size=8).digest()))
        try:
            picture = image_files.read_image(path, self.shape[0])
            return make_frames(picture, (self.shape[1], self.shape[2]), self.resize, self.patches, rng)
        except UserError as error:
            return error
        except ValueError as error:
            return UserError(f"{path}: {error}")


def map_parallel(work: Callable[[Path], T], paths: list[Path], what: str) -> Iterator[tuple[Path, T]]:
    """Each path with what `work` makes of it, in their order; a bounded number of results waits in memory."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in track(range(0, len(paths), AT_ONCE), what):
            part = paths[start : start + AT_ONCE]
            yield from zip(part, threads.map(work, part), strict=True)


def digest(what: object) -> str:
    """A name for whatever JSON can hold."""
    return hashlib.blake2b(json.dumps(what).encode(), digest_size=12).hexdigest()


def file_digest(path: Path) -> str:
    """What tells the content of a file from others; its path where it cannot be read, which decoding will report."""
    with suppress(OSError):
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    return str(path)


def report_skipped(store: Store) -> None:
    """Says what was skipped."""
    skipped = store.index.skipped
    if skipped:
        shown = "; ".join(f"{name}: {why}" for name, why in list(skipped.items())[:SHOWN])
        more = (
            f"; and {len(skipped) - SHOWN} more, listed in {store.folder / 'index.json'}"
            if len(skipped) > SHOWN
            else ""
        )
        print(f"dataset: {len(skipped)} files skipped: {shown}{more}", file=sys.stderr)
