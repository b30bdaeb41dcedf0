"""A figure of the trade-off between objectives."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SIDE = 4.2  # inches of a panel
MOST_NAMES = 25  # on the front, so that they can be read
WIDE = 20  # times the least value, from which on an axis is logarithmic


def pareto_figure(
    points: np.ndarray,
    front: Sequence[int],
    objectives: Sequence[str],
    more_is_better: Sequence[bool],
    names: Sequence[str],
) -> Figure:
    """Points (N, K), those of the Pareto front by their names, in a panel for each pair of the K objectives."""
    pairs = list(combinations(range(points.shape[1]), 2))
    figure = Figure(figsize=(SIDE * 1.25 * len(pairs), SIDE), layout="constrained")
    heads = [
        f"{name} ({'more' if more else 'less'} is better)"
        for name, more in zip(objectives, more_is_better, strict=True)
    ]
    for axes, (x, y) in zip(figure.subplots(1, len(pairs), squeeze=False)[0], pairs, strict=True):
        draw_pair(axes, points[:, [x, y]], front, names)
        if len(pairs) == 1:
            join(axes, points[list(front)], more_is_better[x])
        axes.set(xlabel=heads[x], ylabel=heads[y], xscale=scale_of(points[:, x]), yscale=scale_of(points[:, y]))
    return figure


def scale_of(values: np.ndarray) -> str:
    return "log" if np.nanmin(values) > 0 and np.nanmax(values) > WIDE * np.nanmin(values) else "linear"


def join(axes: Axes, chosen: np.ndarray, more_is_better: bool) -> None:
    """Draws what of the second objective the best job has that reaches each value of the first one."""
    x, y = chosen[np.lexsort(chosen.T[::-1])].T
    axes.plot(x, y, drawstyle="steps-pre" if more_is_better else "steps-post", color="tab:blue", lw=1, alpha=0.5)


def draw_pair(axes: Axes, points: np.ndarray, front: Sequence[int], names: Sequence[str]) -> None:
    others = [index for index in range(len(points)) if index not in front]
    chosen = sorted(front, key=lambda index: tuple(points[index]))
    axes.scatter(points[others, 0], points[others, 1], s=18, color="0.7", label="other jobs")
    axes.scatter(points[chosen, 0], points[chosen, 1], s=28, color="tab:blue", label="Pareto front", zorder=3)
    for number, index in enumerate(chosen if len(chosen) <= MOST_NAMES else ()):
        above = number % 2 == 0  # by turns: neighbours may be close
        beside, side = ((0, 5), "bottom") if above else ((0, -5), "top")
        style: dict[str, Any] = {
            "fontsize": 8,
            "ha": "center",
            "va": side,
            "bbox": {"facecolor": "white", "lw": 0, "pad": 0.5},
        }
        axes.annotate(names[index], points[index], beside, textcoords="offset points", **style)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
