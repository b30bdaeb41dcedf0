"""The view of runs on music: tokens, which the page draws as piano rolls and plays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from aectl.explorer.observations import Observations
from aectl.explorer.view import View
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Tokens
from aectl.modalities.midi_files import program_of
from aectl.modalities.notes import DRUM_PITCHES
from aectl.modalities.rolls import pitch_span
from aectl.modalities.vocabulary import DRUMS, FIRST_PITCH, LOWEST_PITCH, STEPS_PER_BAR, is_onset

SPANNING = 500  # windows, by which the range of the rolls is chosen


@dataclass(frozen=True)
class RollView(View):
    """Windows of music as tokens of 16 bits; the page decodes, draws and plays them.

    Arguments:
        modality: says what the tokens are.
    """

    modality: Tokens
    name = "rolls"
    networks = ("decoder",)
    measures = ("onset F1", "notes a bar")

    def keep(self, examples: Tensor) -> np.ndarray:
        return self.modality.to_stored(examples).cpu().numpy()

    def pack(self, kept: np.ndarray, columns: int) -> bytes:
        return kept.astype("<u2").tobytes()

    def measure(self, output: Tensor, target: Tensor) -> np.ndarray:
        f1 = self.modality.score(output, target, names=["onset_f1"])["onset_f1"]
        onsets = is_onset(self.modality.to_stored(target), self.modality.vocabularies).sum((1, 2))
        return np.stack([f1.cpu().numpy(), onsets.cpu().numpy() * (STEPS_PER_BAR / self.modality.num_values)])

    def looks_same(self, output: Tensor, expected: Tensor) -> bool:
        """Whether they have the same tokens."""
        return bool((self.modality.to_stored(output) == self.modality.to_stored(expected)).all())

    def describe(self, trained: TrainedRun, seen: Observations) -> tuple[dict[str, Any], dict[str, bytes]]:
        sizes = self.modality.vocabularies
        facts = {
            "steps": self.modality.num_values,
            "stepsPerBar": STEPS_PER_BAR,
            "tracks": [
                {"size": size, "drums": size == DRUMS, "program": program_of(track, sizes)}
                for track, size in enumerate(sizes)
            ],
            "firstPitch": FIRST_PITCH,
            "lowestPitch": LOWEST_PITCH,
            "drumPitches": [pitches[0] for pitches in DRUM_PITCHES],
            "span": pitch_span([*seen.kept[:: -(-len(seen.kept) // SPANNING)]], sizes),
        }
        return {"music": facts}, {"windows": self.pack(seen.kept, 1)}
