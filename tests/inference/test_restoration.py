"""A large picture in small tiles: exact where the function is local, without seams where it is not."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from aectl.inference.tiling import Tiling, apply_tiled, blend_weights, fitting_side, tile_starts

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3, 100, 130), (1, 20, 300), (1, 8, 8), (3, 65, 64), (1, 1, 1)])
@pytest.mark.parametrize(("tile", "overlap"), [((64, 64), 16), ((32, 48), 8), ((28, 28), 14), ((16, 16), 0)])
@pytest.mark.parametrize("scale", [1, 2])
def test_a_function_of_single_pixels_gives_the_same_in_tiles(
    shape: tuple[int, int, int], tile: tuple[int, int], overlap: int, scale: int
) -> None:
    image = RNG.integers(0, 256, shape, dtype=np.uint8)
    found = apply_tiled(image, lambda x: x.repeat(scale, 2).repeat(scale, 3), Tiling(tile, overlap), scale)
    np.testing.assert_array_equal(found, image.repeat(scale, 1).repeat(scale, 2))


def test_every_tile_has_the_requested_size() -> None:
    seen = set()

    def note(x: np.ndarray) -> np.ndarray:
        seen.add(x.shape)
        return x

    apply_tiled(np.zeros((3, 100, 37), np.uint8), note, Tiling((28, 40), 10))
    assert seen == {(1, 3, 28, 40)}


def test_there_is_no_seam_between_tiles_that_disagree() -> None:
    levels = iter(np.tile([0.2, 0.8], 100))
    image = np.zeros((1, 32, 200), np.uint8)
    found = apply_tiled(image, lambda x: np.full_like(x, next(levels)), Tiling((32, 48), 24)).astype(int)
    assert found.max() - found.min() > 100
    assert np.abs(np.diff(found[0], axis=1)).max() < 12


@pytest.mark.parametrize("length", [8, 9, 31, 64, 1000])
@pytest.mark.parametrize(("side", "overlap"), [(8, 2), (8, 0), (8, 7), (64, 32)])
def test_tiles_cover_the_axis_with_overlap_and_their_weights_add_up_to_1(length: int, side: int, overlap: int) -> None:
    side = min(side, length)
    overlap = min(overlap, side - 1)
    starts = tile_starts(length, side, overlap)
    assert starts[0] == 0
    assert starts[-1] == length - side
    assert all(0 < after - before <= side - overlap for before, after in pairwise(starts))
    np.testing.assert_allclose(blend_weights(length, side, starts).sum(axis=0), 1, rtol=1e-6)


@pytest.mark.parametrize("length", [9, 63, 64, 65, 200, 1001])
@pytest.mark.parametrize(("side", "overlap"), [(16, 8), (20, 10), (64, 32)])
def test_tiles_begin_at_multiples_of_the_step(length: int, side: int, overlap: int) -> None:
    side = fitting_side(length, min(side, length), 8)
    starts = tile_starts(length, side, overlap, 8)
    assert all(start % 8 == 0 for start in starts)
    assert starts[-1] == length - side
    assert all(0 < after - before <= side - overlap for before, after in pairwise(starts))
    np.testing.assert_allclose(blend_weights(length, side, starts, margin=overlap // 4).sum(axis=0), 1, rtol=1e-6)


def blur_in_cells(x: np.ndarray) -> np.ndarray:
    """A blur of 9 cells of 2x2 pixels, with zeros beyond the edges, as a net of that receptive field computes."""
    cells = torch.nn.functional.avg_pool2d(torch.from_numpy(x), 2)
    kernel = torch.ones(1, 1, 9, 9) / 81
    blurred = torch.nn.functional.conv2d(cells.transpose(0, 1), kernel, padding=4).transpose(0, 1)
    return blurred.repeat_interleave(2, 2).repeat_interleave(2, 3).numpy()


def test_tiles_aligned_with_the_cells_of_a_net_show_no_seam() -> None:
    image = RNG.integers(0, 256, (3, 150, 204), dtype=np.uint8)
    whole = apply_tiled(image, blur_in_cells, Tiling((150, 204), 0)).astype(int)
    tiled = apply_tiled(image, blur_in_cells, Tiling((60, 60), 32, margin=8, step=8)).astype(int)
    assert np.abs(whole - tiled).max() <= 1
