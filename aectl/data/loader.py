"""Serves a source in batches at the speed of memory: one `index_select` a batch, no workers, no Python per example."""

import math
import mmap
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from aectl.data.source import Source, Split, SplitName
from aectl.errors import UserError
from aectl.modalities import Modality, modality_for, pixels
from aectl.rng import seeded_rng
from aectl.types import PositiveInt

Batch = dict[str, Tensor]
Binarize = Literal["none", "threshold", "fixed", "dynamic"]
DRAWN_AT_ONCE = 10_000
RESIDENT = 64 * 2**20
"""The bytes that are read from a mapped file before its pages are let go; the kernel brings in several times more."""
LARGEST_SHARE = 0.5
"""How much of a GPU's free memory the examples may take."""


class Data:
    """A source and how it is served.

    Arguments:
        source: the data set.
        batch_size: examples a batch; the last batch of an epoch may be smaller.
        binarize: `none`; `threshold`: white above half; `fixed`: each pixel drawn once, white with the chance that its
            gray value says; `dynamic`: drawn anew whenever it is trained on, and once for validation and test.
    """

    def __init__(self, source: Source, batch_size: PositiveInt, binarize: Binarize = "none") -> None:
        self.source = source
        self.batch_size = batch_size
        self.binarize = binarize
        self._splits: dict[SplitName, Split] = {}

    @property
    def modality(self) -> Modality:
        """What one example is."""
        return modality_for(self.source.shape)

    @property
    def num_classes(self) -> int | None:
        """The number of classes of the data set, or None without labels; reads the training split."""
        train = self._gray("train")
        if train.classes:
            return len(train.classes)
        return None if train.y is None else int(train.y.max()) + 1

    def split(self, name: SplitName) -> Split:
        """The examples of one split, the same ones every time.

        Raises:
            UserError: there are none, they are no images to binarize, or their values are out of range.
        """
        split = self._gray(name)
        return split if self.binarize == "none" else split._replace(x=binarize_images(split.x, self.binarize))

    def batches(self, name: SplitName) -> "Batches":
        """One split, shuffled anew each epoch if it is the training split."""
        if name == "train" and self.binarize == "dynamic":
            return Batches(self._gray(name), self.batch_size, shuffle=True, draw=True)
        return Batches(self.split(name), self.batch_size, shuffle=name == "train")

    def _gray(self, name: SplitName) -> Split:
        """A split before it is binarized, read and checked once."""
        if name in self._splits:
            return self._splits[name]
        split = self.source.split(name)
        if not len(split.x):
            raise UserError(f"dataset: its {name} split is empty; expected at least one example")
        self.modality.check(split.x, "dataset", name)
        if self.binarize != "none" and split.x.dtype != torch.uint8:
            raise UserError(f"data.binarize={self.binarize}: the data are no images of gray values; use none")
        return self._splits.setdefault(name, split)


class Batches:
    """An epoch over a split: `{"x": (B, *shape), "y": (B,)}`, without `y` where there are no classes.

    Arguments:
        split: the examples.
        batch_size: how many of them make a batch.
        shuffle: whether their order is new each time.
        draw: whether black and white pixels are drawn from the gray ones each time.
    """

    def __init__(self, split: Split, batch_size: int, shuffle: bool, draw: bool = False) -> None:
        self.split = split
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.draw = draw
        self.pinned = False

    def __len__(self) -> int:
        return math.ceil(len(self.split.x) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        n = len(self.split.x)
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        read = 0
        for part in order.to(self.split.x.device).split(self.batch_size):  # one copy an epoch
            batch = self.take(part)
            read += batch["x"].nbytes
            if self.split.mapped and read > RESIDENT:
                release_pages(self.split.mapped)
                read = 0
            yield batch

    def on(self, device: torch.device) -> "Batches":
        """These batches for a device: the whole split lies there if it fits, else each leaves from pinned memory."""
        if device.type == "cuda":
            split = self.split
            if split.x.nbytes < LARGEST_SHARE * free_memory(device):
                y = None if split.y is None else split.y.to(device)
                self.split = split._replace(x=split.x.to(device), y=y, mapped=None)
            else:
                self.pinned = True
        return self

    def take(self, part: Tensor) -> Batch:
        """The examples at these indices as one batch."""
        part = part.to(self.split.x.device)
        x = self.split.x.index_select(0, part)
        batch = {"x": sample_binary(x) if self.draw else x}
        if self.split.y is not None:
            batch["y"] = self.split.y.index_select(0, part)
        return {name: value.pin_memory() for name, value in batch.items()} if self.pinned else batch


def release_pages(mapped: mmap.mmap) -> None:
    """Takes the pages of a file out of this process; they stay in the system's cache as long as it has room."""
    if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        mapped.madvise(mmap.MADV_DONTNEED)


def free_memory(device: torch.device) -> int:
    """The bytes that are free on a GPU."""
    return torch.cuda.mem_get_info(device)[0]


def binarize_images(x: Tensor, how: Binarize) -> Tensor:
    """Gray values of uint8 as black and white, 0 and 255; the draws are always the same."""
    if how == "threshold":
        return (x > 127).mul(255).to(torch.uint8)
    with seeded_rng(0, x.device):
        return torch.cat([sample_binary(part) for part in x.split(DRAWN_AT_ONCE)])


def sample_binary(x: Tensor) -> Tensor:
    """Each pixel of uint8 drawn black or white, white with the chance that its gray value says.

    References:
        | On the Quantitative Analysis of Deep Belief Networks (Salakhutdinov & Murray, 2008), section 5
        | https://doi.org/10.1145/1390156.1390266
    """
    return (torch.rand(x.shape, device=x.device) * 255 < x).mul(255).to(torch.uint8)


def to_float(batch: Batch) -> Batch:
    """The batch with its examples as floating point in [0, 1]."""
    return {**batch, "x": pixels.to_float(batch["x"])}
