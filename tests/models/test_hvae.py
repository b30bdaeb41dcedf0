"""The mathematics of the VAE with two levels of latents."""

import pytest
import torch

from aectl.example import Example
from aectl.models.nets.conv import Conv
from aectl.models.nets.mlp import MLP
from aectl.models.probability.divergences import kl
from aectl.models.variational.hvae import HVAE
from aectl.rng import seeded_rng
from tests.support.toy_models import identity

SHAPE = (1, 8, 8)
NETS = {"vector": MLP([16]), "grid": Conv([4, 8], 16, "grid")}


def hvae(net: str = "vector", free_nats: float = 0.0, beta: float = 1.0) -> HVAE:
    torch.manual_seed(0)
    return HVAE(SHAPE, SHAPE, 3, 2, 16, beta, 0, free_nats, NETS[net], identity(0.5))


def example(n: int = 6) -> Example:
    x = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(1))
    return Example(x, x)


@pytest.mark.parametrize("net", NETS)
def test_the_loss_is_the_negative_elbo_of_both_levels(net: str) -> None:
    model, batch = hvae(net).eval(), example()
    with seeded_rng(0, torch.device("cpu")):
        drawn = torch.stack([model.log_likelihood(batch, 1) for _ in range(400)])
    with seeded_rng(1, torch.device("cpu")):
        losses = torch.stack([model.loss(batch)["loss"] for _ in range(400)])
    error = (drawn.mean(1).std() / 20 + losses.std() / 20).item()
    assert -losses.mean().item() == pytest.approx(drawn.mean().item(), abs=4 * error)


def test_the_bound_rises_with_the_number_of_samples() -> None:
    model, batch = hvae().eval(), example()
    with seeded_rng(0, torch.device("cpu")), torch.no_grad():
        bounds = [torch.stack([model.log_likelihood(batch, k) for _ in range(50)]).mean().item() for k in (1, 10, 100)]
    assert bounds == sorted(bounds)
    assert bounds[2] - bounds[0] > 0.05


def test_features_that_tell_nothing_leave_the_prior_of_the_bottom_level_as_it_is() -> None:
    model = hvae()
    p1 = model.bottom_prior(torch.randn(5, 2))
    silent = torch.zeros(5, 6)
    assert kl(model.bottom_posterior(silent, p1), p1).abs().max() < 1e-6
    assert kl(model.bottom_posterior(silent + 0.5, p1), p1).min() > 0.1


def test_free_nats_are_not_charged_in_training_and_are_in_validation() -> None:
    model, batch = hvae(free_nats=50.0, beta=2.0), example()
    terms = model.train().loss(batch)
    torch.testing.assert_close(terms["loss"], terms["nll"] + 2 * (50 + terms["kl_bottom"]))
    terms = model.eval().loss(batch)
    torch.testing.assert_close(terms["loss"], terms["nll"] + 2 * (terms["kl_top"] + terms["kl_bottom"]))


def test_samples_at_temperature_zero_are_the_decoded_mean_of_both_priors() -> None:
    model = hvae("grid").eval()
    expected = model.decode_mean(torch.zeros(1, 2))
    torch.testing.assert_close(model.sample(3, temperature=0.0), expected.expand(3, -1, -1, -1))
