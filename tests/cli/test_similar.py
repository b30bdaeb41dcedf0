"""similar on a folder of pictures."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aectl.plots.contact_sheet import shorten
from tests.conftest import Aectl


def fill(folder: Path) -> None:
    """Six shades, one of them twice, and a file that is no picture."""
    folder.mkdir()
    for index in range(6):
        values = np.random.default_rng(index).integers(0, 255, (16, 20), dtype=np.uint8)
        Image.fromarray(values).save(folder / f"{index}.png")
    shutil.copy(folder / "1.png", folder / "copy $of$ 1.png")
    (folder / "bad.png").write_text("no picture")


def test_a_table_and_a_contact_sheet_are_written(aectl: Aectl, barely_trained: dict[str, Path], tmp_path: Path) -> None:
    fill(tmp_path / "in")
    result = aectl("similar", barely_trained["vector"], "input=in", "output=out", "neighbours=2")
    assert result.status == 1
    assert "in/bad.png: not a picture" in result.err
    assert "pictures: 7, groups of duplicates: 1, odd ones out: " in result.out
    assert "| 1.png   | copy $of$ 1.png |" in result.out
    with (tmp_path / "out" / "similar.csv").open(newline="") as file:
        rows = {row["picture"]: row for row in csv.DictReader(file)}
    assert len(rows) == 7
    assert rows["1.png"]["nearest_1"] == "copy $of$ 1.png"
    assert float(rows["1.png"]["distance_1"]) == 0
    assert (rows["1.png"]["duplicate_group"], rows["2.png"]["duplicate_group"]) == ("1", "")
    with Image.open(tmp_path / "out" / "similar.png") as sheet:
        assert sheet.width > 300


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["input=one"], "input=one: expected two or more pictures to compare; found 1"),
        (["input=in", "neighbours=0"], "neighbours=0"),
        ([], "give input=FOLDER"),
    ],
)
def test_mistakes_end_in_one_line(
    aectl: Aectl, barely_trained: dict[str, Path], tmp_path: Path, words: list[str], message: str
) -> None:
    fill(tmp_path / "in")
    (tmp_path / "one").mkdir()
    shutil.copy(tmp_path / "in" / "1.png", tmp_path / "one")
    result = aectl("similar", barely_trained["vector"], *words)
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert message in result.err


def test_a_code_as_long_as_the_picture_is_said_to_compare_pixels(
    aectl: Aectl, barely_trained: dict[str, Path], tmp_path: Path
) -> None:
    fill(tmp_path / "in")
    (tmp_path / "in" / "bad.png").unlink()
    result = aectl("similar", barely_trained["rednet"], "input=in", "output=out")
    assert result.status == 0, result.err
    assert "pixels are compared; a short code compares what is on the pictures" in result.err


def test_names_above_pictures_are_short_and_printable() -> None:
    assert shorten("a" * 30 + "b.png", 8) == "…aab.png"
    assert shorten("a\nb\x1b.png", 20) == "a?b?.png"
