"""What is measured of melodies, on ones whose attributes can be counted."""

import math

import pytest
import torch
from torch import Tensor

from aectl.modalities.music_attributes import ATTRIBUTES
from aectl.modalities.vocabulary import FIRST_PITCH, LOWEST_PITCH, NOTE_OFF

MIDDLE_C = FIRST_PITCH + 60 - LOWEST_PITCH


def melody(events: dict[int, int], steps: int = 16) -> Tensor:
    """Tokens (1, steps) with semitones above middle C at steps; None ends a note."""
    tokens = torch.zeros(1, steps, dtype=torch.uint8)
    for step, semitones in events.items():
        tokens[0, step] = NOTE_OFF if semitones is None else MIDDLE_C + semitones
    return tokens


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ({0: 0, 4: 4, 8: 7, 12: None}, {"density": 3, "pitch": 60 + 11 / 3, "interval": 3.5, "syncopation": 0}),
        ({0: 0, 6: 12, 10: 0}, {"density": 3, "pitch": 64, "interval": 12, "syncopation": 2 / 3}),
        ({2: 0, 3: None, 5: 2, 8: 1}, {"density": 3, "pitch": 61, "interval": 1.5, "syncopation": 0}),
        ({3: 5}, {"density": 1, "pitch": 65, "interval": math.nan, "syncopation": 1}),
        ({}, {"density": 0, "pitch": math.nan, "interval": math.nan, "syncopation": math.nan}),
    ],
)
def test_attributes_of_a_bar(events: dict[int, int], expected: dict[str, float]) -> None:
    found = {name: float(attribute.compute(melody(events))) for name, attribute in ATTRIBUTES.items()}
    assert found == pytest.approx(expected, nan_ok=True)


def test_density_is_of_a_bar_whatever_the_length() -> None:
    assert float(ATTRIBUTES["density"].compute(melody({0: 0, 16: 2}, steps=32))) == 1
