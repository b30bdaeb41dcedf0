"""Scores of single examples, and confidence intervals of their means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aectl.data.loader import Batches
from aectl.errors import UserError
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.modalities import Modality
from aectl.rng import seeded_rng

CONFIDENCE = 0.95

OwnMetrics = Mapping[str, Callable[[Tensor, Tensor], Tensor]]  # outputs and targets (B, *shape) in [0, 1] to (B,)
Scores = dict[str, np.ndarray]  # for each metric the value of every example, (N,)


@dataclass(frozen=True)
class MeanCI:
    """A mean with its 95 % confidence interval."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def negative(self) -> "MeanCI":
        return MeanCI(-self.mean, -self.high, -self.low)


@torch.inference_mode()
def score_model(
    trained: TrainedRun, batches: Batches, own: OwnMetrics | None = None
) -> tuple[dict[str, float], Scores]:
    """The loss and its terms, mean nats per example or in their own units, and the scores of every output.

    The corruption of a batch depends only on the seed and its index.

    Arguments:
        trained: the run.
        batches: what it is scored on.
        own: metrics of the user's own, by name, beside those of the modality.

    Raises:
        UserError: outputs are not finite, or a metric does not give a number for each example.
    """
    totals: dict[str, float] = {}
    parts, finite = [], True
    trained.model.epoch_terms()  # forgets what the training left
    for index, batch in enumerate(track(batches, "the model")):
        example = trained.make_example(batch, index)
        with seeded_rng(trained.seed + index, trained.device):
            terms, output = trained.model.loss_and_reconstruction(trained.run.task.for_loss(example))
        for name, term in terms.items():
            totals[name] = totals.get(name, 0.0) + float(term) * len(example.target)
        output = trained.run.task.keep_known(output, example.input)
        finite &= bool(output.isfinite().all())
        scores = score_batch(trained.modality, output, example.target, example.weight, example.hidden)
        parts.append({**scores, **own_scores(own or {}, output.clamp(0, 1), example.target)})
    scores = concatenate_scores(parts)
    if not finite:
        raise UserError(
            f"run={trained.run.folder}: its outputs are not finite, the training went wrong; "
            "train again with a smaller optimizer.lr, or trainer.gradient_clip_val=1"
        )
    means = {name: total / len(batches.split.x) for name, total in totals.items()}
    return means | {name: float(term) for name, term in trained.model.epoch_terms().items()}, scores


def score_batch(
    modality: Modality, output: Tensor, target: Tensor, weight: Tensor | None = None, hidden: Tensor | None = None
) -> Scores:
    """Every metric of every example, (B, *shape) twice, in double precision; weight and hidden part as in `Example`."""
    scores = modality.score(output, target, weight, hidden)
    return {name: values.cpu().double().numpy() for name, values in scores.items()}


def own_scores(own: OwnMetrics, output: Tensor, target: Tensor) -> Scores:
    """Metrics of the user's own of every example; a UserError if one does not give a number for each."""
    scores = {}
    for name, metric in own.items():
        values = torch.as_tensor(metric(output, target))
        if values.shape != (len(target),):
            raise UserError(
                f"metrics[{name!r}]: gave values of shape {tuple(values.shape)} for a batch of {len(target)} examples; "
                f"expected ({len(target)},), a number for each: average over the pixels, not over the batch"
            )
        scores[name] = values.cpu().double().numpy()
    return scores


def concatenate_scores(parts: list[Scores]) -> Scores:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def mean_ci(values: np.ndarray) -> MeanCI:
    """The mean of (N,) with its 95 % interval by Student's t; of a single value the interval has no width."""
    from scipy.special import stdtrit

    mean, n = float(values.mean()), len(values)
    if n < 2:
        return MeanCI(mean, mean, mean)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * values.std(ddof=1) / np.sqrt(n))
    return MeanCI(mean, mean - half, mean + half)


def mean_scores(scores: Scores) -> dict[str, MeanCI]:
    return {name: mean_ci(values) for name, values in scores.items()}
