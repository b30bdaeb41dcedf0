"""Bach's chorales and folk tunes, as far as two works of the user's music21."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("music21")

from aectl.data.music import music21_pieces
from aectl.data.music.corpora import Chorales, first_part
from aectl.modalities.notes import melody_notes

SETTINGS = {"bars": 2, "val": 0.0, "test": 0.0, "split_seed": 0, "label": "key"}


def test_a_chorale_is_four_voices_that_start_with_its_first_full_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(music21_pieces, "chorale_names", lambda: ["bach/bwv269", "bach/bwv153.1"])
    source = Chorales(voices="all", cache=str(tmp_path), **SETTINGS)
    source.prepare()
    err = capsys.readouterr().err
    assert err.count("may restrict commercial use") == 1
    assert source.collection.skipped == {"bach/bwv269": "in 3/4; expected 4/4"}
    (piece,) = source.pieces
    assert [len(part) % 16 for part in piece.parts] == [0] * 4
    soprano = melody_notes(piece.parts[0][:, 0])
    assert [note.pitch for note in soprano[:4]] == [72, 71, 69, 76]  # after an upbeat of a crotchet, 71
    split = source.split("train")
    assert {split.classes[key] for key in split.y.tolist()} == {"A minor"}
    again = Chorales(voices="soprano", cache=str(tmp_path), **SETTINGS)
    again.prepare()
    assert not capsys.readouterr().err
    assert len(again.pieces[0].parts) == 1


def test_a_tune_in_two_four_has_two_of_its_bars_in_one_and_others_are_refused_before_they_are_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tunes.abc"
    path.write_text("X:1\nT:Up\nM:2/4\nL:1/8\nK:C\nc|cdef|gfed|c2-c2|z4|\n\nX:2\nT:Waltz\nM:3/4\nL:1/4\nK:C\ncde|f3|\n")
    (_, up), (_, waltz) = music21_pieces.read_tunes(path, ("2/4",))
    (part,) = first_part(up)
    notes = melody_notes(part[:, 0])
    assert [(note.start, note.end, note.pitch) for note in notes[:2]] == [(0, 2, 72), (2, 4, 74)]
    assert (notes[-1].start, notes[-1].end) == (16, 24)
    assert len(part) == 32
    monkeypatch.setattr("music21.abcFormat.translate.abcToStreamScore", None)
    with pytest.raises(ValueError, match="in 3/4; expected 2/4"):
        first_part(waltz)
    assert np.array_equal(part[24:], [[1], *[[0]] * 7])
