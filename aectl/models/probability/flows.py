"""Normalizing flows of the package zuko, which is optional."""

from typing import Any

import torch

from aectl.errors import UserError
from aectl.types import PositiveInt, PositiveInts


def check_flows(needed_by: str) -> None:
    """Raises a UserError if zuko is not installed."""
    try:
        import zuko.flows  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"{needed_by}: the package zuko is not installed; expected it for normalizing flows: "
            "pip install 'aectl[flows]'"
        ) from error


def spline_flow(size: PositiveInt, context: int, transforms: PositiveInt, hidden: PositiveInts, needed_by: str) -> Any:
    """A zuko flow over vectors of `size`: coupling layers of rational-quadratic splines between -5 and 5.

    References:
        | Neural Spline Flows (Durkan et al., 2019), section 3
        | https://arxiv.org/abs/1906.04032

    Arguments:
        size: the dimensions.
        context: the length of the vectors that the flow depends on.
        transforms: the number of layers.
        hidden: the widths of the dense net of each layer.
        needed_by: what asks for it, to be named in an error.

    Raises:
        UserError: zuko is not installed.
    """
    check_flows(needed_by)
    from zuko.flows import NSF

    with torch.device("cpu"):  # its masks are computed, which takes memory
        return NSF(size, context, transforms=transforms, hidden_features=hidden, passes=2)
