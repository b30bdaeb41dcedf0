"""The metrics against scikit-image's, which share no code with them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from aectl.metrics import SSIM_WINDOW, mse, psnr, ssim

Metric = Callable[[Tensor, Tensor], Tensor]
SHAPES = [(1, 28, 28), (3, 33, 20), (1, 8, 8)]


def pair(shape: tuple[int, ...], n: int = 4) -> tuple[Tensor, Tensor]:
    """Images and themselves with noise, more of it from one to the next."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(n, *shape, generator=generator)
    strength = torch.linspace(0.02, 0.6, n).view(n, 1, 1, 1)
    return (target + strength * torch.randn(target.shape, generator=generator)).clamp(0, 1), target


def skimage_ssim(output: np.ndarray, target: np.ndarray) -> float:
    """The mean over the places where the whole window lies on the image, as Wang et al. and scikit-image take it.

    A smaller image has no such place. Its border is reflected: half a window more, of which scikit-image leaves out as
    much again.
    """
    half = SSIM_WINDOW // 2 if min(output.shape[1:]) < SSIM_WINDOW else 0
    border = [(0, 0), (half, half), (half, half)]
    return structural_similarity(
        *(np.pad(image, border, mode="reflect") for image in (output, target)),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=0,
    )


def by_image(reference: Callable[..., float], output: Tensor, target: Tensor, **options: float) -> list[float]:
    return [reference(t.numpy(), o.numpy(), **options) for o, t in zip(output, target, strict=True)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mse_agrees_with_scikit_image(shape: tuple[int, ...]) -> None:
    output, target = pair(shape)
    assert mse(output, target).tolist() == pytest.approx(by_image(mean_squared_error, output, target), rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_psnr_agrees_with_scikit_image(shape: tuple[int, ...]) -> None:
    output, target = pair(shape)
    expected = by_image(peak_signal_noise_ratio, output, target, data_range=1)
    assert psnr(output, target).tolist() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ssim_agrees_with_scikit_image(shape: tuple[int, ...]) -> None:
    output, target = pair(shape)
    assert ssim(output, target).tolist() == pytest.approx(by_image(skimage_ssim, output, target), abs=1e-4)


def test_psnr_of_a_known_error_is_known() -> None:
    target = torch.zeros(3, 1, 8, 8)
    output = torch.tensor([1.0, 0.1, 0.01]).view(3, 1, 1, 1).expand_as(target)
    assert psnr(output, target).tolist() == pytest.approx([0, 20, 40], abs=1e-4)


@pytest.mark.parametrize(("metric", "perfect"), [(mse, 0), (psnr, 100), (ssim, 1)])
def test_identical_images_score_perfectly(metric: Metric, perfect: float) -> None:
    _, target = pair((3, 12, 12))
    assert metric(target, target).tolist() == pytest.approx([perfect] * 4, abs=1e-4)


@pytest.mark.parametrize("metric", [mse, psnr, ssim])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_image_is_scored_by_itself(metric: Metric, shape: tuple[int, ...]) -> None:
    output, target = pair(shape)
    scores = metric(output, target)
    assert scores.shape == (4,)
    alone = [metric(output[i : i + 1], target[i : i + 1]).item() for i in range(4)]
    assert scores.tolist() == pytest.approx(alone, rel=1e-5)
    worse = scores.diff().sign() * (1 if metric is mse else -1)
    assert worse.tolist() == [1, 1, 1]


@pytest.mark.parametrize("metric", [mse, psnr, ssim])
@pytest.mark.parametrize("side", [2, 5])
def test_tiny_images_have_scores_too(metric: Metric, side: int) -> None:
    output, target = pair((1, side, side))
    assert metric(output, target).isfinite().all()
