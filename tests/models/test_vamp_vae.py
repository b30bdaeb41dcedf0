"""The prior of VampVAE against a mixture written out, its integral and its samples."""

import math

import pytest
import torch
from torch.distributions import Normal

from aectl.evaluation.log_likelihood import log_likelihood
from aectl.example import Example
from aectl.models.nets.conv import Conv
from aectl.models.nets.mlp import MLP
from aectl.models.probability.distributions import log_prob
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.variational.vamp_vae import VampVAE

SHAPE = (1, 4, 4)


def vamp_vae(latent_dim: int = 2, num: int = 5, beta: float = 1.0) -> VampVAE:
    torch.manual_seed(0)
    model = VampVAE(SHAPE, SHAPE, latent_dim, num, beta, 0, MLP([8]), Gaussian(0.3, learn_scale=False))
    with torch.no_grad():
        model.encoder[-1].weight.mul_(4)  # components that differ
    return model


def batch(n: int = 8) -> Example:
    return Example(torch.rand(n, *SHAPE), torch.rand(n, *SHAPE))


def test_prior_is_the_mean_of_the_posteriors_of_the_pseudo_inputs() -> None:
    model, z = vamp_vae(), torch.randn(7, 2)
    mu, logvar = model.encoder(model.pseudo_input_logits.sigmoid()).chunk(2, dim=1)
    densities = [Normal(m, (0.5 * v).exp()).log_prob(z).sum(1).exp() for m, v in zip(mu, logvar, strict=True)]
    torch.testing.assert_close(log_prob(model.prior(7), z).exp(), torch.stack(densities).mean(0))


def test_prior_integrates_to_one() -> None:
    line = torch.linspace(-12, 12, 400)
    points = torch.cartesian_prod(line, line)
    density = log_prob(vamp_vae().prior(len(points)), points).exp()
    assert density.sum().item() * float(line[1] - line[0]) ** 2 == pytest.approx(1, abs=1e-3)


def test_kl_is_that_of_the_drawn_latent_and_trains_the_pseudo_inputs() -> None:
    model, x = vamp_vae(beta=3.0), batch()
    q = model.encode(x.input)
    z, terms = model.latent(q)
    torch.testing.assert_close(terms["kl"], q.log_prob(z).sum(1) - log_prob(model.prior(8), z))
    losses = model.loss(x)
    torch.testing.assert_close(losses["loss"], losses["nll"] + 3 * losses["kl"])
    losses["loss"].backward()
    gradient = model.pseudo_input_logits.grad
    assert gradient is not None
    assert (gradient.flatten(1).abs().sum(1) > 0).all()


def test_one_pseudo_input_that_is_the_input_costs_no_kl() -> None:
    model = vamp_vae(num=1)
    x = model.pseudo_input_logits.detach().sigmoid()
    _, terms = model.latent(model.encode(x))
    torch.testing.assert_close(terms["kl"], torch.zeros(1))


def test_samples_are_decoded_latents_of_the_prior() -> None:
    """An identity in place of the decoder shows the latents."""
    model = vamp_vae(latent_dim=16)
    model.decoder = torch.nn.Unflatten(1, SHAPE)
    model.likelihood = Gaussian(0.1, learn_scale=False, link="identity")
    with torch.no_grad():
        drawn, expected = model.sample(20_000).flatten(1), model.prior(20_000).sample()
        torch.testing.assert_close(drawn.mean(0), expected.mean(0), atol=0.1, rtol=0)
        torch.testing.assert_close(drawn.T.cov(), expected.T.cov(), atol=0.3, rtol=0.1)
        means = model.components().mean
        nearest = torch.cdist(model.sample(50, temperature=0.0).flatten(1), means).min(1)
    assert nearest.values.max() < 1e-2
    assert len(nearest.indices.unique()) == 5


def test_importance_samples_lie_between_the_elbo_and_the_integral_over_the_prior() -> None:
    model, x = vamp_vae().eval(), batch(2)
    with torch.no_grad():
        found = log_likelihood(model, x, 4_000)
        z = model.prior(40_000).sample()
        nll = torch.stack([model.likelihood.nll(model.decode(z), each.expand(len(z), *SHAPE)) for each in x.target])
        expected = (-nll).double().logsumexp(1) - math.log(len(z))
        elbo = -torch.stack([model.loss(Example(e[None], t[None]))["loss"] for e, t in zip(*x[:2], strict=True)])
    torch.testing.assert_close(found, expected, atol=0.1, rtol=0)
    assert (elbo < found + 1).all()


def test_it_takes_a_latent_grid() -> None:
    model = VampVAE(SHAPE, SHAPE, 2, 3, 1.0, 0, Conv([4], 8, "grid"), Gaussian(0.3, learn_scale=False))
    assert model.prior(5).sample().shape == (5, 2, 2, 2)
    assert model.sample(5).shape == (5, *SHAPE)
