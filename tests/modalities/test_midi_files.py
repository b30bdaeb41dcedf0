"""MIDI files: what is written is read again, on the grid."""

from pathlib import Path

import numpy as np
import pytest
import torch

from aectl.modalities import Tokens
from aectl.modalities.midi_files import UnusableError, read_midi, write_midi
from aectl.modalities.midi_parts import VOCABULARIES, Kind, to_parts
from aectl.modalities.notes import Note, melody_notes, melody_tokens, top_line
from aectl.modalities.vocabulary import DRUMS, FIRST_PITCH, LOWEST_PITCH, MELODY, NO_EVENT, NOTE_OFF
from tests.support.midi_folder import write_bad, write_notes
from tests.support.toy_melodies import walk


def pitch(number: int) -> int:
    """The token that starts a note."""
    return FIRST_PITCH + number - LOWEST_PITCH


@pytest.mark.parametrize("kind", ["melody", "drums", "trio"])
def test_tokens_survive_the_round_trip_through_a_file(kind: Kind, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = VOCABULARIES[kind]
    tracks = [
        rng.integers(0, DRUMS, 64) if size == DRUMS else walk(64, 72 - 24 * place, rng)
        for place, size in enumerate(sizes)
    ]
    tokens = np.stack(tracks, axis=1)
    path = write_midi(tokens, sizes, tmp_path / "a.mid")
    (part,) = to_parts(read_midi(path), sizes, "all", path)
    assert np.array_equal(part, tokens)
    assert part.dtype == (np.uint8 if kind == "melody" else np.int16)


def test_a_rest_is_written_as_one() -> None:
    notes = [Note(0, 3, 60), Note(8, 16, 62)]
    tokens = melody_tokens(notes, 16)
    assert tokens.tolist() == [pitch(60), 0, 0, NOTE_OFF, 0, 0, 0, 0, pitch(62), *[NO_EVENT] * 7]
    assert melody_notes(tokens) == notes
    assert melody_notes(np.zeros(16, np.uint8)) == []


def test_top_line_is_the_highest_of_the_notes_that_start_at_once_until_the_next_starts() -> None:
    chords = [Note(0, 8, 60), Note(0, 8, 67), Note(4, 6, 64), Note(4, 6, 55)]
    assert top_line(chords) == [Note(0, 4, 67), Note(4, 6, 64)]


def test_times_are_rounded_to_steps_and_no_note_vanishes(tmp_path: Path) -> None:
    from mido import Message, MidiFile, MidiTrack

    file = MidiFile(ticks_per_beat=480)
    times = [(0, "note_on"), (10, "note_off"), (245, "note_on"), (350, "note_off")]
    file.tracks.append(MidiTrack([Message(kind, note=60, time=ticks) for ticks, kind in times]))
    file.save(tmp_path / "a.mid")
    (track,) = read_midi(tmp_path / "a.mid")
    assert track.notes == [Note(0, 1, 60), Note(2, 5, 60)]


def test_voices_are_sorted_by_height_and_the_bass_is_the_lowest(tmp_path: Path) -> None:
    high, low = ((0, 16, 80), (0, 16, 40))
    write_notes(tmp_path / "a.mid", low, high)
    (part,) = to_parts(read_midi(tmp_path / "a.mid"), VOCABULARIES["melody"], "top", tmp_path)
    assert part[0].tolist() == [pitch(80)]
    with pytest.raises(UnusableError, match="no drums, which are the notes of channel 10"):
        to_parts(read_midi(tmp_path / "a.mid"), VOCABULARIES["trio"], "all", tmp_path)


def test_voices_of_a_file_are_written_side_by_side_again(tmp_path: Path) -> None:
    modality = Tokens((1, 32, MELODY), (MELODY,))
    rng = np.random.default_rng(0)
    voices = np.stack([walk(70, 72 - 12 * voice, rng) for voice in range(4)], axis=1)
    path = write_midi(voices, (MELODY,) * 4, tmp_path / "a.mid")
    parts = modality.read_parts(path)
    assert [part.shape for part in parts] == [(2, 32, 1)] * 4
    again = modality.write_parts([modality.to_model(torch.from_numpy(part)) for part in parts], tmp_path / "b.mid")
    for before, after in zip(parts, modality.read_parts(again), strict=True):
        assert np.array_equal(before, after)


def test_a_file_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    for name, reason in write_bad(tmp_path).items():
        with pytest.raises(UnusableError, match=f"^{tmp_path / name}: .*{reason}"):
            to_parts(read_midi(tmp_path / name), VOCABULARIES["melody"], "all", tmp_path / name)
