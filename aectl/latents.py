"""The latents of a data set, for the verbs that draw and fit them. Knows no Lightning."""

from typing import NamedTuple

import torch
from torch import Tensor

from aectl.data.source import SplitName
from aectl.opened import Opened

BATCH_SIZE = 250


class Latents(NamedTuple):
    """The codes of a split, on the CPU.

    Arguments:
        codes: what `embed` gives, (N, D).
        y: the classes, (N,), where there are any.
        classes: their names.
    """

    codes: Tensor
    y: Tensor | None
    classes: list[str]


@torch.inference_mode()
def encode(opened: Opened, split: SplitName, n: int) -> Latents:
    """The latents of the first `n` examples of a split, each as the task poses it."""
    part = opened.run.data.source.split(split)
    chosen = torch.arange(len(part.x))[:n]
    codes = []
    for index, indices in enumerate(chosen.split(BATCH_SIZE)):
        example = opened.pose({"x": part.x[indices]}, index)
        codes.append(opened.model.embed(example.input, example.cond).cpu())
    return Latents(torch.cat(codes), None if part.y is None else part.y[chosen], part.classes or [])
