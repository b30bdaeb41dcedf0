"""What is decoded when the page is made: it is shown where the page cannot decode, and behind the map."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch

from aectl.explorer.projection import Projection
from aectl.explorer.view import View
from aectl.inference.latent_space import REACH, lerp
from aectl.inference.latents import decode_codes
from aectl.inference.trained_run import TrainedRun
from aectl.models.capabilities import IsConditional

SIDE = 15  # points along a side of the grid
INNER = (0.01, 0.99)  # the grid reaches from one quantile of the points to the other, along each axis
STEPS = 11  # pictures along a unit, and between two classes
MOST_PATHS = 10  # between classes


class Tiles(NamedTuple):
    """Files by name, and what their rows are."""

    files: dict[str, bytes]
    facts: dict[str, Any]


def make_tiles(
    trained: TrainedRun,
    view: View,
    codes: np.ndarray,
    projection: Projection,
    units: list[int],
    means: dict[int, np.ndarray],
) -> Tiles:
    """The grid of the map, a row for each of the units, and a row between each class and the next.

    Arguments:
        trained: the run.
        view: how the page keeps examples.
        codes: the latents on the map, (N, D).
        projection: the map.
        units: dimensions to vary around the mean latent.
        means: the mean latent of each class, (D,).
    """
    low, high = np.quantile(projection.points, INNER, axis=0)
    xs, ys = (np.linspace(low[axis], high[axis], SIDE) for axis in (0, 1))
    points = np.stack(np.meshgrid(xs, ys[::-1]), axis=-1).reshape(-1, 2)  # rows from the top
    files = {"grid": decoded(trained, view, projection.to_codes(points, codes), SIDE)}
    reach = REACH * codes.std(0)
    rows = [codes.mean(0) + np.linspace(-1, 1, STEPS)[:, None] * np.eye(len(reach))[unit] * reach for unit in units]
    files["traversals"] = decoded(trained, view, np.concatenate(rows), STEPS)
    order = sorted(means)[: MOST_PATHS + 1]
    pairs = list(pairwise(order))
    if pairs:
        ends = [[torch.from_numpy(means[label]) for label in pair] for pair in pairs]
        paths = [lerp(start, end, STEPS).numpy() for start, end in ends]
        files["paths"] = decoded(trained, view, np.concatenate(paths), STEPS)
    box = [float(value) for value in (low[0], low[1], high[0], high[1])]
    return Tiles(files, {"side": SIDE, "box": box, "steps": STEPS, "reach": reach[units].tolist(), "pairs": pairs})


def decoded(trained: TrainedRun, view: View, codes: np.ndarray, columns: int) -> bytes:
    """What latents (N, D) decode to, as a file; a conditional model decodes them as its first class."""
    cond = trained.as_cond(0 if isinstance(trained.model, IsConditional) else None, 1)
    outputs = decode_codes(trained, torch.as_tensor(codes, dtype=torch.float32), cond)
    return view.pack(view.keep(outputs.clamp(0, 1)), columns)
