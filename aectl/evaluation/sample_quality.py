"""How much samples look like the data, how much of the data they reach, and whether they copy it."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

COMPONENTS = 64
NEIGHBOURS = 5
COPIED = 0.5


@dataclass(frozen=True)
class SampleScores:
    """Images against as many held-out ones, in the space of the principal components of the training images.

    Arguments:
        frechet: the Frechet distance; 0 is the same mean and covariance. Compares only with itself.
        precision: the share of images that lie where the data does.
        recall: the share of the data that lies where the images do.
        density: how densely the data lies around the images; 1 for the data itself.
        coverage: the share of the data that has an image near it.
        nearest: the median distance of an image to its nearest training image, in pixels' root mean square.
        copies: the share of images nearer to a training image than half the median distance of held-out ones.
    """

    frechet: float
    precision: float
    recall: float
    density: float
    coverage: float
    nearest: float
    copies: float


@dataclass(frozen=True)
class Features:
    """Principal components of the training images: features that need no download.

    Arguments:
        pca: fitted on the training images.
        train: the training images as rows, (N, values).
        held_out: features of held-out images, (M, D).
        distance: the median distance of a held-out image to its nearest training image.
    """

    pca: PCA
    train: np.ndarray
    held_out: np.ndarray
    distance: float

    @classmethod
    def of(cls, train: np.ndarray, held_out: np.ndarray) -> "Features":
        pca = PCA(min(COMPONENTS, *train.shape), random_state=0).fit(train)
        return cls(pca, train, pca.transform(held_out), float(np.median(nearest_neighbours(train, held_out)[0])))

    def score(self, images: np.ndarray) -> SampleScores:
        """The scores of images as rows, (M, values)."""
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
    shared = np.linalg.norm(root_a.T @ root_b, "nuc")  # the trace of the root, of singular covariances too
    return float(max(np.square(mu_a - mu_b).sum() + np.square(root_a).sum() + np.square(root_b).sum() - 2 * shared, 0))


def root_covariance(points: np.ndarray) -> np.ndarray:
    """R with the covariance R R^T of features (N, D), (D, D); a single point varies by nothing."""
    covariance = np.cov(points.T, ddof=min(1, len(points) - 1))
    variances, axes = np.linalg.eigh(np.atleast_2d(covariance))
    return axes * np.sqrt(variances.clip(0))


def neighbourhoods(drawn: np.ndarray, real: np.ndarray) -> dict[str, float]:
    r"""Precision, recall, density and coverage of features (N, D) of samples against (M, D) of real images.

    A point's neighbourhood is the ball to its fifth nearest neighbour of its own kind.

    References:
        | Improved Precision and Recall Metric for Assessing Generative Models (Kynkaanniemi et al., 2019), eq. 2
        | https://arxiv.org/abs/1904.06991
        | Reliable Fidelity and Diversity Metrics for Generative Models (Naeem et al., 2020), eq. 2 and 3
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
    """The distance of each point (N, D) to its fifth nearest neighbour, (N,); to the farthest where there are fewer."""
    place = neighbours(points)  # the nearest, at place 0, is the point itself
    return np.partition(pairwise_distances(points, points), place)[:, place]


def neighbours(points: np.ndarray) -> int:
    """How many neighbours make the neighbourhood of a point: five, or all others where there are fewer."""
    return min(NEIGHBOURS, len(points) - 1)


def pairwise_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distances of points (N, D) from points (M, D), (N, M); of equal ones exactly 0."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(torch.from_numpy(a), torch.from_numpy(b), compute_mode=exact).numpy()


def nearest_neighbours(train: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The root mean square distance of each image (M, values) to its nearest training image, and which one that is."""
    distances, indices = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train).kneighbors(images)
    return distances[:, 0] / np.sqrt(train.shape[1]), indices[:, 0]
