"""Measures a model on a split: the terms of its loss, and a score of every picture."""

from dataclasses import dataclass

import numpy as np
import torch

from aectl.data.loader import Batches
from aectl.errors import UserError
from aectl.evaluation.scores import Scores, concatenate_scores, score
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.rng import seeded_rng


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
def measure(opened: TrainedRun, batches: Batches) -> Measured:
    """Scores every example once; the corruption of a batch depends on the seed and its place alone."""
    totals: dict[str, float] = {}
    scores = []
    for index, batch in enumerate(track(batches, "the model")):
        example = opened.make_example(batch, index)
        with seeded_rng(opened.seed + index, opened.device):
            terms, output = opened.model.loss_and_reconstruction(example)
        for name, term in terms.items():
            totals[name] = totals.get(name, 0.0) + float(term) * len(example.target)
        scores.append(score(output, example.target))
    whole = concatenate_scores(scores)
    if not np.isfinite(whole["mse"]).all():
        raise UserError(
            f"run={opened.run.folder}: its outputs are not finite, the training went wrong; "
            "train again with a smaller optimizer.lr, or trainer.gradient_clip_val=1"
        )
    return Measured({name: total / len(whole["psnr"]) for name, total in totals.items()}, whole)
