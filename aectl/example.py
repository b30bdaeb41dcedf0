"""What a task hands to a model. Knows nothing of either."""

from typing import NamedTuple

from torch import Tensor


class Example(NamedTuple):
    """A batch as a task poses it: rebuild `target` from `input`.

    Arguments:
        input: what the encoder sees, (B, *input_shape).
        target: what the decoder is scored on, (B, *shape).
        cond: what both sides may be told, such as a label, (B,) or (B, K).
        weight: how much each element of the target counts, such as a mask, (B, *shape).
    """

    input: Tensor
    target: Tensor
    cond: Tensor | None = None
    weight: Tensor | None = None
