"""Binarized images: probabilities, fixed and dynamic draws, and no effect on other random numbers."""

import pytest
import torch
from torch import Tensor

from aectl.data import binarize as module
from aectl.data.binarize import Binarize, binarize_images, sample_binary
from aectl.data.digits import Digits
from aectl.data.loader import Batch, Batches, Data
from aectl.data.source import Split, SplitName
from aectl.errors import UserError
from aectl.runs import open as open_run
from aectl.types import Shape
from tests.conftest import QUICK, Aectl, run_folder

SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
WAYS: tuple[Binarize, ...] = ("threshold", "fixed", "dynamic")
NUM_EXAMPLES, SIDE = 400, 16
BLACK_AND_WHITE = [0, 255]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


class Ramps:
    """In every split the same images, of the gray values 0 .. 255 in order."""

    shape: Shape = (1, SIDE, SIDE)

    def prepare(self) -> None:
        pass

    def split(self, name: SplitName) -> Split:
        x = torch.arange(256, dtype=torch.uint8).view(1, 1, SIDE, SIDE).repeat(NUM_EXAMPLES, 1, 1, 1)
        return Split(x, torch.arange(NUM_EXAMPLES), ["a"])


class Floats(Ramps):
    def split(self, name: SplitName) -> Split:
        return Split(super().split(name).x / 255)


def data(binarize: Binarize) -> Data:
    return Data(Ramps(), batch_size=150, binarize=binarize)


def epoch(batches: Batches) -> Tensor:
    """One pass, in the order of the examples."""
    parts = list(batches)
    order = torch.cat([part["y"] for part in parts]).argsort()
    return torch.cat([part["x"] for part in parts])[order]


def assert_chances_are_the_gray_values(x: Tensor) -> None:
    """Each of the 256 gray values has its own share of white, by the draws of all the examples."""
    share = (x == 255).flatten(1).double().mean(0)
    chance = torch.arange(256) / 255
    deviation = (chance * (1 - chance) / len(x)).sqrt()
    assert ((share - chance).abs() <= 4.5 * deviation).all()
    assert (share - chance).sum().abs() < 4.5 * deviation.square().sum().sqrt()
    assert ((share - chance) / deviation.clamp_min(1e-9)).std().item() == pytest.approx(1, abs=0.2)


def test_none_leaves_the_gray_values_as_they_are() -> None:
    for name in SPLITS:
        assert torch.equal(data("none").split(name).x, Ramps().split(name).x)
        assert torch.equal(epoch(data("none").batches(name)), Ramps().split(name).x)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name", SPLITS)
def test_binarized_pixels_are_0_or_255_and_labels_are_kept(how: Binarize, name: SplitName) -> None:
    split = data(how).split(name)
    for x in (split.x, epoch(data(how).batches(name))):
        assert x.dtype == torch.uint8
        assert x.shape == (NUM_EXAMPLES, 1, SIDE, SIDE)
        assert x.unique().tolist() == BLACK_AND_WHITE
    assert split.y is not None
    assert torch.equal(split.y, torch.arange(NUM_EXAMPLES))
    assert split.classes == ["a"]
    assert Data(Ramps(), 1).modality.to_model(split.x).unique().tolist() == [0, 1]


def test_threshold_is_white_above_half() -> None:
    x = data("threshold").split("test").x[0].flatten()
    assert x.tolist() == [0] * 128 + [255] * 128


@pytest.mark.parametrize("how", ["fixed", "dynamic"])
@pytest.mark.parametrize("name", SPLITS)
def test_the_gray_value_is_the_probability_of_white(how: Binarize, name: SplitName) -> None:
    assert_chances_are_the_gray_values(epoch(data(how).batches(name)))


@pytest.mark.parametrize(("gray", "always"), [(0, 0), (255, 255)])
def test_black_and_white_pixels_are_unchanged(gray: int, always: int) -> None:
    x = torch.full((50, 1, 100, 100), gray, dtype=torch.uint8)
    assert sample_binary(x).unique().tolist() == binarize_images(x, "fixed").unique().tolist() == [always]


def test_pixels_are_drawn_independently() -> None:
    x = sample_binary(torch.full((2_000, 3, 4, 4), 127, dtype=torch.uint8)).double().flatten(1)
    correlations = x.T.corrcoef() - torch.eye(48)
    assert correlations.abs().max() < 0.12


