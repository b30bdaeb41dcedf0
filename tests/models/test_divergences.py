"""The KL divergence against its definition and torch's, and the point mass."""

import pytest
import torch
from torch import Tensor
from torch.distributions import kl_divergence

from aectl.models.probability.distributions import Dirac, normal, standard_normal
from aectl.models.probability.divergences import kl

MU = torch.tensor([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5], [0.1, 0.0, 3.0]])
SIGMA = torch.tensor([[1.0, 1.0, 1.0], [0.3, 1.5, 0.7], [2.0, 0.1, 1.0]])


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_kl_equals_its_monte_carlo_estimate() -> None:
    q, p = normal(MU, SIGMA), normal(0.5 * MU.flip(0), SIGMA.flip(1))
    z = q.sample((40_000,))  # (S, B, D)
    ratios = (q.log_prob(z) - p.log_prob(z)).sum(-1)  # (S, B)
    error = ratios.std(0) / len(z) ** 0.5
    assert ((kl(q, p) - ratios.mean(0)).abs() < 5 * error + 1e-5).all()


def test_kl_to_the_standard_normal_is_the_vae_paper_s_formula() -> None:
    q = normal(MU, SIGMA)
    expected = -0.5 * (1 + 2 * SIGMA.log() - MU.square() - SIGMA.square()).sum(1)
    torch.testing.assert_close(kl(q, standard_normal(MU)), expected)


def test_kl_of_normals_equals_torch_s() -> None:
    q, p = normal(MU, SIGMA), normal(0.5 * MU.flip(0), SIGMA.flip(1))
    torch.testing.assert_close(kl(q, p), kl_divergence(q, p).sum(1))


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 5)])
def test_kl_is_zero_for_equal_distributions_positive_otherwise_and_one_per_example(shape: tuple[int, ...]) -> None:
    q = normal(torch.randn(shape), torch.rand(shape) + 0.5)
    torch.testing.assert_close(kl(q, q), torch.zeros(4))
    assert kl(q, standard_normal(q.mean)).shape == (4,)
    assert (kl(q, standard_normal(q.mean)) > 0).all()


def test_kl_without_a_closed_form_raises() -> None:
    with pytest.raises(NotImplementedError):
        kl(Dirac(MU), standard_normal(MU))


def test_dirac_always_samples_its_point() -> None:
    q = Dirac(MU)
    for drawn in (q.mean, q.sample(), q.rsample()):
        torch.testing.assert_close(drawn, MU)
    torch.testing.assert_close(q.stddev, torch.zeros_like(MU))
    torch.testing.assert_close(q.rsample((2,)), torch.stack([MU, MU]))


def test_gradient_passes_through_a_dirac_sample() -> None:
    x: Tensor = MU.clone().requires_grad_()
    (3 * Dirac(x).rsample()).sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(MU, 3))
