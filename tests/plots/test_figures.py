"""Figures show all that they are given."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aectl.plots import figures


def test_the_scatter_has_a_legend_with_every_class() -> None:
    points, labels = np.random.default_rng(0).normal(size=(100, 2)), np.arange(100) % 10
    figure = figures.scatter(points, labels, [f"class {i}" for i in range(10)], ["a", "b"])
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [f"class {i}" for i in range(10)]
    drawn = np.concatenate([np.asarray(dots.get_offsets()) for dots in figure.axes[0].collections])
    assert np.allclose(np.sort(drawn, 0), np.sort(points, 0))


@pytest.mark.parametrize("channels", [1, 3])
def test_panels_are_drawn_to_the_pixel_below_their_titles(channels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = {name: rng.integers(0, 256, (channels, 50, 400), dtype=np.uint8) for name in ("one", "two " * 40)}
    path = figures.save_figure(figures.panels(pictures), tmp_path / "panels.png", tight=False)
    with Image.open(path) as saved:
        drawn = np.asarray(saved.convert("RGB"))
    below = drawn[-74:-24]
    for picture, left in zip(pictures.values(), (24, 448), strict=True):
        assert np.array_equal(below[:, left : left + 400], np.broadcast_to(picture.transpose(1, 2, 0), (50, 400, 3)))
    assert (drawn[:-74, :424] < 128).any()
    assert (drawn[:-74, 448:] < 128).sum() > 10 * (drawn[:-74, :424] < 128).sum()


def test_the_box_of_a_grid_is_outlined() -> None:
    points = np.random.default_rng(0).normal(size=(100, 2))
    (axes,) = figures.scatter(points, None, [], ["a", "b"], ([-1.0, -2.0], [3.0, 4.0])).axes
    (patch,) = axes.patches
    assert patch.get_path().get_extents(patch.get_patch_transform()).bounds == (-1, -2, 4, 6)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["decoded grid"]
