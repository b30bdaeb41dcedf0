"""Colours for gray images (N, 1, H, W), whose luminance is put back into what these give."""

import math
from collections.abc import Callable

import numpy as np
import torch

from aectl.image_math import luminance
from aectl.tasks.baselines.base import Baseline, Pairs, Score, State

MOST_VALUES = 2**24  # of the training images that are kept: 16 MB


class Gray(Baseline):
    """The input as it is."""

    name = "gray"

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        return input.repeat(3, axis=1)


class ConstantChroma(Baseline):
    """The mean difference of the training images to their luminance, in every pixel."""

    name = "constant chroma"

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        pairs = train()
        return {"chroma": (pairs.target - pairs.input).mean(axis=(0, 2, 3)).reshape(3, 1, 1)}

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        return input + state["chroma"]


class NearestChroma(Baseline):
    """The chroma, pixel by pixel, of the training image whose luminance is nearest in squared error."""

    name = "nearest image's chroma"

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        """Keeps as many training images as there is room for, the first ones."""
        target = train().target
        kept = target[: MOST_VALUES // math.prod(target.shape[1:])]
        return {"images": (255 * kept).round().astype(np.uint8)}

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        images = torch.from_numpy(state["images"]).float() / 255
        gray = luminance(images)
        found = torch.cdist(torch.from_numpy(input).flatten(1), gray.flatten(1)).argmin(1)
        return input + (images - gray)[found].numpy()
