"""A blur is the Gaussian that it says, and the methods that know it undo it."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import restoration
from skimage.data import astronaut

from aectl.errors import UserError
from aectl.modalities.image_metrics import psnr
from aectl.tasks.baselines.base import Pairs
from aectl.tasks.baselines.deblurring import RichardsonLucy, UnsharpMask, Wiener, gaussian_psf
from aectl.tasks.deblur import Deblur, gaussian_kernels
from tests.tasks.test_baselines import psnr as scored


def photos(n: int = 4, side: int = 48) -> torch.Tensor:
    parts = [astronaut()[60:, 150 + 30 * index :][:side, :side] for index in range(n)]
    return torch.from_numpy(np.stack(parts)).movedim(-1, 1).float() / 255


@pytest.mark.parametrize("sigma", [0.8, 1.5, 4.0])
def test_a_kernel_sums_to_one_and_has_the_stated_deviation(sigma: float) -> None:
    (kernel,) = gaussian_kernels(torch.tensor([sigma]), 4.0)
    offsets = torch.arange(len(kernel)) - len(kernel) // 2
    assert kernel.sum().item() == pytest.approx(1, abs=1e-6)
    assert (kernel * offsets).sum().item() == pytest.approx(0, abs=1e-5)
    assert (kernel * offsets**2).sum().sqrt().item() == pytest.approx(sigma, rel=0.002)


@pytest.mark.parametrize("sigma", [0.7, 2.0, 6.0])
def test_a_blur_is_scipys(sigma: float) -> None:
    x = photos(2, side=20)
    expected = gaussian_filter(x.numpy(), (0, 0, sigma, sigma), mode="nearest", truncate=4)
    np.testing.assert_allclose(Deblur(sigma, 0.0).degrade(x), expected, atol=1e-3)


def test_each_image_has_a_blur_of_the_range_and_noise_is_added() -> None:
    torch.manual_seed(0)
    point = torch.zeros(300, 1, 31, 31)
    point[..., 15, 15] = 1
    peaks = Deblur([0.8, 1.6], 0.0).degrade(point)[..., 15, 15].flatten()  # 1 / (2 pi sigma^2)
    sigmas = (1 / (2 * torch.pi * peaks)).sqrt()
    assert (sigmas.min() > 0.79, sigmas.max() < 1.61, sigmas.std() > 0.2) == (True, True, True)
    noise = Deblur(1.0, 0.05).degrade(torch.full((20, 1, 24, 24), 0.5)) - 0.5
    assert noise.std().item() == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize(
    "method", [Wiener([0.8, 1.5]), RichardsonLucy([0.8, 1.5]), UnsharpMask()], ids=lambda m: m.name
)
def test_a_baseline_sharpens_and_finds_the_blur(method: Any) -> None:
    torch.manual_seed(0)
    x = photos()
    blurred = Deblur(1.5, 0.003).degrade(x)
    state = method.fit(lambda: None, lambda: Pairs(blurred.numpy(), x.numpy()), scored)
    restored = torch.from_numpy(np.array(method.restore(blurred.numpy(), state), np.float32)).clamp(0, 1)
    assert restored.shape == x.shape
    assert (psnr(restored, x) > psnr(blurred, x) + 0.5).all()
    assert "sigma 1.5" in method.setting(state) or isinstance(method, UnsharpMask)


def test_a_stack_of_planes_is_deconvolved_as_each_by_itself() -> None:
    x, psf = photos(2, side=24)[:, 0].numpy(), gaussian_psf(1.0)
    alone = np.stack([restoration.richardson_lucy(plane, psf, num_iter=5, filter_epsilon=1e-6) for plane in x])
    np.testing.assert_allclose(RichardsonLucy([1.0]).deconvolve(x, psf, num_iter=5), alone, atol=1e-4)


def test_vectors_are_refused_and_labels_name_the_blur() -> None:
    with pytest.raises(UserError, match=r"task=deblur: takes images \(C, H, W\), but the data has shape \(40,\)"):
        Deblur(1.0, 0.01).input_shape((40,))
    assert [Deblur(1.0, 0.01).label, Deblur([0.5, 2.0], 0.0).label] == [
        "deblur-1.0-noise-0.01",
        "deblur-0.5-2.0-noise-0.0",
    ]
