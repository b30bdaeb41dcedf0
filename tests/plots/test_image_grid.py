"""Grids of images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from aectl.modalities import Images
from aectl.plots.image_grid import comparison_grid, enlarge, save_png, tile_images


def flat(n: int, channels: int = 1, height: int = 3, width: int = 4) -> Tensor:
    """Images of one gray each, 10, 20, ..."""
    return (torch.arange(n) + 1).mul(10).to(torch.uint8).view(n, 1, 1, 1).expand(n, channels, height, width)


def noise(*shape: int) -> Tensor:
    """Random pixels, none of them white."""
    return torch.randint(0, 255, shape, dtype=torch.uint8)


def cell(picture: Tensor, row: int, column: int, gap: int = 2, height: int = 3, width: int = 4) -> Tensor:
    top, left = gap + row * (height + gap), gap + column * (width + gap)
    return picture[:, top : top + height, left : left + width]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("gap", [1, 2])
def test_images_are_tiled_row_by_row_in_a_white_frame(channels: int, gap: int) -> None:
    images = noise(6, channels, 3, 4)
    picture = tile_images(images, columns=3, gap=gap)
    assert picture.shape == (channels, gap + 2 * (3 + gap), gap + 3 * (4 + gap))
    for index, image in enumerate(images):
        assert torch.equal(cell(picture, *divmod(index, 3), gap=gap), image)
    assert (picture == 255).sum() == picture.numel() - images.numel()


def test_empty_cells_are_white() -> None:
    picture = tile_images(flat(4), columns=3)
    assert torch.equal(cell(picture, 1, 0), flat(4)[3])
    assert (cell(picture, 1, 1) == 255).all()
    assert (cell(picture, 1, 2) == 255).all()


def test_a_preview_clips_values_to_the_pixel_range() -> None:
    picture = Images((1, 1, 1)).preview([torch.tensor([-3.0, 3.0]).view(2, 1, 1, 1)])
    assert picture[0, 2].tolist() == [255, 255, 0, 255, 255, 255, 255, 255]


def test_enlarge_repeats_each_pixel() -> None:
    images = noise(2, 3, 4, 5)
    expected = images.repeat_interleave(3, dim=2).repeat_interleave(2, dim=3)
    assert torch.equal(enlarge(images, (12, 10)), expected)
    assert enlarge(images, (4, 5)) is images


def test_a_comparison_grid_has_a_row_for_each_batch_with_small_images_enlarged() -> None:
    small, large = noise(3, 1, 2, 2), noise(3, 1, 4, 4)
    picture = comparison_grid([small, large])
    for column in range(3):
        shown = cell(picture, 0, column, height=4, width=4)
        assert torch.equal(shown, small[column].repeat_interleave(2, 1).repeat_interleave(2, 2))
        assert torch.equal(cell(picture, 1, column, height=4, width=4), large[column])


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
@pytest.mark.parametrize("zoom", [1, 3])
def test_a_saved_png_is_read_back(tmp_path: Path, channels: int, mode: str, zoom: int) -> None:
    picture = noise(channels, 5, 7)
    path = save_png(picture, tmp_path / "new" / "picture.png", zoom)
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("PNG", mode, (7 * zoom, 5 * zoom))
        pixels = np.asarray(image).reshape(5 * zoom, 7 * zoom, channels)
    expected = picture.permute(1, 2, 0).numpy().repeat(zoom, 0).repeat(zoom, 1)
    np.testing.assert_array_equal(pixels, expected)


def test_a_comparison_grid_of_gray_and_colour_rows_is_in_colour() -> None:
    grays, colours = noise(2, 1, 3, 4), noise(2, 3, 3, 4)
    picture = comparison_grid([colours, grays])
    assert torch.equal(cell(picture, 0, 1), colours[1])
    assert torch.equal(cell(picture, 1, 1), grays[1].expand(3, -1, -1))
