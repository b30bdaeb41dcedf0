"""FactorVAE's discriminator against total correlations in closed form, and what each player learns from."""

import math

import pytest
import torch
from torch import Tensor

from aectl.evaluation.log_likelihood import bounds
from aectl.example import Example
from aectl.models.adversarial.discriminator import discrimination_loss, make_discriminator
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.variational.factor_vae import FactorVAE, permute_dimensions

SHAPE = (1, 4, 4)


def factor_vae(gamma: float = 5.0, warmup: float = 0) -> FactorVAE:
    torch.manual_seed(0)
    return FactorVAE(SHAPE, SHAPE, 3, 2.0, gamma, [8], warmup, MLP([8]), Gaussian(0.1, learn_scale=False))


def batch(n: int = 8) -> Example:
    return Example(torch.rand(n, *SHAPE), torch.rand(n, *SHAPE))


def correlated(n: int, rho: float) -> Tensor:
    z = torch.randn(n, 2)
    return torch.stack([z[:, 0], rho * z[:, 0] + (1 - rho**2) ** 0.5 * z[:, 1]], dim=1)


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_trained_discriminator_finds_the_total_correlation_of_a_gaussian(rho: float) -> None:
    torch.manual_seed(0)
    net = make_discriminator((2,), [32, 32])
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(200):
        z = correlated(512, rho)
        loss = discrimination_loss(real=net(z), fake=net(permute_dimensions(correlated(512, rho))))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    exact = -0.5 * math.log(1 - rho**2)
    assert net(correlated(20_000, rho)).mean().item() == pytest.approx(exact, abs=0.1)
    assert (loss < math.log(2) - 0.05) == (rho > 0)


def test_permuted_latents_keep_each_marginal_and_no_correlation() -> None:
    torch.manual_seed(0)
    z = correlated(5_000, 0.9)
    permuted = permute_dimensions(z)
    torch.testing.assert_close(permuted.sort(0).values, z.sort(0).values)
    assert permuted.T.corrcoef()[0, 1].abs() < 0.05
    assert permute_dimensions(torch.randn(4, 2, 3, 3)).shape == (4, 2, 3, 3)


def test_loss_of_the_autoencoder_is_the_paper_s_and_only_the_kl_warms_up() -> None:
    model = factor_vae(warmup=4)
    model.start_epoch(1)
    for training, fraction in ((True, 0.25), (False, 1.0)):
        terms = model.train(training).loss(batch())
        expected = terms["nll"] + fraction * 2 * terms["kl"] + 5 * terms["tc"]
        torch.testing.assert_close(terms["loss"], expected)


def test_tc_is_the_difference_of_the_discriminator_s_log_probabilities() -> None:
    model = factor_vae()
    z, terms = model.latent(model.encode(batch().input))
    d = model.discriminator(z).sigmoid()
    torch.testing.assert_close(terms["tc"], d.log() - (1 - d).log())


def test_discriminator_learns_without_the_encoder_and_starts_at_chance() -> None:
    model = factor_vae()
    loss = model.loss(batch(256), "discriminator")["loss"]
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2), abs=0.05)
    learns = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert learns == {f"discriminator.{name}" for name, _ in model.discriminator.named_parameters()}


def test_players_share_no_weights_and_leave_none_out() -> None:
    model = factor_vae()
    assert list(model.players) == ["autoencoder", "discriminator"]
    learning = [id(p) for parameters in model.players.values() for p in parameters]
    assert sorted(learning) == sorted(id(p) for p in model.parameters() if p.requires_grad)


def test_penalty_is_no_part_of_the_bound() -> None:
    model, x = factor_vae().eval(), batch()
    torch.testing.assert_close(bounds(model, x, 5)["kl"].mean(), model.loss(x)["kl"])


def test_a_batch_of_one_has_finite_losses() -> None:
    model = factor_vae()
    assert all(model.loss(batch(1), player)["loss"].isfinite() for player in model.players)
