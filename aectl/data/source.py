"""The interface of a data set."""

from mmap import mmap
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from aectl.types import Shape

SplitName = Literal["train", "val", "test"]


class Split(NamedTuple):
    """One part of a data set.

    Arguments:
        x: the examples, (N, *shape): uint8, where 255 stands for 1, or floating point in [0, 1]; of tokens integers
            (N, T, tracks).
        y: the labels, (N,) int64, if there are any.
        classes: the name of each class, if there are labels.
        mapped: the file that `x` is a view of, if it is not held in memory.
    """

    x: Tensor
    y: Tensor | None = None
    classes: list[str] | None = None
    mapped: mmap | None = None

    def first(self, n: int) -> "Split":
        """The first `n` examples, or all if there are fewer."""
        return self._replace(x=self.x[:n], y=None if self.y is None else self.y[:n])


class Source(Protocol):
    """A data set: cheap to construct, read when a split is asked for.

    One of tokens has an attribute `vocabularies` too, the number of tokens of each track, and the shape (1, T, V) with
    V the sum of these: that of its windows as one-hot vectors.
    """

    shape: Shape

    def prepare(self) -> None:
        """Downloads or decodes what is missing, so that no run starts without; a UserError if it is not available."""

    def split(self, name: SplitName) -> Split:
        """The examples of one split; the splits are disjoint."""
        ...


def vocabularies(source: Source) -> tuple[int, ...]:
    """The number of tokens of each track of a data set of tokens; empty for images and vectors."""
    return tuple(getattr(source, "vocabularies", ()))


def hold_out_indices(n: int, share: float) -> tuple[Tensor, Tensor]:
    """The indices 0 .. n - 1, shuffled, and a share held out; the order does not depend on the seed of a run."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(n))
    cut = n - round(n * share)
    return order[:cut], order[cut:]
