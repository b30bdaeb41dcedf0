"""The noise of a picture is estimated, and a denoiser changes no more than that noise."""

import numpy as np
import pytest
from skimage.data import chelsea

from aectl.inference.denoising import best_strength, estimate_sigma, finish

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


@pytest.mark.parametrize(("sigma", "level"), [(0.0, 3), (0.0, 128), (0.0, 250), (0.1, 90), (0.1, 170)])
def test_a_flat_background_keeps_its_colour_within_a_gray_level(sigma: float, level: int) -> None:
    picture = noisy(np.full((3, 97, 130), level, np.uint8), sigma)
    shifted = np.full_like(picture, level + 5)
    assert np.abs(finish(picture, shifted, 1.0).pixels.astype(int) - level).max() <= (0 if sigma == 0 else 3)
    assert abs(finish(picture, shifted, 1.0).pixels.mean() - level) < 0.5


def test_colour_is_left_alone_where_noise_is_clipped() -> None:
    picture = noisy(np.full((1, 96, 96), 255, np.uint8), 0.1)
    assert picture.mean() < 250
    assert (finish(picture, np.full_like(picture, 255), 1.0).pixels == 255).all()


def test_a_clean_picture_is_left_as_it_is_at_the_automatic_strength() -> None:
    blurred = (PHOTO + np.roll(PHOTO, 3, 2).astype(np.uint16)) // 2
    found = finish(PHOTO, blurred.astype(np.uint8), "auto")
    assert found.strength < 0.2
    assert np.abs(found.pixels.astype(int) - PHOTO).mean() < 1.5
    half = finish(PHOTO, PHOTO // 2, 0.5).pixels
    assert half.dtype == np.uint8
