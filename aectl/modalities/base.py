"""The interface of a modality."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.modalities import pixels
from aectl.plots.image_grid import comparison_grid
from aectl.types import Shape

HIDDEN = "psnr_hidden"
"""The score of the part that the input hides."""


class Metric(NamedTuple):
    """A score of single examples."""

    compute: Callable[..., Tensor]  # outputs and targets (B, *shape) in [0, 1], and weights or none, to scores (B,)
    label: str  # heads its column in a table
    digits: int  # decimals in a table
    unit: str = ""  # of a difference


@dataclass(frozen=True)
class Modality(ABC):
    """What one example is: its valid values, what a model sees of it, how it is scored, shown and read.

    Examples are stored as uint8, where 255 stands for 1, or as floating point in [0, 1].
    """

    shape: Shape  # of one example
    name: ClassVar[str]  # examples in the plural, as in `images/s`
    has_pictures: ClassVar[bool] = False  # whether examples can be drawn
    suffix: ClassVar[str] = ".npz"  # of the file of an example; .npz: all examples go into one
    value: ClassVar[str] = "dimension"  # what bits are counted by

    @property
    @abstractmethod
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics by name; the first one ranks examples and models."""

    @property
    def num_values(self) -> int:
        """How many values an example has, by which its bits are divided."""
        return math.prod(self.shape)

    @property
    def ranked_by(self) -> str:
        """The name of the metric that ranks examples and models."""
        return next(iter(self.metrics))

    def check(self, x: Tensor, where: str, name: str) -> None:
        """Checks the values of the split `name`; a UserError that starts with the config key `where` for others."""
        pixels.check_range(x, where, name)

    def to_model(self, x: Tensor) -> Tensor:
        """Stored examples as floating point in [0, 1], on their device."""
        return pixels.to_float(x)

    def to_uint8(self, x: Tensor) -> Tensor:
        """A model's output, clipped to [0, 1], as uint8."""
        return pixels.to_uint8(x)

    def score(
        self,
        output: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        hidden: Tensor | None = None,
        names: Collection[str] | None = None,
    ) -> dict[str, Tensor]:
        """Every metric of every example, (B,) each; the output is clipped to [0, 1] as a file would be.

        Arguments:
            output, target: (B, *shape).
            weight: how much each element counts, as in `Example`.
            hidden: the part that is also scored by itself, as in `Example`.
            names: the scores that are wanted; None for all.
        """
        clipped = output.clamp(0, 1)
        weights = dict.fromkeys(self.metrics, weight)
        if hidden is not None:
            weights[HIDDEN] = hidden if weight is None else hidden * weight
        return {
            name: self.columns(weights)[name].compute(clipped, target, each)
            for name, each in weights.items()
            if names is None or name in names
        }

    def columns(self, scores: Collection[str]) -> Mapping[str, Metric]:
        """The metrics of a table of these scores: those of the modality, and that of the hidden part if it is there."""
        if HIDDEN not in scores:
            return self.metrics
        return {**self.metrics, HIDDEN: self.metrics["psnr"]._replace(label="PSNR hidden, dB")}

    def draw(self, batches: Sequence[Tensor]) -> list[Tensor]:
        """Pictures (B, 1 or 3, h, w) in [0, 1] of batches of examples that are shown together, if they have any."""
        return list(batches)

    def preview(self, rows: Sequence[Tensor]) -> Tensor | None:
        """One picture (C, H, W) uint8 with a row for each batch of examples in [0, 1]; None if they have no picture."""
        return comparison_grid([pixels.to_uint8(row) for row in self.draw(rows)]) if self.has_pictures else None

    def to_arrays(self, outputs: Tensor) -> np.ndarray:
        """Outputs (N, *shape) on the CPU as they are kept in a file of arrays."""
        return outputs.numpy()

    def write_file(self, output: Tensor, path: Path) -> Path:
        """Writes one output (*shape) into a file of its own."""
        raise UserError(f"{path}: {self.name} have no files of their own; expected a run on images or music")

    def to_batch(self, x: Any, any_size: bool = False) -> Tensor:
        """Examples in any usual form as (N, *shape) float32 in [0, 1]; a UserError for another shape or range.

        `x` is a tensor, an array, or a list of these; `any_size` accepts images of any height and width.
        """
        if isinstance(x, list):
            return torch.cat([self.to_batch(example, any_size) for example in x])
        batch = self.to_tensor(x)
        while batch.ndim <= len(self.shape):
            batch = batch.unsqueeze(0)
        fixed = 1 if any_size else len(self.shape)  # axes
        if batch.ndim != len(self.shape) + 1 or batch.shape[1 : 1 + fixed] != self.shape[:fixed]:
            expected = ", ".join(map(str, (*self.shape[:fixed], *("height", "width")[: len(self.shape) - fixed])))
            raise UserError(f"x: {self.name} of shape {tuple(batch.shape)}; expected (N, {expected})")
        return pixels.to_unit_range(batch)

    def to_tensor(self, x: Any) -> Tensor:
        """One object that a user passed as a tensor; its values and shape are not checked yet."""
        return torch.as_tensor(np.array(x) if isinstance(x, np.ndarray) else x)

    def read_file(self, path: Path) -> np.ndarray:
        """One example as it is stored, of its own size; a UserError if it cannot be read."""
        raise UserError(f"{path}: {self.name} are not read from single files; expected a run on images")
