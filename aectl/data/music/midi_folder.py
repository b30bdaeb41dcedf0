"""A folder of MIDI files as a data set."""

import sys
from collections import Counter
from functools import cached_property
from pathlib import Path

from aectl.data.music.labels import Label
from aectl.data.music.pieces import Collection, Piece
from aectl.data.music.source import FORMAT, Music
from aectl.errors import UserError
from aectl.io.folders import SHOWN, describe_skipped, digest, visible_files
from aectl.io.progress import track
from aectl.modalities.midi_files import SUFFIXES, UnusableError, import_mido, read_midi
from aectl.modalities.midi_parts import Kind, Voices, to_parts
from aectl.types import Fraction, PositiveInt, Seed


class Midi(Music):
    """The MIDI files in 4/4 below a folder, at any depth, parsed once and kept in the cache.

    They are parsed again when files are added, changed or deleted.

    Arguments:
        root: the folder.
        kind: what a window holds: a `melody`, `drums`, or a `trio` of melody, bass and drums.
        voices: the melodies of a file: `all` its tracks, or the `top` one, the highest on average. Of notes that start
            at once the highest counts.
        strict: stop at the first file that cannot be used, instead of skipping it with a note.
        bars, val, test, split_seed, label, cache: as for `Music`.
    """

    def __init__(
        self,
        root: str,
        kind: Kind,
        voices: Voices,
        bars: PositiveInt,
        val: Fraction,
        test: Fraction,
        split_seed: Seed,
        label: Label,
        strict: bool,
        cache: str,
    ) -> None:
        super().__init__(kind, bars, val, test, split_seed, label, cache)
        self.root = Path(root).expanduser()
        self.voices: Voices = voices
        self.strict = strict

    @property
    def where(self) -> str:
        return f"dataset.root={self.root}"

    @property
    def stored_as(self) -> str:
        """Named after the folder and the settings and, behind the dash, the state of the files."""
        family = digest([FORMAT, str(self.root.resolve()), self.kind, self.voices])
        stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in self.files]
        return f"{family}-{digest(stats)}"

    @cached_property
    def files(self) -> list[Path]:
        """Every MIDI file below the root; a UserError if there is none."""
        if not self.root.is_dir():
            raise UserError(f"{self.where}: no such folder; expected one with MIDI files")
        paths = sorted(self.root / name for name, _ in visible_files(self.root))
        found = [path for path in paths if path.suffix.lower() in SUFFIXES]
        if not found:
            others = Counter(path.suffix or "no extension" for path in paths)
            left_out = ", ".join(f"{n} {suffix}" for suffix, n in others.most_common(SHOWN))
            raise UserError(
                f"{self.where}: no MIDI files in it{f' ({left_out})' if left_out else ''}; "
                "expected files of .mid, at any depth"
            )
        return found

    def read(self) -> Collection:
        import_mido()
        pieces, skipped = [], {}
        for path in track(self.files, "reading MIDI files"):
            name = str(path.relative_to(self.root))
            try:
                pieces.append(Piece(name, to_parts(read_midi(path), self.vocabularies, self.voices, path)))
            except UnusableError as error:
                if self.strict:
                    raise
                skipped[name] = str(error).removeprefix(f"{path}: ")
        self.forget_former_states()
        for line in describe_skipped(skipped):
            print(line, file=sys.stderr)
        return Collection(pieces, skipped)

    def forget_former_states(self) -> None:
        """Deletes what the cache holds of earlier states of the same files."""
        family = self.stored_as.split("-")[0]
        for path in self.cache.glob(f"music-{family}-*.npz"):
            path.unlink(missing_ok=True)
