"""Inpainting hides what it says, fills it from what is visible, and keeps that."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.tasks.baselines.inpainting import Biharmonic, MeanFill, SmoothFill
from aectl.tasks.inpaint import MARK, Inpaint

SHAPES: Any = ["box", "random", "half"]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def masks(shape: Any, fraction: float | list[float], n: int = 200, sides: tuple[int, int] = (16, 20)) -> Tensor:
    return Inpaint(shape, fraction)(torch.rand(n, 3, *sides)).hidden


@pytest.mark.parametrize("shape", SHAPES)
def test_the_last_channel_of_the_input_says_which_pixels_are_hidden(shape: Any) -> None:
    x = torch.rand(5, 3, 12, 14)
    task = Inpaint(shape, 0.3)
    example = task(x)
    assert task.input_shape((3, 12, 14)) == tuple(example.input.shape[1:]) == (4, 12, 14)
    assert torch.equal(example.target, x)
    assert torch.equal(example.hidden, example.input[:, 3:])
    assert set(example.hidden.unique().tolist()) == {0, 1}
    seen = (example.hidden == 0).expand_as(x)
    assert torch.equal(example.input[:, :3][seen], x[seen])
    assert not (example.input[:, :3] == x)[~seen].any()


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
def test_single_pixels_are_hidden_in_the_stated_number(fraction: float) -> None:
    found = masks("random", fraction)
    assert found.sum((1, 2, 3)).tolist() == [round(fraction * 320)] * 200
    if fraction < 1:
        assert found.mean(0).sub(fraction).abs().max() < 5 * (fraction / 200) ** 0.5  # everywhere alike


def test_a_range_draws_one_fraction_for_each_image() -> None:
    fractions = masks("random", [0.2, 0.8], n=2000).mean((1, 2, 3))
    assert fractions.min() >= 0.199
    assert fractions.max() <= 0.801
    assert fractions.mean().item() == pytest.approx(0.5, abs=0.02)
    assert fractions.std().item() == pytest.approx(0.6 / 12**0.5, abs=0.01)


def test_a_box_is_one_rectangle_of_the_stated_size_at_any_position() -> None:
    found = masks("box", 0.25, n=2000)[:, 0]
    down, across = found.amax(2), found.amax(1)
    assert torch.equal(found, down[:, :, None] * across[:, None, :])
    for lines, length in ((down, 8), (across, 10)):
        assert lines.sum(1).unique().tolist() == [length]
        starts = lines.argmax(1)
        assert (lines.gather(1, (starts + length - 1)[:, None]) == 1).all()
        assert starts.unique().tolist() == list(range(length + 1))


@pytest.mark.parametrize("sides", [(16, 20), (7, 9)])
def test_a_half_is_one_of_four(sides: tuple[int, int]) -> None:
    found = masks("half", 0.25, sides=sides)[:, 0]
    height, width = sides
    halves = torch.zeros(4, height, width)
    halves[0, : height // 2], halves[1, (height + 1) // 2 :] = 1, 1
    halves[2, :, : width // 2], halves[3, :, (width + 1) // 2 :] = 1, 1
    assert {tuple(mask.flatten().tolist()) for mask in found} == {tuple(half.flatten().tolist()) for half in halves}


@pytest.mark.parametrize("shape", SHAPES)
def test_at_least_a_pixel_is_hidden(shape: Any) -> None:
    assert masks(shape, 0.001, sides=(4, 4)).sum((1, 2, 3)).min() >= 1


def test_what_is_visible_is_kept_to_the_bit() -> None:
    task, x = Inpaint("random", 0.5), torch.rand(4, 3, 9, 9)
    example = task(x)
    hidden, output = example.hidden.expand_as(x) > 0, torch.rand(4, 3, 9, 9)
    kept = task.keep_known(output, example.input)
    assert torch.equal(kept[~hidden], x[~hidden])
    assert torch.equal(kept[hidden], output[hidden])


def test_the_fill_is_exact_for_a_flat_picture_and_close_for_a_ramp() -> None:
    task, ramp, middle = (
        Inpaint("box", 0.25),
        torch.linspace(0.2, 0.8, 32).expand(1, 1, 32, 32),
        torch.zeros(1, 1, 32, 32),
    )
    middle[..., 8:24, 8:24] = 1
    flat = torch.full_like(ramp, 0.3)
    torch.testing.assert_close(task.untouched(task.degrade(flat)), flat)
    assert (task.untouched(task.from_pictures(ramp, middle)) - ramp).abs().max() < 0.08  # a constant is wrong by 0.15
    assert task.from_pictures(ramp, torch.ones_like(ramp))[:, :1].unique().tolist() == [0.5]


def test_hidden_pixels_are_drawn_in_a_colour_of_their_own() -> None:
    for channels in (1, 3):
        task, x = Inpaint("box", 0.25), torch.rand(2, channels, 8, 8)
        example = task(x)
        drawn = task.drawn(example.input)
        hidden = example.hidden.expand_as(drawn) > 0
        assert drawn.shape == (2, 3, 8, 8)
        assert torch.equal(drawn[~hidden], x.expand_as(drawn)[~hidden])
        assert drawn.movedim(1, -1)[example.hidden[:, 0] > 0].unique(dim=0)[0].tolist() == pytest.approx(MARK)


def test_vectors_are_refused() -> None:
    with pytest.raises(UserError, match=r"task=inpaint: takes images \(C, H, W\), but the data has shape \(40,\)"):
        Inpaint("box", 0.25).input_shape((40,))


def test_labels_name_the_shape_and_the_fraction() -> None:
    tasks = [Inpaint("box", 0.25), Inpaint("random", [0.2, 0.8]), Inpaint("half", 0.25)]
    assert [task.label for task in tasks] == ["inpaint-box-0.25", "inpaint-random-0.2-0.8", "inpaint-half"]


@pytest.mark.parametrize("method", [SmoothFill(), MeanFill(), Biharmonic()], ids=lambda method: method.name)
def test_a_baseline_fills_a_flat_picture_and_keeps_what_is_visible(method: Any) -> None:
    task = Inpaint("box", 0.25)
    flat, x = (task(images) for images in (torch.full((2, 3, 12, 12), 0.3), torch.rand(2, 3, 12, 12)))
    np.testing.assert_allclose(method.restore(flat.input.numpy(), {}), 0.3, atol=1e-5)
    restored = torch.from_numpy(np.array(method.restore(x.input.numpy(), {}), np.float32))
    torch.testing.assert_close(task.keep_known(restored, x.input), restored)
    everything = torch.cat([torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 1, 4, 4)], dim=1).numpy()
    np.testing.assert_allclose(method.restore(everything, {}), 0.5)


def test_the_mean_fill_is_the_mean_of_the_visible_pixels_of_each_channel() -> None:
    x = Inpaint("half", 0.25)(torch.rand(4, 3, 6, 6))
    for image, mask, filled in zip(x.target, x.hidden[:, 0] > 0, MeanFill().restore(x.input.numpy(), {}), strict=True):
        expected = image[:, ~mask].mean(1, keepdim=True).numpy()
        np.testing.assert_allclose(filled[:, mask.numpy()], np.broadcast_to(expected, (3, 18)), rtol=1e-5)


def test_biharmonic_filling_is_exact_for_a_ramp() -> None:
    ramp = torch.linspace(0.2, 0.8, 16).expand(2, 1, 16, 16)
    filled = Biharmonic().restore(Inpaint("box", 0.1).degrade(ramp).numpy(), {})
    np.testing.assert_allclose(filled, ramp, atol=0.02)
