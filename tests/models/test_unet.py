"""U-Net: its residual, its scales, and images of any size."""

import pytest
import torch
from torch import nn

from aectl.models.restoring.unet import UNet
from aectl.types import Shape
from tests.support.toy_models import identity


def unet(input_shape: Shape = (1, 16, 16), scale: int = 1, channels: int = 1, scales: int = 2) -> UNet:
    torch.manual_seed(0)
    return UNet((channels, *(scale * side for side in input_shape[1:])), input_shape, 4, scales, identity()).eval()


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (16, 16), (33, 20)])
@pytest.mark.parametrize("scale", [1, 2])
def test_images_of_any_size_keep_it_or_are_enlarged(size: tuple[int, int], scale: int) -> None:
    model = unet(scale=scale)
    assert model.reconstruct(torch.rand(2, 1, *size)).shape == (2, 1, scale * size[0], scale * size[1])


def test_without_a_residual_the_input_comes_out_as_it_is() -> None:
    model, x = unet(channels=3, input_shape=(3, 16, 16)), torch.rand(2, 3, 16, 16)
    assert (model.reconstruct(x) - x).abs().mean() < 0.1
    nn.init.zeros_(model.last[0].weight)
    assert torch.equal(model.reconstruct(x), x)


def test_a_net_without_bias_is_homogeneous() -> None:
    model, x = unet(), torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(model.reconstruct(3 * x), 3 * model.reconstruct(x))


def test_each_scale_has_half_the_resolution_and_twice_the_maps() -> None:
    maps = unet(scales=3).maps(torch.rand(2, 1, 16, 16))
    assert [tuple(each.shape[1:]) for each in maps] == [(4, 16, 16), (8, 8, 8), (16, 4, 4), (32, 2, 2)]


@pytest.mark.parametrize("scales", [1, 2])
def test_more_scales_see_further(scales: int) -> None:
    model = unet(scales=scales, input_shape=(1, 64, 64))
    x = torch.rand(1, 1, 64, 64, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.reconstruct(x)[0, 0, 32, 32], x)
    rows = gradient[0, 0].abs().sum(1).nonzero().flatten()
    assert (rows.max() - rows.min() > 24) == (scales == 2)
