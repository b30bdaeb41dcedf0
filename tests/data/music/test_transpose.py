"""Transposition moves all melodies alike, and none out of the range."""

import torch

from aectl.data.music.transpose import Transpose
from aectl.modalities import Tokens
from aectl.modalities.vocabulary import DRUMS, FIRST_PITCH, MELODY

SIZES = (MELODY, MELODY, DRUMS)
TRIO = Tokens((1, 8, sum(SIZES)), SIZES)


def moved(tokens: torch.Tensor, semitones: int = 5) -> torch.Tensor:
    transpose = Transpose(semitones)
    transpose.fit_to(TRIO)
    return TRIO.to_stored(transpose(TRIO.to_model(tokens))).long()


def trios(low: int, high: int) -> torch.Tensor:
    """A thousand windows (B, 8, 3) with the tokens of both melodies in a range, each with a rest."""
    torch.manual_seed(0)
    melodies = torch.randint(low, high, (1000, 8, 2))
    melodies[:, 3] = 1
    return torch.cat([melodies, torch.randint(0, DRUMS, (1000, 8, 1))], dim=2)


def test_all_pitches_of_a_window_move_by_the_same_and_the_rest_stays() -> None:
    x = trios(30, 60)
    offset = moved(x) - x
    notes = x[..., :2] >= FIRST_PITCH
    assert (offset[..., 2] == 0).all()
    assert (offset[:, 3] == 0).all()
    each = offset[:, 0, 0]
    assert torch.equal(offset[..., :2], torch.where(notes, each[:, None, None], 0))
    assert set(each.tolist()) == set(range(-5, 6))


def test_a_window_at_the_edge_moves_only_as_far_as_it_stays_inside() -> None:
    lowest = trios(FIRST_PITCH, FIRST_PITCH + 3)
    lowest[:, 0, 0] = FIRST_PITCH + 1
    lowest[:, 1:, :2] = lowest[:, 1:, :2].clamp_min(FIRST_PITCH + 1)
    lowest[:, 0, 1] = FIRST_PITCH + 1
    assert set((moved(lowest) - lowest)[:, 0, 0].tolist()) == set(range(-1, 6))
    whole = trios(40, 50)
    whole[:, 0], whole[:, 1] = FIRST_PITCH, MELODY - 1
    assert torch.equal(moved(whole), whole)
