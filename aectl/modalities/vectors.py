"""Vectors: examples without a picture."""

from collections.abc import Mapping

from aectl.modalities.base import Metric, Modality
from aectl.modalities.images import METRICS


class Vectors(Modality):
    """Vectors (D,)."""

    name = "vectors"

    @property
    def metrics(self) -> Mapping[str, Metric]:
        return {name: METRICS[name] for name in ("psnr", "mse")}
