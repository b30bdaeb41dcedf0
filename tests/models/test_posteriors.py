"""Posteriors and priors that are not elementwise: every reduction goes by the shape of an event."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Gamma, Independent, MultivariateNormal, kl_divergence

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.nets.mlp import MLP
from aectl.models.probability.distributions import location, log_prob, normal, standard_normal
from aectl.models.probability.divergences import kl, kl_or_estimate
from aectl.models.probability.likelihoods import Bernoulli
from aectl.models.vae import VAE
from tests.support.toy_posteriors import FlowVAE, FullCovarianceVAE, MixturePriorVAE

SHAPE = (1, 4, 4)
KINDS = [FullCovarianceVAE, FlowVAE, MixturePriorVAE]
MU, SIGMA = torch.randn(3, 2), torch.rand(3, 2) + 0.5


def joint(q: Distribution) -> MultivariateNormal:
    return MultivariateNormal(q.mean, q.variance.diag_embed())


@pytest.mark.parametrize("kind", KINDS)
def test_a_vae_needs_no_more_than_another_encode_or_prior(kind: type[VAE]) -> None:
    torch.manual_seed(0)
    model = kind(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), Bernoulli())
    x = torch.rand(5, *SHAPE)
    terms, output = model.loss_and_reconstruction(Example(x, x))
    terms["loss"].backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())
    assert terms["loss"].item() == pytest.approx((terms["nll"] + terms["kl"]).item(), rel=1e-5)
    assert output.shape == model.sample(5).shape == x.shape
    assert model.embed(x).shape == (5, 3)


def test_log_prob_of_a_joint_and_of_an_elementwise_distribution_are_the_same() -> None:
    q, z = normal(MU, SIGMA), torch.randn(7, 3, 2)
    expected = q.log_prob(z).sum(-1)
    for same in (q, Independent(q, 1), joint(q)):
        torch.testing.assert_close(log_prob(same, z, 2), expected)


def test_kl_of_joint_distributions_is_one_number_per_example() -> None:
    q, p = normal(MU, SIGMA), standard_normal(MU)
    torch.testing.assert_close(kl(joint(q), joint(p)), kl(q, p))


def test_kl_without_a_closed_form_is_estimated_without_bias() -> None:
    torch.manual_seed(0)
    q, p = normal(MU, SIGMA), standard_normal(MU)
    z = q.sample((20_000,))
    with pytest.raises(NotImplementedError):
        kl_divergence(joint(q), p)
    drawn = torch.stack([kl_or_estimate(joint(q), p, each) for each in z[:5]])
    ratios = log_prob(joint(q), z, 2) - log_prob(p, z, 2)
    torch.testing.assert_close(drawn, ratios[:5])
    assert ((ratios.mean(0) - kl(q, p)).abs() < 5 * ratios.std(0) / len(z) ** 0.5).all()


class NoMean(Distribution):
    arg_constraints: dict[str, object] = {}  # noqa: RUF012


class Nowhere(AE):
    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        return NoMean(x.shape[:1], validate_args=False)


def test_location_is_the_mean_or_that_of_the_base_pushed_through_a_flow() -> None:
    gamma = Gamma(torch.tensor([2.0]), torch.tensor([4.0]))
    torch.testing.assert_close(location(gamma), torch.tensor([0.5]))
    model = FlowVAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), Bernoulli())
    x = torch.rand(5, *SHAPE)
    torch.testing.assert_close(model.embed(x), 3 * VAE.encode(model, x).mean.tanh())


def test_a_posterior_without_any_mean_is_one_line() -> None:
    model = Nowhere(SHAPE, SHAPE, 3, MLP([8]), Bernoulli())
    with pytest.raises(UserError, match=r"NoMean: has no mean .* override reconstruct and embed"):
        model.embed(torch.rand(2, *SHAPE))
