"""What is fitted is what is drawn, and the two ways from one code to another."""

import math

import pytest
import torch
from torch import Tensor

from aectl.inference.sampling import fit_mixture, lerp, sample_mixture, slerp

MEAN = torch.tensor([1.0, -2.0, 0.0])
FACTOR = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.2, 0.1]])
COVARIANCE = FACTOR @ FACTOR.T


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def latents(n: int = 5_000) -> Tensor:
    return MEAN + torch.randn(n, 3) @ FACTOR.T


def angles(codes: Tensor) -> Tensor:
    """Between each code and the next."""
    return torch.cosine_similarity(codes[:-1], codes[1:]).clamp(-1, 1).arccos()


def test_gaussian_has_the_mean_and_covariance_of_the_latents() -> None:
    codes = latents()
    drawn = sample_mixture(fit_mixture(codes, components=1, seed=0), 20_000, temperature=1.0)
    assert drawn.shape == (20_000, 3)
    assert drawn.dtype == codes.dtype
    torch.testing.assert_close(drawn.mean(0), codes.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), codes.T.cov(), atol=0.05, rtol=0)


@pytest.mark.parametrize("temperature", [0.0, 0.5, 2.0])
def test_temperature_scales_the_standard_deviation_and_keeps_the_mean(temperature: float) -> None:
    drawn = sample_mixture(fit_mixture(latents(), components=1, seed=0), 20_000, temperature)
    torch.testing.assert_close(drawn.mean(0), MEAN, atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.std(0), temperature * COVARIANCE.diag().sqrt(), atol=0.02, rtol=0.05)


def test_drawing_leaves_the_mixture_as_it_was_fitted() -> None:
    mixture = fit_mixture(latents(), components=1, seed=0)
    first = sample_mixture(mixture, 2_000, temperature=0.5)
    torch.testing.assert_close(sample_mixture(mixture, 2_000, temperature=0.5), first)


def test_mixture_finds_clusters_and_draws_them_shuffled() -> None:
    clusters = torch.cat([torch.randn(900, 2) - 20, torch.randn(300, 2) + 20])
    drawn = sample_mixture(fit_mixture(clusters, components=2, seed=0), 4_000, temperature=1.0)
    right = (drawn[:, 0] > 0).float()
    assert right.mean().item() == pytest.approx(0.25, abs=0.03)
    assert right[:1_000].mean().item() == pytest.approx(0.25, abs=0.06)
    assert drawn[drawn[:, 0] > 0].std(0).tolist() == pytest.approx([1, 1], abs=0.2)


def test_seed_repeats_the_draw_and_another_does_not() -> None:
    codes = latents(500)
    first, again, other = (sample_mixture(fit_mixture(codes, 2, seed), 50, 1.0) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


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
