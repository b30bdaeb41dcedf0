"""Weights that do not learn: those that no gradient reaches, or that are what they were at the start."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import Parameter

Marks = dict[str, list[float]]
"""Two sums over each weight by its name, which differ as soon as the weight has changed."""


def trained_weights(model: nn.Module) -> dict[str, Parameter]:
    """The weights that training may change, by name: matrices and kernels, not biases and scales."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad and p.ndim > 1}


def mark(weights: Mapping[str, Parameter]) -> Marks:
    sums = read_each(lambda p: torch.stack([p.sum(), torch.linalg.vector_norm(p)]), list(weights.values()))
    return dict(zip(weights, sums, strict=True))


def still_marked(weights: Mapping[str, Parameter], marks: Marks) -> Marks:
    """The marks of the weights that have not changed since; a weight that has is not looked at again."""
    found = mark({name: p for name, p in weights.items() if name in marks})
    return {name: each for name, each in found.items() if each == marks[name]}


def without_gradient(weights: Mapping[str, Parameter]) -> set[str]:
    """The weights whose gradient in the last step was exactly 0."""
    gradients = {name: p.grad for name, p in weights.items() if p.grad is not None}
    counts = read_each(lambda gradient: gradient.count_nonzero()[None], list(gradients.values()))
    return {name for name, (count,) in zip(gradients, counts, strict=True) if not count}


def read_each(measure: Callable[[Tensor], Tensor], tensors: list[Tensor]) -> list[list[float]]:
    """The numbers that `measure` gives of each tensor, read from the device at once."""
    with torch.no_grad():
        return torch.stack([measure(tensor).float() for tensor in tensors]).tolist() if tensors else []
