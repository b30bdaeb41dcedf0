"""RED-Net: its residual, skip connections, gradients, and images of any size."""

import math
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aectl.example import Example
from aectl.models.probability.likelihoods import HALF_A_GRAY_LEVEL, Bernoulli, ContinuousBernoulli, Gaussian, Likelihood
from aectl.models.restoring.rednet import RedNet
from aectl.types import Shape

FAMILIES: dict[str, Likelihood] = {
    "identity": Gaussian(scale=0.1, learn_scale=True, link="identity"),
    "sigmoid": Gaussian(scale=0.1, learn_scale=False, link="sigmoid"),
    "bernoulli": Bernoulli(),
    "continuous": ContinuousBernoulli(),
}
BOUNDED = [name for name in FAMILIES if name != "identity"]
TOLERANCE = {"identity": 0.0, "sigmoid": 1e-6, "bernoulli": 1e-6, "continuous": 0.1 / 255}
"""The tolerance on the mean of p(x|z) at the inverse."""


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def rednet(
    input_shape: Shape = (1, 8, 8),
    scale: int = 1,
    channels: int | None = None,
    depth: int = 3,
    skip_every: int = 1,
    stride: Literal[1, 2] = 2,
    likelihood: str = "identity",
) -> RedNet:
    shape = (channels or input_shape[0], scale * input_shape[1], scale * input_shape[2])
    return RedNet(shape, input_shape, 6, depth, skip_every, stride, FAMILIES[likelihood])


def zero_residual(model: RedNet) -> RedNet:
    """The model with zeros in its last layer."""
    for parameter in model.last.parameters():
        nn.init.zeros_(parameter)
    return model


