"""Moving averages follow what they are given, and stay finite."""

import pytest
import torch

from aectl.models.moving_average import update_average


def test_the_average_moves_by_one_minus_the_decay() -> None:
    average = torch.tensor([1.0, 2.0])
    update_average(average, torch.tensor([2.0, 0.0]), decay=0.9)
    assert average.tolist() == pytest.approx([1.1, 1.8])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_value_that_is_not_finite_is_left_out(bad: float) -> None:
    average = torch.tensor([1.0, 2.0])
    update_average(average, torch.tensor([bad, 0.0]), decay=0.9)
    assert average.tolist() == [1.0, 2.0]
