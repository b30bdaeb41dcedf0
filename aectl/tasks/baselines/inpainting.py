"""Fill in hidden pixels, whose mask is the last channel of the input, from those around them."""

import numpy as np

from aectl.tasks.baselines.base import Baseline, State


class SmoothFill(Baseline):
    """The input as it is: a smooth surface in its hidden part."""

    name = "smooth fill"

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        return input[:, :-1]


class MeanFill(Baseline):
    """The mean of the visible pixels of the image, for each channel; gray if none is visible."""

    name = "mean fill"

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        images, hidden = input[:, :-1], input[:, -1:] > 0
        visible = (~hidden).sum(axis=(2, 3), keepdims=True)
        sums = np.where(hidden, 0, images).sum(axis=(2, 3), keepdims=True)
        return np.where(hidden, np.where(visible > 0, sums / visible.clip(1), images), images)


class Biharmonic(Baseline):
    """A surface through the visible pixels that has the least curvature where they are hidden.

    References:
        | On surface completion and image inpainting by biharmonic functions: Numerical aspects (Damelin & Hoang, 2018)
        | https://doi.org/10.1155/2018/3950312
    """

    name = "biharmonic"
    slow = True

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        from skimage.restoration import inpaint_biharmonic

        pictures, masks = np.moveaxis(input[:, :-1], 1, -1), input[:, -1] > 0
        filled = (
            inpaint_biharmonic(picture, mask, channel_axis=-1) if not mask.all() else picture
            for picture, mask in zip(pictures, masks, strict=True)
        )
        return np.moveaxis(np.stack(list(filled)), -1, 1)
