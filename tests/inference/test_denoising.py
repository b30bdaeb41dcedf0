"""The noise of a picture is estimated, and a denoiser changes no more than that noise."""

import numpy as np
import pytest
from skimage.data import chelsea

from aectl.inference.denoising import best_strength, clipped_mean, estimate_sigma, finish

PHOTO = np.ascontiguousarray(chelsea()[:200, :240].transpose(2, 0, 1))


def noisy(image: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 255 * sigma, image.shape)
    return (image + noise).clip(0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.2])
def test_the_noise_of_a_photograph_is_estimated_within_a_fifth(sigma: float) -> None:
    assert estimate_sigma(noisy(PHOTO, sigma)) == pytest.approx(sigma, rel=0.2)
    assert estimate_sigma(noisy(PHOTO, sigma).astype(np.uint16) * 257) == pytest.approx(sigma, rel=0.2)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (4, 4)])
def test_a_flat_or_tiny_picture_has_no_noise(size: tuple[int, int]) -> None:
    assert estimate_sigma(np.full((3, *size), 90, np.uint8)) == 0


def test_the_best_strength_is_the_one_of_least_error() -> None:
    rng = np.random.default_rng(0)
    truth, noise, error = (rng.normal(0, scale, 100_000) for scale in (1.0, 0.1, 0.2))
    before, after = truth + noise, truth + error
    errors = {w: np.square(before + w * (after - before) - truth).mean() for w in np.linspace(0, 1, 101)}
    assert best_strength(before, after, 0.1) == pytest.approx(min(errors, key=errors.__getitem__), abs=0.02)
    assert best_strength(before, before, 0.0) == 1


@pytest.mark.parametrize("sigma", [0.0, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("level", [0, 5, 20, 90, 170, 250, 255])
def test_a_flat_background_keeps_its_colour_within_a_gray_level(sigma: float, level: int) -> None:
    picture = noisy(np.full((3, 240, 240), level, np.uint8), sigma)
    shifted = np.full_like(picture, level + 5 if level < 128 else level - 5)
    result = finish(picture, shifted, 1.0).pixels
    assert abs(result.mean() - level) < 1
    assert sigma > 0 or np.abs(result.astype(int) - level).max() == 0


def test_the_mean_of_clipped_noise_is_known() -> None:
    levels = np.array([0.0, 0.05, 0.5, 0.98], np.float32)
    noise = np.random.default_rng(0).normal(0, 0.1, (400_000, 1))
    mean, slope = clipped_mean(levels, 0.1)
    assert mean == pytest.approx((levels + noise).clip(0, 1).mean(axis=0), abs=5e-4)
    step = 1e-3
    assert slope == pytest.approx((clipped_mean(levels + step, 0.1)[0] - mean) / step, abs=0.02)


def test_the_noise_is_estimated_where_it_is_clipped() -> None:
    picture = np.concatenate([PHOTO, np.full((3, 200, 240), 255, np.uint8)], axis=1)
    for sigma in (0.1, 0.2):
        assert finish(noisy(picture, sigma), picture, 1.0).sigma == pytest.approx(sigma, rel=0.03)


def test_a_clean_picture_is_left_as_it_is_at_the_automatic_strength() -> None:
    blurred = (PHOTO + np.roll(PHOTO, 3, 2).astype(np.uint16)) // 2
    found = finish(PHOTO, blurred.astype(np.uint8), "auto")
    assert found.strength < 0.2
    assert np.abs(found.pixels.astype(int) - PHOTO).mean() < 1.5
    half = finish(PHOTO, PHOTO // 2, 0.5).pixels
    assert half.dtype == np.uint8