def bicubic(x: Tensor, scale: int) -> Tensor:
    return F.interpolate(x, scale_factor=scale, mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_mean_at_the_inverse_of_a_mean_is_that_mean(family: str) -> None:
    likelihood = FAMILIES[family]
    mean = torch.linspace(HALF_A_GRAY_LEVEL, 1 - HALF_A_GRAY_LEVEL, 5_001)
    assert (likelihood(likelihood.inverse(mean)).mean - mean).abs().max() <= TOLERANCE[family]


@pytest.mark.parametrize("family", BOUNDED)
def test_inverse_stays_half_a_gray_level_from_black_and_white(family: str) -> None:
    likelihood = FAMILIES[family]
    extremes = torch.tensor([-0.5, 0.0, 1.0, 1.5])
    h = likelihood.inverse(extremes)
    assert torch.isfinite(h).all()
    expected = torch.tensor([0.5, 0.5, 254.5, 254.5]) / 255
    torch.testing.assert_close(likelihood(h).mean, expected, atol=TOLERANCE[family] + 1e-6, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_inverse_is_increasing_and_symmetric_about_gray(family: str) -> None:
    mean = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    h = FAMILIES[family].inverse(mean)
    assert (h.diff() > 0).all()
    center = 0.5 if family == "identity" else 0.0
    torch.testing.assert_close(h + h.flip(0), torch.full_like(h, 2 * center))


def test_identity_link_is_unbounded() -> None:
    far = torch.tensor([-3.0, 0.0, 1.0, 7.0])
    likelihood = FAMILIES["identity"]
    assert torch.equal(likelihood.inverse(far), far)
    assert torch.equal(likelihood(far).mean, far)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_with_a_zero_residual_the_output_is_the_input(family: str, stride: Literal[1, 2]) -> None:
    x = torch.rand(3, 2, 7, 10)
    x[0, :, :2] = torch.tensor([0.0, 1.0])[:, None]
    output = zero_residual(rednet((2, 7, 10), likelihood=family, stride=stride)).reconstruct(x)
    if family == "identity":
        assert torch.equal(output, x)
    assert (output - x).abs().max() <= 0.6 / 255


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_with_a_zero_residual_a_smaller_input_is_enlarged_bicubically(family: str, scale: int) -> None:
    x = torch.rand(2, 3, 6, 9).round()  # edges, which bicubic interpolation overshoots
    output = zero_residual(rednet((3, 6, 9), scale, likelihood=family)).reconstruct(x)
    assert (output - bicubic(x, scale)).abs().max() <= (0 if family == "identity" else 0.6 / 255)
    assert 0 <= output.min() < output.max() <= 1


def test_identity_link_passes_on_values_outside_the_pixel_range() -> None:
    x = 0.5 + torch.randn(2, 1, 8, 8)
    assert torch.equal(zero_residual(rednet()).reconstruct(x), x)


@pytest.mark.parametrize("scale", [1, 2])
def test_gray_input_is_repeated_for_a_colour_target(scale: int) -> None:
    x = torch.rand(2, 1, 8, 8)
    model = rednet((1, 8, 8), scale, channels=3)
    assert model.reconstruct(x).shape == (2, 3, 8 * scale, 8 * scale)
    channels = zero_residual(model).reconstruct(x).unbind(1)
    for channel in channels:
        assert torch.equal(channel, bicubic(x, scale)[:, 0] if scale > 1 else x[:, 0])


def test_loss_is_the_weighted_nll_of_the_target() -> None:
    x, target = torch.rand(2, 5, 1, 8, 8).unbind()
    model = zero_residual(rednet())
    terms = model.loss(Example(x, target))
    scale = 0.1
    expected = ((x - target) ** 2 / (2 * scale**2) + math.log(scale) + 0.5 * math.log(2 * math.pi)).sum() / 5
    torch.testing.assert_close(terms["loss"], expected)
    assert set(terms) == {"loss", "nll"}
    assert model.loss(Example(x, target, weight=torch.zeros_like(target)))["loss"].item() == 0


MIRRORED = [
    (1, 1, {}),
    (2, 1, {1: 1}),
    (5, 2, {2: 3, 4: 1}),
    (4, 1, {1: 3, 2: 2, 3: 1}),
    (10, 2, {2: 8, 4: 6, 6: 4, 8: 2}),
    (6, 3, {3: 3}),
    (3, 5, {}),
]
"""`depth`, `skip_every`, and the mirrored convolution of each transposed convolution that has a skip connection."""


@pytest.mark.parametrize(("depth", "skip_every", "mirrored"), MIRRORED)
@pytest.mark.parametrize("stride", [1, 2])
@torch.no_grad()
def test_skip_connections_add_the_maps_of_the_mirrored_convolution(
    depth: int, skip_every: int, mirrored: dict[int, int], stride: Literal[1, 2]
) -> None:
    model = rednet(depth=depth, skip_every=skip_every, stride=stride)
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    layers = [*model.convs, *model.deconvs, model.last]
    for layer in layers:
        layer.register_forward_hook(lambda layer, inputs, output: seen.update({layer: (inputs[0], output)}))
    x = torch.rand(2, 1, 8, 8)
    output = model.reconstruct(x)
    assert len(seen) == len(model.convs) + len(model.deconvs) + 1 == 2 * depth
    for index, deconv in enumerate(model.deconvs, start=1):
        added = seen[model.convs[mirrored[index] - 1]][1].relu() if index in mirrored else 0
        follower = [*model.deconvs, model.last][index]
        torch.testing.assert_close(seen[follower][0], (seen[deconv][1] + added).relu())
    torch.testing.assert_close(output, x + seen[model.last][1])


@pytest.mark.parametrize(("depth", "skip_every"), [(1, 1), (3, 1), (5, 2), (9, 3), (3, 9)])
@pytest.mark.parametrize(("stride", "scale"), [(1, 1), (2, 1), (2, 3)])
def test_gradient_reaches_every_layer(depth: int, skip_every: int, stride: Literal[1, 2], scale: int) -> None:
    model = rednet((2, 7, 8), scale, depth=depth, skip_every=skip_every, stride=stride)
    x = torch.rand(4, 2, 7, 8)
    model.loss(Example(x, torch.rand(4, *model.shape)))["loss"].backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without
    assert {id(p) for p in model.players["autoencoder"]} == {id(p) for p in model.parameters()}


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 1), (5, 12), (2, 31)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_the_same_weights_take_images_of_any_size(size: tuple[int, int], stride: Literal[1, 2], scale: int) -> None:
    model = rednet((3, 8, 8), scale, stride=stride)
    x = torch.rand(2, 3, *size)
    assert model.reconstruct(x).shape == (2, 3, scale * size[0], scale * size[1])
    made_for_it = rednet((3, *size), scale, stride=stride)
    made_for_it.load_state_dict(model.state_dict())
    assert torch.equal(made_for_it.reconstruct(x), model.reconstruct(x))


@pytest.mark.parametrize("size", [(7, 9), (8, 5), (11, 6)])
def test_sides_that_the_stride_does_not_divide_are_padded_by_their_edge(size: tuple[int, int]) -> None:
    model = rednet((1, *size), depth=3)
    x = torch.rand(2, 1, *size)
    height, width = size
    repeated = torch.cat([x, x[:, :, -1:]], 2) if height % 2 else x
    repeated = torch.cat([repeated, repeated[..., -1:]], 3) if width % 2 else repeated
    torch.testing.assert_close(model.reconstruct(x), model.reconstruct(repeated)[..., :height, :width])


@pytest.mark.parametrize(("stride", "scale", "border"), [(1, 1, 7), (2, 1, 12), (2, 2, 12)])
@torch.no_grad()
def test_a_crop_is_restored_like_the_whole_image_away_from_its_borders(
    stride: Literal[1, 2], scale: int, border: int
) -> None:
    model = rednet(scale=scale, stride=stride, depth=3)
    x = torch.rand(1, 1, 60, 60)
    whole, part = model.reconstruct(x), model.reconstruct(x[..., 8:56, 10:58])
    inner = slice(border * scale, (48 - border) * scale)
    moved = whole[..., 8 * scale : 56 * scale, 10 * scale : 58 * scale]
    torch.testing.assert_close(part[..., inner, inner], moved[..., inner, inner])
    assert not torch.allclose(part, moved, atol=1e-4)  # near the borders the surroundings matter


@pytest.mark.parametrize(("stride", "moves"), [(1, True), (2, False)])
@torch.no_grad()
def test_output_is_equivariant_to_shifts_by_the_stride(stride: Literal[1, 2], moves: bool) -> None:
    model = rednet(stride=stride, depth=3)
    x = torch.rand(1, 1, 60, 60)
    output = model.reconstruct(x)
    for pixels in (1, 2, 4):
        moved = model.reconstruct(x.roll((pixels, pixels), (2, 3)))
        same = torch.allclose(moved.roll((-pixels, -pixels), (2, 3))[..., 16:-16, 16:-16], output[..., 16:-16, 16:-16])
        assert same == (moves or pixels % stride == 0)


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (5, 12)])
@pytest.mark.parametrize("stride", [1, 2])
def test_embedding_has_latent_size_values(size: tuple[int, int], stride: Literal[1, 2]) -> None:
    model = rednet((2, *size), stride=stride)
    x = torch.rand(3, 2, *size)
    assert model.embed(x).shape == (3, model.latent_size)
    assert (model.embed(x) >= 0).all()
    assert model.latent_size == 6 * math.ceil(size[0] / stride) * math.ceil(size[1] / stride)
