"""The maximum mean discrepancy against its definition and a closed form."""

import pytest
import torch
from torch import Tensor

from aectl.models.probability.mmd import KERNELS, KernelName, imq, mmd, rbf


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def expected_rbf(shift: float, size: int) -> float:
    """The squared MMD of N(0, I) and N(shift, I) in D dimensions with the Gaussian kernel, in closed form."""
    variance = torch.tensor(float(size))
    same = (variance / (variance + 2)) ** (size / 2)
    apart = same * (-size * shift**2 / (2 * (variance + 2))).exp()
    return float(2 * same - 2 * apart)


@pytest.mark.parametrize(("shift", "size"), [(0.0, 3), (1.0, 3), (0.7, 8)])
def test_mmd_equals_the_closed_form_of_two_gaussians(shift: float, size: int) -> None:
    draws = torch.stack([mmd(torch.randn(200, size), shift + torch.randn(200, size), rbf) for _ in range(40)])
    error = draws.std() / len(draws) ** 0.5
    assert abs(draws.mean() - expected_rbf(shift, size)) < 4 * error


@pytest.mark.parametrize("name", KERNELS)
def test_mmd_is_the_mean_over_pairs_of_different_points(name: KernelName) -> None:
    kernel = KERNELS[name]
    x, y = torch.randn(5, 3), torch.randn(5, 3)

    def k(a: Tensor, b: Tensor) -> Tensor:
        return kernel((a - b).square().sum(), 3)

    within = sum(k(p[i], p[j]) for p in (x, y) for i in range(5) for j in range(5) if i != j)
    between = sum(k(x[i], y[j]) for i in range(5) for j in range(5))
    torch.testing.assert_close(mmd(x, y, kernel), within / 20 - 2 * between / 25)


@pytest.mark.parametrize("name", KERNELS)
def test_small_batches_are_unbiased_too(name: KernelName) -> None:
    """The estimate over all pairs, those of a point with itself included, would have a mean of 0.5 or so here."""
    draws = torch.stack([mmd(torch.randn(2, 2), torch.randn(2, 2), KERNELS[name]) for _ in range(4_000)])
    assert abs(draws.mean()) < 4 * draws.std() / len(draws) ** 0.5


@pytest.mark.parametrize("name", KERNELS)
def test_gradient_draws_points_to_the_other_distribution_and_is_finite_for_equal_points(name: KernelName) -> None:
    far = torch.full((6, 2), 5.0).requires_grad_()
    mmd(far, torch.randn(6, 2), KERNELS[name]).backward()
    assert far.grad is not None
    assert (far.grad > 0).all()


def test_imq_is_the_paper_s_kernel() -> None:
    expected = sum(2 * 4 * s / (2 * 4 * s + 3.0) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)) / 7
    assert imq(torch.tensor(3.0), 4).item() == pytest.approx(expected)


def test_a_single_point_has_no_discrepancy_but_a_gradient() -> None:
    x = torch.randn(1, 3).requires_grad_()
    value = mmd(x, torch.randn(1, 3), imq)
    value.backward()
    assert value.item() == 0
    assert x.grad is not None
