"""What of a page depends on the kind of its examples; web/views.js is its counterpart in the page."""

from typing import Any, Literal, Protocol

import numpy as np
from torch import Tensor

from aectl.explorer.observations import Observations
from aectl.inference.trained_run import TrainedRun


class View(Protocol):
    """How a page keeps, measures and draws examples: pictures, or windows of music.

    Attributes:
        name: of its script and its panels in web/.
        networks: the parts of a model that the page runs, as `exportable_parts` names them.
        measures: the names of what is measured of each example.
    """

    name: Literal["pictures", "rolls"]
    networks: tuple[str, ...]
    measures: tuple[str, ...]

    def keep(self, examples: Tensor) -> np.ndarray:
        """What the page has of examples (B, *shape) in [0, 1], (B, ...)."""
        ...

    def pack(self, kept: np.ndarray, columns: int) -> bytes:
        """The file of what is kept of examples, which stand in so many columns if it is a picture."""
        ...

    def measure(self, output: Tensor, target: Tensor) -> np.ndarray:
        """The measures of examples (B, *shape) and of what the model makes of them, (measures, B)."""
        ...

    def looks_same(self, output: Tensor, expected: Tensor) -> bool:
        """Whether nobody sees a difference between an output of a network and the one that was expected."""
        ...

    def describe(self, trained: TrainedRun, seen: Observations) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The facts and files that no other view has."""
        ...
