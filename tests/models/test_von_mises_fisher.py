"""The distribution on the sphere against integrals, scipy's Bessel functions and Monte Carlo."""

import math

import pytest
import torch
from scipy import special
from torch import Tensor
from torch.distributions import kl_divergence
from torch.nn import functional as F

from aectl.models.probability.von_mises_fisher import (
    HypersphericalUniform,
    VonMisesFisher,
    cosine_derivative,
    log_area,
    log_ive,
)

SIZES = [2, 3, 8, 40]
KAPPA = torch.tensor([1e-3, 0.5, 1.0, 5.0, 30.0, 200.0, 5e3], dtype=torch.float64)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def vmf(size: int, kappa: float, n: int = 1) -> VonMisesFisher:
    loc = F.normalize(torch.arange(1.0, size + 1).expand(n, size), dim=1)
    return VonMisesFisher(loc, torch.full((n, 1), kappa), -1)


def marginal(size: int, kappa: float) -> tuple[Tensor, Tensor]:
    """Angles to the mean direction, and their density, on a fine grid."""
    angle = torch.linspace(1e-6, math.pi - 1e-6, 20_001, dtype=torch.float64)
    log_density = (size - 2) * angle.sin().log() + kappa * (angle.cos() - 1)
    density = (log_density - log_density.max()).exp()
    return angle, density / torch.trapezoid(density, angle)


@pytest.mark.parametrize("order", [0.0, 0.5, 3.0, 19.0])
def test_scaled_bessel_functions_equal_scipy_s(order: float) -> None:
    value, ratio = log_ive(order, KAPPA)
    expected = torch.from_numpy(special.ive([[order], [order + 1]], KAPPA.numpy()))
    known = expected[0] > 1e-300  # scipy's is 0 below
    torch.testing.assert_close(value[known], expected[0].log()[known], rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(ratio[known], (expected[1] / expected[0])[known], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("order", [0.0, 0.5, 3.0])
def test_gradient_of_the_bessel_function_is_its_recurrence_s(order: float) -> None:
    x = KAPPA.clone().requires_grad_()
    value, ratio = log_ive(order, x)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    torch.testing.assert_close(gradient, (ratio + order / x - 1).detach(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kappa", [0.5, 20.0])
def test_density_integrates_to_one_and_kl_is_its_integral(size: int, kappa: float) -> None:
    angle, density = marginal(size, kappa)
    q = vmf(size, kappa)
    area = log_area(size - 1)  # of the points at one angle
    log_q = kappa * angle.cos() + q.log_normalizer()
    total = torch.trapezoid((log_q + (size - 2) * angle.sin().log() + area).exp(), angle)
    assert total.item() == pytest.approx(1, abs=1e-4)
    expected = torch.trapezoid(density * (log_q + log_area(size)), angle).item()
    found = kl_divergence(q, HypersphericalUniform(torch.zeros(1, size), -1))
    assert found.item() == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_gradient_of_the_kl_is_that_of_its_formula(size: int) -> None:
    kappa = KAPPA[:, None].clone().requires_grad_()
    loc = F.normalize(torch.randn(len(KAPPA), size, dtype=torch.float64), dim=1)
    kl_divergence(VonMisesFisher(loc, kappa, -1), HypersphericalUniform(loc, -1)).sum().backward()
    a = log_ive(size / 2 - 1, KAPPA)[1]
    assert kappa.grad is not None
    torch.testing.assert_close(kappa.grad[:, 0], KAPPA * (1 - a**2 - (size - 1) * a / KAPPA), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kappa", [0.5, 20.0])
def test_samples_lie_on_the_sphere_and_follow_the_density(size: int, kappa: float) -> None:
    q = vmf(size, kappa, 20_000)
    z = q.sample()
    torch.testing.assert_close(z.norm(dim=1), torch.ones(len(z)))
    cosines = (z * q.loc).sum(1).double()
    angle, density = marginal(size, kappa)
    moments = [torch.trapezoid(density * angle.cos() ** power, angle).item() for power in (1, 2)]
    assert cosines.mean().item() == pytest.approx(moments[0], abs=0.03)
    assert cosines.square().mean().item() == pytest.approx(moments[1], abs=0.03)
    across = z - cosines[:, None].float() * q.loc
    assert across.mean(0).norm() < 0.03  # no direction around the mean is preferred


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kappa", [0.5, 20.0])
def test_samples_carry_the_gradient_of_expectations(size: int, kappa: float) -> None:
    """The derivative of E[w^2] by kappa is the covariance of w^2 and w."""
    k = torch.full((40_000, 1), kappa, requires_grad=True)
    loc = vmf(size, kappa).loc.expand(len(k), size)
    (VonMisesFisher(loc, k, -1).rsample() * loc).sum(1).square().mean().backward()
    angle, density = marginal(size, kappa)
    m1, m2, m3 = (torch.trapezoid(density * angle.cos() ** power, angle).item() for power in (1, 2, 3))
    assert k.grad is not None
    assert k.grad.sum().item() == pytest.approx(m3 - m1 * m2, rel=0.05, abs=2e-3)


def test_derivative_of_a_draw_is_that_of_the_quantile() -> None:
    """In three dimensions the quantile function has a closed form."""
    u = torch.rand(50, dtype=torch.float64)
    kappa = torch.full_like(u, 4.0).requires_grad_()
    w = 1 + (u + (1 - u) * (-2 * kappa).exp()).log() / kappa
    (expected,) = torch.autograd.grad(w.sum(), kappa)
    torch.testing.assert_close(cosine_derivative(kappa.detach(), w.detach(), 3), expected, rtol=1e-6, atol=1e-9)


def test_coordinates_may_lie_along_any_dimension() -> None:
    loc = F.normalize(torch.randn(4, 3, 2, 5), dim=1)
    q, p = VonMisesFisher(loc, torch.rand(4, 1, 2, 5) + 1, -3), HypersphericalUniform(loc, -3)
    z = q.rsample((6,))
    assert z.shape == (6, 4, 3, 2, 5)
    torch.testing.assert_close(z.norm(dim=2), torch.ones(6, 4, 2, 5))
    assert q.log_prob(z).shape == p.log_prob(z).shape == (6, 4, 2, 5)
    assert kl_divergence(q, p).shape == (4, 2, 5)
    torch.testing.assert_close(p.sample((6,)).norm(dim=2), torch.ones(6, 4, 2, 5))


def test_a_concentration_that_is_not_a_number_gives_no_endless_loop() -> None:
    assert vmf(3, math.nan).rsample().isnan().any()
