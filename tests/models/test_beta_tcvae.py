"""The parts of the KL divergence against Monte Carlo on mixtures that are known, and the estimates from batches."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from aectl.example import Example
from aectl.models.nets.mlp import MLP
from aectl.models.probability.distributions import normal
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.vae import VAE
from aectl.models.variational.beta_tcvae import BetaTCVAE, Estimate, aggregate_log_probs, mixture_weights

SHAPE = (1, 4, 4)
NUM = 6
MU = torch.tensor([[2.0, 2.0], [-2.0, -2.0], [1.0, 1.5], [-1.0, 0.0], [0.5, -0.5], [0.0, 1.0]])
SIGMA = torch.tensor([[0.5, 0.3], [0.4, 0.6], [0.7, 0.2], [0.3, 0.5], [0.6, 0.6], [0.2, 0.4]])


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def tcvae(
    alpha: float = 1.0, beta: float = 1.0, gamma: float = 1.0, estimate: Estimate = "stratified", warmup: float = 0
) -> BetaTCVAE:
    net, likelihood = MLP(hidden=[8]), Gaussian(0.1, learn_scale=False)
    return BetaTCVAE(SHAPE, SHAPE, 3, alpha, beta, gamma, estimate, 100, warmup, net, likelihood)


def batch(n: int = 8) -> Example:
    return Example(torch.rand(n, *SHAPE), torch.rand(n, *SHAPE))


def mixture() -> MixtureSameFamily:
    """q(z) of the whole data set."""
    return MixtureSameFamily(Categorical(torch.ones(NUM)), Independent(Normal(MU, SIGMA), 1))


def marginal(d: int) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(torch.ones(NUM)), Normal(MU[:, d], SIGMA[:, d]))


def test_parts_of_the_kl_equal_monte_carlo_if_the_batch_is_the_data_set() -> None:
    class Known(BetaTCVAE):
        def encode(self, x: Tensor, c: Tensor | None = None) -> Normal:
            return normal(MU, SIGMA)

    model = Known(SHAPE, SHAPE, 2, 1, 1, 1, "stratified", NUM, 0, MLP([8]), Gaussian(0.1, learn_scale=False))
    draws = [model.latent(model.encode(torch.empty(0)))[1] for _ in range(1_000)]
    found = {name: torch.stack([terms[name] for terms in draws]).mean().item() for name in ("mi", "tc", "dwkl")}

    z = mixture().sample((50_000,))
    log_q, parts = mixture().log_prob(z), [marginal(d).log_prob(z[:, d]) for d in range(2)]
    entropy = Independent(Normal(MU, SIGMA), 1).entropy().mean()
    assert found["mi"] == pytest.approx(-(log_q.mean() + entropy).item(), abs=0.04)
    assert found["tc"] == pytest.approx((log_q - sum(parts)).mean().item(), abs=0.04)
    prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    assert found["dwkl"] == pytest.approx((sum(parts) - prior).mean().item(), abs=0.15)
    assert found["tc"] > 0.3  # these dimensions do depend on each other


def test_stratified_estimate_of_the_aggregate_posterior_is_unbiased() -> None:
    """Over all batches of 3 of the 6 examples that hold the first, at a fixed latent of it."""
    z, log_w = torch.tensor([0.5, 0.7]), mixture_weights(3, NUM, "stratified").log()
    densities = []
    for others in itertools.combinations(range(1, NUM), 2):
        chosen = [0, *others]
        log_q, _ = aggregate_log_probs(normal(MU[chosen], SIGMA[chosen]), z.expand(3, 2), log_w)
        densities.append(log_q[0].exp())
    torch.testing.assert_close(torch.stack(densities).mean(), mixture().log_prob(z).exp())


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_stratified_weights_are_a_mixture_s(batch_size: int) -> None:
    weights = mixture_weights(batch_size, 50, "stratified")
    torch.testing.assert_close(weights.sum(1), torch.ones(batch_size))
    assert batch_size == 1 or weights[0, 0] == pytest.approx(1 / 50)


def test_weighted_estimate_is_the_paper_s() -> None:
    q, z = normal(MU, SIGMA), MU + SIGMA
    log_q, log_q_product = aggregate_log_probs(q, z, mixture_weights(NUM, 100, "weighted").log())
    pairs = torch.stack([normal(MU[j], SIGMA[j]).log_prob(z) for j in range(NUM)], dim=1)
    torch.testing.assert_close(log_q, pairs.sum(2).logsumexp(1) - math.log(100 * NUM))
    torch.testing.assert_close(log_q_product, (pairs.logsumexp(1) - math.log(100 * NUM)).sum(1))


@pytest.mark.parametrize("estimate", ["stratified", "weighted"])
def test_with_weights_of_1_the_loss_is_the_vae_s_in_expectation(estimate: Estimate) -> None:
    model, x = tcvae(estimate=estimate), batch()
    vae = VAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), Gaussian(0.1, learn_scale=False))
    vae.load_state_dict(model.state_dict())
    draws = [model.loss(x) for _ in range(300)]
    parts = torch.stack([terms["mi"] + terms["tc"] + terms["dwkl"] for terms in draws])
    error = parts.std() / len(parts) ** 0.5
    assert abs(parts.mean() - vae.loss(x)["kl"]) < 4 * error
    torch.manual_seed(1)
    terms = model.loss(x)
    torch.testing.assert_close(terms["loss"], terms["nll"] + terms["mi"] + terms["tc"] + terms["dwkl"])


def test_each_part_has_its_weight_and_warms_up() -> None:
    model = tcvae(2.0, 5.0, 0.5, warmup=4)
    model.start_epoch(1)
    for training, fraction in ((True, 0.25), (False, 1.0)):
        terms = model.train(training).loss(batch())
        kl = 2 * terms["mi"] + 5 * terms["tc"] + 0.5 * terms["dwkl"]
        torch.testing.assert_close(terms["loss"], terms["nll"] + fraction * kl)


def test_a_weight_on_the_total_correlation_makes_dimensions_independent() -> None:
    """Of two latents that a fixed rotation mixes, training turns the encoder until its dimensions are independent."""
    torch.manual_seed(0)
    data = torch.randn(256, 2) * torch.tensor([1.5, 0.3])
    rotation = torch.nn.Parameter(torch.tensor(0.6))
    optimizer = torch.optim.Adam([rotation], 0.05)
    log_w = mixture_weights(256, 256, "stratified").log()
    for _ in range(60):
        turn = torch.stack([rotation.cos(), -rotation.sin(), rotation.sin(), rotation.cos()]).view(2, 2)
        q = normal(data @ turn.T, torch.full((256, 2), 0.1))
        log_q, log_q_product = aggregate_log_probs(q, q.rsample(), log_w)
        optimizer.zero_grad()
        (log_q - log_q_product).mean().backward()
        optimizer.step()
    assert abs(rotation.item()) < 0.1
