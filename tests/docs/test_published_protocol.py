"""The published protocol: noise that is not clipped, and scores of 8-bit results."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aectl
from docs.published_protocol import main, score, scores


@pytest.fixture
def black(tmp_path: Path) -> Path:
    """A folder with a black picture."""
    Image.fromarray(np.zeros((48, 60), np.uint8)).save(tmp_path / "black.png")
    return tmp_path


def test_noise_on_black_is_not_clipped(trained: dict[str, Path], black: Path) -> None:
    (found,) = scores(aectl.open(trained["rednet"]), black, sigma=25)
    assert found[0] == "black.png"
    assert found[1] == pytest.approx(-20 * np.log10(25 / 255), abs=0.3)  # clipped, it would be 3 dB more
    assert found[2] > found[1]


def test_results_are_rounded_to_8_bits() -> None:
    truth = np.full((1, 1, 4, 4), 100 / 255, np.float32)
    assert score(truth + 0.4 / 255, truth) == 100
    assert score(truth + 0.6 / 255, truth) == pytest.approx(20 * np.log10(255), abs=0.01)


def test_the_mean_is_the_last_row(trained: dict[str, Path], black: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(str(trained["rednet"]), str(black), "25")
    *_, picture, mean = (line for line in capsys.readouterr().out.splitlines() if "|" in line)
    assert picture.split("|")[2:] == mean.split("|")[2:]
