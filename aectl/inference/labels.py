"""The classes that a conditional model is told."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.models.base import Autoencoder
from aectl.models.capabilities import IsConditional

Labels = Tensor | np.ndarray | Sequence[int] | int  # one class for all examples, or a class for each


def as_cond(model: Autoencoder, labels: Labels | None, n: int, device: torch.device) -> Tensor | None:
    """Labels of `n` examples as `Example.cond`, (n,) int64 or None; a UserError if the model takes no such labels."""
    name = type(model).__name__
    if not isinstance(model, IsConditional):
        if labels is None:
            return None
        raise UserError(f"label: model={name} is not conditional; leave the label out")
    classes = f"0 to {model.num_classes - 1}"
    if labels is None:
        raise UserError(f"label: model={name} is conditional; give the class of the examples, {classes}")
    found = labels.cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if found.dtype.kind not in "iu":
        raise UserError(f"label: values of type {found.dtype}; expected whole numbers, {classes}")
    if found.ndim > 1 or found.size not in (1, n):
        raise UserError(f"label: shape {found.shape} for {n} examples; expected ({n},) or a single class")
    if (wrong := found[(found < 0) | (found >= model.num_classes)]).size:
        raise UserError(f"label={wrong[0]}: not a class of this run; expected {classes}")
    return torch.from_numpy(found.astype(np.int64)).expand(n).to(device)


def class_numbers(names: list[str], classes: list[str], where: str) -> list[int]:
    """The number of each class; a UserError names one that is none of `classes`, and `where` it was found."""
    numbers = {name: number for number, name in enumerate(classes)}
    if unknown := set(names) - set(numbers):
        raise UserError(f"{where}: its label {min(unknown)} is not a class of this run; expected {', '.join(classes)}")
    return [numbers[name] for name in names]
