"""The interface of a baseline."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

State = dict[str, np.ndarray]


class CannotFitError(Exception):
    """The baseline cannot be fitted to these data; the message says why."""


class Pairs(NamedTuple):
    """Inputs (N, *input_shape) and targets (N, *shape) of a task, float32 in [0, 1], and the rest of its `Example`."""

    input: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None = None
    hidden: np.ndarray | None = None


Score = Callable[[np.ndarray, Pairs], np.ndarray]  # outputs (N, *shape) of pairs to (N,); higher is better


class Baseline(ABC):
    """A classical method.

    What `fit` returns depends only on the data and the attributes of the baseline, which are the key of its cache.
    """

    name: str  # in tables
    slow = False  # whether it is too slow for a whole split

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        """Learns from the training split, or chooses the setting with the best score on the validation split.

        `train` and `val` pose the examples when called. A CannotFitError if they are too few, too many, or not images.
        """
        return {}

    @abstractmethod
    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        """(N, *input_shape) to (N, *shape)."""

    def nats(self, output: np.ndarray, target: np.ndarray) -> np.ndarray | None:
        """The negative log-likelihood of targets (N, *shape) under what it made of them, (N,); None: it has none."""
        return None

    def attributes(self) -> dict[str, Any]:
        named = {name: getattr(self, name) for name in dir(self) if not name.startswith("_")}
        return {name: value for name, value in named.items() if not callable(value)}

    def setting(self, state: State) -> str:
        """The chosen setting, in words for the table."""
        return ""


class Untouched(Baseline):
    """The input as it is."""

    name = "untouched input"

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        return input
