"""log p(x) of models for which it is known in closed form."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, kl_divergence

from aectl.data.loader import Batches
from aectl.data.source import Split
from aectl.evaluation import log_likelihood as log_likelihood_module
from aectl.evaluation.log_likelihood import LogLikelihood, estimate, log_likelihood
from aectl.example import Example
from aectl.models.nets.base import Net
from aectl.models.nets.conv import Conv
from aectl.models.nets.mlp import MLP
from aectl.models.probability.distributions import normal
from aectl.models.probability.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian, Likelihood
from aectl.models.vae import VAE
from aectl.tasks.base import Task
from tests.support.toy_models import first, identity, last, linear_vae, opened
from tests.support.toy_posteriors import FullCovarianceVAE

SHAPE = (1, 2, 3)
NETS: dict[str, Net] = {
    "vector": MLP(hidden=[5]),
    "grid": Conv(channels=[4], hidden=6, latent="grid"),
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


class LinearGaussian:
    r"""x = W z + b + s eps, whose marginal and posterior are known Gaussians.

    p(x) = N(b, W W^T + s^2 I), p(z|x) = N(S W^T (x - b) / s^2, S) with S = (I + W^T W / s^2)^-1, diagonal where the
    columns of W are orthogonal.
    """

    scale = 0.6

    def __init__(self, orthogonal: bool) -> None:
        columns = torch.linalg.qr(torch.randn(6, 2))[0]
        mixed = torch.eye(2) if orthogonal else torch.tensor([[1.0, 0.6], [0.0, 0.8]])
        self.w = columns @ mixed * torch.tensor([1.5, 0.7])  # (D, K)
        self.b = torch.randn(6)
        self.covariance = torch.linalg.inv(torch.eye(2) + self.w.T @ self.w / self.scale**2)  # (K, K)
        self.gain = self.covariance @ self.w.T / self.scale**2  # (K, D)
        self.marginal = MultivariateNormal(self.b, self.w @ self.w.T + self.scale**2 * torch.eye(6))

    def images(self, n: int) -> Tensor:
        return self.marginal.sample((n,)).view(n, *SHAPE)

    def log_p(self, x: Tensor) -> Tensor:
        return self.marginal.log_prob(x.flatten(1)).double()

    def divergence(self, model: VAE, x: Tensor) -> float:
        """The KL of the model's posterior from the exact one: the gap of the ELBO."""
        q = model.encode(x)
        exact = MultivariateNormal((x.flatten(1) - self.b) @ self.gain.T, self.covariance)
        return kl_divergence(MultivariateNormal(q.mean, q.variance.diag_embed()), exact).item()

    def vae(self, wider: float = 1.0) -> VAE:
        """The posterior is exact if the columns are orthogonal and `wider` is 1."""
        model = linear_vae(SHAPE, 2, identity(self.scale))
        last(model).weight.copy_(self.w)
        last(model).bias.copy_(self.b)
        first(model).weight[:2] = self.gain
        first(model).bias.copy_(torch.cat([-self.gain @ self.b, (wider * self.covariance.diag()).log()]))
        return model


def batches(x: Tensor, batch_size: int = 100) -> Batches:
    return Batches(Split(x), batch_size, shuffle=False)


def estimated(model: VAE, x: Tensor, samples: int = 1, n: int = 10**6, seed: int = 0) -> LogLikelihood:
    return estimate(opened(model, seed=seed), model, batches(x, 40), samples, n)


@pytest.mark.parametrize("samples", [1, 2, 999, 1001])
def test_any_number_of_samples_from_the_exact_posterior_gives_the_exact_log_likelihood(samples: int) -> None:
    known = LinearGaussian(orthogonal=True)
    x = known.images(20)
    torch.testing.assert_close(log_likelihood(known.vae(), Example(x, x), samples), known.log_p(x), atol=1e-4, rtol=0)


@pytest.mark.parametrize("samples", [1, 30])
def test_a_posterior_with_the_exact_full_covariance_gives_the_exact_log_likelihood(samples: int) -> None:
    known = LinearGaussian(orthogonal=False)
    model, x = known.vae(), known.images(20)
    model.__class__ = FullCovarianceVAE
    model.mixed = known.covariance.diag().rsqrt().diag() @ torch.linalg.cholesky(known.covariance)
    torch.testing.assert_close(log_likelihood(model, Example(x, x), samples), known.log_p(x), atol=1e-4, rtol=0)


@pytest.mark.parametrize("at_once", [1, 7, 64, 10**6])
def test_thousands_of_samples_from_a_good_posterior_come_close_in_chunks_of_any_size(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_likelihood_module, "DECODED_AT_ONCE", at_once)
    known = LinearGaussian(orthogonal=False)
    x, samples = (known.images(4), 1_500) if at_once < 64 else (known.images(40), 4_000)
    gap = log_likelihood(known.vae(wider=1.2), Example(x, x), samples) - known.log_p(x)
    assert abs(gap.mean().item()) < 0.01
    assert gap.abs().max().item() < 0.1


