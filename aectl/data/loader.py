"""Batches of a data set that lies in memory: one `index_select` a batch, no workers, no Python per example."""

import math
import mmap
from collections.abc import Iterator

import torch
from torch import Tensor

from aectl.data.binarize import Binarize, binarize_images, sample_binary
from aectl.data.sharding import Share
from aectl.data.source import Source, Split, SplitName, vocabularies
from aectl.errors import UserError
from aectl.modalities import Modality, Tokens, modality_for
from aectl.types import PositiveInt

Batch = dict[str, Tensor]
MAX_RESIDENT_BYTES = 64 * 2**20
"""Read from a mapped file before its pages are released; the kernel reads several times as much ahead."""
MAX_GPU_SHARE = 0.5  # how much of a GPU's free memory a split may take


class Data:
    """A data set and how it is batched.

    Arguments:
        batch_size: examples a batch, however many processes share it; the last batch of an epoch may be smaller.
        binarize: `none`; `threshold`: white above half; `fixed`: each pixel drawn once, its gray value the probability
            of white; `dynamic`: drawn anew in every training epoch, once for validation and test.
    """

    def __init__(self, source: Source, batch_size: PositiveInt, binarize: Binarize = "none") -> None:
        self.source, self.batch_size, self.binarize = source, batch_size, binarize
        self._splits: dict[SplitName, Split] = {}

    @property
    def modality(self) -> Modality:
        return modality_for(self.source.shape, vocabularies(self.source))

    @property
    def num_classes(self) -> int | None:
        """The number of classes, or None without labels; a UserError if some training examples have none."""
        train = self._gray("train")
        if train.y is None:
            return None
        if unlabelled := int((train.y < 0).sum()):
            raise UserError(
                f"dataset: {unlabelled} of its {len(train.y)} training examples have no label; "
                "expected one each, such as all pictures in class folders"
            )
        return len(train.classes) if train.classes else int(train.y.max()) + 1

    def split(self, name: SplitName) -> Split:
        """The examples of a split; a UserError if it is empty, out of range, or to be binarized and not uint8."""
        split = self._gray(name)
        return split if self.binarize == "none" else split._replace(x=binarize_images(split.x, self.binarize))

    def num_examples(self, name: SplitName) -> int:
        return len(self._gray(name).x)

    def batches(self, name: SplitName) -> "Batches":
        """One split; the training split is shuffled anew each epoch."""
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
        if self.binarize != "none" and (split.x.dtype != torch.uint8 or isinstance(self.modality, Tokens)):
            raise UserError(f"data.binarize={self.binarize}: the data are not gray values (uint8); use none")
        return self._splits.setdefault(name, split)


class Batches:
    """The batches of an epoch: `{"x": (B, *shape), "y": (B,)}`, without `y` if there are no labels.

    Arguments:
        shuffle: whether the order changes each epoch.
        draw: whether black and white pixels are drawn from the gray ones each epoch.

    Attributes:
        process, processes: which process of how many this is; of every batch each gets its share.
    """

    def __init__(self, split: Split, batch_size: int, shuffle: bool, draw: bool = False) -> None:
        self.split, self.batch_size = split, batch_size
        self.shuffle, self.draw = shuffle, draw
        self.pinned = False
        self.process, self.processes = 0, 1

    def __len__(self) -> int:
        return math.ceil(len(self.split.x) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        n = len(self.split.x)
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        resident = 0
        for index, indices in enumerate(order.to(self.split.x.device).split(self.batch_size)):  # one copy an epoch
            share = self.share(index)
            with share.draws():
                batch = self.take(indices[share.rows])
            resident += batch["x"].nbytes
            if self.split.mapped and resident > MAX_RESIDENT_BYTES:
                release_pages(self.split.mapped)
                resident = 0
            yield batch

    def on(self, device: torch.device) -> "Batches":
        """Moves the split to a GPU if it fits there; else its batches come from pinned memory."""
        if device.type == "cuda":
            split = self.split
            if split.x.nbytes < MAX_GPU_SHARE * free_memory(device):
                y = None if split.y is None else split.y.to(device)
                self.split = split._replace(x=split.x.to(device), y=y, mapped=None)
            else:
                self.pinned = True
        return self

    def among(self, process: int, processes: int) -> "Batches":
        """Of every batch only the share of one process of several; all must draw the same order."""
        self.process, self.processes = process, processes
        return self

    def share(self, index: int) -> Share:
        """The share of this process in a batch of the epoch."""
        total = min(self.batch_size, len(self.split.x) - index * self.batch_size)
        return Share.of(total, self.process, self.processes)

    def take(self, indices: Tensor) -> Batch:
        indices = indices.to(self.split.x.device)
        x = self.split.x.index_select(0, indices)
        batch = {"x": sample_binary(x) if self.draw else x}
        if self.split.y is not None:
            batch["y"] = self.split.y.index_select(0, indices)
        return {name: value.pin_memory() for name, value in batch.items()} if self.pinned else batch


def release_pages(mapped: mmap.mmap) -> None:
    """Takes the pages of a file out of this process; the system's cache keeps them as long as it has room."""
    if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        mapped.madvise(mmap.MADV_DONTNEED)


def free_memory(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0]
