"""The residual net: the identity at first, any size, no bias, and what keeps a VAE's posterior narrow."""

import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aectl.models.ae import AE
from aectl.models.nets.residual import INITIAL_LOG_VARIANCE, LARGE_LOG_VARIANCE, Block, Residual, bound, conv
from aectl.models.vae import VAE
from tests.support.toy_models import identity

GRID = Residual(features=8, blocks=2, stride=2, latent="grid")
FULL = Residual(features=8, blocks=2, stride=1, latent="grid")
MEDIAN = Residual(features=8, blocks=2, stride=2, latent="grid", start="median")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def ae(net: Residual, shape: tuple[int, ...], input_shape: tuple[int, ...] | None = None, latent_dim: int = 16) -> AE:
    return AE(shape, input_shape or shape, latent_dim, net=net, likelihood=identity()).eval()


def silence(module: nn.Module) -> None:
    """Zeroes the last layers of all residuals, so that only what they are added to is left."""
    for each in module.modules():
        if isinstance(each, nn.Sequential) and isinstance(each[-1], nn.Conv2d):
            nn.init.zeros_(each[-1].weight)


@pytest.mark.parametrize(("channels", "side"), list(product([1, 3], [8, 11])))
def test_what_the_residuals_are_added_to_is_the_image(channels: int, side: int) -> None:
    model, x = ae(GRID, (channels, side, side)), torch.rand(2, channels, side, side)
    silence(model)
    torch.testing.assert_close(model.reconstruct(x), x)


def test_an_enlarged_image_starts_as_its_bicubic_interpolation() -> None:
    model, x = ae(FULL, (3, 16, 16), (3, 8, 8)), torch.rand(2, 3, 8, 8)
    silence(model)
    torch.testing.assert_close(model.reconstruct(x), F.interpolate(x, scale_factor=2, mode="bicubic"))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_model_may_start_at_the_median_where_a_pixel_is_black_or_white(channels: int) -> None:
    x = 0.1 + 0.8 * torch.rand(2, channels, 12, 10)
    noisy = x.clone()
    noisy[:, :, 3, 4], noisy[:, :, 8, 0] = 1, 0
    model = ae(MEDIAN, (channels, 12, 10))
    silence(model)
    out = model.reconstruct(noisy)
    padded = F.pad(noisy, (1, 1, 1, 1), mode="replicate")
    for row, column in ((3, 4), (8, 0)):
        median = padded[:, :, row : row + 3, column : column + 3].flatten(2).median(2).values
        torch.testing.assert_close(out[:, :, row, column], median)
        x[:, :, row, column] = median
    torch.testing.assert_close(out, x)


def test_the_net_sees_whether_a_replaced_pixel_was_black_or_white() -> None:
    model = ae(MEDIAN, (1, 8, 8))
    black, white = torch.full((2, 1, 1, 8, 8), 0.5)
    black[..., 4, 4], white[..., 4, 4] = 0, 1
    assert (model.embed(black) - model.embed(white)).abs().max() > 1


@pytest.mark.parametrize("net", [GRID, FULL], ids=["stride 2", "stride 1"])
def test_an_untrained_model_changes_its_input_little(net: Residual) -> None:
    x = torch.rand(8, 3, 16, 16)
    error = (ae(net, (3, 16, 16)).reconstruct(x) - x).square().mean().sqrt()
    assert 0 < error < 0.1


def test_images_of_other_sizes_are_taken_and_the_result_is_translated_with_them() -> None:
    model, x = ae(GRID, (1, 16, 16)), torch.rand(1, 1, 64, 64)
    whole, moved = model.reconstruct(x), model.reconstruct(x[..., 2:, 4:])
    torch.testing.assert_close(whole[..., 24:-20, 24:-20], moved[..., 22:-20, 20:-20], atol=1e-5, rtol=1e-4)


def test_a_brighter_image_gives_a_brighter_result_in_the_same_ratio() -> None:
    model, x = ae(GRID, (3, 12, 12)), torch.rand(2, 3, 12, 12)
    torch.testing.assert_close(model.reconstruct(0.3 * x), 0.3 * model.reconstruct(x))


@pytest.mark.parametrize("latent_dim", [2, 4, 16])
def test_posteriors_start_narrow_where_they_hold_pixels_whatever_the_image(latent_dim: int) -> None:
    model = VAE((3, 8, 8), (3, 8, 8), latent_dim, beta=1.0, warmup_epochs=0, net=GRID, likelihood=identity())
    silence(model.encoder)
    deviation = model.encode(torch.rand(4, 3, 8, 8)).stddev
    log_variance = torch.zeros(latent_dim, 1, 1)
    log_variance[:12] = INITIAL_LOG_VARIANCE
    torch.testing.assert_close(deviation, (log_variance / 2).exp().expand_as(deviation))


def test_a_large_variance_grows_linearly_so_that_no_picture_makes_it_infinite() -> None:
    log_variance = torch.tensor([-9.0, 0.0, LARGE_LOG_VARIANCE, 10.0, 1000.0], requires_grad=True)
    variance = bound(log_variance).exp()
    variance.sum().backward()
    at_bound = math.exp(LARGE_LOG_VARIANCE)
    linear = [at_bound * (1 + value - LARGE_LOG_VARIANCE) for value in (10, 1000)]
    torch.testing.assert_close(variance.tolist(), [math.exp(-9), 1.0, at_bound, *linear], rtol=1e-5, atol=0)
    torch.testing.assert_close(log_variance.grad, torch.tensor([math.exp(-9), 1.0, *[at_bound] * 3]), rtol=1e-3, atol=0)


def test_a_picture_far_from_those_of_training_has_no_huge_variance() -> None:
    model = VAE((3, 8, 8), (3, 8, 8), 16, beta=1.0, warmup_epochs=0, net=GRID, likelihood=identity())
    assert 10 < model.encode(2000 * torch.rand(4, 3, 8, 8)).variance.max() < 1000


def test_a_latent_smaller_than_a_cell_keeps_its_first_values() -> None:
    model, x = ae(GRID, (3, 8, 8), latent_dim=4), torch.rand(1, 3, 8, 8)
    silence(model)
    out = model.reconstruct(x)
    torch.testing.assert_close(out[:, 0], x[:, 0])
    assert torch.equal(out[:, 1:], torch.zeros_like(out[:, 1:]))


def test_a_vector_is_one_code_for_the_image() -> None:
    model = ae(Residual(features=4, blocks=1, stride=2, latent="vector"), (3, 7, 9), latent_dim=5)
    assert model.latent_shape == (5,)
    assert not model.any_size
    assert model.reconstruct(torch.rand(2, 3, 7, 9)).shape == (2, 3, 7, 9)


def test_a_block_adds_to_its_input() -> None:
    block, x = Block(4), torch.rand(1, 4, 6, 6)
    first, _, second = block.net
    expected: Tensor = x + F.conv2d(F.conv2d(x, first.weight, padding=1).relu(), second.weight, padding=1)
    torch.testing.assert_close(block(x), expected)
    assert conv(2, 3).bias is None
