"""A comparison names its panels and has a scale that can be read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aectl.plots.comparison import comparison, scale_end
from aectl.plots.figures import save_figure

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("error", "end"), [(0.0, 1), (0.7, 1), (3, 5), (5, 5), (14, 20), (49, 50), (120, 200)])
def test_a_scale_ends_at_a_round_number(error: float, end: float) -> None:
    assert scale_end(error) == end


@pytest.mark.parametrize("size", [(8, 8), (30, 200), (200, 30), (200, 280)])
def test_panels_are_named_and_the_error_has_a_scale(tmp_path: Path, size: tuple[int, int]) -> None:
    before, after = RNG.random((2, 3, *size)).astype(np.float32)
    figure = comparison({"input": before, "output": after}, np.full(size, 12.0))
    assert [axes.get_title() for axes in figure.axes[:3]] == ["input", "output", "error, gray levels"]
    assert figure.axes[3].get_ylim() == (0, 20)
    assert figure.axes[0].get_images()[0].get_array().shape == (*size, 3)
    with Image.open(save_figure(figure, tmp_path / "a.png")) as image:
        assert image.width > 3 * size[1]
        assert max(image.size) < 2_000


def test_a_gray_picture_without_a_reference_has_two_panels() -> None:
    figure = comparison({"input": np.zeros((1, 9, 9)), "output": np.ones((1, 18, 18))})
    assert [axes.get_title() for axes in figure.axes] == ["input", "output"]
