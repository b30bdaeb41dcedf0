"""Deconvolution by scikit-image, at the best setting; the kernel is a Gaussian as in the task."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from aectl.tasks.baselines.filters import Filter


class Deconvolution(Filter):
    """A filter that knows the kernel of the blur. Images are continued by their mirror image.

    Arguments:
        sigmas: the standard deviations of the blur, in pixels, of which the best one is chosen.
    """

    def __init__(self, sigmas: Sequence[float]) -> None:
        self.settings = [{"sigma": sigma, **more} for sigma, more in product(sigmas, self.choices())]

    def choices(self) -> list[dict[str, Any]]:
        """The settings for each kernel."""
        return [{}]

    def apply(self, images: np.ndarray, **setting: Any) -> np.ndarray:
        psf = gaussian_psf(setting.pop("sigma"))
        reach = len(psf) // 2
        planes = np.pad(images.reshape(-1, *images.shape[2:]), [(0, 0), (reach,) * 2, (reach,) * 2], mode="symmetric")
        sharp = self.deconvolve(planes, psf, **setting)
        return sharp[:, reach:-reach, reach:-reach].reshape(images.shape)

    def deconvolve(self, planes: np.ndarray, psf: np.ndarray, **setting: Any) -> np.ndarray:
        """(N, H, W) with a kernel (K, K)."""
        raise NotImplementedError


class Wiener(Deconvolution):
    """The Wiener filter with a Laplacian as prior; `balance` weighs that prior.

    References:
        | Extrapolation, Interpolation, and Smoothing of Stationary Time Series (Wiener, 1949)
        | https://doi.org/10.7551/mitpress/2946.001.0001
    """

    name = "wiener"

    def choices(self) -> list[dict[str, Any]]:
        return [{"balance": balance} for balance in (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)]

    def deconvolve(self, planes: np.ndarray, psf: np.ndarray, **setting: Any) -> np.ndarray:
        from skimage.restoration import wiener

        return np.stack([wiener(plane, psf, clip=False, **setting) for plane in planes])


class RichardsonLucy(Deconvolution):
    """The Richardson-Lucy iteration; more steps sharpen more, noise too.

    References:
        | Bayesian-Based Iterative Method of Image Restoration (Richardson, 1972)
        | https://doi.org/10.1364/JOSA.62.000055
    """

    name = "richardson-lucy"
    slow = True

    def choices(self) -> list[dict[str, Any]]:
        return [{"num_iter": number} for number in (2, 5, 10, 20)]

    def deconvolve(self, planes: np.ndarray, psf: np.ndarray, **setting: Any) -> np.ndarray:
        from skimage.restoration import richardson_lucy

        return richardson_lucy(planes, psf[None], filter_epsilon=1e-6, **setting)


class UnsharpMask(Filter):
    """Adds `amount` times the difference to a Gaussian blur of `radius` pixels."""

    name = "unsharp mask"
    settings = tuple(
        {"radius": radius, "amount": amount} for radius in (0.5, 1.0, 1.5, 2.0, 3.0) for amount in (0.5, 1.0, 2.0, 3.0)
    )

    def apply(self, images: np.ndarray, **setting: Any) -> np.ndarray:
        from skimage.filters import unsharp_mask

        return np.stack([unsharp_mask(image, channel_axis=0, **setting) for image in images])


def gaussian_psf(sigma: float) -> np.ndarray:
    """A Gaussian kernel (K, K) that sums to 1."""
    reach = max(1, round(4 * sigma))
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).astype(np.float32)
    return np.outer(line, line) / line.sum() ** 2
