"""A folder of pictures as a data set."""

import hashlib
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from aectl.data.folder import notices
from aectl.data.folder.memmap import Entry, Store
from aectl.data.folder.probe import Header, choose_shape, read_headers
from aectl.data.folder.resize import Resize, make_frames
from aectl.data.folder.splitting import SPLITS, split_files
from aectl.data.source import Split, SplitName
from aectl.errors import UserError
from aectl.io.folders import describe_skipped, digest
from aectl.io.progress import track
from aectl.modalities import image_files
from aectl.modalities.picture_listing import SUFFIXES, ImageFile, Listing, describe_left_out, list_images
from aectl.types import Fraction, HeightWidth, PositiveInt, Seed, Shape

CHUNK = 1_000  # files whose results wait in memory
FORMAT = 1  # the version of the cache
FEWEST_PATCHES, PATCHES_IN_ALL = 16, 2_048

T = TypeVar("T")


class Folder:
    """The pictures below a folder, of any format and size, decoded once into a memory map in the cache.

    The map is made again when files are added, changed or deleted. Folders `train`, `val` and `test` are the splits, if
    there are any; other files are split by their content, so that copies of a file stay together. The first folders
    below those are the classes, if there are two or more.

    Arguments:
        root: the folder.
        size: the side of the images in pixels, or `[height, width]`; None: the size that all pictures have, else 64, or
            the shortest side of any if that is smaller. Patches are of 48 pixels, or less in small pictures.
        channels: 1 for gray, 3 for colour, None for what the pictures have.
        resize: `crop`: scale to fill the frame and keep the centre; `fit`: scale to fit into the frame and repeat the
            edges; `patches`: random positions at full resolution, for restoration.
        patches: patches of each picture; None: 16, or as many as make 2,048 of all.
        val: the share of the files that is held out for validation, if there is no folder `val`.
        test: the share of the files that is held out for testing, if there is no folder `test`.
        split_seed: chooses these files.
        strict: stop at the first file that cannot be used, instead of skipping it with a note.
        cache: the folder of the maps.
    """

    def __init__(
        self,
        root: str,
        size: PositiveInt | HeightWidth | None,
        channels: Literal[1, 3] | None,
        resize: Resize,
        patches: PositiveInt | None,
        val: Fraction,
        test: Fraction,
        split_seed: Seed,
        strict: bool,
        cache: str,
    ) -> None:
        self.root = Path(root).expanduser()
        height, width = (size, size) if isinstance(size, int) else size or (None, None)
        self.size = (height, width) if height and width else None
        self.channels, self.resize, self.patches = channels, resize, patches
        self.shares: dict[SplitName, float] = {"val": val, "test": test}
        self.split_seed, self.strict = split_seed, strict
        self.cache = Path(cache).expanduser()
        self.settings = [self.size, channels, resize, patches, val, test, split_seed]

    def prepare(self) -> None:
        store, headers = self.store, vars(self).get("_headers", [])  # read if the store was built
        others = describe_left_out(self._listing.left_out)
        notices.notify_all(
            [
                *([f"dataset.root={self.root}: {others}"] if others else []),
                *notices.describe_icons(self.root, headers, self.resize),
                *notices.describe_small_shape(self.shape, self.size),
                *([notices.describe_patches(store, len(self.files))] if self.resize == "patches" else []),
            ]
        )

    def split(self, name: SplitName) -> Split:
        return self.store.split(name)

    @cached_property
    def shape(self) -> Shape:
        known = Store.find(self._store_path)
        if known:
            return tuple(known.index.shape)
        return choose_shape(self._headers, self.size, self.channels, patches=self.resize == "patches")

    @cached_property
    def _headers(self) -> list[Header]:
        """The sizes and channels of some of the pictures."""
        return read_headers(self.files)

    @cached_property
    def listed(self) -> list[ImageFile]:
        """Every picture below the root, at least one."""
        return self._listing.files

    @cached_property
    def _listing(self) -> Listing:
        """The pictures, at least one, and what else there is."""
        where = f"dataset.root={self.root}"
        if self.root.is_file():
            raise UserError(f"{where}: is a file; expected a folder with pictures: unpack it if it is an archive")
        if not self.root.is_dir():
            raise UserError(f"{where}: no such folder; expected one with pictures")
        found = list_images(self.root)
        if not found.files:
            kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
            others = f" ({describe_left_out(found.left_out)})" if found.left_out else ""
            raise UserError(f"{where}: no pictures in it{others}; expected files of {kinds}, at any depth")
        return found

    @cached_property
    def files(self) -> list[Path]:
        return [self.root / file.name for file in self.listed]

    @cached_property
    def store(self) -> Store:
        """The memory map, built if it is missing."""
        known = Store.find(self._store_path)
        if known is None:
            known = Store.build(self._store_path, self.shape, self.classes, self._entries())
            notices.notify_all(describe_skipped(known.index.skipped, known.folder / "index.json"))
        if not sum(known.index.counts.values()):
            name, why = next(iter(known.index.skipped.items()))
            raise UserError(
                f"dataset.root={self.root}: none of its {len(self.files)} pictures can be used; {name}: {why}"
            )
        return known

    @cached_property
    def _store_path(self) -> Path:
        """Named after the settings and, behind the dash, the state of the files."""
        return self.cache / f"{digest([FORMAT, str(self.root.resolve()), self.settings])}-{digest(self.listed)}"

    @cached_property
    def classes(self) -> list[str]:
        """The names of the class folders, if there are two or more."""
        found = sorted({label for path in self.files if (label := self._label(path))})
        return found if len(found) > 1 else []

    @cached_property
    def _folders(self) -> dict[str, SplitName]:
        """The split of each file in a split's folder; without a folder `train` they all name classes."""
        tops = {str(path): path.relative_to(self.root).parts[0] for path in self.files}
        by_name = {str(split): split for split in SPLITS}
        return {name: by_name[top] for name, top in tops.items() if top in by_name} if "train" in tops.values() else {}

    def _label(self, path: Path) -> str | None:
        """The first folder below the root, or below a split's folder."""
        inner = path.relative_to(self.root).parts[str(path) in self._folders :]
        return inner[0] if len(inner) > 1 else None

    def _entries(self) -> Iterator[Entry]:
        """Every file, decoded, sorted by split."""
        content = {str(path): digest for path, digest in map_parallel(file_digest, self.files, "reading")}
        splits = split_files(content, self._folders, self.shares, self.split_seed)
        for name, split in splits.items():
            if split is None:
                yield Entry(name, "train", error="a copy of a picture in another split")
        for split in SPLITS:
            # by hash, so that classes are mixed
            part = sorted((p for p in self.files if splits[str(p)] == split), key=lambda p: content[str(p)])
            for path, found in map_parallel(self._decoded, part, f"decoding {split}"):
                yield self._entry(path, split, found)

    def _entry(self, path: Path, split: SplitName, found: np.ndarray | UserError) -> Entry:
        """A decoded or skipped file; in strict mode an error is raised."""
        if not isinstance(found, UserError):
            label = self._label(path)
            return Entry(str(path), split, self.classes.index(label) if label in self.classes else -1, found)
        if self.strict:
            raise found
        return Entry(str(path), split, error=str(found).removeprefix(f"{path}: "))

    @property
    def num_patches(self) -> int:
        """Patches of each picture."""
        return self.patches or max(FEWEST_PATCHES, math.ceil(PATCHES_IN_ALL / len(self.files)))

    def _decoded(self, path: Path) -> np.ndarray | UserError:
        rng = np.random.default_rng(int.from_bytes(hashlib.blake2b(path.name.encode(), digest_size=8).digest()))
        try:
            picture = image_files.read_image(path, self.shape[0])
            return make_frames(picture, (self.shape[1], self.shape[2]), self.resize, self.num_patches, rng)
        except UserError as error:
            return error
        except ValueError as error:
            return UserError(f"{path}: {error}")


def map_parallel(work: Callable[[Path], T], paths: list[Path], what: str) -> Iterator[tuple[Path, T]]:
    """Each path with its result, in order; a bounded number of results waits in memory."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in track(range(0, len(paths), CHUNK), what):
            part = paths[start : start + CHUNK]
            yield from zip(part, threads.map(work, part), strict=True)


def file_digest(path: Path) -> str:
    """A hash of a file's content, or its path if it cannot be read; decoding then reports it."""
    with suppress(OSError):
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    return str(path)
