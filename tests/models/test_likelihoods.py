"""Likelihoods are normalized, and their nll is a sum over the data."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.errors import UserError
from aectl.models.probability.likelihoods import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    Gaussian,
    Laplace,
    Likelihood,
    Link,
    LocationScale,
)

LOGITS = [-30.0, -5.0, -1.0, -0.01, 0.0, 0.01, 1.0, 5.0, 30.0]
FAMILIES = [
    Gaussian(scale=0.3, learn_scale=False),
    Laplace(scale=0.3, learn_scale=False),
    Bernoulli(),
    ContinuousBernoulli(),
]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def over_range(likelihood: Likelihood, logit: float, lo: float, hi: float) -> tuple[Tensor, Tensor]:
    """Points (N,) between two ends and the density there, from logits in float32."""
    x = torch.linspace(lo, hi, 20_001)
    return x.double(), likelihood(torch.full_like(x, logit)).log_prob(x).double().exp()


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_bernoulli_integrates_to_one_over_the_pixel_range(logit: float) -> None:
    x, density = over_range(ContinuousBernoulli(), logit, 0, 1)
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("logit", LOGITS)
def test_mean_of_continuous_bernoulli_is_its_first_moment(logit: float) -> None:
    x, density = over_range(ContinuousBernoulli(), logit, 0, 1)
    mean = ContinuousBernoulli()(torch.tensor([logit])).mean.item()
    assert mean == pytest.approx(torch.trapezoid(x * density, x).item(), abs=1e-3)


@pytest.mark.parametrize("logit", LOGITS)
@pytest.mark.parametrize("scale", [0.05, 0.7])
@pytest.mark.parametrize("family", [Gaussian, Laplace])
def test_location_scale_densities_integrate_to_one_with_the_sigmoid_of_the_logit_as_mean(
    family: type[LocationScale], logit: float, scale: float
) -> None:
    mu = 1 / (1 + math.exp(-logit))
    x, density = over_range(family(scale, learn_scale=False), logit, mu - 12 * scale, mu + 12 * scale)
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-3)
    assert torch.trapezoid(x * density, x).item() == pytest.approx(mu, abs=1e-3)


def test_bernoulli_sums_to_one_over_0_and_1() -> None:
    p = Bernoulli()(torch.tensor(LOGITS))
    black, white = torch.zeros(len(LOGITS)), torch.ones(len(LOGITS))
    torch.testing.assert_close(p.log_prob(black).exp() + p.log_prob(white).exp(), white)


@pytest.mark.parametrize("scale", [0.1, math.sqrt(0.5), 2.0])
def test_gaussian_nll_is_the_scaled_squared_error_and_a_constant(scale: float) -> None:
    likelihood = Gaussian(scale, learn_scale=False)
    h, x = torch.randn(4, 3, 5, 7), torch.rand(4, 3, 5, 7)
    squared_error = (x - h.sigmoid()).square().flatten(1).sum(1)
    expected = squared_error / (2 * scale**2) + likelihood.nll_floor((3, 5, 7))
    torch.testing.assert_close(likelihood.nll(likelihood(h), x), expected)
    exact = likelihood.nll(likelihood(h), h.sigmoid())
    torch.testing.assert_close(exact, torch.full((4,), likelihood.nll_floor((3, 5, 7))))


@pytest.mark.parametrize("link", ["sigmoid", "identity"])
def test_laplace_nll_is_the_scaled_absolute_error_and_a_constant(link: Link) -> None:
    likelihood = Laplace(0.2, learn_scale=False, link=link)
    h, x = torch.randn(4, 3, 5, 7), torch.rand(4, 3, 5, 7)
    mu = h.sigmoid() if link == "sigmoid" else h
    constant = 105 * math.log(2 * 0.2)
    torch.testing.assert_close(likelihood.nll(likelihood(h), x), (x - mu).abs().flatten(1).sum(1) / 0.2 + constant)
    assert likelihood.nll_floor((3, 5, 7)) == pytest.approx(constant, rel=1e-5)


def test_bernoulli_nll_is_the_summed_binary_cross_entropy() -> None:
    likelihood = Bernoulli()
    h, x = 3 * torch.randn(4, 1, 5, 7), torch.rand(4, 1, 5, 7)
    expected = F.binary_cross_entropy_with_logits(h, x, reduction="none").sum((1, 2, 3))
    torch.testing.assert_close(likelihood.nll(likelihood(h), x), expected)
    assert likelihood.nll_floor((1, 5, 7)) == 0


@pytest.mark.parametrize("likelihood", FAMILIES, ids=lambda family: type(family).__name__)
def test_nll_sums_over_the_data_but_not_the_batch(likelihood: Likelihood) -> None:
    h, x = torch.randn(6, 2, 3, 4), torch.rand(6, 2, 3, 4)
    nll = likelihood.nll(likelihood(h), x)
    each = [likelihood.nll(likelihood(h[i : i + 1]), x[i : i + 1]).item() for i in range(6)]
    assert nll.shape == (6,)
    assert nll.tolist() == pytest.approx(each, rel=1e-5)
    elementwise = [
        -likelihood(h[0, c, i, j]).log_prob(x[0, c, i, j]) for c in range(2) for i in range(3) for j in range(4)
    ]
    assert nll[0].item() == pytest.approx(sum(elementwise).item(), rel=1e-5)


@pytest.mark.parametrize("likelihood", FAMILIES, ids=lambda family: type(family).__name__)
def test_weight_scales_and_masks_the_nll(likelihood: Likelihood) -> None:
    h, x = torch.randn(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    weight = torch.ones_like(x)
    weight[..., 2:] = 0
    masked = likelihood.nll(likelihood(h), x, weight)
    torch.testing.assert_close(masked, likelihood.nll(likelihood(h[..., :2]), x[..., :2]))
    torch.testing.assert_close(likelihood.nll(likelihood(h), x, 2 * weight), 2 * masked)


@pytest.mark.parametrize("family", [Gaussian, Laplace])
def test_learned_scale_is_optimal_at_the_mean_error(family: type[LocationScale]) -> None:
    h, x = torch.randn(8, 1, 6, 6), torch.rand(8, 1, 6, 6)
    errors = x - h.sigmoid()
    best = (errors.square().mean().sqrt() if family is Gaussian else errors.abs().mean()).item()

    def slope(scale: float) -> float:
        likelihood = family(scale, learn_scale=True)
        likelihood.nll(likelihood(h), x).mean().backward()
        assert likelihood.log_scale.grad is not None
        return likelihood.log_scale.grad.item()

    assert slope(0.9 * best) < -1
    assert slope(best) == pytest.approx(0, abs=1e-3)
    assert slope(1.1 * best) > 1


def test_fixed_scale_is_not_trained() -> None:
    assert not any(p.requires_grad for p in Gaussian(scale=0.1, learn_scale=False).parameters())


def one_hot_windows(n: int, vocabularies: list[int]) -> Tensor:
    tracks = [F.one_hot(torch.randint(0, size, (n, 6)), size) for size in vocabularies]
    return torch.cat(tracks, dim=-1).unsqueeze(1).float()


def test_categorical_nll_is_the_cross_entropy_summed_over_steps_and_tracks() -> None:
    likelihood, x = Categorical([5, 3]), one_hot_windows(4, [5, 3])
    h = torch.randn(4, *likelihood.param_shape((1, 6, 8)))
    expected = sum(
        F.cross_entropy(logits.flatten(0, 2), truth.argmax(-1).flatten(), reduction="none").view(4, 6).sum(1)
        for logits, truth in zip(h.split([5, 3], -1), x.split([5, 3], -1), strict=True)
    )
    torch.testing.assert_close(likelihood.nll(likelihood(h), x), expected)
    weight = torch.tensor([1.0, 1, 1, 0, 0, 0]).view(1, 1, 6, 1).expand(4, -1, -1, -1)
    torch.testing.assert_close(
        likelihood.nll(likelihood(h), x, weight), likelihood.nll(likelihood(h[:, :, :3]), x[:, :, :3])
    )


def test_categorical_mean_and_samples_sum_to_one_in_every_track() -> None:
    likelihood = Categorical([5, 3])
    p = likelihood(torch.randn(2000, 1, 1, 8)[:1].expand(2000, 1, 1, 8))
    for part in (p.mean, p.sample()):
        for track in part.split([5, 3], -1):
            torch.testing.assert_close(track.sum(-1), torch.ones(2000, 1, 1))
    torch.testing.assert_close(p.sample().mean(0), p.mean[0], atol=0.06, rtol=0)
    torch.testing.assert_close(likelihood(likelihood.inverse(p.mean)).mean, p.mean, atol=1e-4, rtol=0)


def test_categorical_takes_tokens_alone() -> None:
    with pytest.raises(
        UserError, match=r"likelihood=categorical: takes tokens \(1, steps, 8\), but .* use likelihood="
    ):
        Categorical([5, 3]).param_shape((1, 28, 28))
