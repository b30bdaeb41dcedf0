"""Deblurring: make a picture sharp again."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.rng import uniform_per_example
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline, Untouched
from aectl.tasks.baselines.deblurring import RichardsonLucy, UnsharpMask, Wiener
from aectl.tasks.baselines.learned import LinearMap
from aectl.tasks.strength import bounds, strength_label
from aectl.types import BlurRange, BlurSigma, NonNegativeFloat, Shape, check_is_image

REACH = 4  # standard deviations from the middle of a kernel to its edge


class Deblur(Task):
    r"""Undo a Gaussian blur, after which a little noise was added.

    .. math:: \tilde{x} = k_\sigma * x + s \epsilon, \quad \epsilon \sim \mathcal{N}(0, I)

    Beyond its edge a picture is taken to go on as it is there.

    References:
        | Fast Image Deconvolution using Hyper-Laplacian Priors (Krishnan & Fergus, 2009)
        | https://papers.nips.cc/paper/2009/hash/3dd48ab31d016ffcbf3314df2b3cb9ce-Abstract.html

    Arguments:
        sigma: the standard deviation of the blur in pixels, or `[lo, hi]` to draw one per image uniformly.
        noise: the standard deviation of the noise in units of the pixel range [0, 1].

    Raises:
        UserError: the data are not images.
    """

    def __init__(self, sigma: BlurSigma | BlurRange, noise: NonNegativeFloat) -> None:
        super().__init__()
        self.sigma, self.added = sigma, noise

    @property
    def label(self) -> str:
        return f"deblur-{strength_label(self.sigma)}-noise-{self.added}"

    def input_shape(self, shape: Shape) -> Shape:
        check_is_image(shape, "task=deblur", "task=denoise")
        return shape

    def degrade(self, x: Tensor) -> Tensor:
        low, high = bounds(self.sigma)
        blurred = blur(x, gaussian_kernels(uniform_per_example(x, (low, high)).flatten(), high))
        return (blurred + self.added * torch.randn_like(x)).clamp(0, 1)

    def baselines(self, shape: Shape, latent_size: int) -> list[Baseline]:
        low, high = bounds(self.sigma)
        sigmas = sorted({low, (low + high) / 2, high})
        return [Untouched(), UnsharpMask(), Wiener(sigmas), RichardsonLucy(sigmas), LinearMap()]


def gaussian_kernels(sigmas: Tensor, largest: float) -> Tensor:
    """A kernel for each standard deviation (B,) in pixels, (B, K), which sums to 1; K is odd and fits the largest."""
    reach = math.ceil(REACH * largest)
    offsets = torch.arange(-reach, reach + 1, device=sigmas.device)
    return (-0.5 * (offsets / sigmas[:, None]) ** 2).softmax(1)


def blur(x: Tensor, kernels: Tensor) -> Tensor:
    """Each image of (B, C, H, W) with its own kernel of (B, K) along both axes."""
    reach, planes = kernels.shape[1] // 2, x.shape[0] * x.shape[1]
    weights = kernels.repeat_interleave(x.shape[1], dim=0)[:, None]  # (B * C, 1, K)
    padded = F.pad(x, (reach,) * 4, mode="replicate").flatten(0, 1)[None]  # (1, B * C, H', W')
    down = F.conv2d(padded, weights[..., None], groups=planes)
    return F.conv2d(down, weights[:, :, None], groups=planes).view_as(x)
