"""Patches of photographs, embedded in scikit-image and scikit-learn."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from aectl.data.source import Source, Split, SplitName
from aectl.errors import UserError
from aectl.types import PositiveInt

NAMES = (
    *("hubble_deep_field", "astronaut", "coffee", "rocket", "stereo_motorcycle", "retina", "immunohistochemistry"),
    *("china.jpg", "chelsea", "flower.jpg"),
)
TEST = NAMES[-2:]
SHORTEST_SIDE = 300


class Photos(Source):
    """Square patches at fixed random positions of ten photographs; each photograph is in one split only.

    Arguments:
        size: the side of a patch, in pixels.
        patches_per_photo: patches of each photograph.
        test: the photographs to test on; the first of the others is for validation.
        grayscale: one channel, the luma of ITU-R BT.601.
    """

    def __init__(
        self, size: PositiveInt, patches_per_photo: PositiveInt, test: Sequence[str] = TEST, grayscale: bool = False
    ) -> None:
        if size > SHORTEST_SIDE:
            raise UserError(
                f"dataset.size={size}: larger than the smallest photograph; "
                f"expected at most {SHORTEST_SIDE} pixels, try dataset.size=48"
            )
        unknown = [name for name in test if name not in NAMES]
        if unknown or len(test) > len(NAMES) - 2:
            raise UserError(
                f"dataset.test={list(test)}: expected at most {len(NAMES) - 2} of the photographs {', '.join(NAMES)}"
            )
        self.size, self.patches_per_photo = size, patches_per_photo
        self.grayscale = grayscale
        self.shape = (1 if grayscale else 3, size, size)
        val, *train = (name for name in NAMES if name not in test)
        self.names: dict[SplitName, Sequence[str]] = {"train": train, "val": [val], "test": test}

    def split(self, name: SplitName) -> Split:
        rng = np.random.default_rng(0)
        patches = [patch for photo in self.names[name] for patch in self._patches(self._read(photo), rng)]
        return Split(torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2).contiguous())

    def _read(self, photo: str) -> np.ndarray:
        colour = read(photo)
        return np.array(Image.fromarray(colour).convert("L"))[..., None] if self.grayscale else colour

    def _patches(self, photo: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        tops = rng.integers(0, photo.shape[0] - self.size + 1, self.patches_per_photo)
        lefts = rng.integers(0, photo.shape[1] - self.size + 1, self.patches_per_photo)
        return [photo[t : t + self.size, left : left + self.size] for t, left in zip(tops, lefts, strict=True)]


def read(photo: str) -> np.ndarray:
    """One photograph by name, (H, W, 3) uint8."""
    import skimage.data
    from sklearn.datasets import load_sample_image

    if photo.endswith(".jpg"):
        return load_sample_image(photo)
    image = getattr(skimage.data, photo)()
    return image[0] if isinstance(image, tuple) else image  # a stereo pair and its disparity
