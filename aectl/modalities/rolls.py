"""Windows of music as pictures: piano rolls, with drums below."""

from collections.abc import Sequence

import numpy as np

from aectl.modalities.notes import DRUM_PITCHES, Note, to_notes
from aectl.modalities.vocabulary import DRUMS
from aectl.plots.piano_roll import Bar, piano_roll

FEWEST_ROWS = 25  # semitones that a roll shows at least, two octaves
MARGIN = 2  # semitones around the notes
DRUM_COLOUR = 2
DRUM_ROW = {pitches[0]: row for row, pitches in enumerate(DRUM_PITCHES)}


def pitch_span(windows: Sequence[np.ndarray], vocabularies: tuple[int, ...]) -> tuple[int, int]:
    """The lowest MIDI number that rolls of all these windows (T, tracks) show, and how many they show."""
    melodies = [track for track, size in enumerate(vocabularies) if size != DRUMS]
    pitches = [note.pitch for window in windows for track in melodies for note in to_notes(window[:, track], 0)]
    low, high = (min(pitches) - MARGIN, max(pitches) + MARGIN) if pitches else (60, 72)
    missing = max(0, FEWEST_ROWS - (high - low + 1))
    return low - missing // 2, high - low + 1 + missing


def draw_roll(window: np.ndarray, vocabularies: tuple[int, ...], span: tuple[int, int]) -> np.ndarray:
    """The roll of a window (T, tracks), (3, H, W) uint8, of the melodies above that of the drums."""
    lowest, rows = span
    tracks = [to_notes(window[:, track], size) for track, size in enumerate(vocabularies)]
    melodies = [as_bars(notes, lowest) for notes, size in zip(tracks, vocabularies, strict=True) if size != DRUMS]
    struck = [note for notes, size in zip(tracks, vocabularies, strict=True) if size == DRUMS for note in notes]
    rolls = [piano_roll(melodies, len(window), rows, lowest)] if melodies else []
    if DRUMS in vocabularies:
        bars = [(note.start, note.end, DRUM_ROW[note.pitch]) for note in struck]
        rolls.append(piano_roll([*[()] * DRUM_COLOUR, bars], len(window), len(DRUM_PITCHES)))
    return np.concatenate(rolls, axis=1)


def as_bars(notes: Sequence[Note], lowest: int) -> list[Bar]:
    return [(note.start, note.end, note.pitch - lowest) for note in notes]