def test_estimate_rises_with_the_samples_from_the_elbo_to_the_log_likelihood() -> None:
    known = LinearGaussian(orthogonal=False)
    model, x = known.vae(wider=3.0), known.images(1).expand(20_000, *SHAPE)
    means = [log_likelihood(model, Example(x, x), samples).mean().item() for samples in (1, 2, 4, 16, 64)]
    log_p, gap = known.log_p(x)[0].item(), known.divergence(model, x[:1])
    assert gap > 0.5
    assert means == sorted(means)
    assert means[0] == pytest.approx(log_p - gap, abs=0.08)
    assert means[-1] == pytest.approx(log_p, abs=0.02)


@pytest.mark.parametrize("samples", [1, 999, 1001])
@pytest.mark.parametrize("n", [1, 30, 300])
def test_every_image_gets_its_samples_in_bounded_memory(samples: int, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_likelihood_module, "DECODED_AT_ONCE", 100)
    model, decoded = linear_vae(SHAPE, 2, identity()), []
    model.decoder.register_forward_pre_hook(lambda _, inputs: decoded.append(len(inputs[0])))
    x = torch.rand(n, *SHAPE)
    assert log_likelihood(model, Example(x, x), samples).shape == (n,)
    assert sum(decoded) == samples * n
    assert max(decoded) <= max(100, n)


class Shifted(VAE):
    """A conditional VAE: `c`, (B, 1), shifts its posterior, prior and decoder."""

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        q = super().encode(x)
        return q if c is None else normal(q.mean + c, q.stddev)

    def prior(self, n: int, c: Tensor | None = None) -> Distribution:
        p = super().prior(n)
        return p if c is None else normal(p.mean - c, p.stddev)

    def decode(self, z: Tensor, c: Tensor | None = None, sides: tuple[int, ...] | None = None) -> Distribution:
        return super().decode(z if c is None else z * (1 + c), None, sides)


def one_by_one(model: VAE, example: Example, z: Tensor) -> Tensor:
    """The log-likelihood by the formula, for draws (K, B, ...), without batches or log-sum-exp."""
    values = []
    for i in range(len(example.target)):
        x, target = example.input[i : i + 1], example.target[i : i + 1]
        c, weight = (None if part is None else part[i : i + 1] for part in (example.cond, example.weight))
        q, prior = model.encode(x, c), model.prior(1, c)
        ratios = []
        for draw in z[:, i : i + 1]:
            log_p = model.decode(draw, c).log_prob(target) * (1 if weight is None else weight)
            ratios.append((log_p.sum() + prior.log_prob(draw).sum() - q.log_prob(draw).sum()).double().exp())
        values.append(torch.stack(ratios).mean().log())
    return torch.stack(values)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("family", [Gaussian(0.5, learn_scale=False), Bernoulli()], ids=["gaussian", "bernoulli"])
@pytest.mark.parametrize("given", ["nothing", "cond", "weight", "both"])
@torch.no_grad()
def test_the_estimate_is_the_formula_for_any_latent_shape_with_conditions_and_weights(
    net: str, family: Likelihood, given: str
) -> None:
    shape = (2, 4, 4)
    model = Shifted(shape, shape, 3, beta=7.0, warmup_epochs=0, net=NETS[net], likelihood=family).eval()
    x, cond = torch.rand(5, *shape), 0.3 * torch.randn(5, *[1] * len(model.latent_shape))
    example = Example(x, torch.rand(5, *shape).round())
    if given in ("cond", "both"):
        example = example._replace(cond=cond)
    if given in ("weight", "both"):
        example = example._replace(weight=torch.rand(5, *shape))
    torch.manual_seed(3)
    z = model.encode(example.input, example.cond).sample((11,))
    torch.manual_seed(3)
    found = log_likelihood(model, example, 11)
    torch.testing.assert_close(found, one_by_one(model, example, z), atol=1e-4, rtol=1e-5)


def test_the_elbo_is_minus_nll_minus_kl_and_below_log_p() -> None:
    known = LinearGaussian(orthogonal=False)
    model, x = known.vae(wider=3.0), known.images(150)
    found = estimated(model, x, samples=2_000)
    assert found.elbo.mean == pytest.approx(-found.nll.mean - found.kl.mean, rel=1e-9)
    assert found.log_likelihood.mean == pytest.approx(known.log_p(x).mean().item(), abs=0.01)
    assert found.elbo.mean < found.log_likelihood.mean - 0.5
    assert found.kl.mean == pytest.approx(model.loss(Example(x, x))["kl"].item(), rel=1e-5)
    assert (found.samples, found.n) == (2_000, 150)


class LeftHalf(Task):
    """Counts the first column of the target alone."""

    label = "left-half"

    def degrade(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor, y: Tensor | None = None, mask: Tensor | None = None) -> Example:
        weight = torch.zeros_like(x)
        weight[..., 0] = 1
        return Example(x, x, y, weight)


