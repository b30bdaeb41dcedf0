"""The flows of FlowVAE: densities that integrate to one, samples that follow them, and log p(x) by both."""

import math
import sys

import pytest
import torch

from aectl.errors import UserError
from aectl.evaluation.log_likelihood import log_likelihood
from aectl.example import Example
from aectl.models.nets.base import Net
from aectl.models.nets.conv import Conv
from aectl.models.nets.mlp import MLP
from aectl.models.probability.distributions import location, log_prob
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.vae import VAE
from aectl.models.variational.flow_vae import FlowVAE

SHAPE = (1, 4, 4)
FLOWS = [(2, 0), (0, 2), (1, 2)]


def flow_vae(prior: int = 2, posterior: int = 0, latent_dim: int = 2, net: Net | None = None) -> FlowVAE:
    torch.manual_seed(0)
    likelihood = Gaussian(0.3, learn_scale=False)
    return FlowVAE(SHAPE, SHAPE, latent_dim, prior, posterior, [16], 1.0, 0, net or MLP([8]), likelihood)


def batch(n: int = 8) -> Example:
    return Example(torch.rand(n, *SHAPE), torch.rand(n, *SHAPE))


@torch.no_grad()
def test_densities_integrate_to_one() -> None:
    model = flow_vae(2, 2)
    line = torch.linspace(-8, 8, 160)
    points, area = torch.cartesian_prod(line, line), float(line[1] - line[0]) ** 2
    q = model.encode(torch.rand(1, *SHAPE)).expand(torch.Size([len(points)]))
    for p in (model.prior(len(points)), q):
        density = log_prob(p, points).exp()
        assert density.sum().item() * area == pytest.approx(1, abs=0.01)


@torch.no_grad()
def test_prior_is_not_normal_and_its_samples_follow_its_density() -> None:
    model = flow_vae(3)
    z = model.prior(30_000).sample()
    inside = (z[:, 0].abs() < 0.5) & (z[:, 1].abs() < 0.5)
    line = torch.linspace(-0.495, 0.495, 100)  # centres of cells
    points = torch.cartesian_prod(line, line)
    expected = log_prob(model.prior(len(points)), points).exp().mean().item()
    assert inside.float().mean().item() == pytest.approx(expected, rel=0.05)
    assert not torch.allclose(z.T.cov(), torch.eye(2), atol=0.05)


@pytest.mark.parametrize(("prior", "posterior"), FLOWS)
def test_kl_is_its_estimate_from_the_drawn_latent_and_trains_every_flow(prior: int, posterior: int) -> None:
    model, x = flow_vae(prior, posterior), batch()
    q = model.encode(x.input)
    z, terms = model.latent(q)
    torch.testing.assert_close(terms["kl"], log_prob(q, z) - log_prob(model.prior(8), z), atol=1e-4, rtol=1e-4)
    model.loss(x)["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize(("prior", "posterior"), FLOWS)
@torch.no_grad()
def test_importance_samples_find_the_integral_over_the_prior(prior: int, posterior: int) -> None:
    model, x = flow_vae(prior, posterior).eval(), batch(2)
    model.encoder[-1].bias[2:] += 1.5  # posteriors wide enough for the weights of few samples to be even
    found = log_likelihood(model, x, 8_000)
    z = model.prior(20_000).sample()
    nll = torch.stack([model.likelihood.nll(model.decode(z), each.expand(len(z), *SHAPE)) for each in x.target])
    torch.testing.assert_close(found, (-nll).double().logsumexp(1) - math.log(len(z)), atol=0.1, rtol=0)


def test_without_flows_it_is_the_vae() -> None:
    model, x = flow_vae(0, 0), batch()
    vae = VAE(SHAPE, SHAPE, 2, 1.0, 0, MLP([8]), Gaussian(0.3, learn_scale=False))
    vae.load_state_dict(model.state_dict())
    torch.manual_seed(1)
    found = model.loss(x)["loss"]
    torch.manual_seed(1)
    assert torch.equal(found, vae.loss(x)["loss"])


@torch.no_grad()
def test_posterior_has_a_location_to_embed_with_and_a_cold_prior_a_single_sample() -> None:
    model, x = flow_vae(2, 2), batch().input
    torch.testing.assert_close(model.embed(x), location(model.encode(x)))
    cold = model.sample(4, temperature=0.0)
    torch.testing.assert_close(cold, cold[:1].expand_as(cold))
    assert not torch.allclose(model.sample(4)[0], cold[0])


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_it_takes_a_single_latent_and_a_grid(latent_dim: int) -> None:
    assert flow_vae(2, 2, latent_dim).loss(batch())["loss"].isfinite()
    model = flow_vae(1, 1, latent_dim, Conv([4], 8, "grid"))
    assert model.prior(5).sample().shape == (5, latent_dim, 2, 2)
    assert model.loss(batch())["loss"].isfinite()
    assert not model.any_size
    assert flow_vae(1, 0, latent_dim, Conv([4], 8, "grid")).any_size


def test_it_can_be_built_without_memory_for_its_other_weights() -> None:
    """As runs are when they are opened."""
    with torch.device("meta"):
        assert flow_vae(2, 2).encoder[-1].weight.is_meta


def test_without_zuko_the_constructor_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zuko.flows", None)
    with pytest.raises(UserError, match=r"^model=flow_vae: the package zuko is not installed; .* 'aectl\[flows\]'$"):
        flow_vae()
