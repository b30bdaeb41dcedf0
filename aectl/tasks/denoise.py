"""Remove noise, which is drawn anew for every batch."""

import torch
from torch import Tensor

from aectl.example import Example
from aectl.image_math import extremes
from aectl.rng import uniform_per_example
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline, Untouched
from aectl.tasks.baselines.filters import Gaussian, Median, NonLocalMeans, TotalVariation
from aectl.tasks.baselines.learned import LinearMap
from aectl.tasks.strength import bounds, strength_label
from aectl.types import Fraction, NoiseLevel, PositiveInt, Shape


class Denoiser(Task):
    """Remove noise of any kind; on images, models are compared with filters."""

    def baselines(self, shape: Shape, latent_size: int) -> list[Baseline]:
        filters = [Gaussian(), Median(), TotalVariation(), NonLocalMeans()] if len(shape) == 3 else []
        return [Untouched(), *filters, LinearMap()]


class Denoise(Denoiser):
    r"""Remove Gaussian noise.

    .. math:: \tilde{x} = x + \mu + \sigma \epsilon, \quad \epsilon \sim \mathcal{N}(0, I)

    References:
        | Extracting and Composing Robust Features with Denoising Autoencoders (Vincent et al., 2008)
        | https://doi.org/10.1145/1390156.1390294

    Arguments:
        sigma: the standard deviation in units of the pixel range [0, 1], or `[lo, hi]` to draw one per image uniformly.
        mean: the mean of the noise, in the same units.
        clip: clip the noisy image to [0, 1], as saving it would.
        draws: of sigma, for each image, the least of which counts: with 2 weak noise is seen more often than strong.
    """

    def __init__(self, sigma: NoiseLevel, mean: float, clip: bool, draws: PositiveInt = 1) -> None:
        super().__init__()
        self.sigma, self.mean, self.clip, self.draws = sigma, mean, clip, draws
        self.noise = None if mean else bounds(sigma)

    @property
    def label(self) -> str:
        return f"denoise-{strength_label(self.sigma)}" + (f"-mean-{self.mean}" if self.mean else "")

    def degrade(self, x: Tensor) -> Tensor:
        noisy = x + self.mean + self._sigmas(x) * torch.randn_like(x)
        return noisy.clamp(0, 1) if self.clip else noisy

    def covers(self, other: Task) -> bool:
        """Also for every noise whose deviations are among those that this one draws from."""
        if not isinstance(other, Denoise) or (self.mean, self.clip) != (other.mean, other.clip):
            return False
        (low, high), (least, most) = (bounds(task.sigma) for task in (self, other))
        return low <= least and most <= high

    def _sigmas(self, x: Tensor) -> Tensor | float:
        if not isinstance(self.sigma, list):
            return self.sigma
        return torch.stack([uniform_per_example(x, bounds(self.sigma)) for _ in range(self.draws)]).amin(0)


class DenoiseSaltPepper(Denoiser):
    """Remove salt-and-pepper noise: random pixels black or white with equal probability, in all channels at once.

    Pixels of any other colour are right, so they stay as they are, and the loss is over the black and white ones.

    Arguments:
        amount: the expected fraction of corrupted pixels.
    """

    def __init__(self, amount: Fraction) -> None:
        super().__init__()
        self.amount = amount

    @property
    def label(self) -> str:
        return f"denoise-salt-pepper-{self.amount}"

    def degrade(self, x: Tensor) -> Tensor:
        u = torch.rand_like(x[:, :1] if x.ndim > 2 else x)  # (B, 1, H, W), or (B, D)
        salted = torch.where(u < self.amount / 2, 1.0, x)
        return torch.where(u > 1 - self.amount / 2, 0.0, salted)

    def keep_known(self, output: Tensor, input: Tensor) -> Tensor:
        return torch.where(may_be_noise(input), output, input)

    def for_loss(self, example: Example) -> Example:
        doubtful = may_be_noise(example.input).to(example.target).expand_as(example.target)
        return example._replace(weight=doubtful if example.weight is None else doubtful * example.weight)


def may_be_noise(input: Tensor) -> Tensor:
    """Whether a pixel is black or white: images (B, C, H, W) to (B, 1, H, W), vectors (B, D) to (B, D)."""
    return extremes(input) != 0 if input.ndim > 2 else (input <= 0) | (input >= 1)
