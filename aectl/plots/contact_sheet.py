"""A contact sheet: rows of small pictures with a caption each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from aectl.plots.figures import show_image

INCHES = 1.05  # the height of a picture
LONGEST = 18  # letters above a square picture


class Row(NamedTuple):
    """Pictures (N, C, H, W) in [0, 1] with their names and distances, None for no distance; and a label before them."""

    label: str
    images: np.ndarray
    names: Sequence[str]
    distances: Sequence[float | None]


def contact_sheet(rows: Sequence[Row], title: str) -> Figure:
    """A figure of rows of pictures, each under its distance and name, which is drawn as it is."""
    columns = max(len(row.images) for row in rows)
    aspect = max(1.0, rows[0].images.shape[3] / rows[0].images.shape[2])
    figure = Figure(figsize=(INCHES * aspect * columns + 1.1, (INCHES + 0.22) * len(rows)))
    grid = figure.subplots(len(rows), columns, squeeze=False, gridspec_kw={"wspace": 0.06, "hspace": 0.3})
    for row, places in zip(rows, grid, strict=True):
        places[0].set_ylabel(row.label, rotation=0, ha="right", va="center", fontsize=8)
        for place, image, name, distance in zip(places, row.images, row.names, row.distances, strict=False):
            show_image(place, image)
            far = "" if distance is None else f"{distance:.2f}  "
            place.set_title(
                far + shorten(name, int(LONGEST * aspect) - len(far)), fontsize=6.5, pad=2, parse_math=False
            )
        for place in places[len(row.images) :]:
            place.axis("off")
    figure.suptitle(title, fontsize=10, y=figure.subplotpars.top + 0.35 / figure.get_figheight(), va="bottom")
    return figure


def shorten(name: str, most: int) -> str:
    """A name of at most so many letters: its end, which differs where beginnings are alike."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in name)
    return shown if len(shown) <= most else f"…{shown[1 - most :]}"
