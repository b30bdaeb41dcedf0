"""Notes on a grid of 16 steps a bar, and the tokens that stand for them."""

from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

from aectl.modalities.vocabulary import DRUMS, FIRST_PITCH, HIGHEST_PITCH, LOWEST_PITCH, NO_EVENT, NOTE_OFF

DRUM_PITCHES = (
    (36, 35),
    (38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85),
    (42, 44, 54, 68, 69, 70, 71, 73, 78, 80, 22),
    (46, 67, 72, 74, 79, 81, 26),
    (45, 29, 41, 43, 61, 64, 84),
    (48, 47, 60, 63, 77, 86, 87),
    (50, 30, 62, 76, 83),
    (49, 52, 55, 57, 58),
    (51, 53, 59, 82),
)
"""The MIDI numbers of each class of drums: kick, snare, closed and open hi-hat, three toms, crash and ride. The first
of each is the one that is written.

References:
    | A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music (Roberts et al., 2018), section 4.1
    | https://arxiv.org/abs/1803.05428
"""
DRUM_CLASS = {pitch: number for number, pitches in enumerate(DRUM_PITCHES) for pitch in pitches}


class Note(NamedTuple):
    """A note from one step to another, its end not included; `pitch` is a MIDI number."""

    start: int
    end: int
    pitch: int


def in_range(pitch: int) -> bool:
    return LOWEST_PITCH <= pitch <= HIGHEST_PITCH


def top_line(notes: Iterable[Note]) -> list[Note]:
    """The highest of the notes that start at once; each ends when the next one starts."""
    ordered = sorted(notes, key=lambda note: (note.start, -note.pitch))
    line = [next(same) for _, same in groupby(ordered, key=lambda note: note.start)]
    followed = [note._replace(end=min(note.end, after.start)) for note, after in pairwise(line)]
    return [*followed, *line[-1:]]


def melody_tokens(notes: Iterable[Note], num_steps: int) -> np.ndarray:
    """The top line of notes as tokens, (num_steps,) uint8; pitches that a piano lacks are left out."""
    tokens = np.full(num_steps, NO_EVENT, np.uint8)
    line = top_line(note for note in notes if in_range(note.pitch) and note.start < num_steps)
    for note in line:
        if note.end < num_steps:
            tokens[note.end] = NOTE_OFF
    for note in line:
        tokens[note.start] = FIRST_PITCH + note.pitch - LOWEST_PITCH
    return tokens


def drum_tokens(notes: Iterable[Note], num_steps: int) -> np.ndarray:
    """What is struck at each step, a bit for each class, (num_steps,) int16; other instruments are left out."""
    tokens = np.zeros(num_steps, np.int16)
    for note in notes:
        if note.pitch in DRUM_CLASS and note.start < num_steps:
            tokens[note.start] |= 1 << DRUM_CLASS[note.pitch]
    return tokens


def to_notes(tokens: np.ndarray, vocabulary: int) -> list[Note]:
    """The notes of the tokens of a track, (num_steps,)."""
    return drum_notes(tokens) if vocabulary == DRUMS else melody_notes(tokens)


def melody_notes(tokens: np.ndarray) -> list[Note]:
    events = [(step, int(token)) for step, token in enumerate(tokens) if token != NO_EVENT]
    return [
        Note(step, end, token - FIRST_PITCH + LOWEST_PITCH)
        for (step, token), (end, _) in pairwise([*events, (len(tokens), NO_EVENT)])
        if token >= FIRST_PITCH
    ]


def drum_notes(tokens: np.ndarray) -> list[Note]:
    return [
        Note(step, step + 1, pitches[0])
        for step, token in enumerate(tokens)
        for number, pitches in enumerate(DRUM_PITCHES)
        if int(token) >> number & 1
    ]
