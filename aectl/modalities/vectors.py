"""Vectors: examples without a picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.modalities.base import Metric, Modality
from aectl.modalities.images import METRICS
from aectl.modalities.pixels import to_unit_range


class Vectors(Modality):
    """Vectors (D,)."""

    name = "vectors"

    @property
    def metrics(self) -> Mapping[str, Metric]:
        return {name: METRICS[name] for name in ("psnr", "mse")}

    def to_batch(self, x: Any, any_size: bool = False) -> Tensor:
        """Vectors in any usual form: (D,), (N, D), or lists of these."""
        if isinstance(x, list):
            return torch.cat([self.to_batch(vector) for vector in x])
        vectors = torch.as_tensor(np.array(x) if isinstance(x, np.ndarray) else x)
        vectors = vectors.unsqueeze(0) if vectors.ndim == 1 else vectors
        if vectors.shape[1:] != self.shape:
            raise UserError(f"x: vectors of shape {tuple(vectors.shape)}; expected (N, {self.shape[0]})")
        return to_unit_range(vectors)
