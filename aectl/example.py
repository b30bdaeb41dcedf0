"""The batch that a task hands to a model."""

from typing import NamedTuple

from torch import Tensor


class Example(NamedTuple):
    """A batch of inputs and targets: a model learns to predict `target` from `input`.

    Arguments:
        input: what the encoder sees, (B, *input_shape).
        target: what the decoder is scored on, (B, *shape).
        cond: what encoder and decoder are conditioned on, such as class labels, (B,) or (B, K).
        weight: the weight of each element of the target in loss and scores, such as a mask, (B, *shape).
        hidden: 1 where the input does not show the target, else 0, (B, 1, H, W); that part is scored apart as well.
    """

    input: Tensor
    target: Tensor
    cond: Tensor | None = None
    weight: Tensor | None = None
    hidden: Tensor | None = None