def test_elbo_and_log_likelihood_weigh_the_same_elements() -> None:
    """A posterior that equals the prior, and a decoder that ignores the code: the ELBO is log p(x)."""
    model, x = linear_vae(SHAPE, 2, identity()), torch.rand(90, *SHAPE)
    trained = opened(model)
    trained.run.__dict__["task"] = LeftHalf()
    found = estimate(trained, model, batches(x), samples=3, n=90)
    expected = model.decode(torch.zeros(90, 2)).log_prob(x)[..., 0].flatten(1).sum(1).mean()
    assert found.log_likelihood.mean == pytest.approx(expected.item(), rel=1e-5)
    assert found.elbo.mean == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (39, 39), (41, 41), (1_000, 90)])
def test_the_estimate_is_of_the_first_images(asked: int, given: int) -> None:
    known = LinearGaussian(orthogonal=True)
    x = known.images(90)
    found = estimated(known.vae(), x, n=asked)
    assert found.n == given
    assert found.log_likelihood.mean == pytest.approx(known.log_p(x[:given]).mean().item(), abs=1e-4)
    spread = found.log_likelihood.half_width
    assert spread == 0 if given == 1 else spread > 0.1


@pytest.mark.parametrize("samples", [1, 50])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_estimate_depends_only_on_its_seed_and_leaves_the_global_rng_alone(samples: int, seed: int) -> None:
    known = LinearGaussian(orthogonal=False)
    model, x = known.vae(wider=2.0), known.images(90)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = estimated(model, x, samples, seed=seed)
    assert torch.equal(torch.rand(3), expected)
    assert estimated(model, x, samples, seed=seed) == first
    assert estimated(model, x, samples, seed=seed + 100) != first


@pytest.mark.parametrize(
    ("family", "pixels", "bits"),
    [
        (ContinuousBernoulli(), torch.rand, 8.0),  # uniform over 256 levels
        (Bernoulli(), lambda *shape: torch.rand(shape).round(), 1.0),  # a fair coin
        (identity(0.1), torch.zeros, 8 + math.log2(0.1 * math.sqrt(2 * math.pi))),
    ],
    ids=["uniform", "coin", "gaussian"],
)
def test_bits_per_dimension_are_of_256_gray_levels_or_of_black_and_white(
    family: Likelihood, pixels: Callable[..., Tensor], bits: float
) -> None:
    found = estimated(linear_vae(SHAPE, 2, family), pixels(80, *SHAPE), samples=3)
    assert found.bits_per_dim.mean == pytest.approx(bits, abs=1e-5)
    assert found.bits_per_dim.half_width == pytest.approx(0, abs=1e-5)


def test_bits_per_dimension_rise_where_the_log_likelihood_falls() -> None:
    known = LinearGaussian(orthogonal=True)
    x = known.images(90)
    bits = 8 - known.log_p(x).numpy() / (6 * math.log(2))
    found = estimated(known.vae(), x).bits_per_dim
    assert found.mean == pytest.approx(bits.mean(), abs=1e-4)
    assert found.high - found.mean == pytest.approx(1.9870 * np.std(bits, ddof=1) / math.sqrt(90), rel=1e-3)


@pytest.mark.parametrize("place", [0, 89])
@pytest.mark.parametrize(
    ("family", "binary", "noted"),
    [(Bernoulli(), False, True), (Bernoulli(), True, False), (ContinuousBernoulli(), False, False)],
)
def test_only_gray_pixels_under_a_bernoulli_get_a_note(
    family: Likelihood, binary: bool, noted: bool, place: int
) -> None:
    x = torch.rand(90, *SHAPE).round()
    if not binary:
        x[place] = 0.5
    note = estimated(linear_vae(SHAPE, 2, family), x).note
    assert bool(note) == noted
    if noted:
        assert "data.binarize=dynamic" in note
        assert "likelihood=continuous_bernoulli" in note


@pytest.mark.parametrize(("gray_levels", "noted"), [(True, True), (False, False)])
def test_bits_of_gray_levels_under_a_density_are_said_to_be_no_bound(gray_levels: bool, noted: bool) -> None:
    x = torch.randint(0, 256, (20, *SHAPE), dtype=torch.uint8) if gray_levels else torch.rand(20, *SHAPE)
    note = estimated(linear_vae(SHAPE, 2, identity()), x).note
    assert ("no bound on the bits that the gray levels take" in note) == noted


def test_a_shift_by_the_root_of_two_ln_two_has_a_kl_of_one_bit_per_dimension() -> None:
    model = linear_vae(SHAPE, 3, identity())
    first(model).bias[:3] = math.sqrt(2 * math.log(2))
    found = estimated(model, torch.rand(50, *SHAPE))
    assert found.kl.mean == pytest.approx(3 * math.log(2), rel=1e-5)
    assert found.kl_bits == pytest.approx(3, rel=1e-5)
