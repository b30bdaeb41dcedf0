"""predict on real files."""

from pathlib import Path

import numpy as np
import pytest
import torch

import aectl as package
from aectl.modalities import image_files
from aectl.modalities.image_metrics import psnr
from tests.conftest import Aectl
from tests.support.pictures import photo


@pytest.fixture
def runs(barely_trained: dict[str, Path]) -> dict[str, Path]:
    return barely_trained


@pytest.mark.parametrize(("run", "scale"), [("rednet", 1), ("grid", 2)])
@pytest.mark.parametrize("size", [(50, 70), (33, 31), (48, 48), (7, 120)])
def test_a_picture_of_any_size_comes_out_whole(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path, run: str, scale: int, size: tuple[int, int]
) -> None:
    source = photo(tmp_path / "in" / "a.png", size)
    result = aectl("predict", runs[run], f"input={source}", "output=out")
    assert result.status == 0, result.err
    array = image_files.read_image(tmp_path / "out" / "a.png")
    assert array.shape == (3, scale * size[0], scale * size[1])
    x = torch.from_numpy(image_files.read_image(source)).float().div(255).unsqueeze(0)
    expected = package.open(str(runs[run]), accelerator="cpu").reconstruct(x)[0]
    assert np.abs(array - 255 * expected.numpy()).max() <= 0.51


def test_tiles_agree_with_the_whole_away_from_their_edges(aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
    source = photo(tmp_path / "in" / "a.png", (150, 180))
    aectl("predict", runs["rednet"], f"input={source}", "output=whole")
    aectl("predict", runs["rednet"], f"input={source}", "output=tiled", "tile=96")
    whole, tiled = (image_files.read_image(tmp_path / name / "a.png").astype(int) for name in ("whole", "tiled"))
    assert whole.shape == tiled.shape
    assert np.abs(whole - tiled).mean() < 0.5
    assert not np.array_equal(whole[:, :40, :40], 0)


def test_a_model_of_one_size_sees_blended_tiles(aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
    source = photo(tmp_path / "in" / "a.png", (21, 37), channels=1)
    assert aectl("predict", runs["vector"], f"input={source}", "output=out").status == 0
    assert image_files.read_image(tmp_path / "out" / "a.png").shape == (1, 21, 37)


def test_names_folders_and_formats_are_kept_and_existing_files_skipped(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("a.png", "deep/b.jpg", "deep/er/c.tif", "d.bmp", "e.webp", "f.gif"):
        photo(tmp_path / "in" / name, (24, 24))
    call = ("predict", runs["rednet"], "input=in", "output=out")
    assert "wrote 6 of 6" in aectl(*call).out
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"a.png", "deep/b.jpg", "deep/er/c.tif", "d.bmp", "e.webp", "f.gif"}
    (tmp_path / "out" / "a.png").write_bytes(b"mine")
    (tmp_path / "out" / "d.bmp").unlink()
    assert "wrote 1 of 6" in aectl(*call).out
    assert (tmp_path / "out" / "a.png").read_bytes() == b"mine"
    assert "wrote 6 of 6" in aectl(*call, "overwrite=true").out
    assert "wrote 6 of 6" in aectl("predict", runs["rednet"], "input=in", "output=png", "format=png").out
    assert all(path.suffix == ".png" for path in (tmp_path / "png").rglob("*") if path.is_file())


def test_unreadable_files_are_reported_and_the_others_written(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path
) -> None:
    photo(tmp_path / "in" / "good.png")
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    result = aectl("predict", runs["rednet"], "input=in", "output=out")
    assert result.status == 1
    assert "bad.png: not a picture" in result.err
    assert "wrote 1 of 2" in result.out
    assert (tmp_path / "out" / "good.png").is_file()


def test_psnr_against_a_reference_is_printed_and_a_comparison_written(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path
) -> None:
    source = photo(tmp_path / "in" / "a.png", (40, 40))
    result = aectl(*("predict", runs["rednet"], "input=in", "output=out"), "reference=in", "compare=true")
    output, truth = (image_files.read_image(path) for path in (tmp_path / "out" / "a.png", source))
    expected = psnr(*(torch.from_numpy(array).float().div(255).unsqueeze(0) for array in (output, truth)))
    assert f"{float(expected):.2f} dB" in result.out
    assert image_files.read_image(tmp_path / "out" / "a-compared.png").shape[2] > 4 * 40


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["output=out"], "give input="),
        (["input=missing", "output=out"], "no such file or folder"),
        (["input=empty", "output=out"], "no pictures in it"),
        (["input=in", "output=in"], "would overwrite the input"),
        (["input=twice", "output=out", "format=png"], "would both become"),
        (["input=in", "output=out", "tile=0"], "tile=0"),
        (["input=in", "output=out", "format=exe"], "format=exe"),
        (["input=in", "output=out", "reference=missing"], "reference=missing"),
    ],
)
def test_mistakes_end_in_one_line(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("in/a.png", "twice/a.png", "twice/a.jpg"):
        photo(tmp_path / name)
    result = aectl("predict", runs["rednet"], *words)
    assert result.status == 2
    assert message in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
