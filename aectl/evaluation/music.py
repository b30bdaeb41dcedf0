"""What is measured of models of music besides the scores of every modality: what they write, as music."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aectl.data.loader import Batches
from aectl.data.music.transpose import Transpose
from aectl.evaluation.baseline_comparison import BaselineComparison, tracks_of
from aectl.evaluation.scores import MeanCI, concatenate_scores, mean_ci, mean_scores, score_batch
from aectl.inference.latents import DECODED_AT_ONCE
from aectl.inference.sampling import Sampler, default_sampler
from aectl.inference.trained_run import TrainedRun
from aectl.inference.walks import Cost, Walks, measure_walks
from aectl.modalities import Tokens
from aectl.modalities.vocabulary import FIRST_PITCH, LOWEST_PITCH, MELODY
from aectl.models.capabilities import HasLatent, HasTeacherForcing, IsConditional
from aectl.rng import seeded_rng
from aectl.tasks.baselines.ngram import NGram

WALKS, WALK_STEPS = 64, 16  # walks between held-out windows, and the windows of each
SAMPLES = 1000  # at most


@dataclass(frozen=True)
class MusicSamples:
    """Samples beside held-out windows.

    Arguments:
        n: how many there are.
        nats: what they cost under an n-gram model.
        pitch_overlap: of the histograms of their twelve pitch classes and those of held-out notes, 1 if equal; None
            without melodies.
        copies: the share that are windows of the training split.
    """

    n: int
    nats: MeanCI
    pitch_overlap: float | None
    copies: float


@dataclass(frozen=True)
class MusicQuality:
    """What a model writes, as music.

    Arguments:
        forced: the scores of reconstructions that are told the true tokens; empty of a model that writes all at once.
        real_nats: what held-out windows cost under an n-gram model, transposed at random as in training.
        samples: of each sampler; none without a latent, or of a conditional model.
        walks: between held-out windows; None without a latent.
    """

    forced: dict[str, MeanCI]
    real_nats: MeanCI
    samples: Mapping[Sampler, MusicSamples]
    walks: Walks | None

    def to_dict(self) -> dict[str, Any]:
        walks = {name: values.tolist() for name, values in self.walks._asdict().items()} if self.walks else None
        return {**asdict(self), "walks": walks}


def score_music(
    trained: TrainedRun,
    modality: Tokens,
    comparison: BaselineComparison,
    batches: Batches,
    samples: int,
    samplers: Sequence[Sampler] | None = None,
) -> MusicQuality:
    cost = ngram_cost(modality, comparison)
    real = transposed(trained, modality, batches.split.x)
    latent = isinstance(trained.model, HasLatent) and not isinstance(trained.model, IsConditional)
    drawn_from = (samplers or [default_sampler(trained.model)]) if samples and latent else []
    return MusicQuality(
        forced=score_forced(trained, batches),
        real_nats=mean_ci(cost(real).numpy()),
        samples={each: score_drawn(trained, modality, cost, real, min(samples, SAMPLES), each) for each in drawn_from},
        walks=measure_walks(trained, cost, WALKS, WALK_STEPS) if latent else None,
    )


def transposed(trained: TrainedRun, modality: Tokens, windows: Tensor) -> Tensor:
    """Windows (N, T, tracks) as training drew them: the model has learned those, in any key."""
    node = trained.run.cfg.get("augment", {}).get("transpose", {})
    if node.get("_target_") != f"{Transpose.__module__}.{Transpose.__name__}":
        return windows
    transpose = Transpose(int(node.semitones))
    transpose.fit_to(modality)
    with seeded_rng(trained.seed, torch.device("cpu")):
        return torch.cat([modality.to_stored(transpose(modality.to_model(x))) for x in windows.split(DECODED_AT_ONCE)])


def ngram_cost(modality: Tokens, comparison: BaselineComparison) -> Cost:
    """The nats of windows under an n-gram model of the training split."""
    ngram = NGram(tracks_of(modality))
    state = comparison.fitted(ngram)

    def cost(windows: Tensor) -> Tensor:
        hot = (modality.to_model(part).numpy() for part in windows.split(DECODED_AT_ONCE))
        return torch.from_numpy(np.concatenate([ngram.nats(ngram.restore(x, state), x) for x in hot]))

    return cost


@torch.inference_mode()
def score_forced(trained: TrainedRun, batches: Batches) -> dict[str, MeanCI]:
    if not isinstance(trained.model, HasTeacherForcing):
        return {}
    examples = (trained.make_example(batch, index) for index, batch in enumerate(batches))
    parts = [
        score_batch(trained.modality, trained.model.teacher_forced(example), example.target, example.weight)
        for example in examples
    ]
    return mean_scores(concatenate_scores(parts))


def score_drawn(
    trained: TrainedRun, modality: Tokens, cost: Cost, real: Tensor, n: int, sampler: Sampler
) -> MusicSamples:
    drawn = modality.to_stored(trained.sample(n, sampler=sampler))
    known = {window.tobytes() for window in trained.run.data.split("train").x.numpy()}
    copies = [window.tobytes() in known for window in drawn.to(real.dtype).numpy()]
    has_melody = MELODY in modality.vocabularies
    overlap = histogram_overlap(*(pitch_classes(x, modality.vocabularies) for x in (drawn, real)))
    return MusicSamples(n, mean_ci(cost(drawn).numpy()), overlap if has_melody else None, float(np.mean(copies)))


def pitch_classes(windows: Tensor, vocabularies: tuple[int, ...]) -> Tensor:
    """How many notes of melodies (N, T, tracks) are of each of the twelve pitch classes from C on, (12,)."""
    melodies = windows[..., torch.tensor(vocabularies) == MELODY].long()
    return (melodies[melodies >= FIRST_PITCH] - FIRST_PITCH + LOWEST_PITCH).remainder(12).bincount(minlength=12)


def histogram_overlap(a: Tensor, b: Tensor) -> float:
    r"""$\sum_k \min(a_k, b_k)$ of histograms (K,), each divided by its sum."""
    return float(torch.minimum(a / a.sum().clamp_min(1), b / b.sum().clamp_min(1)).sum())
