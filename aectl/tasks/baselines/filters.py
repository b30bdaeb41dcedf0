"""Denoising filters of scikit-image, each at its best setting."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from aectl.tasks.baselines.base import Baseline, Pairs, Score, State

Setting = dict[str, Any]


class Filter(Baseline):
    """A filter whose setting is the one of `settings` with the best mean score on the validation split."""

    settings: Sequence[Setting]

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        pairs = val()
        outputs = (self.apply(pairs.input, **setting) for setting in self.settings)
        scores = [score(output, pairs).mean() for output in outputs]
        return {"best": np.array(np.argmax(np.nan_to_num(scores, nan=-np.inf)))}

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        return self.apply(input, **self.settings[int(state["best"])])

    def setting(self, state: State) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.settings[int(state["best"])].items())

    @abstractmethod
    def apply(self, images: np.ndarray, **setting: Any) -> np.ndarray:
        """(N, C, H, W) to the filtered images, of the same shape."""


class Gaussian(Filter):
    """A Gaussian blur; `sigma` in pixels."""

    name = "gaussian"
    settings = tuple({"sigma": sigma} for sigma in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25, 1.5, 2.0))

    def apply(self, images: np.ndarray, **setting: Any) -> np.ndarray:
        from skimage.filters import gaussian

        return gaussian(images, sigma=(0, 0, setting["sigma"], setting["sigma"]))


class Median(Filter):
    """The median of a square; `side` in pixels."""

    name = "median"
    settings = tuple({"side": side} for side in (3, 5, 7))

    def apply(self, images: np.ndarray, **setting: Any) -> np.ndarray:
        from skimage.filters import median

        return median(images, np.ones((1, 1, setting["side"], setting["side"])))


class TotalVariation(Filter):
    """Total variation denoising.

    References:
        | An Algorithm for Total Variation Minimization and Applications (Chambolle, 2004)
        | https://doi.org/10.1023/B:JMIV.0000011325.36760.1e
    """

    name = "total variation"
    slow = True
    settings = tuple({"weight": weight} for weight in (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8))

    def apply(self, images: np.ndarray, **setting: Any) -> np.ndarray:
        from skimage.restoration import denoise_tv_chambolle

        return np.stack([denoise_tv_chambolle(image, channel_axis=0, **setting) for image in images])


class NonLocalMeans(Filter):
    """The weighted mean of similar patches; `h` is the cut-off of their distance.

    References:
        | A Non-Local Algorithm for Image Denoising (Buades, Coll & Morel, 2005)
        | https://doi.org/10.1109/CVPR.2005.38
    """

    name = "non-local means"
    slow = True
    settings = tuple(
        {"h": h, "patch_size": size} for size in (3, 5) for h in (0.02, 0.04, 0.06, 0.08, 0.1, 0.14, 0.2, 0.3)
    )

    def apply(self, images: np.ndarray, **setting: Any) -> np.ndarray:
        from skimage.restoration import denoise_nl_means

        gray = images.shape[1] == 1
        planes = images.squeeze(1) if gray else images
        fixed = {"patch_distance": 6, "channel_axis": None if gray else 0}
        return np.stack([denoise_nl_means(plane, **fixed, **setting) for plane in planes]).reshape(images.shape)
