"""Quality of samples: how close they are to the data, how much of it they cover, and whether they copy it."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from aectl.data.source import SplitName
from aectl.errors import UserError
from aectl.evaluation.baseline_comparison import FIT_VALUES
from aectl.inference.sampling import COMPONENTS_OF_MIXTURE, SOURCES, Sampler, check_sampler, default_sampler, generate
from aectl.inference.trained_run import TrainedRun
from aectl.models.capabilities import IsConditional

COMPONENTS = 64
NEIGHBOURS = 5
COPIED = 0.5


@dataclass(frozen=True)
class SampleScores:
    """Samples compared with held-out examples, on principal components of the training examples."""

    frechet: float  # 0 is the same mean and covariance; comparable only for the same data set
    precision: float  # the share of samples that lie where the data does
    recall: float  # the share of the data that lies where the samples do
    density: float  # how densely the data lies around the samples; 1 for the data itself
    coverage: float  # the share of the data that has a sample near it
    nearest: float  # the median root mean square distance of a sample to its nearest training example
    copies: float  # the share of samples nearer to a training example than half the median distance of held-out ones


@dataclass(frozen=True)
class SampleQuality:
    """The scores of samples and, to compare with, of real examples."""

    n: int  # the samples, and as many real examples
    held_out: int  # the examples that both are compared with
    note: str  # what the numbers can be compared with
    scores: dict[str, SampleScores]  # of the samples of each sampler, then of real examples

    def to_dict(self) -> dict[str, Any]:
        counts = {"n": self.n, "held_out": self.held_out}
        return {**counts, "note": self.note, **{name: asdict(scores) for name, scores in self.scores.items()}}


def check_samplers(trained: TrainedRun, samplers: list[Sampler] | None) -> None:
    """Raises a UserError for a sampler that the model does not have."""
    for sampler in samplers or []:
        if sampler == "prior" and not trained.model.generative:
            others = [other for other in SOURCES if other != "prior"]
            raise UserError(
                f"samplers: {type(trained.model).__name__} has no prior to sample from; "
                f"expected some of {', '.join(others)}"
            )
        if sampler != "prior":
            check_sampler(trained, sampler)


def score_samples(
    trained: TrainedRun, split: SplitName, n: int, samplers: list[Sampler] | None = None
) -> SampleQuality:
    """Scores samples, and as many real examples, against the first `n` examples of a split.

    Samples are drawn by each of the samplers, or else by the default of the model.

    The real examples are of another split, which may be smaller; recall and coverage rise with the number of samples. A
    conditional model is given the classes of the held-out examples.
    """
    held_out = flat_examples(trained, split, n)
    other: SplitName = "val" if split != "val" else "test"
    real = flat_examples(trained, other, len(held_out))
    features = Features(flat_examples(trained, "train", FIT_VALUES), held_out)
    y = trained.run.data.split(split).y if isinstance(trained.model, IsConditional) else None
    classes = None if y is None else y[: len(real)].to(trained.device)
    drawn = {
        sampler: generate(trained, len(real), sampler, COMPONENTS_OF_MIXTURE, cond=classes).flatten(1).numpy()
        for sampler in samplers or [default_sampler(trained.model)]
    }
    examples = trained.modality.name
    return SampleQuality(
        len(real),
        len(held_out),
        f"Frechet distance of {features.held_out.shape[1]} principal components of the training {examples} of "
        f"{trained.run.cfg.names.dataset}: compare it with itself alone, over as many samples",
        {
            **{f"samples of {SOURCES[sampler]}": features.score(images) for sampler, images in drawn.items()},
            f"real {examples} ({other})": features.score(real),
        },
    )


def flat_examples(trained: TrainedRun, split: SplitName, n: int) -> np.ndarray:
    """The first examples of a split as rows in [0, 1], (N, values), as many as fit in memory."""
    most = min(n, FIT_VALUES // math.prod(trained.model.shape))
    return trained.modality.to_model(trained.run.data.split(split).x[:most]).flatten(1).numpy()


class Features:
    """Principal components of the training examples: features that need no download.

    Arguments:
        train: the training examples as rows, (N, values).
        held_out: held-out examples as rows, (M, values).
    """

    def __init__(self, train: np.ndarray, held_out: np.ndarray) -> None:
        from sklearn.decomposition import PCA

        self.train = train
        self.pca = PCA(min(COMPONENTS, *train.shape), random_state=0).fit(train)
        self.held_out = self.pca.transform(held_out)  # (M, D)
        self.distance = float(np.median(nearest_neighbours(train, held_out)[0]))

    def score(self, images: np.ndarray) -> SampleScores:
        """The scores of examples as rows, (M, values)."""
        drawn = self.pca.transform(images)
        distances = nearest_neighbours(self.train, images)[0]
        return SampleScores(
            frechet=frechet(drawn, self.held_out),
            **neighbourhoods(drawn, self.held_out),
            nearest=float(np.median(distances)),
            copies=float((distances < COPIED * self.distance).mean()),
        )


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    r"""The Frechet distance of the Gaussians that fit two sets of features, (N, D) and (M, D).

    .. math:: \| \mu_a - \mu_b \|^2 + \mathrm{tr}(\Sigma_a + \Sigma_b - 2 (\Sigma_a \Sigma_b)^{1/2})

    References:
        | GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium (Heusel et al., 2017), eq. 6
        | https://arxiv.org/abs/1706.08500
    """
    mu_a, mu_b = a.mean(0), b.mean(0)
    root_a, root_b = root_covariance(a), root_covariance(b)
    shared = np.linalg.norm(root_a.T @ root_b, "nuc")  # the trace of the root, also for singular covariances
    return float(max(np.square(mu_a - mu_b).sum() + np.square(root_a).sum() + np.square(root_b).sum() - 2 * shared, 0))


def root_covariance(points: np.ndarray) -> np.ndarray:
    """R with the covariance R R^T of features (N, D), (D, D); zero for a single point."""
    covariance = np.cov(points.T, ddof=min(1, len(points) - 1))
    variances, axes = np.linalg.eigh(np.atleast_2d(covariance))
    return axes * np.sqrt(variances.clip(0))


def neighbourhoods(drawn: np.ndarray, real: np.ndarray) -> dict[str, float]:
    r"""Precision, recall, density and coverage of features (N, D) of samples against (M, D) of real examples.

    A point's neighbourhood is the ball to its fifth nearest neighbour of its own kind.

    References:
        | Improved Precision and Recall Metric for Assessing Generative Models (Kynkaanniemi et al., 2019), eq. 2
        | https://arxiv.org/abs/1904.06991
        | Reliable Fidelity and Diversity Metrics for Generative Models (Naeem et al., 2020), section 3
        | https://arxiv.org/abs/2002.09797
    """
    distances = pairwise_distances(drawn, real)  # (N, M)
    radius_real, radius_drawn = radii(real), radii(drawn)
    inside = distances <= radius_real  # (N, M)
    return {
        "precision": float(inside.any(1).mean()),
        "recall": float((distances <= radius_drawn[:, None]).any(0).mean()),
        "density": float(inside.sum(1).mean() / max(1, neighbours(real))),
        "coverage": float((distances.min(0) <= radius_real).mean()),
    }


def radii(points: np.ndarray) -> np.ndarray:
    """The distance of each point (N, D) to its fifth nearest neighbour, (N,), or to the farthest if there are fewer."""
    rank = neighbours(points)  # rank 0 is the point itself
    return np.partition(pairwise_distances(points, points), rank)[:, rank]


def neighbours(points: np.ndarray) -> int:
    """The number of neighbours in the neighbourhood of a point: five, or all others if there are fewer."""
    return min(NEIGHBOURS, len(points) - 1)


def pairwise_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distances of points (N, D) from points (M, D), (N, M); exactly 0 for equal points."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(torch.from_numpy(a), torch.from_numpy(b), compute_mode=exact).numpy()


def nearest_neighbours(train: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The root mean square distance of each example (M, values) to its nearest training example, and its index."""
    from sklearn.neighbors import NearestNeighbors

    distances, indices = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train).kneighbors(images)
    return distances[:, 0] / np.sqrt(train.shape[1]), indices[:, 0]
