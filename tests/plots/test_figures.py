"""Figures show all that they are given."""

import numpy as np

from aectl.plots import figures


def test_the_scatter_has_a_legend_with_every_class() -> None:
    points, labels = np.random.default_rng(0).normal(size=(100, 2)), np.arange(100) % 10
    figure = figures.scatter(points, labels, [f"class {i}" for i in range(10)], ["a", "b"])
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [f"class {i}" for i in range(10)]
    drawn = np.concatenate([np.asarray(dots.get_offsets()) for dots in figure.axes[0].collections])
    assert np.allclose(np.sort(drawn, 0), np.sort(points, 0))
