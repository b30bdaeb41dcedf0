"""A coloured picture has the luminance that it was given."""

import numpy as np
import pytest
import torch
from PIL import Image

from aectl.errors import UserError
from aectl.image_math import luminance, to_rgb, to_ycbcr, with_luminance
from aectl.tasks.baselines.base import Pairs
from aectl.tasks.baselines.colouring import ConstantChroma, Gray, NearestChroma
from aectl.tasks.colorize import Colorize
from tests.tasks.test_baselines import psnr


def colours(n: int = 6) -> torch.Tensor:
    return torch.rand(n, 3, 9, 7, generator=torch.Generator().manual_seed(0))


def test_luminance_and_chroma_are_pillows() -> None:
    levels = (255 * colours(1)[0]).round().byte().movedim(0, -1).numpy()
    expected = torch.from_numpy(np.array(Image.fromarray(levels).convert("YCbCr"))).movedim(-1, 0)[None].float() / 255
    x = torch.from_numpy(levels).movedim(-1, 0)[None].float() / 255
    found = to_ycbcr(x)
    assert (found - expected)[:, 0].abs().max() < 1 / 255
    assert (found + 128 / 255 - expected)[:, 1:].abs().max() < 1.1 / 255
    torch.testing.assert_close(to_rgb(found), x)
    torch.testing.assert_close(luminance(x)[:, 0], 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2])


def test_the_luminance_of_the_input_is_kept_within_the_range_of_pixels() -> None:
    output, x = 3 * colours() - 1, colours().flip(0)
    task = Colorize()
    kept = task.keep_known(output, task.degrade(x))
    torch.testing.assert_close(luminance(kept), luminance(x))
    assert kept.min() >= -1e-6
    assert kept.max() <= 1 + 1e-6
    chroma, wanted = kept - luminance(kept), output - luminance(output)
    assert ((chroma * wanted).sum(1) >= 0).all()  # the hue is the output's
    torch.testing.assert_close(with_luminance(x, luminance(x)), x)


def test_black_and_white_have_no_colour() -> None:
    for level in (0.0, 1.0):
        y = torch.full((1, 1, 4, 4), level)
        torch.testing.assert_close(with_luminance(torch.rand(1, 3, 4, 4), y), y.expand(-1, 3, -1, -1))


@pytest.mark.parametrize("shape", [(1, 8, 8), (40,)])
def test_gray_images_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        UserError, match=r"task=colorize: takes colour images \(3, H, W\), but .*; use dataset=photos, or"
    ):
        Colorize().input_shape(shape)


def pairs(x: torch.Tensor) -> Pairs:
    return Pairs(luminance(x).numpy(), x.numpy())


def test_the_baselines_colour_as_they_say() -> None:
    train, gray = pairs(colours()), luminance(colours()[:2]) + 0.01
    constant = ConstantChroma().restore(gray.numpy(), ConstantChroma().fit(lambda: train, lambda: train, psnr))
    mean = (colours() - luminance(colours())).mean((0, 2, 3)).view(1, 3, 1, 1)
    np.testing.assert_allclose(constant, gray + mean, atol=1e-6)
    state = NearestChroma().fit(lambda: train, lambda: train, psnr)
    nearest = NearestChroma().restore(gray.numpy(), state)
    np.testing.assert_allclose(nearest, colours()[:2] + 0.01, atol=2 / 255)
    np.testing.assert_array_equal(Gray().restore(gray.numpy(), {}), gray.expand(-1, 3, -1, -1))
