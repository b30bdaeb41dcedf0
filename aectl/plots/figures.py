"""Figures of images and latents, drawn by matplotlib."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from aectl.io.atomic import write_atomic

DPI = 150
INCHES_PER_IMAGE, GAP = 0.55, 0.05  # of a row of images, and between two, in units of an image
LINE, LETTER = 24, 10  # pixels of a line of text and, on average, of a letter
LONGEST_FOLDER = 30  # letters
NARROWEST = 380  # pixels of a panel, so that its title has some words a line
MOST_NAMED, ONE_COLUMN = 40, 24  # classes that a legend names, and those that it has in one column
BESIDE: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "frameon": False}  # a legend's place


def save_figure(figure: Figure, path: Path, tight: bool = True) -> Path:
    """Writes the figure, cut to what is drawn if it is to be `tight`."""
    around = "tight" if tight else None
    return write_atomic(path, lambda aside: figure.savefig(aside, dpi=DPI, bbox_inches=around, facecolor="white"))


def tell_apart(names: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Labels of several runs: their names, after that of the run's folder, or else a number, where some are equal."""
    own = [Path(folder).name[-LONGEST_FOLDER:].replace("$", r"\$") for folder in folders]
    heads = own if len({*own}) == len(own) else range(1, len(own) + 1)
    if len({*names}) == len(names):
        return [*names]
    return [f"{head}: {name}" for head, name in zip(heads, names, strict=True)]


def show_image(axes: Axes, image: np.ndarray, colours: str = "gray", most: float = 1.0) -> AxesImage:
    """As `draw_image`, without the axes around it."""
    shown = draw_image(axes, image, colours, most)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return shown


def draw_image(axes: Axes, image: np.ndarray, colours: str = "gray", most: float = 1.0, **place: Any) -> AxesImage:
    """Draws an image (C, H, W) in [0, most]; one channel is gray, or in another colour map. `place` is for `imshow`."""
    pixels = image.clip(0, most).transpose(1, 2, 0)
    flat = pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels
    return axes.imshow(flat, cmap=colours, vmin=0, vmax=most, **place)


def image_rows(
    named: dict[str, np.ndarray],
    title: str,
    heads: Sequence[str] = (),
    errors: dict[str, np.ndarray] | None = None,
    inches: float = INCHES_PER_IMAGE,
) -> Figure:
    """A figure with a row for each entry of `named`, images (N, C, H, W), each row of its own size.

    `heads` are the titles of the columns; `errors` are rows of error maps (N, 1, H, W) below, on one colour scale.
    """
    errors = errors or {}
    most = max((float(maps.max()) for maps in errors.values()), default=1.0) or 1.0
    everything = {**named, **errors}
    columns = max(len(images) for images in everything.values())
    cell = min(1, named_aspect(named))  # its height, in units of its width
    across, down = columns * (1 + GAP) - GAP, len(everything) * (cell + GAP) - GAP
    figure = Figure(figsize=(inches * across, inches * down))
    axes = figure.add_axes((0, 0, 1, 1))  # one for all, as each takes long to make
    axes.set_axis_off()
    for row, (name, images) in enumerate(everything.items()):
        top = row * (cell + GAP)
        colours, brightest = ("magma", most) if name in errors else ("gray", 1.0)
        axes.text(-GAP, top + cell / 2, name, ha="right", va="center", fontsize=9)
        for column, image in enumerate(images):
            box = fitted(image, column * (1 + GAP), top, cell)
            shown = draw_image(axes, image, colours, brightest, extent=box, aspect="auto")
    axes.set(xlim=(0, across), ylim=(down, 0))
    for column, head in enumerate(heads):
        axes.text(column * (1 + GAP) + 0.5, -GAP, head, ha="center", va="bottom", fontsize=7)
    if errors:
        beside = axes.inset_axes((across + 0.08, down - cell, 0.12, cell), transform=axes.transData)
        figure.colorbar(shown, cax=beside).ax.tick_params(labelsize=6)
    lines = max((head.count("\n") + 1 for head in heads), default=0)
    figure.text(0.5, 1 + (0.1 + 0.13 * lines) / figure.get_figheight(), title, fontsize=10, ha="center", va="bottom")
    return figure


def named_aspect(named: dict[str, np.ndarray]) -> float:
    """The height of the pictures of the last row, in units of their width."""
    *_, last = named.values()
    return last.shape[-2] / last.shape[-1]


