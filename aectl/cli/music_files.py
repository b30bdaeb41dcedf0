"""What the verbs write of music besides pictures: MIDI files."""

from pathlib import Path

import torch
from torch import Tensor

from aectl.cli.latent_figures import target_of
from aectl.errors import UserError
from aectl.inference.latent_space import interpolate
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.modalities import Tokens
from aectl.modalities.midi_files import SUFFIX
from aectl.modalities.sound import find_sound_font, write_wav


def check_audio(trained: TrainedRun, audio: bool) -> None:
    """Raises a UserError if sound is asked for, but the examples have none, or nothing here renders it."""
    if not audio:
        return
    if not isinstance(trained.modality, Tokens):
        raise UserError(f"audio=true: {trained.modality.name} have no sound; expected a run on music")
    find_sound_font()


def write_music(modality: Tokens, outputs: Tensor, folder: Path, audio: bool) -> str:
    """Writes a MIDI file for each window (N, 1, T, V), with sound if it is asked for, and says so."""
    digits = len(str(len(outputs) - 1))
    paths = [folder / f"{index:0{digits}}{SUFFIX}" for index in range(len(outputs))]
    for output, path in zip(outputs, paths, strict=True):
        modality.write_file(output, path)
    for path in track(paths, "rendering sound") if audio else ():
        write_wav(path, find_sound_font())
    return f"{folder}/: {len(outputs)} MIDI files{' and as many of sound (WAV)' if audio else ''}"


def write_walk(
    trained: TrainedRun, ends: tuple[int, int], steps: int, cond: Tensor | None, path: Path, audio: bool
) -> Path:
    """Writes one MIDI file that plays a test window, the outputs along the arc (slerp) to another one, and that one."""
    modality = trained.modality
    assert isinstance(modality, Tokens)
    _, arc = interpolate(trained, ends, steps, cond).split(steps)
    first, last = (target_of(trained, index).cpu() for index in ends)
    written = modality.write_windows(torch.cat([first, arc, last]), path)
    return write_wav(written, find_sound_font()) if audio else written
