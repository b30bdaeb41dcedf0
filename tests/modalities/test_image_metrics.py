"""The image metrics agree with scikit-image."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.signal import correlate
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from aectl.image_math import WINDOW
from aectl.modalities import Images
from aectl.modalities.image_metrics import ms_ssim, mse, psnr, ssim

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
    half = WINDOW // 2 if min(output.shape[1:]) < WINDOW else 0
    border = [(0, 0), (half, half), (half, half)]
    return structural_similarity(
        *(np.pad(image, border, mode="reflect") for image in (output, target)),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=0,
    )


def structure(output: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """The mean contrast-structure term and the mean SSIM of (C, H, W), where the whole window lies on the image."""
    places = np.arange(WINDOW) - WINDOW // 2
    window = np.exp(-(places**2) / (2 * 1.5**2))
    window = np.outer(window, window)[None] / window.sum() ** 2

    def smooth(image: np.ndarray) -> np.ndarray:
        return correlate(image, window, mode="valid")

    mu_x, mu_y = smooth(output), smooth(target)
    var_x, var_y = smooth(output**2) - mu_x**2, smooth(target**2) - mu_y**2
    contrast = (2 * (smooth(output * target) - mu_x * mu_y) + 0.03**2) / (var_x + var_y + 0.03**2)
    luminance = (2 * mu_x * mu_y + 0.01**2) / (mu_x**2 + mu_y**2 + 0.01**2)
    return float(contrast.mean()), float((luminance * contrast).mean())


def wang_ms_ssim(output: np.ndarray, target: np.ndarray) -> float:
    """Wang, Simoncelli & Bovik's eq. 7 in numpy: the luminance counts at the last of five scales alone."""
    result = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        contrast, whole = structure(output, target)
        result *= (whole if scale == 4 else contrast) ** weight
        channels, height, width = output.shape
        halved = (channels, height // 2, 2, width // 2, 2)
        output, target = (
            image[:, : height // 2 * 2, : width // 2 * 2].reshape(halved).mean((2, 4)) for image in (output, target)
        )
    return result


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
def test_each_image_is_scored_independently(metric: Metric, shape: tuple[int, ...]) -> None:
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


@pytest.mark.parametrize("shape", [(1, 176, 192), (3, 190, 177)], ids=str)
def test_ms_ssim_agrees_with_its_formula(shape: tuple[int, ...]) -> None:
    output, target = (images.double() for images in pair(shape))
    scores = ms_ssim(output.float(), target.float())
    assert scores.tolist() == pytest.approx(by_image(wang_ms_ssim, output, target), abs=1e-4)
    assert scores.diff().max() < -0.01
    assert ms_ssim(target.float(), target.float()).tolist() == pytest.approx([1] * 4, abs=1e-4)
    assert ms_ssim(output[:1].float(), target[:1].float()).tolist() == pytest.approx(scores[:1].tolist(), rel=1e-4)


@pytest.mark.parametrize(
    ("sides", "large"), [((176, 176), True), ((175, 300), False), ((300, 175), False), ((28, 28), False)], ids=str
)
def test_only_images_that_hold_five_scales_have_an_ms_ssim(sides: tuple[int, int], large: bool) -> None:
    output, target = pair((1, *sides), n=2)
    scores = Images((1, *sides)).score(output, target)
    assert set(scores) == {"psnr", "ssim", "mse"} | ({"ms_ssim"} if large else set())
    assert all(values.shape == (2,) and values.isfinite().all() for values in scores.values())


def test_a_mask_leaves_the_rest_of_an_image_out_of_its_error() -> None:
    output, target = pair((3, 33, 20))
    mask = torch.zeros(len(target), 1, 33, 20)
    mask[:, :, 4:15] = 1
    for metric in (mse, psnr):
        torch.testing.assert_close(metric(output, target, mask), metric(output[:, :, 4:15], target[:, :, 4:15]))
    torch.testing.assert_close(
        mse(output, target, 3 * mask + 1), (3 * 11 * mse(output, target, mask) + 33 * mse(output, target)) / 66
    )


@pytest.mark.parametrize("metric", [mse, psnr, ssim])
def test_what_is_masked_does_not_change_a_score(metric: Callable[..., Tensor]) -> None:
    output, target = pair((3, 33, 20))
    mask = torch.ones(1, 33, 20)
    mask[:, :, 4:15] = 0
    spoiled = torch.where(mask > 0, output, 1 - output)
    assert torch.equal(metric(spoiled, target, mask), metric(output, target, mask))
    assert not torch.equal(metric(spoiled, target), metric(output, target))


def test_an_image_without_any_weight_has_no_error() -> None:
    output, target = pair((1, 8, 8))
    assert psnr(output, target, torch.zeros_like(target)).tolist() == pytest.approx([100] * 4)
