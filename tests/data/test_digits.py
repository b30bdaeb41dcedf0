"""The embedded digits."""

import torch
from sklearn.datasets import load_digits

from aectl.data.digits import Digits


def test_digits_are_the_real_ones() -> None:
    parts = [Digits().split(name) for name in ("train", "val", "test")]
    ours = torch.cat([part.x for part in parts]).flatten(1).float().sum(1).sort().values
    real = torch.from_numpy(load_digits().data).float().mul(255 / 16).round().sum(1).sort().values
    assert torch.equal(ours, real)
