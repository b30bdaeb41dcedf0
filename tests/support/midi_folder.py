"""Folders of MIDI files: tunes, and whatever is no tune."""

from pathlib import Path

import numpy as np
from mido import Message, MetaMessage, MidiFile, MidiTrack

from aectl.modalities.midi_files import write_midi
from aectl.modalities.vocabulary import DRUMS, MELODY
from tests.support.toy_melodies import walk

BARS = 6


def write_tunes(folder: Path, number: int = 12, kinds: tuple[int, ...] = (MELODY,)) -> Path:
    """Writes so many tunes of six bars, all different."""
    for index in range(number):
        rng = np.random.default_rng(index)
        tracks = [
            rng.integers(0, DRUMS, 16 * BARS) if size == DRUMS else walk(16 * BARS, 60 - 24 * place, rng)
            for place, size in enumerate(kinds)
        ]
        write_midi(np.stack(tracks, axis=1), kinds, folder / f"tune-{index}.mid")
    return folder


def write_notes(path: Path, *notes: tuple[int, int, int], metre: tuple[int, int] = (4, 4), tracks: int = 1) -> Path:
    """Writes notes of start, end and pitch, in steps, into each of so many tracks."""
    file = MidiFile(ticks_per_beat=480)
    for _ in range(tracks):
        track = MidiTrack([MetaMessage("time_signature", numerator=metre[0], denominator=metre[1])])
        events = sorted([(s, 1, p) for s, _, p in notes] + [(e, 0, p) for _, e, p in notes])
        for before, (step, on, pitch) in zip([0, *(event[0] for event in events)], events, strict=False):
            kind = "note_on" if on else "note_off"
            track.append(Message(kind, note=pitch, time=120 * (step - before)))
        file.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)
    return path


def write_bad(folder: Path) -> dict[str, str]:
    """Writes files that cannot be used, and returns what is said of each."""
    folder.mkdir(parents=True, exist_ok=True)
    note = (0, 4, 60)
    write_notes(folder / "waltz.mid", note, metre=(3, 4))
    write_notes(folder / "silent.mid")
    write_notes(folder / "whistle.mid", (0, 4, 120))
    write_notes(folder / "long.mid", note, (16 * 5_000, 16 * 5_001, 60))
    write_notes(folder / "many.mid", note, tracks=1_000)
    (folder / "empty.mid").touch()
    (folder / "broken.mid").write_bytes((folder / "waltz.mid").read_bytes()[:20])
    (folder / "text.mid").write_text("no music at all")
    with (folder / "large.mid").open("wb") as file:
        file.truncate(5_000_000)
    return {
        "waltz.mid": "in 3/4; expected 4/4",
        "silent.mid": "no notes in it",
        "whistle.mid": "no notes between A0 and C8",
        "long.mid": "5,001 bars; expected at most 2,000",
        "many.mid": "1,000 tracks; expected at most 128",
        "empty.mid": "the file is empty",
        "broken.mid": "damaged",
        "text.mid": "no MIDI file",
        "large.mid": "5,000,000 bytes; expected at most 4,000,000",
    }
