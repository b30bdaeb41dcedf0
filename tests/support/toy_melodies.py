"""Windows of short melodies, for tests and first trainings of models of tokens."""

from collections.abc import Sequence

import numpy as np
import torch

from aectl.data.source import Source, Split, SplitName
from aectl.modalities.vocabulary import FIRST_PITCH, LOWEST_PITCH, MELODY, NO_EVENT, STEPS_PER_BAR

SCALE = (0, 2, 4, 5, 7, 9, 11)
SIZES: dict[SplitName, int] = {"train": 512, "val": 64, "test": 64}


class ToyMelodies(Source):
    """Walks up and down the scale of C major in quavers and crotchets; the key of a window is its class.

    Arguments:
        bars: of a window.
        vocabularies: the number of tokens of each track; a track other than a melody has random ones.
    """

    def __init__(self, bars: int = 2, vocabularies: Sequence[int] = (MELODY,)) -> None:
        self.steps, self.vocabularies = bars * STEPS_PER_BAR, tuple(vocabularies)
        self.shape = (1, self.steps, sum(self.vocabularies))

    def prepare(self) -> None:
        pass

    def split(self, name: SplitName) -> Split:
        rng = np.random.default_rng([*SIZES].index(name))
        keys = rng.integers(0, 3, SIZES[name])
        windows = [self.window(int(key), rng) for key in keys]
        x = torch.from_numpy(np.stack(windows))
        small = max(self.vocabularies) <= 256
        return Split(x.to(torch.uint8 if small else torch.int16), torch.from_numpy(keys), ["C", "D", "E"])

    def window(self, key: int, rng: np.random.Generator) -> np.ndarray:
        """(T, tracks) tokens."""
        tracks = [
            walk(self.steps, 60 + 2 * key, rng) if size == MELODY else rng.integers(0, size, self.steps)
            for size in self.vocabularies
        ]
        return np.stack(tracks, axis=1)


def walk(steps: int, tonic: int, rng: np.random.Generator) -> np.ndarray:
    """A melody of so many tokens that moves by steps of the scale."""
    tokens = np.full(steps, NO_EVENT)
    degree, position = int(rng.integers(0, 8)), 0
    while position < steps:
        octave, place = divmod(degree, len(SCALE))
        tokens[position] = FIRST_PITCH + tonic + 12 * octave + SCALE[place] - LOWEST_PITCH
        degree = int(np.clip(degree + rng.integers(-2, 3), 0, 14))
        position += int(rng.choice([2, 4]))
    return tokens
