"""Codes between two others, on a line and along an arc; planes and traversals of the latent space."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from aectl.inference.latent_space import (
    REACH,
    choose_ends,
    decode_plane,
    interpolate,
    lerp,
    principal_components,
    slerp,
    traverse,
)
from aectl.inference.latents import Latents, encode_split
from aectl.models.ae import AE
from tests.inference.test_sampling import PAIRS, SHAPE
from tests.support.toy_models import first, identity, last, linear_ae, linear_vae, opened


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def angles(codes: Tensor) -> Tensor:
    """Between each code and the next."""
    return torch.cosine_similarity(codes[:-1], codes[1:]).clamp(-1, 1).arccos()


def test_straight_line_goes_at_even_distances() -> None:
    a, b = torch.randn(2, 5)
    codes = lerp(a, b, 9)
    torch.testing.assert_close(codes[0], a)
    torch.testing.assert_close(codes[-1], b)
    torch.testing.assert_close(codes.diff(dim=0), ((b - a) / 8).expand(8, 5))


@pytest.mark.parametrize("dim", [2, 16, 128])
def test_slerp_ends_at_its_ends(dim: int) -> None:
    a, b = torch.randn(dim), 3 * torch.randn(dim)
    codes = slerp(a, b, 7)
    assert codes.shape == (7, dim)
    torch.testing.assert_close(codes[0], a)
    torch.testing.assert_close(codes[-1], b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dim", [2, 16, 128])
def test_slerp_keeps_the_length_and_turns_evenly(dim: int) -> None:
    a, b = 2.5 * torch.nn.functional.normalize(torch.randn(2, dim))
    codes = slerp(a, b, 7)
    torch.testing.assert_close(codes.norm(dim=1), torch.full((7,), 2.5), atol=1e-3, rtol=0)
    whole = torch.cosine_similarity(a, b, dim=0).arccos().item()
    assert angles(codes).tolist() == pytest.approx([whole / 6] * 6, abs=2e-3)


def test_slerp_of_a_right_angle_is_a_quarter_circle() -> None:
    codes = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 4)
    expected = [[math.cos(t), math.sin(t)] for t in (0, math.pi / 6, math.pi / 3, math.pi / 2)]
    torch.testing.assert_close(codes, torch.tensor(expected))


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_slerp_of_parallel_codes_is_the_straight_line(factor: float) -> None:
    for a in torch.randn(50, 6):
        torch.testing.assert_close(slerp(a, factor * a, 5), lerp(a, factor * a, 5), atol=1e-3, rtol=1e-3)


def copies(model: AE) -> AE:
    """The model with the image of two pixels for its code, and the code for its output."""
    first(model).weight[:2] = torch.eye(2)
    last(model).weight.copy_(torch.eye(2))
    return model


@pytest.mark.parametrize("prior", ["normal", "mixture", "none"])
def test_a_plane_has_its_points_at_quantiles_with_the_second_axis_pointing_up(prior: str) -> None:
    model = copies(linear_ae(SHAPE, 2) if prior == "none" else linear_vae(SHAPE, 2, identity()))
    if prior == "mixture":
        model.prior = lambda n: MixtureSameFamily(
            Categorical(torch.ones(2)), Independent(Normal(torch.zeros(2, 2), torch.ones(2, 2)), 1)
        ).expand(torch.Size([n]))
    codes = torch.randn(1_000, 2) * torch.tensor([1.0, 3.0])
    plane = decode_plane(opened(model, PAIRS), Latents(codes, None, []), 5, None)
    probabilities = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    expected = (
        Normal(0.0, 1.0).icdf(probabilities).expand(2, 5) if prior == "normal" else codes.quantile(probabilities, 0).T
    )
    torch.testing.assert_close(torch.stack([plane.xs, plane.ys]), expected)
    outputs = plane.outputs.view(5, 5, 2)
    for row in range(5):
        torch.testing.assert_close(outputs[row, :, 0], plane.xs)
        torch.testing.assert_close(outputs[row, :, 1], plane.ys[4 - row].expand(5))


def test_a_traversal_moves_one_dimension_from_the_mean_most_active_first() -> None:
    codes = torch.randn(1_000, 2) * torch.tensor([1.0, 3.0]) + 5
    found = list(traverse(opened(copies(linear_ae(SHAPE, 2)), PAIRS), Latents(codes, None, []), 2, 3, None))
    assert [dimension for dimension, _, _ in found] == [1, 0]
    for dimension, deviation, outputs in found:
        torch.testing.assert_close(deviation, codes[:, dimension].std())
        steps = outputs.view(3, 2)
        torch.testing.assert_close(steps[1], codes.mean(0))
        torch.testing.assert_close(steps[2, dimension] - steps[0, dimension], 2 * REACH * deviation)
        torch.testing.assert_close(steps[:, 1 - dimension], codes.mean(0)[1 - dimension].expand(3))
    assert len(list(traverse(opened(copies(linear_ae(SHAPE, 2)), PAIRS), Latents(codes, None, []), 1, 3, None))) == 1


def test_an_interpolation_joins_two_test_images_that_the_seed_chooses() -> None:
    run = opened(copies(linear_ae(SHAPE, 2)), PAIRS)
    images = encode_split(run, "test", 500).codes
    chosen = choose_ends(run)
    straight, arc = interpolate(run, chosen, 4, None).view(2, 4, 2)
    for codes in (straight, arc):
        torch.testing.assert_close(codes[[0, -1]], images[list(chosen)])
    torch.testing.assert_close(straight, lerp(straight[0], straight[-1], 4))
    assert choose_ends(run) == chosen != choose_ends(run.with_seed(1))
    assert interpolate(run, (2_999, 0), 2, None).shape[0] == 4


def test_principal_components_explain_the_variance_in_order() -> None:
    codes = torch.randn(1_000, 4) * torch.tensor([1.0, 5.0, 0.1, 3.0])
    points, shares = principal_components(codes)
    assert points.shape == (1_000, 2)
    torch.testing.assert_close(points.var(0), codes.var(0)[[1, 3]], rtol=0.05, atol=0)
    assert shares[0] > shares[1] > 0.2


def test_a_traversal_starts_from_the_code_that_it_is_given() -> None:
    codes, center = torch.randn(100, 2), torch.tensor([3.0, -4.0])
    run = opened(copies(linear_ae(SHAPE, 2)), PAIRS)
    for dimension, deviation, outputs in traverse(run, Latents(codes, None, []), 2, 3, None, center):
        steps = outputs.view(3, 2)
        torch.testing.assert_close(steps[1], center)
        assert float(steps[2, dimension] - center[dimension]) == pytest.approx(REACH * float(deviation), rel=1e-4)