@pytest.mark.parametrize("name", SPLITS)
def test_fixed_draws_do_not_depend_on_the_seed(name: SplitName) -> None:
    first = data("fixed").split(name).x
    torch.manual_seed(1)
    assert torch.equal(data("fixed").split(name).x, first)
    batches = data("fixed").batches(name)
    assert torch.equal(epoch(batches), first)
    assert torch.equal(epoch(batches), first)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name", SPLITS)
def test_binarizing_does_not_change_the_random_state(how: Binarize, name: SplitName) -> None:
    expected = torch.rand(3)
    torch.manual_seed(0)
    data(how).split(name)
    assert torch.equal(torch.rand(3), expected)


def test_dynamic_draws_differ_between_training_epochs() -> None:
    batches = data("dynamic").batches("train")
    first, second = epoch(batches), epoch(batches)
    gray = Ramps().split("train").x
    chance = gray[0].double() / 255
    differ = (first != second).double().mean(0)
    assert differ.mean().item() == pytest.approx((2 * chance * (1 - chance)).mean().item(), rel=0.02)
    assert torch.equal(batches.split.x, gray)  # what is drawn from is not drawn over
    assert_chances_are_the_gray_values(torch.cat([first, second]))


def test_dynamic_draws_depend_on_the_seed_only() -> None:
    batches = data("dynamic").batches("train")
    torch.manual_seed(5)
    first = epoch(batches)
    torch.manual_seed(5)
    assert torch.equal(epoch(batches), first)


@pytest.mark.parametrize("name", ["val", "test"])
def test_dynamic_validation_and_test_are_drawn_once(name: SplitName) -> None:
    batches = data("dynamic").batches(name)
    first = epoch(batches)
    torch.manual_seed(9)
    assert torch.equal(epoch(batches), first)
    assert torch.equal(epoch(data("dynamic").batches(name)), first)
    assert torch.equal(first, data("fixed").split(name).x)


def test_draws_differ_between_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 150)
    x = binarize_images(Ramps().split("train").x, "fixed")
    assert x.shape == (NUM_EXAMPLES, 1, SIDE, SIDE)
    assert not torch.equal(x[:150], x[150:300])
    assert_chances_are_the_gray_values(x)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name", SPLITS)
def test_floats_cannot_be_binarized(how: Binarize, name: SplitName) -> None:
    floats = Data(Floats(), batch_size=50, binarize=how)
    for ask in (floats.split, floats.batches):
        with pytest.raises(UserError, match=rf"data\.binarize={how}: the data are not gray values \(uint8\); use none"):
            ask(name)
    assert Data(Floats(), batch_size=50).split(name).x.dtype == torch.float32


def test_a_run_trains_and_evaluates_on_binarized_images(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    take = Batches.take

    def watched(batches: Batches, part: Tensor) -> Batch:
        batch = take(batches, part)
        seen.append(batch["x"])
        return batch

    monkeypatch.setattr(Batches, "take", watched)
    result = aectl("train", "data.binarize=dynamic", "likelihood=bernoulli", "net=mlp", *QUICK)
    assert result.status == 0, result
    assert len(seen) >= 3
    assert torch.cat(seen).unique().tolist() == BLACK_AND_WHITE

    folder = run_folder(result)
    stored = open_run(folder)
    assert stored.data.binarize == "dynamic"
    assert torch.equal(stored.data.split("test").x, binarize_images(Digits().split("test").x, "fixed"))

    seen.clear()
    rest = ("baselines=false", "embeddings=false", "samples=0", "importance_samples=2", "likelihood_images=20")
    assert "no likelihood of the image" not in aectl("eval", folder, *rest).out
    assert torch.cat(seen).unique().tolist() == BLACK_AND_WHITE
    assert "no likelihood of the image" in aectl("eval", folder, "binarize=none", *rest).out


def test_an_unknown_way_to_binarize_is_refused(aectl: Aectl) -> None:
    result = aectl("train", "data.binarize=static", *QUICK)
    assert result.status == 2
    assert "data.binarize=static: expected 'none', 'threshold', 'fixed' or 'dynamic'" in result.err
