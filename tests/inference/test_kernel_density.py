"""Kernel density estimates of latents: their density, their bandwidth, and what is drawn from them."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MixtureSameFamily, MultivariateNormal, Normal

from aectl.inference.kernel_density import KernelDensity, fit_kernel_density, log_densities

FACTOR = torch.tensor([[1.0, 0.0], [0.8, 0.3]])


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def ring(n: int = 2_000) -> Tensor:
    """Points (n, 2) near a circle of radius 3, which no Gaussian fits."""
    angle = 2 * math.pi * torch.rand(n)
    return 3 * torch.stack([angle.cos(), angle.sin()], 1) + 0.1 * torch.randn(n, 2)


def test_log_density_is_that_of_a_mixture_of_gaussians_around_the_codes() -> None:
    points, codes, h = torch.randn(5, 3), torch.randn(7, 3), 0.4
    around = Independent(Normal(codes, h), 1)
    expected = MixtureSameFamily(torch.distributions.Categorical(torch.ones(7)), around).log_prob(points)
    torch.testing.assert_close(log_densities(points, codes, torch.tensor([h]))[0], expected)


def test_samples_have_the_mean_and_widened_covariance_of_the_latents() -> None:
    codes = torch.tensor([1.0, -2.0]) + torch.randn(4_000, 2) @ FACTOR.T
    density = fit_kernel_density(codes, seed=0)
    drawn = density.sample(40_000)
    torch.testing.assert_close(drawn.mean(0), codes.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), (1 + density.bandwidth**2) * codes.T.cov(), atol=0.05, rtol=0.05)


def test_bandwidth_follows_the_shape_of_the_latents() -> None:
    normal = MultivariateNormal(torch.zeros(2), torch.eye(2)).sample(torch.Size([2_000]))
    assert fit_kernel_density(ring(), seed=0).bandwidth < 0.5 * fit_kernel_density(normal, seed=0).bandwidth


def test_samples_of_a_ring_lie_on_the_ring() -> None:
    drawn = fit_kernel_density(ring(), seed=0).sample(2_000)
    assert ((drawn.norm(dim=1) - 3).abs() < 0.75).float().mean() > 0.95


def test_temperature_scales_the_noise_around_the_latents() -> None:
    density = KernelDensity(torch.zeros(3, 2), torch.eye(2), bandwidth=0.5)
    assert density.sample(20_000, temperature=2.0).std().item() == pytest.approx(1.0, rel=0.05)
    assert density.sample(10, temperature=0.0).abs().max() == 0


@pytest.mark.parametrize("codes", [torch.zeros(5, 3), torch.ones(1, 2)])
def test_latents_that_do_not_vary_are_drawn_as_they_are(codes: Tensor) -> None:
    drawn = fit_kernel_density(codes, seed=0).sample(4)
    assert torch.equal(drawn, codes[:1].expand(4, -1))


def test_a_dimension_that_does_not_vary_stays_as_it_is() -> None:
    codes = torch.cat([torch.randn(500, 2), torch.full((500, 1), 7.0)], 1)
    drawn = fit_kernel_density(codes, seed=0).sample(50)
    torch.testing.assert_close(drawn[:, 2], torch.full((50,), 7.0))
    assert drawn[:, :2].std(0).min() > 0.5
