"""Holds a model against its weights before any memory is taken for it. Knows only torch."""

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

SPARE = 4
"""A parameter may be registered more than once, as weight normalization does."""


Weights = dict[str, Tensor]


def match_state_dict(
    build: Callable[[], nn.Module], weights: Weights, renamed: Callable[[Weights, Collection[str]], Weights]
) -> Weights:
    """Builds the model without memory, no further than its weights reach, and holds the two against each other.

    Arguments:
        build: makes the model.
        weights: those that are stored.
        renamed: gives them the names that the model expects.

    Returns:
        The weights under those names.

    Raises:
        ValueError: it is another model than the weights', or none.
    """
    left = SPARE * len(weights)

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"the model has far more parameters than the {len(weights)} of its weights")

    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"):
            expected = {name: tuple(value.shape) for name, value in build().state_dict().items()}
    finally:
        hook.remove()
    weights = renamed(weights, expected.keys())
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ValueError(f"{name} is {found.get(name, 'missing')}, the model has {expected.get(name, 'none')}")
    return weights
