"""Measures a model on a split: the terms of its loss, and its pictures beside the untouched input."""

from dataclasses import dataclass

import torch
from torch import Tensor

from aectl.data.batches import Batches
from aectl.draws import same_draws
from aectl.metrics import mse, psnr, ssim
from aectl.opened import Opened

METRICS = {"mse": mse, "psnr": psnr, "ssim": ssim}
Scores = dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """What a model did on a split.

    Arguments:
        n: the examples.
        terms: the loss and its terms, means in nats per example.
        output: the metrics of the model's output, means over the images.
        untouched: the metrics of the input, brought to the target's size without learning.
    """

    n: int
    terms: Scores
    output: Scores
    untouched: Scores


@torch.inference_mode()
def evaluate(opened: Opened, batches: Batches) -> Evaluation:
    """Scores every example once; the corruption of a batch depends on the seed and its place alone."""
    model, task = opened.model, opened.run.task
    totals: dict[str, Scores] = {"terms": {}, "output": {}, "untouched": {}}
    n = 0
    for index, batch in enumerate(batches):
        example = opened.pose(batch, index)
        with same_draws(opened.seed + index, opened.device):
            terms = model.loss(example)
        size = len(example.target)
        output = model.reconstruct(example.input, example.cond)
        untouched = task.untouched(example.input, tuple(example.target.shape[1:]))
        add(totals["terms"], {name: float(term) * size for name, term in terms.items()})
        add(totals["output"], compare(output, example.target))
        add(totals["untouched"], compare(untouched, example.target))
        n += size
    means = {part: {name: total / n for name, total in scores.items()} for part, scores in totals.items()}
    return Evaluation(n, **means)


def compare(output: Tensor, target: Tensor) -> Scores:
    """The sum over the images of each metric; the output is cut to [0, 1] as a file would be."""
    clipped = output.clamp(0, 1)
    return {name: float(metric(clipped, target).sum()) for name, metric in METRICS.items()}


def add(totals: Scores, scores: Scores) -> None:
    """Adds each score to its running total."""
    for name, value in scores.items():
        totals[name] = totals.get(name, 0.0) + value
