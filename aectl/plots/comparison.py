"""A figure of one picture before and after, beside what it should be."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aectl.plots.figures import DPI, show_image

SHORTEST, LONGEST = (
    320,
    2_000,
)  # pixels of the longer side of a panel: smaller pictures are enlarged, larger ones reduced
GAP, HEAD, SCALE = 0.06, 0.24, 0.55  # inches: between panels, above them, and for the scale of the error
NARROWEST = 1.3  # inches that a panel's name has room in
STEPS = (1, 2, 5)  # the ends of a readable scale, times a power of ten


def comparison(panels: Mapping[str, np.ndarray], error: np.ndarray | None = None) -> Figure:
    """Pictures (C, H, W) in [0, 1], each under its name, and an error (H, W) in gray levels with its scale."""
    _, height, width = list(panels.values())[-1].shape
    zoom = max(1.0, SHORTEST // max(height, width)) * min(1.0, LONGEST / max(height, width)) / DPI
    height, width = height * zoom, width * zoom
    number, slot = len(panels) + (error is not None), max(width, NARROWEST) + GAP
    size = number * slot + GAP + (SCALE if error is not None else 0), height + HEAD + GAP
    figure = Figure(figsize=size)
    lefts = (GAP + (index + 0.5) * slot - (GAP + width) / 2 for index in range(number))
    axes = [figure.add_axes((x / size[0], GAP / size[1], width / size[0], height / size[1])) for x in lefts]
    for place, (name, image) in zip(axes, panels.items(), strict=False):
        show_image(place, image).set_interpolation("nearest" if zoom * DPI >= 1 else "antialiased")
        place.set_title(name, fontsize=9, pad=3)
    if error is not None:
        most = scale_end(float(np.quantile(error, 0.999)))
        shown = show_image(axes[-1], error[None], "magma", most)
        axes[-1].set_title("error, gray levels", fontsize=9, pad=3)
        beside = figure.add_axes(((size[0] - SCALE) / size[0], GAP / size[1], 0.1 / size[0], height / size[1]))
        over = "max" if error.max() > most else "neither"
        figure.colorbar(shown, cax=beside, extend=over).ax.tick_params(labelsize=7)
    return figure


def scale_end(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, ... that is no less."""
    if value <= 1:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next((step * power for step in STEPS if step * power >= value), 10 * power))
