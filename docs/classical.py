"""The classical methods at each of their settings, to compare with the best on each picture."""

from collections.abc import Iterator

import numpy as np

from aectl.tasks.baselines.base import Untouched
from aectl.tasks.baselines.filters import Filter
from aectl.tasks.baselines.interpolation import Enlarged

Classical = Untouched | Enlarged | Filter
"""A baseline that needs no training."""


def attempts(baseline: Classical, images: np.ndarray) -> Iterator[np.ndarray]:
    """What a baseline makes of images (N, C, H, W) in [0, 1], with each of its settings if it has any."""
    if isinstance(baseline, Filter):
        yield from (baseline.apply(images, **setting) for setting in baseline.settings)
    else:
        yield baseline.restore(images, {})
