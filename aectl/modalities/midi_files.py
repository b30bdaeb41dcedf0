"""Reads and writes MIDI files on a grid of 16 steps a bar, by mido."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aectl.errors import UserError, one_line
from aectl.io.atomic import write_atomic
from aectl.modalities.notes import Note, to_notes
from aectl.modalities.vocabulary import DRUMS, STEPS_PER_BAR

if TYPE_CHECKING:
    from mido import MidiFile, MidiTrack

SUFFIX, *_ = SUFFIXES = (".mid", ".midi")
STEPS_PER_QUARTER = STEPS_PER_BAR // 4
MAX_BYTES = 4_000_000  # of a file; an opera has fewer
MAX_TRACKS = 128
MAX_BARS = 2_000
DRUM_CHANNEL = 9
MELODY_CHANNELS = (*range(DRUM_CHANNEL), *range(DRUM_CHANNEL + 1, 16))
TICKS_PER_STEP = 120
BASS_PROGRAMS = range(32, 40)
PIANO, BASS = 0, 32  # programs of General MIDI


class UnusableError(UserError):
    """A file that gives no notes on the grid; the message says why."""


class Track(NamedTuple):
    """The notes of one channel of one track of a file."""

    notes: list[Note]
    program: int
    drums: bool


def import_mido() -> Any:
    """The module; a UserError if it is not installed."""
    try:
        import mido
    except ImportError as error:
        raise UserError("MIDI files need mido, which is not installed: pip install 'aectl[music]'") from error
    return mido


def read_midi(path: Path) -> list[Track]:
    """The notes of a file in 4/4, rounded to steps, of every track and channel that has some.

    Raises:
        UnusableError: the file is no MIDI, damaged, too large, empty, or in another metre.
    """
    mido = import_mido()
    check_size(path)
    try:
        file = mido.MidiFile(path, clip=True)
    except Exception as error:  # mido may raise anything on a damaged file
        raise UnusableError(f"{path}: damaged ({one_line(error) or type(error).__name__})") from error
    if file.ticks_per_beat <= 0:
        raise UnusableError(f"{path}: its times are in frames of a film; expected ticks of a beat")
    check_metre(path, file)
    scale = STEPS_PER_QUARTER / file.ticks_per_beat
    tracks = [track for each in file.tracks for track in read_tracks(each, scale)]
    if not tracks:
        raise UnusableError(f"{path}: no notes in it")
    if (bars := max(note.end for track in tracks for note in track.notes) / STEPS_PER_BAR) > MAX_BARS:
        raise UnusableError(f"{path}: {bars:,.0f} bars; expected at most {MAX_BARS:,}")
    return tracks


def check_size(path: Path) -> None:
    """Raises an UnusableError for a file that mido had better not read."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(14)
    except OSError as error:
        raise UnusableError(f"{path}: cannot be read ({error.strerror})") from error
    if not size:
        raise UnusableError(f"{path}: the file is empty")
    if size > MAX_BYTES:
        raise UnusableError(f"{path}: {size:,} bytes; expected at most {MAX_BYTES:,}")
    if head[:4] != b"MThd":
        raise UnusableError(f"{path}: no MIDI file")
    if (tracks := int.from_bytes(head[10:12])) > MAX_TRACKS:
        raise UnusableError(f"{path}: {tracks:,} tracks; expected at most {MAX_TRACKS}")


def check_metre(path: Path, file: "MidiFile") -> None:
    """Raises an UnusableError for a metre other than 4/4, which a file without any is in."""
    for message in (message for track in file.tracks for message in track if message.type == "time_signature"):
        if (message.numerator, message.denominator) != (4, 4):
            raise UnusableError(f"{path}: in {message.numerator}/{message.denominator}; expected 4/4 throughout")


def read_tracks(track: "MidiTrack", scale: float) -> Iterator[Track]:
    """The notes of each channel of a track; `scale` is the number of steps of a tick."""
    now = 0
    programs: dict[int, int] = {}
    sounding: dict[tuple[int, int], list[int]] = defaultdict(list)
    found: dict[int, list[Note]] = defaultdict(list)

    def end(channel: int, pitch: int, start: int) -> None:
        first = round(start * scale)
        found[channel].append(Note(first, max(first + 1, round(now * scale)), pitch))

    for message in track:
        now += message.time
        if message.type == "program_change":
            programs.setdefault(message.channel, message.program)
        elif message.type == "note_on" and message.velocity:
            sounding[message.channel, message.note].append(now)
        elif message.type in ("note_on", "note_off") and sounding[message.channel, message.note]:
            end(message.channel, message.note, sounding[message.channel, message.note].pop(0))
    for (channel, pitch), starts in sounding.items():
        for start in starts:
            end(channel, pitch, start)
    for channel, notes in found.items():
        yield Track(notes, programs.get(channel, 0), channel == DRUM_CHANNEL)


def write_midi(tokens: np.ndarray, vocabularies: Sequence[int], path: Path, bpm: float = 120) -> Path:
    """Writes tokens (T, tracks) as a file with a track for each, at so many beats a minute; drums are on channel 10."""
    mido = import_mido()
    file = mido.MidiFile(ticks_per_beat=TICKS_PER_STEP * STEPS_PER_QUARTER)
    metre = mido.MetaMessage("time_signature", numerator=4, denominator=4)
    file.tracks.append(mido.MidiTrack([metre, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm))]))
    for index, vocabulary in enumerate(vocabularies):
        channel = DRUM_CHANNEL if vocabulary == DRUMS else MELODY_CHANNELS[index % len(MELODY_CHANNELS)]
        program = [mido.Message("program_change", channel=channel, program=program_of(index, vocabularies))]
        events = to_events(to_notes(tokens[:, index], vocabulary), len(tokens))
        messages = [mido.Message(kind, channel=channel, note=pitch, time=time) for kind, pitch, time in events]
        rest = TICKS_PER_STEP * len(tokens) - sum(message.time for message in messages)
        file.tracks.append(mido.MidiTrack([*program, *messages, mido.MetaMessage("end_of_track", time=rest)]))
    return write_atomic(path, file.save)


def program_of(index: int, vocabularies: Sequence[int]) -> int:
    """The instrument of a track: a bass for the second one of a trio, which has drums as well, else a piano."""
    return BASS if index == 1 and DRUMS in vocabularies else PIANO


def to_events(notes: Sequence[Note], num_steps: int) -> Iterator[tuple[str, int, int]]:
    """The starts and ends of notes in order, each with the ticks since the one before; ends come first."""
    starts = [(note.start, 1, "note_on", note.pitch) for note in notes]
    ends = [(min(note.end, num_steps), 0, "note_off", note.pitch) for note in notes]
    before = 0
    for step, _, kind, pitch in sorted(starts + ends):
        yield kind, pitch, (step - before) * TICKS_PER_STEP
        before = step
