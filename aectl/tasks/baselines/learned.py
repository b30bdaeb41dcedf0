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
    """The projection on as many principal components of the training targets: the best linear code of its size."""

    def __init__(self, components: int) -> None:
        self.components = components
        self.name = f"PCA-{components}"

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        from sklearn import decomposition

        images = train().target
        n, values, k = len(images), math.prod(images.shape[1:]), self.components
        if k > (most := min(n, values)):
            raise CannotFitError(f"{k} components of {n} images of {values} values; PCA has at most {most}")
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
        n, values = len(pairs.input), math.prod(pairs.input.shape[1:])
        if n <= values:
            raise CannotFitError(f"{n} training images for {values} input values; it needs more images than values")
        fitted = LinearRegression().fit(pairs.input.reshape(n, -1), pairs.target.reshape(n, -1))
        return {"weights": fitted.coef_, "bias": fitted.intercept_, "shape": np.array(pairs.target.shape[1:])}

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        output = input.reshape(len(input), -1) @ state["weights"].T + state["bias"]
        return output.reshape(len(input), *state["shape"])
