"""Which of many codes are close to each other, which are the same, and which are far from all others."""

from dataclasses import dataclass

import numpy as np

DUPLICATE = 0.05  # of the median distance between two codes
ODD = 3.5  # standard deviations from the median, which are estimated robustly
MAD = 1.4826  # times the median absolute deviation is the standard deviation of a normal distribution
MOST_NUMBERS = 1_024  # of a code; longer ones are projected
PAIRS = 10_000


@dataclass(frozen=True)
class Similarities:
    """What there is to know of N codes.

    Arguments:
        neighbours: the indices of the nearest others of each, (N, K), nearest first.
        distances: how far they are, (N, K).
        typical: the median distance between two codes.
        oddness: the mean distance of each to its neighbours, in typical distances, (N,).
        odd: the indices of those that are far from all others, the farthest first.
        duplicates: groups of indices of codes that are nearly the same.
    """

    neighbours: np.ndarray
    distances: np.ndarray
    typical: float
    oddness: np.ndarray
    odd: list[int]
    duplicates: list[list[int]]


def compare(codes: np.ndarray, k: int) -> Similarities:
    """Compares codes (N, D), N at least 2, by the Euclidean distance, each with its `k` nearest."""
    from sklearn.neighbors import NearestNeighbors

    codes = project(codes)
    k = min(k, len(codes) - 1)
    found = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(codes)
    distances, neighbours = found.kneighbors()  # of each, without itself
    typical = typical_distance(codes)
    oddness = distances.mean(axis=1) / (typical or 1.0)
    return Similarities(
        neighbours, distances, typical, oddness, odd_ones(oddness), groups(neighbours, distances <= DUPLICATE * typical)
    )


def project(codes: np.ndarray) -> np.ndarray:
    """Codes of at most 1,024 numbers at about the same distances, by a random projection.

    References:
        | Extensions of Lipschitz mappings into a Hilbert space (Johnson & Lindenstrauss, 1984)
    """
    if codes.shape[1] <= MOST_NUMBERS:
        return codes
    directions = np.random.default_rng(0).standard_normal((codes.shape[1], MOST_NUMBERS), dtype=np.float32)
    return codes @ directions / np.float32(np.sqrt(MOST_NUMBERS))


def typical_distance(codes: np.ndarray) -> float:
    """The median distance between two codes, of random pairs."""
    first, second = np.random.default_rng(0).integers(0, len(codes), (2, PAIRS))
    different = first != second
    return float(np.median(np.linalg.norm(codes[first[different]] - codes[second[different]], axis=1)))


def odd_ones(oddness: np.ndarray) -> list[int]:
    """The indices of values that are far above the others, the greatest first."""
    middle = np.median(oddness)
    deviation = MAD * np.median(np.abs(oddness - middle))
    order = np.argsort(-oddness, kind="stable")
    return [int(index) for index in order if oddness[index] > middle + ODD * deviation and deviation > 0]


def groups(neighbours: np.ndarray, same: np.ndarray) -> list[list[int]]:
    """The connected groups of two or more indices, given which neighbours (N, K) are the same (N, K)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = np.nonzero(same)
    edges = coo_array((np.ones(len(rows)), (rows, neighbours[rows, columns])), shape=(len(same), len(same)))
    _, labels = connected_components(edges, directed=False)
    members = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels[rows])]
    return sorted(members, key=lambda group: (-len(group), group))
