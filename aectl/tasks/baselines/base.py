"""The interface of a baseline."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

State = dict[str, np.ndarray]
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Outputs and targets (N, *shape) to the score of each, (N,); higher is better."""


class CannotFitError(Exception):
    """The baseline cannot be fitted to these data; the message says why."""


class Pairs(NamedTuple):
    """Inputs (N, *input_shape) and targets (N, *shape) of a task, float32 in [0, 1]."""

    input: np.ndarray
    target: np.ndarray


class Baseline(ABC):
    """A classical method.

    What `fit` returns depends only on the data and the attributes of the baseline, which are the key of its cache.

    Attributes:
        name: its name in tables.
        slow: whether it is too slow for a whole split.
    """

    name: str
    slow = False

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        """Learns from the training split, or chooses its setting on the validation split.

        Arguments:
            train: poses the training examples when called.
            val: poses the validation examples when called.
            score: rates outputs against their targets.

        Raises:
            CannotFitError: the data are too few, too many, or not images.
        """
        return {}

    @abstractmethod
    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        """(N, *input_shape) to (N, *shape)."""

    def attributes(self) -> dict[str, Any]:
        """The attributes of the class and of the object, by name."""
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
