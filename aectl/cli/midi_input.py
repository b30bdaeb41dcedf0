"""The verbs that take files, for a run on music: MIDI files in, their windows encoded or rebuilt."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from aectl.cli.open_run import print_written
from aectl.errors import UserError
from aectl.evaluation.scores import score_batch
from aectl.inference.trained_run import TrainedRun
from aectl.io.folders import visible_files
from aectl.io.latent_tables import LatentTable
from aectl.io.progress import track
from aectl.modalities import Tokens
from aectl.modalities.midi_files import SUFFIXES, UnusableError


def midi_files(input: str | None) -> tuple[Path, list[Path]]:
    """The MIDI files that the key `input` names, and the folder that their names are relative to."""
    if input is None:
        raise UserError("input: no music to work on; give input=FILE or input=FOLDER with MIDI files")
    path = Path(input).expanduser()
    if path.is_file():
        return path.parent, [path]
    if not path.is_dir():
        raise UserError(f"input={input}: no such file or folder; give a MIDI file or a folder of them")
    found = sorted(path / name for name, _ in visible_files(path) if name.lower().endswith(SUFFIXES))
    if not found:
        raise UserError(f"input={input}: no MIDI files in it; expected {', '.join(SUFFIXES)}")
    return path, found


def modality_of(trained: TrainedRun) -> Tokens:
    modality = trained.modality
    assert isinstance(modality, Tokens)
    return modality


def parts_of(modality: Tokens, files: list[Path], skipped: list[Path]) -> Iterator[tuple[Path, list[np.ndarray]]]:
    """The voices of each file, windows (N, T, tracks); one that cannot be used is reported, and put into `skipped`."""
    for path in track(files, "MIDI files"):
        try:
            yield path, modality.read_parts(path)
        except UnusableError as error:
            skipped.append(path)
            print(error, file=sys.stderr)


class EncodedWindows(NamedTuple):
    """The windows of MIDI files, one after the other, (N, T, tracks), their names and their latents (N, D)."""

    names: list[str]
    windows: Tensor
    codes: Tensor


def encode_windows(trained: TrainedRun, input: str | None, label: int | None, skipped: list[Path]) -> EncodedWindows:
    """Of the files that can be used; the others are reported, and put into `skipped`. A UserError if none can."""
    root, files = midi_files(input)
    names, windows, codes = [], [], []
    for path, parts in parts_of(modality_of(trained), files, skipped):
        name = path.relative_to(root).with_suffix("")
        of_file = torch.from_numpy(np.concatenate(parts))
        names += [f"{name}-{index:03}" for index in range(len(of_file))]
        windows.append(of_file)
        codes.append(trained.encode(of_file, label))
    if not codes:
        raise UserError(f"input={input}: none of its {len(files)} files can be used")
    return EncodedWindows(names, torch.cat(windows), torch.cat(codes))


def encode_midi(trained: TrainedRun, input: str, label: int | None) -> LatentTable:
    """The latents of the windows of MIDI files, one after the other; a UserError if none can be used."""
    found = encode_windows(trained, input, label, [])
    return LatentTable(found.names, found.codes.numpy())


def predict_midi(trained: TrainedRun, input: str | None, label: int | None, folder: Path, overwrite: bool) -> None:
    """Writes each file as the run rebuilds its voices, window by window; exit status 1 if one cannot be used."""
    modality = modality_of(trained)
    root, files = midi_files(input)
    skipped: list[Path] = []
    scores: list[np.ndarray] = []
    written = 0
    for path, parts in parts_of(modality, files, skipped):
        target = (folder / path.relative_to(root)).with_suffix(SUFFIXES[0])
        if target.resolve() == path.resolve():
            raise UserError(f"output={folder}: would overwrite the input {path}; give another folder")
        if target.exists() and not overwrite:
            continue
        truths = [torch.from_numpy(part) for part in parts]
        outputs = [trained.reconstruct(truth, label) for truth in truths]
        modality.write_parts(outputs, target)
        both = torch.cat(outputs), modality.to_model(torch.cat(truths))
        scores.append(score_batch(modality, *both)[modality.ranked_by])
        written += 1
    kept = len(files) - written - len(skipped)
    notes = [f"{kept} exist already; overwrite=true writes them again"] * bool(kept)
    notes += [f"{len(skipped)} could not be used"] * bool(skipped)
    of = f", onset F1 {np.concatenate(scores).mean():.3f} against the input" if scores else ""
    print_written("; ".join([f"{written} MIDI files to {folder}/{of}", *notes]))
    if skipped:
        raise SystemExit(1)
