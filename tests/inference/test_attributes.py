"""Attributes: the vector between the means of classes, the classes that a key names, and what is moved."""

import pytest
import torch
from torch import Tensor

from aectl.cli.attribute_figure import Attribute, find_attribute, starting_examples
from aectl.data.source import Split, SplitName
from aectl.errors import UserError
from aectl.inference.attributes import attribute_vector, move_along
from aectl.inference.trained_run import TrainedRun
from aectl.models.ae import AE
from aectl.types import Shape
from tests.support.toy_models import first, last, linear_ae, opened

SHAPE = (1, 1, 2)
CLASSES = ["boot", "T-shirt", "T", "shirt"]
CENTERS = torch.tensor([[0.1, 0.2], [0.8, 0.4], [0.5, 0.9], [0.3, 0.3]])


class Clothes:
    """Images of two pixels: ten of each class, all alike, and ten without a label."""

    shape: Shape = SHAPE

    def prepare(self) -> None:
        pass

    def split(self, name: SplitName) -> Split:
        y = torch.arange(50) % 5 - 1
        return Split(CENTERS[y].view(-1, *SHAPE), y, CLASSES)


class Unlabelled(Clothes):
    def split(self, name: SplitName) -> Split:
        return super().split(name)._replace(y=None, classes=None)


def doubled() -> AE:
    """Its codes are twice the image; the decoder undoes that."""
    model = linear_ae(SHAPE, 2)
    first(model).weight.copy_(2 * torch.eye(2))
    last(model).weight.copy_(0.5 * torch.eye(2))
    return model


@pytest.fixture
def clothes() -> TrainedRun:
    return opened(doubled(), f"{__name__}.Clothes")


@pytest.mark.parametrize(
    ("away_from", "start"), [(2, CENTERS[2]), (None, CENTERS[[0, 2, 3]].mean(0))], ids=["another", "all others"]
)
def test_vector_leads_from_the_mean_of_one_class_to_that_of_the_other(
    away_from: int | None, start: Tensor, clothes: TrainedRun
) -> None:
    torch.testing.assert_close(attribute_vector(clothes, 1, away_from), 2 * (CENTERS[1] - start))


def test_examples_move_by_multiples_of_the_vector(clothes: TrainedRun) -> None:
    vector = attribute_vector(clothes, 1, 3)
    moved = move_along(clothes, torch.tensor([4, 9]), vector, [0.0, 1.0, -0.5]).flatten(2)  # two shirts
    expected = torch.stack([CENTERS[3], CENTERS[1], 1.5 * CENTERS[3] - 0.5 * CENTERS[1]])
    torch.testing.assert_close(moved, expected.expand(2, -1, -1))


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("boot", (0, None)),
        (0, (0, None)),
        ("T-shirt", (1, None)),
        ("T-boot", (2, 0)),
        ("T-shirt-boot", (1, 0)),
        ("boot-T-shirt", (0, 1)),
        ("3-0", (3, 0)),
    ],
)
def test_classes_are_named_by_name_or_number_hyphens_and_all(
    named: str | int, found: tuple[int, int | None], clothes: TrainedRun
) -> None:
    assert find_attribute(clothes, named) == Attribute(*found)


@pytest.mark.parametrize("named", ["hat", 4, "boot-hat", "boot-boot", "-", "", "boot-"])
def test_classes_that_are_not_there_are_refused(named: str | int, clothes: TrainedRun) -> None:
    with pytest.raises(UserError, match=r"no such class; expected CLASS, or CLASS-CLASS .* boot, T-shirt, T, shirt$"):
        find_attribute(clothes, named)


def test_data_without_classes_is_refused() -> None:
    with pytest.raises(UserError, match=r"attribute=boot: the data set has no classes"):
        find_attribute(opened(doubled(), f"{__name__}.Unlabelled"), "boot")


def test_examples_to_start_from_are_of_the_class_or_one_of_each_other(clothes: TrainedRun) -> None:
    assert starting_examples(clothes, Attribute(1, 3), 3) == [4, 9, 14]
    assert starting_examples(clothes, Attribute(1, None), 8) == [1, 3, 4]  # none without a label
