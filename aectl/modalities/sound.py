"""MIDI files as sound, by the program fluidsynth and a sound font, where they are installed."""

import shutil
import subprocess
from pathlib import Path

from aectl.errors import UserError, one_line
from aectl.io.atomic import write_atomic

SOUND_FONTS = ("/usr/share/sounds/sf2", "/usr/share/soundfonts", "/usr/local/share/soundfonts")
DEFAULT = "default-GM.sf2"
SUFFIXES = (".sf2", ".sf3")
GAIN = "1.5"  # a melody alone is a sixth of full scale then; fluidsynth's own 0.2 is hardly heard
INSTALL = "on Debian: apt install fluidsynth timgm6mb-soundfont"
SECONDS = 120  # that a file may take


def find_sound_font() -> Path:
    """The sound font that the system has for its default, or any; a UserError if there is none, or no fluidsynth."""
    if shutil.which("fluidsynth") is None:
        raise UserError(f"audio=true: needs the program fluidsynth, which is not installed; {INSTALL}")
    found = sorted(
        (path for folder in SOUND_FONTS for path in Path(folder).glob("*") if path.suffix.lower() in SUFFIXES),
        key=lambda path: (path.name != DEFAULT, path.name),
    )
    if not found:
        raise UserError(f"audio=true: no sound font in {', '.join(SOUND_FONTS)}; {INSTALL}")
    return found[0]


def write_wav(midi: Path, sound_font: Path) -> Path:
    """Renders a MIDI file into a WAV file beside it, 44.1 kHz; a UserError if fluidsynth fails."""

    def render(aside: Path) -> None:
        command = ["fluidsynth", "-ni", "-q", "-g", GAIN, "-F", str(aside), "-r", "44100", str(sound_font), str(midi)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise UserError(f"audio=true: fluidsynth took more than {SECONDS} s for {midi}") from None
        if done.returncode or not aside.is_file():
            raise UserError(f"audio=true: fluidsynth failed on {midi}: {one_line(done.stderr)}")

    return write_atomic(midi.with_suffix(".wav"), render)
