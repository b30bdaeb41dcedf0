"""Linear methods fitted to the training split by scikit-learn."""

import math
from collections.abc import Callable

import numpy as np

from aectl.tasks.baselines.base import Baseline, CannotFitError, Pairs, Score, State


class MeanImage(Baseline):
    """The mean of the training targets, whatever the input."""

    name = "mean image"

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        return {"mean": train().target.mean(axis=0)}

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        return np.broadcast_to(state["mean"], (len(input), *state["mean"].shape))


class PCA(Baseline):
    """The projection on the first principal components of the training targets: the best linear code of its size.

    Arguments:
        components: the dimensions of the code.
    """

    def __init__(self, components: int) -> None:
        self.components = components
        self.name = f"PCA-{components}"

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        from sklearn import decomposition

        images = train().target
        most = min(len(images), math.prod(images.shape[1:]))
        if self.components > most:
            raise CannotFitError(
                f"{self.components} components of {len(images)} images of {math.prod(images.shape[1:])} values; "
                f"PCA has at most {most}"
            )
        pca = decomposition.PCA(self.components, random_state=0).fit(images.reshape(len(images), -1))
        return {"mean": pca.mean_.reshape(images.shape[1:]), "components": pca.components_}

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        centred = (input - state["mean"]).reshape(len(input), -1)
        codes = centred @ state["components"].T  # (N, components)
        return (codes @ state["components"]).reshape(input.shape) + state["mean"]


class LinearMap(Baseline):
    """The affine map from input to target with the least squared error."""

    name = "linear map"

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        from sklearn.linear_model import LinearRegression

        pairs = train()
        values = math.prod(pairs.input.shape[1:])
        if len(pairs.input) <= values:
            raise CannotFitError(
                f"{len(pairs.input)} training images for {values} input values; it needs more images than values"
            )
        flat = [images.reshape(len(images), -1) for images in pairs]
        fitted = LinearRegression().fit(*flat)
        return {"weights": fitted.coef_, "bias": fitted.intercept_, "shape": np.array(pairs.target.shape[1:])}

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        output = input.reshape(len(input), -1) @ state["weights"].T + state["bias"]
        return output.reshape(len(input), *state["shape"])
