"""Walks between windows, of a model whose code is the number of notes."""

import torch
from torch import Tensor

from aectl.inference.walks import measure_walks, mix
from tests.inference.test_music_attributes import STEPS, counting, window


def notes(windows: Tensor) -> Tensor:
    return (windows > 0).float().sum((1, 2))


def test_walks_are_measured_against_both_ends_and_by_the_cost() -> None:
    steps = 5
    found = measure_walks(counting(), notes, 4, steps)
    to_first, to_last = found.to_first * STEPS, found.to_last * STEPS  # notes
    assert to_first[0] == to_last[-1] == 0
    assert torch.equal(to_first, to_first.sort().values)
    assert torch.equal(to_last, to_last.sort(descending=True).values)
    torch.testing.assert_close(to_first[-1], to_last[0])
    assert found.cost[0] == found.mixed_cost[0]
    assert found.cost[-1] == found.mixed_cost[-1]


def test_mixed_windows_go_from_the_first_to_the_last_token_by_token() -> None:
    first, last = window(0).expand(500, 1, -1, -1), window(STEPS).expand(500, 1, -1, -1)
    share = (mix(first, last, 5, torch.Generator().manual_seed(0)) > 0).float().mean((0, 2, 3))
    torch.testing.assert_close(share, torch.linspace(0, 1, 5), atol=0.02, rtol=0)
