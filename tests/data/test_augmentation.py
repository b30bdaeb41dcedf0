"""Augmentations: what each may change of an image and what it keeps, and that a seed repeats them."""

import pytest
import torch
from torch import Tensor

from aectl.data.augmentation import (
    Augment,
    Augmentation,
    Crop,
    Flip,
    Gain,
    Gamma,
    Negate,
    PermuteChannels,
    Saturation,
    Shift,
    Tint,
    Turn,
)
from aectl.errors import UserError
from aectl.modalities import Images, Vectors

ALL: list[Augmentation] = [
    *(Flip(), Turn(), Shift(2), Crop(0.5), PermuteChannels(0.9), Negate(0.5)),
    *(Gain([0.5, 1.5]), Gamma([0.5, 2.0]), Tint([0.5, 2.0], 0.9), Saturation([0.0, 2.0], 0.9)),
]
REARRANGING = [each for each in ALL if isinstance(each, Flip | Turn | PermuteChannels)]


def name(augmentation: Augmentation) -> str:
    return type(augmentation).__name__


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(64, 3, 8, 8)


def variants(augmentation: Augmentation, image: Tensor, n: int = 200) -> list[Tensor]:
    """The different images that one becomes."""
    found: list[Tensor] = []
    for result in augmentation(image.expand(n, *image.shape)):
        if not any(torch.equal(result, other) for other in found):
            found.append(result)
    return found


@pytest.mark.parametrize("augmentation", ALL, ids=name)
def test_images_keep_their_shape_and_range_and_differ_within_a_batch(augmentation: Augmentation, x: Tensor) -> None:
    same = x[:1].expand_as(x)
    out = augmentation(same)
    assert out.shape == x.shape
    assert out.min() >= 0 and out.max() <= 1
    assert not torch.equal(out[:1].expand_as(out), out)


@pytest.mark.parametrize("augmentation", ALL, ids=name)
def test_the_seed_decides(augmentation: Augmentation, x: Tensor) -> None:
    outputs = []
    for _ in range(2):
        torch.manual_seed(3)
        outputs.append(augmentation(x))
    assert torch.equal(*outputs)


@pytest.mark.parametrize("augmentation", REARRANGING, ids=name)
def test_rearranged_images_keep_their_values(augmentation: Augmentation, x: Tensor) -> None:
    assert torch.equal(augmentation(x).flatten(1).sort().values, x.flatten(1).sort().values)


def test_an_image_has_two_flips_and_four_turns(x: Tensor) -> None:
    flips, turns = variants(Flip(), x[0]), variants(Turn(), x[0])
    assert len(flips) == 2
    assert all(any(torch.equal(f, each) for f in flips) for each in (x[0], x[0].flip(-1)))
    assert len(turns) == 4
    assert all(any(torch.equal(t, x[0].rot90(k, (-2, -1))) for t in turns) for k in range(4))


def test_an_image_that_is_not_square_turns_by_180_degrees() -> None:
    image = torch.rand(1, 4, 6)
    turns = variants(Turn(), image)
    assert len(turns) == 2
    assert any(torch.equal(t, image.flip(-2, -1)) for t in turns)


def test_a_shift_moves_the_whole_image_by_at_most_its_pixels() -> None:
    image = torch.rand(1, 9, 9)
    moved = variants(Shift(1), image, n=400)
    assert len(moved) == 9
    inside = [result[:, 1:-1, 1:-1] for result in moved]
    windows = [image[:, i : i + 7, j : j + 7] for i in range(3) for j in range(3)]
    assert all(any(torch.equal(part, window) for window in windows) for part in inside)


def test_a_crop_of_the_whole_side_is_the_image(x: Tensor) -> None:
    torch.testing.assert_close(Crop(1.0)(x), x)


def test_a_crop_enlarges_a_part_of_a_ramp() -> None:
    ramp = torch.linspace(0, 1, 32).expand(50, 1, 32, 32)
    slopes = Crop(0.5)(ramp).diff(dim=-1)[:, 0, 16, 16] * 31
    assert 0.45 < slopes.min() < 0.6
    assert 0.9 < slopes.max() < 1.05


def test_permuted_channels_are_those_of_the_image(x: Tensor) -> None:
    for before, after in zip(x, PermuteChannels(0.9)(x), strict=True):
        assert sorted(map(tuple, before.flatten(1).tolist())) == sorted(map(tuple, after.flatten(1).tolist()))


def test_the_share_of_negatives_is_the_probability(x: Tensor) -> None:
    out = Negate(0.25)(x.repeat(50, 1, 1, 1))
    changed = (out != x.repeat(50, 1, 1, 1)).flatten(1).any(1)
    assert 0.22 < float(changed.float().mean()) < 0.28
    torch.testing.assert_close(out[changed], 1 - x.repeat(50, 1, 1, 1)[changed])


def test_gain_multiplies_within_its_range_and_clips(x: Tensor) -> None:
    factors = (Gain([0.5, 0.9])(x) / x).flatten(1)
    torch.testing.assert_close(factors, factors[:, :1].expand_as(factors))
    assert 0.5 <= factors.min() < 0.55 and 0.85 < factors.max() <= 0.9 + 1e-6
    assert float(Gain([2.0, 3.0])(x).max()) == 1


def test_gamma_keeps_black_and_white(x: Tensor) -> None:
    powers = (Gamma([0.5, 2.0])(x).log() / x.log()).flatten(1)
    torch.testing.assert_close(powers, powers[:, :1].expand_as(powers), rtol=1e-2, atol=1e-3)
    ends = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert torch.equal(Gamma([0.5, 2.0])(ends), ends)


def test_a_tint_gives_each_channel_a_power_of_its_own(x: Tensor) -> None:
    powers = (Tint([0.5, 2.0], 0.999999)(x).log() / x.log()).flatten(2)
    torch.testing.assert_close(powers, powers[..., :1].expand_as(powers), rtol=1e-2, atol=1e-3)
    assert (powers[:, 0, 0] - powers[:, 1, 0]).abs().median() > 0.1
    assert 0.5 <= powers.min() < 0.6 and 1.8 < powers.max() <= 2.02


def test_saturation_scales_the_difference_to_gray(x: Tensor) -> None:
    gray = x.mean(dim=1, keepdim=True)
    torch.testing.assert_close(Saturation([0.0, 0.0], 0.999999)(x), gray.expand_as(x))
    torch.testing.assert_close(Saturation([0.5, 0.5], 0.999999)(x), (x + gray) / 2)
    torch.testing.assert_close(Saturation([2.0, 2.0], 0.999999)(x), (2 * x - gray).clamp(0, 1))


def test_augmentations_are_applied_one_after_another(x: Tensor) -> None:
    both = Augment({"negate": Negate(0.999999), "gain": Gain([0.5, 0.5])}, Images((3, 8, 8)))
    torch.testing.assert_close(both(x), (1 - x) * 0.5)


def test_vectors_are_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"^augment=flip: takes images, but the data are vectors; use augment=none"):
        Augment({"flip": Flip()}, Vectors((5,)))
    assert len(Augment({}, Vectors((5,)))) == 0
