"""Transposition, the augmentation of music."""

import torch
from torch import Tensor

from aectl.data.augmentation import Augmentation
from aectl.modalities import Modality, Tokens
from aectl.modalities.vocabulary import FIRST_PITCH, MELODY
from aectl.types import PositiveInt


class Transpose(Augmentation):
    """Moves all melodies of a window by the same random number of semitones; drums stay.

    A window that would leave the range of a piano is moved only as far as it stays inside.

    Arguments:
        semitones: the most, up or down.
    """

    takes = Tokens

    def __init__(self, semitones: PositiveInt) -> None:
        super().__init__()
        self.semitones = semitones
        self.vocabularies: tuple[int, ...] = ()

    def fit_to(self, modality: Modality) -> None:
        assert isinstance(modality, Tokens)
        self.vocabularies = modality.vocabularies

    def forward(self, x: Tensor) -> Tensor:
        tracks = x.split(self.vocabularies, dim=-1)
        pitches = [track[..., FIRST_PITCH:] for track in tracks if track.shape[-1] == MELODY]
        if not pitches:
            return x
        used = torch.stack(pitches).amax((0, 2, 3))  # (B, 88)
        below, above = used.argmax(1), used.flip(1).argmax(1)  # keys that are free on either side
        drawn = torch.randint(-self.semitones, self.semitones + 1, (len(x),), device=x.device)
        offsets = drawn.clamp(-below, above)
        order = (torch.arange(used.shape[1], device=x.device) - offsets[:, None]) % used.shape[1]  # (B, 88)
        return torch.cat([self._moved(track, order) for track in tracks], dim=-1)

    def _moved(self, track: Tensor, order: Tensor) -> Tensor:
        """A track (B, 1, T, V) with its pitches in this order, (B, 88); the others as they are."""
        if track.shape[-1] != MELODY:
            return track
        others, pitches = track[..., :FIRST_PITCH], track[..., FIRST_PITCH:]
        return torch.cat([others, pitches.gather(-1, order[:, None, None].expand_as(pitches))], dim=-1)
