"""A folder of MIDI files as a data set: windows, splits, cache, and files that cannot be used."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aectl.data.music import midi_folder
from aectl.data.music.midi_folder import Midi
from aectl.data.music.windows import in_one_key
from aectl.data.source import SplitName
from aectl.errors import UserError
from aectl.modalities.vocabulary import DRUMS, MELODY
from tests.support.midi_folder import BARS, write_bad, write_notes, write_tunes

SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
SETTINGS: dict[str, Any] = {
    "kind": "melody",
    "voices": "all",
    "bars": 2,
    "val": 0.2,
    "test": 0.2,
    "split_seed": 0,
    "label": "none",
    "strict": False,
}


def midi(root: Path, **settings: Any) -> Midi:
    return Midi(root=str(root), **{**SETTINGS, "cache": str(root.parent / "cache"), **settings})


@pytest.fixture(scope="module")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tunes(tmp_path_factory.mktemp("music") / "tunes")


def test_windows_start_at_every_bar_and_split_by_piece(tunes: Path) -> None:
    source = midi(tunes)
    assert source.shape == (1, 32, MELODY)
    parts = {name: source.split(name).x for name in SPLITS}
    assert {name: tuple(x.shape) for name, x in parts.items()} == {
        "train": (8 * (BARS - 1), 32, 1),
        "val": (2 * (BARS - 1), 32, 1),
        "test": (2 * (BARS - 1), 32, 1),
    }
    pieces = [set(source.windows[name].pieces.tolist()) for name in SPLITS]
    assert set.union(*pieces) == set(range(12))
    assert sum(map(len, pieces)) == 12
    first = source.pieces[int(source.windows["train"].pieces[0])].parts[0]
    assert np.array_equal(source.windows["train"].tokens[1], first[16:48])


@pytest.mark.parametrize("bars", [1, 6])
def test_a_window_has_as_many_bars_as_asked_for(tunes: Path, bars: int) -> None:
    source = midi(tunes, bars=bars)
    assert source.split("train").x.shape[1:] == (16 * bars, 1) == (source.shape[1], 1)


def test_too_long_windows_end_in_a_line_that_says_how_long_the_pieces_are(tunes: Path) -> None:
    with pytest.raises(UserError, match=r"no window of 7 bars in it; the longest of its 12 pieces has 6 bars"):
        midi(tunes, bars=7).prepare()


def test_repeated_windows_count_once_and_copies_of_a_piece_not_at_all(tmp_path: Path) -> None:
    beat = [(step, step + 4, 60) for step in range(0, 64, 4)]
    for name in ("a", "b"):
        write_notes(tmp_path / "same" / f"{name}.mid", *beat)
    source = midi(tmp_path / "same")
    assert [len(source.windows[name].tokens) for name in SPLITS] == [1, 0, 0]


def test_held_out_windows_do_not_occur_in_training_in_any_key(tmp_path: Path) -> None:
    write_tunes(tmp_path / "tunes", 8)
    tune = [(step, step + 4, 60 + step // 4) for step in range(0, 32, 4)]
    for index in range(8):
        moved = [(start, end, pitch + index) for start, end, pitch in tune]
        write_notes(tmp_path / "tunes" / f"same-{index}.mid", *moved)
    source = midi(tmp_path / "tunes", split_seed=1)
    keys = {n: {w.tobytes() for w in in_one_key(source.windows[n].tokens, (MELODY,))} for n in SPLITS}
    assert keys["train"] and keys["val"] and keys["test"]
    assert not keys["train"] & keys["val"] | keys["train"] & keys["test"] | keys["val"] & keys["test"]


def test_files_are_parsed_once_and_again_when_they_change(tunes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = midi(tunes).split("train").x
    read: list[Path] = []
    original = midi_folder.read_midi
    monkeypatch.setattr(midi_folder, "read_midi", lambda path: read.append(path) or original(path))
    assert torch.equal(midi(tunes, bars=2).split("train").x, before)
    assert not read
    midi(tunes, voices="top").prepare()
    assert len(read) == 12


def test_kinds_other_than_melodies_have_their_vocabularies(tmp_path: Path) -> None:
    write_tunes(tmp_path / "trios", 4, (MELODY, MELODY, DRUMS))
    for kind, tracks in (("trio", 3), ("drums", 1)):
        source = midi(tmp_path / "trios", kind=kind)
        x = source.split("train").x
        assert x.dtype == torch.int16
        assert x.shape[2] == tracks
        assert source.shape == (1, 32, sum(source.vocabularies))


@pytest.mark.parametrize(("label", "classes"), [("key", 24), ("piece", 12), ("density", 9), ("none", None)])
def test_windows_are_labelled_by_what_is_asked_for(tunes: Path, label: str, classes: int | None) -> None:
    split = midi(tunes, label=label).split("train")
    assert (split.classes and len(split.classes)) == classes
    if split.y is not None:
        assert len(split.y) == len(split.x)
    if label == "density":
        onsets = (split.x >= 2).sum((1, 2)) // 2
        assert torch.equal(split.y, onsets.clamp_max(8))


def test_a_scale_is_in_its_key(tmp_path: Path) -> None:
    scale = (62, 64, 66, 67, 69, 71, 73, 74)
    for index in range(4):
        notes = [
            (4 * step, 4 * step + 4, pitch) for step, pitch in enumerate((*scale, *scale[::-1], 62, 62, 62, 57 + index))
        ]
        write_notes(tmp_path / "d" / f"{index}.mid", *notes)
    split = midi(tmp_path / "d", label="key").split("train")
    assert {split.classes[key] for key in split.y.tolist()} == {"D major"}


def test_files_that_cannot_be_used_are_listed_and_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = write_bad(tmp_path / "tunes")
    write_tunes(tmp_path / "tunes", 4)
    source = midi(tmp_path / "tunes")
    source.prepare()
    assert source.collection.skipped.keys() == bad.keys()
    assert "dataset: 9 files skipped: broken.mid: damaged" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"broken\.mid: damaged"):
        midi(tmp_path / "tunes", strict=True, cache=str(tmp_path / "other")).prepare()


def test_a_folder_without_a_window_ends_in_a_line_that_says_why(tmp_path: Path) -> None:
    write_bad(tmp_path / "bad")
    with pytest.raises(UserError, match=r"no window of 2 bars in it; none of its 9 files can be used; broken.mid: dam"):
        midi(tmp_path / "bad").prepare()
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.txt").touch()
    with pytest.raises(UserError, match=r"none: no MIDI files in it \(1 .txt\); expected files of .mid"):
        midi(tmp_path / "none").prepare()
    with pytest.raises(UserError, match="missing: no such folder; expected one with MIDI files"):
        midi(tmp_path / "missing").prepare()
