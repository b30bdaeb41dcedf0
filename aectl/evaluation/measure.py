"""Measures a model on a split: the terms of its loss, and a score of every picture."""

from dataclasses import dataclass

import numpy as np
import torch

from aectl.data.loader import Batches
from aectl.errors import UserError
from aectl.evaluation.scores import Scores, joined, score
from aectl.inference.trained_run import Opened
from aectl.io.progress import bar
from aectl.rng import same_draws


@dataclass(frozen=True)
class Measured:
    """What a model did on a split.

    Arguments:
        terms: the loss and its terms, means in nats per example.
        scores: those of each of its outputs.
    """

    terms: dict[str, float]
    scores: Scores

    @property
    def n(self) -> int:
        return len(self.scores["psnr"])


@torch.inference_mode()
def measure(opened: Opened, batches: Batches) -> Measured:
    """Scores every example once; the corruption of a batch depends on the seed and its place alone."""
    totals: dict[str, float] = {}
    scores = []
    for index, batch in enumerate(bar(batches, "the model")):
        example = opened.pose(batch, index)
        with same_draws(opened.seed + index, opened.device):
            terms, output = opened.model.examine(example)
        for name, term in terms.items():
            totals[name] = totals.get(name, 0.0) + float(term) * len(example.target)
        scores.append(score(output, example.target))
    whole = joined(scores)
    if not np.isfinite(whole["mse"]).all():
        raise UserError(
            f"run={opened.run.folder}: its outputs are not finite, the training went wrong; "
            "train again with a smaller optimizer.lr, or trainer.gradient_clip_val=1"
        )
    return Measured({name: total / len(whole["psnr"]) for name, total in totals.items()}, whole)
