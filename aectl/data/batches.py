"""Serves a source in batches at the speed of memory: one `index_select` a batch, no workers, no Python per example."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from aectl.bounds import Count
from aectl.data.source import Source, Split, SplitName
from aectl.errors import UserError

Batch = dict[str, Tensor]


class Data:
    """A source and how many examples of it make a batch.

    Arguments:
        source: the data set.
        batch_size: examples a batch; the last batch of an epoch may be smaller.
    """

    def __init__(self, source: Source, batch_size: Count) -> None:
        self.source = source
        self.batch_size = batch_size

    def batches(self, name: SplitName) -> "Batches":
        """One split, shuffled anew each epoch if it is the training split."""
        split = self.source.split(name)
        if not len(split.x):
            raise UserError(f"dataset: its {name} split is empty; expected at least one example")
        return Batches(split, self.batch_size, shuffle=name == "train")


class Batches:
    """An epoch over a split: `{"x": (B, *shape), "y": (B,)}`, without `y` where there are no classes."""

    def __init__(self, split: Split, batch_size: int, shuffle: bool) -> None:
        self.split = split
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __len__(self) -> int:
        return math.ceil(len(self.split.x) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        n = len(self.split.x)
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        for part in order.split(self.batch_size):
            yield self.take(part)

    def take(self, part: Tensor) -> Batch:
        """The examples at these indices as one batch."""
        batch = {"x": self.split.x.index_select(0, part)}
        if self.split.y is not None:
            batch["y"] = self.split.y.index_select(0, part)
        return batch


def as_float(batch: Batch) -> Batch:
    """Images from uint8 to float32 in [0, 1]; everything else as it is."""
    x = batch["x"]
    return {**batch, "x": x.float().div_(255)} if x.dtype == torch.uint8 else batch
