"""A run that fills hidden pixels: trained, measured, and applied to files with masks."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aectl as package
from aectl.errors import UserError
from aectl.modalities import image_files
from tests.conftest import Aectl
from tests.support.pictures import photo


@pytest.fixture
def run(barely_trained: dict[str, Path]) -> Path:
    return barely_trained["inpaint"]


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A photo in a.png, and in mask.png a mask of its middle."""
    mask = np.zeros((50, 70), np.uint8)
    mask[10:30, 20:40] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return image_files.read_image(photo(tmp_path / "in" / "a.png")), mask > 0


def test_a_run_predicts_what_the_mask_hides_and_keeps_the_rest(
    aectl: Aectl, run: Path, tmp_path: Path, pictures: tuple[np.ndarray, np.ndarray]
) -> None:
    picture, hidden = pictures
    call = ("predict", run, "input=in", "mask=mask.png", "output=out", "compare=true", "reference=in", "tile=32")
    result = aectl(*call)
    assert result.status == 0, result.err
    found = image_files.read_image(tmp_path / "out" / "a.png")
    assert np.array_equal(found[:, ~hidden], picture[:, ~hidden])
    assert (found != picture)[:, hidden].mean() > 0.9
    assert " dB of the hidden part, mean of 1 of 1" in result.out
    compared = np.asarray(Image.open(tmp_path / "out" / "a-compared.png").convert("RGB")).astype(int)
    assert (np.abs(compared - [237, 107, 82]).max(-1) < 3).any()  # the mark
    again = package.open(str(run), accelerator="cpu").predict(
        tmp_path / "in" / "a.png", mask=hidden.astype(float), tile=32
    )
    assert np.array_equal(np.asarray(again).transpose(2, 0, 1), found)


def test_a_folder_has_a_mask_for_each_picture(
    aectl: Aectl, run: Path, tmp_path: Path, pictures: tuple[np.ndarray, np.ndarray]
) -> None:
    picture, hidden = pictures
    photo(tmp_path / "in" / "deep" / "b.jpg")
    (tmp_path / "masks").mkdir()
    layer = np.full((50, 70, 2), 255, np.uint8)  # painted white on a transparent layer
    layer[..., 1] = 255 * hidden
    Image.fromarray(layer, "LA").save(tmp_path / "masks" / "a.tif")
    missing = aectl("predict", run, "input=in", "mask=masks", "output=out")
    assert (missing.status, missing.out.count("wrote")) == (2, 0)
    assert (
        "mask=masks: has no mask for 1 of 2 pictures, such as in/deep/b.jpg; expected one of the same name"
        in missing.err
    )
    (tmp_path / "masks" / "deep").mkdir()
    Image.fromarray(np.zeros((50, 70), np.uint8)).save(tmp_path / "masks" / "deep" / "b.png")
    result = aectl("predict", run, "input=in", "mask=masks", "output=out")
    assert result.status == 0, result.err
    assert "masks/deep/b.png: is black: nothing of in/deep/b.jpg is hidden, so it stays as it is" in result.err
    found = image_files.read_image(tmp_path / "out" / "a.png")
    assert np.array_equal(found[:, ~hidden], picture[:, ~hidden])
    assert not np.array_equal(found, picture)


def test_masks_that_do_not_fit_are_one_line(
    aectl: Aectl, run: Path, barely_trained: dict[str, Path], tmp_path: Path, pictures: tuple[np.ndarray, np.ndarray]
) -> None:
    assert "mask=null: " in (none := aectl("predict", run, "input=in")).err
    assert none.err.strip().endswith("mask=FILE, white there, or a folder with a mask for each picture")
    assert "mask=nope: no such file or folder" in aectl("predict", run, "input=in", "mask=nope").err
    assert "fills no hidden pixels" in aectl("predict", barely_trained["tiny"], "input=in", "mask=mask.png").err
    photo(tmp_path / "in" / "b.png", (20, 30))
    result = aectl("predict", run, "input=in", "mask=mask.png", "output=out")
    assert result.status == 1
    assert "mask=mask.png: is 70x50 pixels; expected 30x20 like in/b.png, which was left out" in result.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png"]
    with pytest.raises(UserError, match=r"mask: of shape \(3, 3\); expected \(50, 70\)"):
        package.open(str(run), accelerator="cpu").predict(tmp_path / "in" / "a.png", mask=np.ones((3, 3)))


def test_an_evaluation_scores_the_hidden_part_by_itself(aectl: Aectl, run: Path) -> None:
    result = aectl("eval", run, "samples=0", "slow_images=5", "output=found")
    assert result.status == 0, result.err
    assert "PSNR hidden, dB" in result.out
    report = json.loads(Path("found", "metrics.json").read_text())
    whole, hidden = (report["scores"][name]["mean"] for name in ("psnr", "psnr_hidden"))
    assert whole - hidden == pytest.approx(10 * np.log10(4), abs=1e-3)  # a quarter is hidden, the rest exact
    assert {"smooth fill", "mean fill", "biharmonic", "linear map"} == report["baselines"].keys()
    assert "psnr_hidden" in report["baselines"]["biharmonic"]
    assert "val/psnr_hidden" in (run / "summary.json").read_text()


def test_pictures_are_encoded_with_nothing_hidden(
    aectl: Aectl, run: Path, pictures: tuple[np.ndarray, np.ndarray]
) -> None:
    assert aectl("encode", run, "input=in", "output=codes.npz").status == 0
