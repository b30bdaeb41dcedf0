"""What a run makes of a split, in one pass: its latents, and what the page keeps and measures of each example."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from aectl.data.loader import Batches
from aectl.data.source import SplitName
from aectl.example import Example
from aectl.inference.latents import ENCODED_AT_ONCE
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.models.capabilities import HasLatent

if TYPE_CHECKING:
    from aectl.explorer.view import View

MOST_BYTES = 4_000_000  # of latents in the page, two for each number
NUM_SHOWN = 24  # examples of the restoring view, in full size


class Observations(NamedTuple):
    """The first examples of a split as the task poses them.

    Arguments:
        codes: the latents (N, D); None of a model without a single one.
        measures: what the view measures of each, (measures, N).
        kept: the targets as the view keeps them, (N, ...).
        shown: inputs as outputs that nothing was done to, outputs and targets of a few, (n, C, H, W) in [0, 1] each.
        total: examples of the split.
    """

    codes: Tensor | None
    measures: np.ndarray
    kept: np.ndarray
    y: Tensor | None
    classes: list[str]
    shown: tuple[Tensor, Tensor, Tensor]
    total: int


@torch.inference_mode()
def observe(trained: TrainedRun, view: "View", split: SplitName, n: int) -> Observations:
    """Runs the model on the first `n` examples, fewer if their latents would make the page too large."""
    whole = trained.run.data.split(split)
    has_latent = isinstance(trained.model, HasLatent)
    if has_latent:
        n = min(n, max(100, MOST_BYTES // (2 * trained.model.latent_size)))
    part = whole.first(n)
    codes: list[Tensor] = []
    shown: list[Tensor] = []
    measures, kept = [], []
    for index, batch in enumerate(track(Batches(part, ENCODED_AT_ONCE, shuffle=False), "explore")):
        example = trained.make_example(batch, index)
        output = restored(trained, example)
        measures.append(view.measure(output, example.target))
        kept.append(view.keep(example.target))
        if has_latent:
            codes.append(trained.model.embed(example.input, example.cond).cpu())
        if not shown:
            untouched = trained.run.task.untouched(example.input).clamp(0, 1)
            shown = [images[:NUM_SHOWN].cpu() for images in (untouched, output, example.target)]
    return Observations(
        torch.cat(codes).flatten(1) if codes else None,
        np.concatenate(measures, axis=1),
        np.concatenate(kept),
        part.y,
        part.classes or [],
        (shown[0], shown[1], shown[2]),
        len(whole.x),
    )


def restored(trained: TrainedRun, example: Example) -> Tensor:
    output = trained.model.reconstruct(example.input, example.cond)
    return trained.run.task.keep_known(output, example.input).clamp(0, 1)