def fitted(image: np.ndarray, left: float, top: float, height: float) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of an image in the middle of a cell of width 1, as large as it can be there."""
    wide = min(1, height * image.shape[-1] / image.shape[-2])
    high = wide * image.shape[-2] / image.shape[-1]
    x, y = left + (1 - wide) / 2, top + (height - high) / 2
    return x, x + wide, y + high, y


def scatter(
    points: np.ndarray,
    labels: np.ndarray | None,
    classes: Sequence[str],
    names: Sequence[str],
    box: Sequence[Any] | None = None,
) -> Figure:
    """Points (N, 2), coloured by class with a legend if there are labels.

    `box` has the lowest and the highest coordinates of a grid of decoded points, which is outlined.
    """
    figure = Figure(figsize=(6.5, 5.5))
    axes = figure.subplots()
    size = float(np.clip(6000 / len(points), 2, 18))
    if labels is None:
        axes.scatter(points[:, 0], points[:, 1], s=size, alpha=0.6, linewidths=0)
    else:
        colours = class_colours(len(classes))
        for index in (each for each in range(len(classes)) if (labels == each).any()):
            x, y = points[labels == index].T
            axes.scatter(x, y, s=size, alpha=0.7, linewidths=0, color=colours[index], label=classes[index])
    if box is not None:
        (left, bottom), (right, top) = (map(float, corner) for corner in box)
        outline = Rectangle((left, bottom), right - left, top - bottom, fill=False, ls="--", label="decoded grid")
        axes.add_patch(outline)
    named = len(axes.get_legend_handles_labels()[0])
    if 0 < named <= MOST_NAMED:
        axes.legend(markerscale=max(1, 6 / math.sqrt(size)), ncols=1 + (named > ONE_COLUMN), **BESIDE)
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def class_colours(n: int) -> list[tuple[float, ...]]:
    """A colour for each of `n` classes; of more than twenty, neighbours resemble each other."""
    if n <= 20:
        return [colormaps["tab10" if n <= 10 else "tab20"](index) for index in range(n)]
    return [colormaps["gist_rainbow"](index / n) for index in range(n)]


def histogram(values: np.ndarray, labels: np.ndarray | None, classes: Sequence[str], name: str) -> Figure:
    """A histogram of one latent dimension, (N,), stacked by class if there are labels."""
    figure = Figure(figsize=(6.5, 4))
    axes = figure.subplots()
    parts = [values] if labels is None else [values[labels == index] for index in range(len(classes))]
    axes.hist(parts, bins=50, stacked=True, label=None if labels is None else list(classes))
    if labels is not None:
        axes.legend(**BESIDE)
    axes.set(xlabel=name, ylabel="examples")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def trends(x: Sequence[float], named: dict[str, np.ndarray], units: Sequence[str], title: str, label: str) -> Figure:
    """Of each of some measures a panel: (3, S), the mean at S points and the quartiles around it; NaN is left out."""
    figure = Figure(figsize=(2.6 * len(named), 2.6), layout="constrained")
    panels = figure.subplots(1, len(named), squeeze=False)[0]
    for axes, (name, (mean, low, high)), unit in zip(panels, named.items(), units, strict=True):
        axes.fill_between(x, low, high, alpha=0.2, linewidth=0)
        axes.plot(x, mean, marker="o", markersize=3)
        axes.set(title=name, xlabel=label, ylabel=unit)
        axes.title.set_fontsize(9)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    return figure


def latent_grid(picture: np.ndarray, xs: np.ndarray, ys: np.ndarray, title: str) -> Figure:
    """A grid (C, H, W) uint8 of images decoded at `xs` by `ys`; the second axis points up."""
    figure = Figure(figsize=(6.5, 6.5 * picture.shape[1] / picture.shape[2]))
    axes = figure.subplots()
    show_image(axes, picture, most=255)
    axes.set_xticks(cell_centers(picture.shape[2], len(xs)), [f"{x:.1f}" for x in xs], fontsize=7)
    axes.set_yticks(cell_centers(picture.shape[1], len(ys)), [f"{y:.1f}" for y in reversed(ys)], fontsize=7)
    axes.tick_params(length=0)
    axes.set(xlabel="$z_1$", ylabel="$z_2$")
    axes.set_title(title, fontsize=10)
    return figure


def cell_centers(length: int, parts: int) -> np.ndarray:
    return (np.arange(parts) + 0.5) * length / parts - 0.5


def panels(pictures: dict[str, np.ndarray], rows: Sequence[str] = ()) -> Figure:
    """Pictures (C, H, W) uint8 side by side, each below its title, pixel by pixel: to save with `tight=False`.

    `rows` are the names of the rows of the first picture, from the top, which are written to its left.
    """
    widths = [max(picture.shape[2], NARROWEST) for picture in pictures.values()]
    titles = [textwrap.fill(title, max(1, width // LETTER)) for title, width in zip(pictures, widths, strict=True)]
    head = LINE * (1 + max(title.count("\n") + 1 for title in titles))
    height = head + max(picture.shape[1] for picture in pictures.values()) + LINE
    left = LINE + max((LETTER * len(name) for name in rows), default=0)
    width = left + sum(widths) + LINE * len(widths)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    for number, name in enumerate(rows):
        middle = head + (number + 0.5) * next(iter(pictures.values())).shape[1] / len(rows)
        place = (left - LINE // 4) / width, 1 - middle / height
        figure.text(*place, name, fontsize=9, ha="right", va="center", parse_math=False)
    for title, picture, wide in zip(titles, pictures.values(), widths, strict=True):
        pixels = np.broadcast_to(picture.transpose(1, 2, 0), (*picture.shape[1:], 3))
        figure.figimage(pixels, left, height - head - picture.shape[1])
        figure.text(left / width, 1 - (head - LINE // 2) / height, title, fontsize=9, va="bottom")
        left += wide + LINE
    return figure
