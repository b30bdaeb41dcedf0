"""The covariances that DIP-VAE penalizes, against torch's and against drawn latents."""

from typing import Literal

import pytest
import torch

from aectl.evaluation.log_likelihood import bounds
from aectl.example import Example
from aectl.models.nets.mlp import MLP
from aectl.models.probability.distributions import normal
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.variational.dip_vae import DIPVAE, latent_covariance

SHAPE = (1, 4, 4)
Kind = Literal["i", "ii"]
KINDS: list[Kind] = ["i", "ii"]


def dip_vae(kind: Kind = "ii", warmup: float = 0) -> DIPVAE:
    torch.manual_seed(0)
    return DIPVAE(SHAPE, SHAPE, 3, 2.0, kind, 5.0, 7.0, warmup, MLP([8]), Gaussian(0.1, learn_scale=False))


def batch(n: int = 8) -> Example:
    return Example(torch.rand(n, *SHAPE), torch.rand(n, *SHAPE))


def test_covariance_of_type_ii_is_that_of_drawn_latents() -> None:
    torch.manual_seed(0)
    q = normal(torch.randn(10, 3) @ torch.randn(3, 3), torch.rand(10, 3) + 0.1)
    drawn = q.sample((50_000,)).flatten(0, 1)
    torch.testing.assert_close(latent_covariance(q, "ii"), drawn.T.cov(), atol=0.05, rtol=0.02)
    torch.testing.assert_close(latent_covariance(q, "i"), q.mean.T.cov(correction=0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False], ids=["train", "val"])
def test_loss_is_the_paper_s(kind: Kind, training: bool) -> None:
    model, x = dip_vae(kind).train(training), batch()
    terms = model.loss(x)
    c = latent_covariance(model.encode(x.input), kind)
    off = sum(c[i, j] ** 2 for i in range(3) for j in range(3) if i != j)
    diagonal = sum((c[i, i] - 1) ** 2 for i in range(3))
    torch.testing.assert_close(terms["loss"], terms["nll"] + 2 * terms["kl"] + 5 * off + 7 * diagonal)


def test_penalties_are_neither_warmed_up_nor_part_of_the_bound() -> None:
    model, x = dip_vae(warmup=4), batch()
    model.start_epoch(1)
    terms = model.loss(x)
    penalty = 5 * terms["cov_off"] + 7 * terms["cov_diag"]
    torch.testing.assert_close(terms["loss"], terms["nll"] + 0.5 * terms["kl"] + penalty)
    torch.testing.assert_close(bounds(model, x, 5)["kl"].mean(), terms["kl"])


@pytest.mark.parametrize("kind", KINDS)
def test_covariance_of_latents_of_the_prior_costs_nothing(kind: Kind) -> None:
    torch.manual_seed(0)
    means = torch.randn(4, 50_000, 3).flatten(0, 1)
    spread = 1e-4 if kind == "i" else 0.6
    q = normal(means * (1 - spread**2) ** 0.5, torch.full_like(means, spread))
    torch.testing.assert_close(latent_covariance(q, kind), torch.eye(3), atol=0.02, rtol=0)


def test_a_batch_of_one_has_a_finite_loss() -> None:
    assert dip_vae().loss(batch(1))["loss"].isfinite()
