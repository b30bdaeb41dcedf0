"""Latents on a sphere: the KL against Monte Carlo, log p(x) against the integral over the prior."""

import math

import pytest
import torch

from aectl.errors import UserError
from aectl.evaluation.log_likelihood import log_likelihood
from aectl.example import Example
from aectl.models.capabilities import has_normal_prior
from aectl.models.nets.base import Net
from aectl.models.nets.conv import Conv
from aectl.models.nets.mlp import MLP
from aectl.models.probability.distributions import log_prob
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.variational.hyperspherical_vae import HypersphericalVAE

SHAPE = (1, 4, 4)
GRID = Conv([4], 8, "grid")


def on_sphere(latent_dim: int = 3, net: Net | None = None, beta: float = 1.0) -> HypersphericalVAE:
    torch.manual_seed(0)
    likelihood = Gaussian(0.3, learn_scale=False)
    return HypersphericalVAE(SHAPE, SHAPE, latent_dim, beta, 0, net or MLP([8]), likelihood)


def batch(n: int = 8) -> Example:
    return Example(torch.rand(n, *SHAPE), torch.rand(n, *SHAPE))


@pytest.mark.parametrize("net", [MLP([8]), GRID], ids=["vector", "grid"])
def test_kl_equals_its_monte_carlo_estimate(net: Net) -> None:
    model, x = on_sphere(3, net, 2.0), batch()
    q = model.encode(x.input)
    z = q.sample((5_000,))
    estimate = (log_prob(q, z, 2) - log_prob(model.prior(8), z, 2)).mean(0)
    terms = model.latent(q)[1]
    torch.testing.assert_close(terms["kl"], estimate, atol=0.05, rtol=0.05)
    losses = model.loss(x)
    torch.testing.assert_close(losses["loss"], losses["nll"] + 2 * losses["kl"])


@torch.no_grad()
def test_importance_samples_find_the_integral_over_the_prior() -> None:
    model, x = on_sphere().eval(), batch(2)
    found = log_likelihood(model, x, 4_000)
    z = model.prior(20_000).sample()
    nll = torch.stack([model.likelihood.nll(model.decode(z), each.expand(len(z), *SHAPE)) for each in x.target])
    torch.testing.assert_close(found, (-nll).double().logsumexp(1) - math.log(len(z)), atol=0.1, rtol=0)


@pytest.mark.parametrize("net", [MLP([8]), GRID], ids=["vector", "grid"])
def test_latents_codes_and_samples_lie_on_the_sphere(net: Net) -> None:
    model, x = on_sphere(4, net), batch()
    q = model.encode(x.input)
    for z in (q.rsample(), q.mean, model.prior(8).sample()):
        torch.testing.assert_close(z.norm(dim=1), torch.ones_like(z[:, 0]))
    assert model.embed(x.input).shape == (8, model.latent_size)
    assert model.sample(5).shape == (5, *SHAPE)


def test_every_weight_learns() -> None:
    model = on_sphere()
    model.loss(batch())["loss"].backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters() if p.requires_grad)


def test_its_prior_is_not_normal_and_has_no_temperature() -> None:
    assert not has_normal_prior(on_sphere())
    with pytest.raises(UserError, match=r"^temperature=0.5: the prior .* expected 1$"):
        on_sphere().sample(3, temperature=0.5)


def test_a_sphere_needs_two_coordinates() -> None:
    with pytest.raises(UserError, match=r"^model.latent_dim=1: expected 2 or more .* model.latent_dim=2 is a circle$"):
        on_sphere(1)
