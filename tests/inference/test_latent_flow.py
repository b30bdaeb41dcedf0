"""Normalizing flows fitted to latents: their density, what is drawn from them, and where it beats a Gaussian."""

import math
import sys

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from aectl.errors import UserError
from aectl.inference.latent_flow import LatentFlow, fit_flow


def moons(n: int, seed: int = 0) -> Tensor:
    """Points (n, 2) near two half circles, one in the opening of the other."""
    generator = torch.Generator().manual_seed(seed)
    angle = math.pi * torch.rand(n, generator=generator)
    arc = torch.stack([angle.cos(), angle.sin()], 1)
    is_upper = torch.rand(n, 1, generator=generator) < 0.5
    points = torch.where(is_upper, arc, torch.tensor([1.0, 0.5]) - arc)
    return 3 * points + 0.25 * torch.randn(n, 2, generator=generator) + torch.tensor([5.0, -4.0])


@pytest.fixture(scope="module")
def fitted() -> LatentFlow:
    torch.manual_seed(0)
    with torch.inference_mode():  # as what draws samples runs
        return fit_flow(moons(2_000), steps=120)


def test_density_integrates_to_one(fitted: LatentFlow) -> None:
    sides = [torch.linspace(center - 12, center + 12, 240) for center in (6.5, -3.25)]
    grid = torch.cartesian_prod(*sides)
    cell = (24 / 239) ** 2
    assert fitted.log_prob(grid).exp().sum().item() * cell == pytest.approx(1, abs=0.01)


def test_two_moons_are_more_likely_than_under_a_gaussian_fitted_to_them(fitted: LatentFlow) -> None:
    train, held_out = moons(2_000), moons(1_000, seed=1)
    gaussian = MultivariateNormal(train.mean(0), train.T.cov())
    assert fitted.log_prob(held_out).mean() > gaussian.log_prob(held_out).mean() + 0.5


def test_samples_lie_where_the_latents_do(fitted: LatentFlow) -> None:
    torch.manual_seed(0)
    latents = moons(2_000)
    drawn = fitted.sample(1_000)
    gaussian = MultivariateNormal(latents.mean(0), latents.T.cov()).sample(torch.Size([1_000]))
    far, far_of_gaussian = ((torch.cdist(points, latents).amin(1) > 0.3).float().mean() for points in (drawn, gaussian))
    assert far < 0.4 * far_of_gaussian
    torch.testing.assert_close(drawn.mean(0), latents.mean(0), atol=0.4, rtol=0)


def test_temperature_scales_the_gaussian_that_is_bent(fitted: LatentFlow) -> None:
    assert fitted.sample(5, temperature=0.0).std(0).max() < 1e-4
    spreads = [fitted.sample(2_000, temperature).std(0).mean().item() for temperature in (0.3, 1.0)]
    assert spreads[0] < 0.8 * spreads[1]


def test_directions_that_do_not_vary_stay_as_they_are() -> None:
    torch.manual_seed(0)
    codes = torch.cat([torch.randn(200, 1), torch.full((200, 1), 7.0)], 1)
    drawn = fit_flow(codes, steps=2).sample(50)
    torch.testing.assert_close(drawn[:, 1], torch.full((50,), 7.0))
    assert drawn[:, 0].std() > 0.5


@pytest.mark.parametrize("codes", [torch.zeros(5, 3), torch.ones(1, 2)])
def test_latents_that_do_not_vary_are_drawn_as_they_are(codes: Tensor) -> None:
    assert torch.equal(fit_flow(codes).sample(4), codes[:1].expand(4, -1))


def test_without_zuko_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zuko.flows", None)
    with pytest.raises(UserError, match=r"^sampler=flow: the package zuko is not installed; .* 'aectl\[flows\]'$"):
        fit_flow(torch.randn(10, 2))
