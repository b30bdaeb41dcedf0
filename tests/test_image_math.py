"""Medians and extremes of images."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from aectl.image_math import extremes, median_3x3


@pytest.mark.parametrize("shape", [(2, 3, 9, 7), (1, 1, 3, 1), (1, 2, 1, 1)], ids=str)
def test_a_median_is_of_nine_pixels_with_repeated_edges(shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    expected = ndimage.median_filter(x.numpy(), size=(1, 1, 3, 3), mode="nearest")
    np.testing.assert_array_equal(median_3x3(x).numpy(), expected)


def test_a_pixel_is_extreme_if_all_its_channels_are() -> None:
    pixels = torch.tensor([[0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 1, 0.9], [0.1, 0, 0], [0.5, 0.5, 0.5]])
    assert extremes(pixels.T[None, :, None]).flatten().tolist() == [-1, 1, 0, 0, 0, 0]
