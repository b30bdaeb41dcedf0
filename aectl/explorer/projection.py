"""Latents as points of a map, and back from a point to a latent."""

import importlib.util
from typing import Literal, NamedTuple

import numpy as np

from aectl.errors import UserError

MapKind = Literal["pca", "units", "umap"]
MapChoice = MapKind | Literal["auto"]
NEIGHBOURS = 5  # whose mean latent stands for a point of a map without an inverse of its own


class Projection(NamedTuple):
    """Points (N, 2) and how a point becomes a latent: offset + point @ matrix, or the mean latent of its neighbours.

    Arguments:
        points: float32.
        axes: what the two axes are.
        caption: how the map was made.
        exact: whether the map is the latent space itself.
        matrix: (2, D); None where the inverse is the neighbours'.
        offset: (D,).
    """

    points: np.ndarray
    axes: tuple[str, str]
    caption: str
    exact: bool
    matrix: np.ndarray | None
    offset: np.ndarray

    def to_codes(self, points: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """The latents (M, D) of points (M, 2), given those of the map's own points."""
        if self.matrix is not None:
            return self.offset + points @ self.matrix
        distances = np.square(points[:, None] - self.points[None]).sum(-1)
        nearest = np.argsort(distances, axis=1)[:, :NEIGHBOURS]
        return codes[nearest].mean(1)


def check_map(kind: MapChoice) -> None:
    """Raises a UserError if what the map needs is not installed."""
    if kind == "umap" and not importlib.util.find_spec("umap"):
        raise UserError("map=umap: umap-learn is not installed; pip install umap-learn, or use map=pca")


def project(codes: np.ndarray, kind: MapChoice) -> Projection:
    """A map of latents (N, D)."""
    dimensions = codes.shape[1]
    if dimensions == 1:
        return on_a_line(codes)
    if dimensions == 2:
        return Projection(
            codes, ("z1", "z2"), "the latent plane itself", True, np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
        )
    return {"auto": by_pca, "pca": by_pca, "units": by_units, "umap": by_umap}[kind](codes)


def on_a_line(codes: np.ndarray) -> Projection:
    """One dimension: the second axis only spreads the points."""
    spread = np.random.default_rng(0).uniform(-1, 1, len(codes)) * codes.std()
    points = np.stack([codes[:, 0], spread], axis=1).astype(np.float32)
    matrix, caption = np.array([[1], [0]], np.float32), "the latent itself; the height only spreads the points"
    return Projection(points, ("z", ""), caption, True, matrix, np.zeros(1, np.float32))


def by_pca(codes: np.ndarray) -> Projection:
    from sklearn.decomposition import PCA

    pca = PCA(2, random_state=0).fit(codes)
    first, second = pca.explained_variance_ratio_
    axes = (f"principal component 1 ({first:.0%})", f"principal component 2 ({second:.0%})")
    caption = f"PCA of {codes.shape[1]} dimensions, {first + second:.0%} of the variance"
    points = pca.transform(codes).astype(np.float32)
    return Projection(
        points, axes, caption, False, pca.components_.astype(np.float32), codes.mean(0).astype(np.float32)
    )


def by_units(codes: np.ndarray) -> Projection:
    """The two dimensions with the largest variance; the others are at their mean in the inverse."""
    chosen = np.argsort(-codes.var(0))[:2]
    matrix, offset = np.zeros((2, codes.shape[1]), np.float32), codes.mean(0).astype(np.float32)
    matrix[[0, 1], chosen] = 1
    offset[chosen] = 0
    axes = (f"z{chosen[0] + 1}", f"z{chosen[1] + 1}")
    caption = f"the two most active of {codes.shape[1]} dimensions, the others at their mean"
    return Projection(codes[:, chosen].astype(np.float32), axes, caption, False, matrix, offset)


def by_umap(codes: np.ndarray) -> Projection:
    from umap import UMAP

    points = np.asarray(UMAP(random_state=0).fit_transform(codes), np.float32)
    caption = f"UMAP of {codes.shape[1]} dimensions: distances between groups mean little"
    return Projection(points, ("UMAP 1", "UMAP 2"), caption, False, None, codes.mean(0).astype(np.float32))
