"""Handwritten digits, embedded in scikit-learn: the default data set."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.data.source import Source, Split, SplitName, hold_out_indices
from aectl.modalities.pixels import to_uint8
from aectl.types import PositiveInt

SIDE = 8


class Digits(Source):
    """1,797 handwritten digits of 8 x 8 pixels in 10 classes, 1,294 to train, 144 to validate and 359 to test.

    Arguments:
        size: the side of an image in pixels; other sizes than 8 are interpolated bicubically, to test models of larger
            images on digits.

    References:
        | Optical Recognition of Handwritten Digits (Alpaydin & Kaynak, 1998), UCI Machine Learning Repository
        | https://doi.org/10.24432/C50P49
    """

    def __init__(self, size: PositiveInt = SIDE) -> None:
        self.size = size
        self.shape = (1, size, size)

    def split(self, name: SplitName) -> Split:
        x, y = read_digits()
        if self.size != SIDE:
            large = F.interpolate(x.float(), (self.size, self.size), mode="bicubic", antialias=True)
            x = large.round().clamp(0, 255).to(torch.uint8)
        rest, test = hold_out_indices(len(x), share=0.2)
        train, val = (rest[part] for part in hold_out_indices(len(rest), share=0.1))
        part = {"train": train, "val": val, "test": test}[name]
        return Split(x[part], y[part], [str(digit) for digit in range(10)])


@cache
def read_digits() -> tuple[Tensor, Tensor]:
    """All images (N, 1, 8, 8) uint8 and their classes (N,), read once, since a sweep needs them often."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return to_uint8(torch.from_numpy(digits.images) / 16).unsqueeze(1), torch.from_numpy(digits.target).long()
