"""Mixtures of Gaussians that are fitted to latents, and what is drawn from them."""

import pytest
import torch
from torch import Tensor

from aectl.inference.sampling import fit_mixture, sample_mixture

MEAN = torch.tensor([1.0, -2.0, 0.0])
FACTOR = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.2, 0.1]])
COVARIANCE = FACTOR @ FACTOR.T


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def latents(n: int = 5_000) -> Tensor:
    return MEAN + torch.randn(n, 3) @ FACTOR.T


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
