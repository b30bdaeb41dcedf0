"""What every baseline is: fitted once to arrays of its own, and from there a pure function of images."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

State = dict[str, np.ndarray]
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Outputs and targets (N, *shape) to the score of each, (N,); higher is better."""


class CannotFitError(Exception):
    """The baseline has no fit for this data; the message says why."""


class Pairs(NamedTuple):
    """Posed examples, float32 in [0, 1].

    Arguments:
        input: (N, C, h, w).
        target: (N, C, H, W).
    """

    input: np.ndarray
    target: np.ndarray


class Baseline(ABC):
    """A classical method.

    Its attributes, with the data, decide what `fit` gives; so a fit can be kept and found again by them.

    Attributes:
        name: what it is called in the table.
        slow: whether it is too slow to be run on every image.
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
            CannotFitError: there is too little of the data, or too much.
        """
        return {}

    @abstractmethod
    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        """(N, C, h, w) to (N, C, H, W)."""

    def attributes(self) -> dict[str, Any]:
        """Those of the class and those that the constructor set, by name."""
        named = {name: getattr(self, name) for name in dir(self) if not name.startswith("_")}
        return {name: value for name, value in named.items() if not callable(value)}

    def setting(self, state: State) -> str:
        """What it was fitted to, in a word or two for the table."""
        return ""


class Untouched(Baseline):
    """The input as it is."""

    name = "untouched input"

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        return input
