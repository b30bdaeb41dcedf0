"""A run that colours: gray files of any depth come back in colour, with their luminance."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aectl as package
from aectl.modalities import image_files
from tests.conftest import Aectl
from tests.support.pictures import photo


@pytest.fixture
def run(barely_trained: dict[str, Path]) -> Path:
    return barely_trained["colorize"]


def test_gray_and_colour_files_come_back_in_colour_with_their_luminance(
    aectl: Aectl, run: Path, tmp_path: Path
) -> None:
    photo(tmp_path / "in" / "gray.png", (50, 70), channels=1)
    photo(tmp_path / "in" / "colour.png", (31, 64))
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "in" / "deep.png")
    result = aectl("predict", run, "input=in", "output=out", "compare=true", "tile=32")
    assert result.status == 0, result.err
    assert "loses:" not in result.err
    assert "lose:" not in result.err
    for name in ("gray", "colour"):
        given, found = (np.asarray(Image.open(tmp_path / folder / f"{name}.png")) for folder in ("in", "out"))
        assert found.shape == (*given.shape[:2], 3)
        luma = np.asarray(Image.open(tmp_path / "in" / f"{name}.png").convert("L")).astype(float)
        assert np.abs(found @ [0.299, 0.587, 0.114] - luma).max() < 1
    assert image_files.read_image(tmp_path / "out" / "deep.png").shape == (3, 20, 30)


def test_a_picture_in_memory_is_coloured(run: Path) -> None:
    trained = package.open(str(run), accelerator="cpu")
    gray = np.random.default_rng(0).random((40, 33)).astype(np.float32)
    assert trained.predict(gray).size == (33, 40)
    assert trained.predict(gray).mode == "RGB"
    assert trained.reconstruct(gray).shape == (1, 3, 40, 33)


def test_gray_data_are_refused_in_one_line(aectl: Aectl) -> None:
    result = aectl("train", "task=colorize")
    assert result.status == 2
    assert (
        "task=colorize: takes colour images (3, H, W), but the data has shape (1, 8, 8); use dataset=pho" in result.err
    )
    assert result.err.count("\n") == 1
