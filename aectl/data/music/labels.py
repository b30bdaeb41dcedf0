"""Labels of windows of music: the key of their piece, the piece itself, or how many notes they have."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch

from aectl.data.music.pieces import Piece
from aectl.data.music.windows import Windows
from aectl.modalities.vocabulary import FIRST_PITCH, LOWEST_PITCH, MELODY, STEPS_PER_BAR, is_onset

Label = Literal["key", "piece", "density", "none"]
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""How well each pitch class fits a key, from its tonic on.

References:
    | Cognitive Foundations of Musical Pitch (Krumhansl, 1990), table 2.1
"""
TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KEYS = [f"{tonic} {mode}" for mode in PROFILES for tonic in TONICS]
ROLLED = np.array([np.roll(profile, tonic) for profile in PROFILES.values() for tonic in range(12)])
NORMALIZED = (ROLLED - ROLLED.mean(1, keepdims=True)) / ROLLED.std(1, keepdims=True)
"""The profile of each key, of mean 0 and deviation 1: to correlate with, but for a factor."""
DENSITIES = 8
"""The classes of note density: so many notes a bar, and the last one for more."""


def label_windows(
    windows: Windows, pieces: Sequence[Piece], vocabularies: tuple[int, ...], label: Label
) -> tuple[np.ndarray, list[str]] | None:
    """The class of each window, (N,), and the names of the classes; None without labels."""
    if label == "key" and MELODY in vocabularies:
        keys = {int(index): estimate_key(pieces[index], vocabularies) for index in np.unique(windows.pieces)}
        return np.array([keys[index] for index in windows.pieces.tolist()], int), KEYS
    if label == "piece":
        return windows.pieces, [piece.name for piece in pieces]
    if label == "density":
        bars = windows.tokens.shape[1] / STEPS_PER_BAR
        onsets = is_onset(torch.from_numpy(windows.tokens), vocabularies).sum((1, 2)).numpy()
        names = [f"{n} notes a bar" for n in range(DENSITIES)] + [f"{DENSITIES} or more"]
        return np.minimum(onsets // bars, DENSITIES).astype(int), names
    return None


def estimate_key(piece: Piece, vocabularies: tuple[int, ...]) -> int:
    """The key, an index of `KEYS`, whose profile correlates best with how long each pitch class sounds.

    References:
        | Cognitive Foundations of Musical Pitch (Krumhansl, 1990), chapter 4
    """
    lasting = np.zeros(12)
    for part in piece.parts:
        for track, vocabulary in enumerate(vocabularies):
            if vocabulary == MELODY:
                np.add.at(lasting, *sounding(part[:, track]))
    if not lasting.std():
        return 0
    return int(np.argmax(NORMALIZED @ (lasting - lasting.mean())))


def sounding(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pitch class of each note of a track (T,), and the steps that it lasts."""
    events = np.flatnonzero(tokens)
    lasts = np.diff(events, append=len(tokens))
    notes = tokens[events] >= FIRST_PITCH
    return (tokens[events][notes].astype(int) - FIRST_PITCH + LOWEST_PITCH) % 12, lasts[notes]
