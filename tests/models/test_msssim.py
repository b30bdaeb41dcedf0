"""The distance by structural similarity, against the metric, and where it is no likelihood."""

import math

import pytest
import torch

from aectl.errors import UserError
from aectl.evaluation.report import NotApplicable
from aectl.evaluation.sections import likelihood_section
from aectl.example import Example
from aectl.modalities import image_metrics
from aectl.models.nets.conv import Conv
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.probability.msssim import MSSSIM, ms_ssim, num_scales
from aectl.models.vae import VAE
from tests.support.toy_models import opened


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def noisy(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.rand(shape)
    return x, (x + 0.2 * torch.randn(shape)).clamp(0, 1)


def test_with_five_scales_it_is_the_metric() -> None:
    x, y = noisy(2, 3, 176, 176)
    torch.testing.assert_close(ms_ssim(x, y), image_metrics.ms_ssim(x, y), atol=1e-4, rtol=1e-4)


def test_with_one_scale_it_is_ssim() -> None:
    x, y = noisy(2, 1, 16, 16)
    torch.testing.assert_close(ms_ssim(x, y), image_metrics.ssim(x, y), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("side", "expected"), [(1, 1), (8, 1), (21, 1), (22, 2), (28, 2), (64, 3), (176, 5), (999, 5)])
def test_small_images_have_fewer_scales(side: int, expected: int) -> None:
    assert num_scales(side) == expected


@pytest.mark.parametrize("side", [1, 2, 8, 28, 45])
def test_equal_images_have_no_distance_and_others_a_finite_gradient(side: int) -> None:
    likelihood, x = MSSSIM(10.0), torch.rand(3, 1, side, side).clamp(0.01, 0.99)
    torch.testing.assert_close(likelihood.nll(likelihood(x.logit()), x), torch.zeros(3), atol=1e-3, rtol=0)
    for h in (torch.zeros_like(x), -x.logit(), 20 * torch.randn_like(x)):  # flat, negative, saturated
        h.requires_grad_()
        distance = likelihood.nll(likelihood(h), x)
        distance.sum().backward()
        assert ((distance >= 0) & (distance <= 10)).all()
        assert h.grad is not None
        assert h.grad.isfinite().all()


def test_a_negative_of_the_target_has_a_gradient_that_leads_away_from_it() -> None:
    likelihood, x = MSSSIM(1.0), torch.rand(1, 1, 28, 28)
    h = -(x.clamp(0.1, 0.9).logit())
    h.requires_grad_()
    optimizer = torch.optim.Adam([h], 0.1)
    for _ in range(60):
        optimizer.zero_grad()
        likelihood.nll(likelihood(h), x).sum().backward()
        optimizer.step()
    assert ms_ssim(h.sigmoid(), x).item() > 0.5


def test_what_does_not_count_may_differ() -> None:
    likelihood, (x, y) = MSSSIM(1.0), noisy(2, 1, 16, 16)
    weight = torch.zeros_like(x)
    assert likelihood.nll(likelihood(y.clamp(0.01, 0.99).logit()), x, weight).abs().max() < 1e-5


def test_vectors_are_refused() -> None:
    with pytest.raises(UserError, match=r"^likelihood=msssim: takes images .* shape \(5,\); use likelihood=gaussian$"):
        MSSSIM(1.0).param_shape((5,))


def vae(likelihood: MSSSIM | Gaussian) -> VAE:
    return VAE((1, 8, 8), (1, 8, 8), 2, 3.0, 0, Conv([4], 8, "vector"), likelihood)


def test_models_log_it_by_its_own_name() -> None:
    model, x = vae(MSSSIM(50.0)), torch.rand(4, 1, 8, 8)
    terms = model.loss(Example(x, x))
    assert [*terms] == ["loss", "msssim", "kl"]
    torch.testing.assert_close(terms["loss"], terms["msssim"] + 3 * terms["kl"])
    assert not math.isnan(terms["loss"].item())


def test_evaluation_says_that_there_is_no_likelihood() -> None:
    trained = opened(vae(MSSSIM(50.0)).eval())
    section = likelihood_section(trained, trained.run.data.batches("val"), 2, 4)
    assert isinstance(section, NotApplicable)
    assert section.note == "not available: MSSSIM is a distance between images and no density, so no log p(x)"
    gaussian = opened(vae(Gaussian(0.1, learn_scale=False)).eval())
    assert not isinstance(likelihood_section(gaussian, gaussian.run.data.batches("val"), 2, 4), NotApplicable)
