"""Augmentations: random changes of training examples that keep their labels, on the device, before the task degrades.

They draw from torch's global random numbers, which a checkpoint holds, so that a resumed run repeats them.
"""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aectl.errors import UserError
from aectl.modalities import Images, Modality
from aectl.rng import uniform_per_example
from aectl.types import FloatRange, Fraction, PositiveFraction, PositiveInt, PositiveRange


class Augmentation(nn.Module, ABC):
    """A random change of training examples, drawn anew for each example of a batch.

    Attributes:
        takes: the examples that it changes.
    """

    takes: type[Modality] = Images

    def fit_to(self, modality: Modality) -> None:
        """Told, once, what the examples are."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """(B, *shape), as a model sees them, to the same."""


class Flip(Augmentation):
    """Mirrors half of the images, left to right."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(coin(x), x.flip(-1), x)


class Turn(Augmentation):
    """Turns each image by a random multiple of 90 degrees, of 180 where it is not square."""

    def forward(self, x: Tensor) -> Tensor:
        x = torch.where(coin(x), x.flip(-2, -1), x)
        if x.shape[-2] != x.shape[-1]:
            return x
        return torch.where(coin(x), x.transpose(-2, -1).flip(-1), x)


class Shift(Augmentation):
    """Moves each image by a random whole number of pixels along each axis; the edge is repeated.

    Arguments:
        pixels: the most, in each direction.
    """

    def __init__(self, pixels: PositiveInt) -> None:
        super().__init__()
        self.pixels = pixels

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (self._moved(x, side) for side in x.shape[-2:])
        x = x.gather(2, rows[:, None, :, None].expand_as(x))
        return x.gather(3, columns[:, None, None, :].expand_as(x))

    def _moved(self, x: Tensor, side: int) -> Tensor:
        """(B, side): the row or column that each one is taken from."""
        offset = torch.randint(-self.pixels, self.pixels + 1, (len(x), 1), device=x.device)
        return (torch.arange(side, device=x.device) + offset).clamp(0, side - 1)


class Crop(Augmentation):
    """Cuts out a random part of each image, and enlarges it to the whole size by bilinear interpolation.

    Arguments:
        side: the smallest side of the part, as a fraction of the image's.
    """

    def __init__(self, side: PositiveFraction) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        side = uniform_per_example(x, [self.side, 1])[..., 0, 0]  # (B, 1)
        offset = torch.rand(len(x), 2, device=x.device, dtype=x.dtype).mul(2).sub(1) * (1 - side)
        affine = torch.cat([torch.diag_embed(side.expand(-1, 2)), offset[..., None]], dim=2)  # (B, 2, 3)
        grid = F.affine_grid(affine, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode="border", align_corners=False).clamp(0, 1)


class Occasional(Augmentation):
    """Changes some of the images.

    Arguments:
        probability: of changing an image.
    """

    def __init__(self, probability: Fraction) -> None:
        super().__init__()
        self.probability = probability

    @abstractmethod
    def change(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] to the same, each image changed."""

    def forward(self, x: Tensor) -> Tensor:
        changed = self.change(x)
        return torch.where(coin(x, self.probability), changed, x)


class PermuteChannels(Occasional):
    """Puts the colour channels of images into a random order."""

    def change(self, x: Tensor) -> Tensor:
        order = torch.rand(x.shape[:2], device=x.device).argsort(dim=1)
        return x.gather(1, order[..., None, None].expand_as(x))


class Negate(Occasional):
    """Turns images into their negatives."""

    def change(self, x: Tensor) -> Tensor:
        return 1 - x


class Tint(Occasional):
    """Raises each colour channel of images to a random power of its own, which gives them saturated colours.

    Few photographs hold strong colours, in which one channel alone has the detail; a net that has seen none smooths it.

    Arguments:
        power: `[lo, hi]`, drawn evenly on a logarithmic scale.
        probability: of changing an image.
    """

    def __init__(self, power: PositiveRange, probability: Fraction) -> None:
        super().__init__(probability)
        self.gamma = Gamma(power)

    def change(self, x: Tensor) -> Tensor:
        return self.gamma(x.flatten(0, 1)).view_as(x)


class Saturation(Occasional):
    """Makes the colours of images stronger or weaker.

    Arguments:
        factor: `[lo, hi]` on the difference of each channel to the mean of all; 0 gives gray, values outside [0, 1] are
            clipped.
        probability: of changing an image.
    """

    def __init__(self, factor: FloatRange, probability: Fraction) -> None:
        super().__init__(probability)
        self.factor = factor

    def change(self, x: Tensor) -> Tensor:
        gray = x.mean(dim=1, keepdim=True)
        return (gray + uniform_per_example(x, self.factor) * (x - gray)).clamp(0, 1)


class Gain(Augmentation):
    """Multiplies each image by a random factor.

    Arguments:
        factor: `[lo, hi]`; values above 1 are clipped.
    """

    def __init__(self, factor: FloatRange) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return (x * uniform_per_example(x, self.factor)).clamp(0, 1)


class Gamma(Augmentation):
    """Raises each image to a random power, which brightens or darkens it and keeps black and white.

    Arguments:
        power: `[lo, hi]`, drawn evenly on a logarithmic scale.
    """

    def __init__(self, power: PositiveRange) -> None:
        super().__init__()
        self.power = power

    def forward(self, x: Tensor) -> Tensor:
        logs = torch.tensor(self.power).log().tolist()
        return x ** uniform_per_example(x, logs).exp()


class Augment(nn.Sequential):
    """Augmentations one after another.

    Raises:
        UserError: one of them does not take such examples.
    """

    def __init__(self, augmentations: dict[str, Augmentation], modality: Modality) -> None:
        for name, augmentation in augmentations.items():
            if not isinstance(modality, augmentation.takes):
                takes = augmentation.takes.name
                raise UserError(f"augment={name}: takes {takes}, but the data are {modality.name}; use augment=none")
            augmentation.fit_to(modality)
        super().__init__(*augmentations.values())


def coin(x: Tensor, probability: float = 0.5) -> Tensor:
    """For each image whether it is changed, (B, 1, 1, 1)."""
    return torch.rand(len(x), 1, 1, 1, device=x.device) < probability
