"""The latents of a data set, and back from latents to examples."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from aectl.data.loader import Batches
from aectl.data.source import SplitName
from aectl.example import Example

if TYPE_CHECKING:
    from aectl.inference.trained_run import TrainedRun

ENCODED_AT_ONCE = 250
DECODED_AT_ONCE = 128  # its maps still fit the cache of a CPU: 500 images at once take twice as long


class Latents(NamedTuple):
    """The codes of a split on the CPU, (N, D) as `embed` gives them; its classes (N,), and their names, if any."""

    codes: Tensor
    y: Tensor | None
    classes: list[str]


@torch.inference_mode()
def encode_split(
    trained: "TrainedRun", split: SplitName, n: int, of: Callable[[Example], Tensor] | None = None
) -> Latents:
    """The latents of the first `n` examples of a split, each as the task poses it; or what `of` makes of them."""
    code = of or (lambda example: trained.model.embed(example.input, example.cond))
    part = trained.run.data.split(split).first(n)
    batches = Batches(part, ENCODED_AT_ONCE, shuffle=False)
    codes = [code(trained.make_example(batch, index)).cpu() for index, batch in enumerate(batches)]
    return Latents(torch.cat(codes), part.y, part.classes or [])


@torch.inference_mode()
def decode_codes(trained: "TrainedRun", codes: Tensor, cond: Tensor | None) -> Tensor:
    """Outputs (N, *shape) on the CPU for latents (N, D) and the classes that they are decoded as, (N,) or (1,)."""
    model = trained.latent_model()
    conds = [None] * len(codes) if cond is None else cond.expand(len(codes)).split(DECODED_AT_ONCE)
    parts = zip(codes.to(trained.device).split(DECODED_AT_ONCE), conds, strict=False)
    return torch.cat([model.decode_mean(part, classes).cpu() for part, classes in parts])
