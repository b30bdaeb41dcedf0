"""The latents of a data set, for the verbs that draw, fit and score them. Knows no Lightning."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from aectl.data.source import SplitName
from aectl.example import Example
from aectl.inference.trained_run import TrainedRun

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
def encode_split(
    opened: TrainedRun, split: SplitName, n: int, of: Callable[[Example], Tensor] | None = None
) -> Latents:
    """The latents of the first `n` examples of a split, each as the task poses it; or what `of` makes of them."""
    code = of or (lambda example: opened.model.embed(example.input, example.cond))
    part = opened.run.data.split(split)
    chosen = torch.arange(len(part.x))[:n]
    examples = (opened.make_example({"x": part.x[indices]}, i) for i, indices in enumerate(chosen.split(BATCH_SIZE)))
    codes = torch.cat([code(example).cpu() for example in examples])
    return Latents(codes, None if part.y is None else part.y[chosen], part.classes or [])
