"""The tracks of a MIDI file as the parts that a model takes: melodies, drums, or a trio of melody, bass and drums."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from aectl.modalities.midi_files import BASS_PROGRAMS, Track, UnusableError
from aectl.modalities.notes import Note, drum_tokens, in_range, melody_tokens
from aectl.modalities.vocabulary import DRUMS, MELODY, STEPS_PER_BAR

Kind = Literal["melody", "drums", "trio"]
Voices = Literal["all", "top"]
VOCABULARIES: dict[Kind, tuple[int, ...]] = {
    "melody": (MELODY,),
    "drums": (DRUMS,),
    "trio": (MELODY, MELODY, DRUMS),
}
"""The number of tokens of each track of a part, by kind."""


def to_parts(tracks: Sequence[Track], vocabularies: tuple[int, ...], voices: Voices, path: Path) -> list[np.ndarray]:
    """The parts of a file, each (T, tracks) tokens of whole bars.

    Arguments:
        tracks: of the file.
        vocabularies: of the tracks of a part.
        voices: of a file of melodies: `all` tracks, or the one that is highest on average.
        path: names the file in messages.

    Raises:
        UnusableError: the file lacks a track of that kind.
    """
    melodies = [track.notes for track in by_height(tracks)]
    drums = [note for track in tracks if track.drums for note in track.notes]
    if vocabularies == VOCABULARIES["melody"]:
        require(melodies, path, "no notes between A0 and C8")
        return [as_part([notes], vocabularies) for notes in (melodies if voices == "all" else melodies[:1])]
    require(drums, path, "no drums, which are the notes of channel 10")
    if vocabularies == VOCABULARIES["drums"]:
        return [as_part([drums], vocabularies)]
    require(melodies[1:], path, "no bass besides a melody")
    return [as_part([*melody_and_bass(by_height(tracks)), drums], vocabularies)]


def by_height(tracks: Sequence[Track]) -> list[Track]:
    """The tracks without drums that have notes in the range, the highest on average first."""
    inside = [
        track._replace(notes=[n for n in track.notes if in_range(n.pitch)]) for track in tracks if not track.drums
    ]
    return sorted((track for track in inside if track.notes), key=lambda track: -mean_pitch(track.notes))


def melody_and_bass(tracks: Sequence[Track]) -> tuple[list[Note], list[Note]]:
    """Of tracks from high to low: the highest, and the one whose instrument is a bass, or else the lowest."""
    bass = next((track for track in tracks if track.program in BASS_PROGRAMS), tracks[-1])
    return next(track.notes for track in tracks if track is not bass), bass.notes


def mean_pitch(notes: Sequence[Note]) -> float:
    return sum(note.pitch for note in notes) / len(notes)


def require(found: Sequence[object], path: Path, otherwise: str) -> None:
    if not found:
        raise UnusableError(f"{path}: {otherwise}")


def as_part(voices: Sequence[Sequence[Note]], vocabularies: tuple[int, ...]) -> np.ndarray:
    """The notes of each track as tokens of whole bars, (T, tracks); int16 if a vocabulary needs it."""
    bars = -(-max(note.end for notes in voices for note in notes) // STEPS_PER_BAR)
    encode = {MELODY: melody_tokens, DRUMS: drum_tokens}
    pairs = zip(voices, vocabularies, strict=True)
    return np.stack([encode[size](notes, bars * STEPS_PER_BAR) for notes, size in pairs], axis=1)
