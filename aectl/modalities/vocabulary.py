"""What the tokens of music mean.

A melody has one token a step: no event, which holds the note or the rest before it, the end of a note, or the start of
one. Drums have one of 512 tokens: a bit for each of nine classes that is struck.

References:
    | A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music (Roberts et al., 2018), section 4.1
    | https://arxiv.org/abs/1803.05428
"""

import torch
from torch import Tensor

NO_EVENT, NOTE_OFF, FIRST_PITCH = 0, 1, 2
LOWEST_PITCH, HIGHEST_PITCH = 21, 108  # MIDI numbers of the keys of a piano
MELODY = FIRST_PITCH + HIGHEST_PITCH - LOWEST_PITCH + 1
"""The tokens of a melody: 90."""
DRUM_CLASSES = 9
DRUMS = 2**DRUM_CLASSES
"""The tokens of drums: 512."""
STEPS_PER_BAR = 16


def first_onset(vocabulary: int) -> int:
    """The first token of a vocabulary that starts a note."""
    return 1 if vocabulary == DRUMS else FIRST_PITCH


def is_onset(tokens: Tensor, vocabularies: tuple[int, ...]) -> Tensor:
    """Where notes start, (..., tracks) bool."""
    return tokens >= torch.tensor([first_onset(size) for size in vocabularies], device=tokens.device)
