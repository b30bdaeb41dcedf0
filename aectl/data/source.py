"""What every data set is. Knows nothing of models, tasks or Lightning."""

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
        x: the examples, (N, *shape); uint8 for images, where 255 is white.
        y: their classes, (N,) int64, where the data has any.
        classes: the name of each class, where the data has any.
        mapped: the file that `x` is a view of, where it is one, and not held in memory.
    """

    x: Tensor
    y: Tensor | None = None
    classes: list[str] | None = None
    mapped: mmap | None = None


class Source(Protocol):
    """A data set: cheap to make, read only when a split is asked for."""

    shape: Shape

    def prepare(self) -> None:
        """Fetches what is missing, so that a run is not begun without its data.

        Raises:
            UserError: the data is not there and cannot be fetched.
        """
        ...

    def split(self, name: SplitName) -> Split:
        """The examples of one split; no example is in two of them."""
        ...


def hold_out_indices(n: int, share: float) -> tuple[Tensor, Tensor]:
    """The indices 0 .. n - 1 shuffled and parted into all but `share` of them, and `share` of them.

    The order is fixed: which examples validate must not depend on the seed of a training run.
    """
    order = torch.from_numpy(np.random.default_rng(0).permutation(n))
    cut = n - round(n * share)
    return order[:cut], order[cut:]
