"""predict on real files."""

import errno
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import aectl as package
from aectl.cli.prediction_files import plan_jobs
from aectl.inference.denoising import finish
from aectl.inference.restoration import restore
from aectl.modalities import image_files
from aectl.modalities.image_metrics import psnr
from aectl.modalities.pixels import to_depth
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
    expected = to_depth(package.open(str(runs[run]), accelerator="cpu").reconstruct(x)[0].numpy(), np.uint8)
    if run == "rednet":  # a denoiser
        expected = finish(image_files.read_image(source), expected, 1.0).pixels
    assert np.abs(array.astype(int) - expected).max() <= 1


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


def test_noise_of_unknown_strength_is_estimated_and_removed_as_far_as_it_is_there(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path
) -> None:
    clean = np.linspace(60, 200, 96 * 96).reshape(96, 96)
    (tmp_path / "in").mkdir()
    for sigma in (2, 90):
        noisy = clean + np.random.default_rng(0).normal(0, sigma, clean.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "in" / f"{sigma}.png")
    call = ("predict", runs["rednet"], "input=in")
    result = aectl(*call, "output=auto", "strength=auto")
    found = re.findall(r"in/(\d+)\.png: noise sigma (\S+) \(\d+ of 255\), (\d+)%", result.out)
    assert [(name, float(sigma)) for name, sigma, _ in found] == [
        ("2", pytest.approx(2 / 255, abs=0.002)),
        ("90", pytest.approx(90 / 255, rel=0.4)),
    ]
    said = aectl(*call, "output=out").err
    assert "1 picture has more noise than the run was trained on (task.sigma=0.2), up to sigma 0." in said
    assert "1 picture has less noise than the run was trained on (task.sigma=0.2), down to sigma 0.01" in said
    assert (
        "strength=0.5: expected 1 for a run that removes no"
        in aectl("predict", runs["grid"], "input=in", "output=x", "strength=0.5").err
    )
    assert "strength=2" in aectl(*call, "output=x", "strength=2").err


def test_other_files_are_counted_and_content_gives_an_ending(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path
) -> None:
    photo(tmp_path / "in" / "a.png", (24, 20)).rename(tmp_path / "in" / "scan.001")
    photo(tmp_path / "in" / "a.png", (24, 20)).rename(tmp_path / "in" / "b")
    result = aectl("predict", runs["tiny"], "input=in", "output=out")
    assert result.err.splitlines()[0] == "input=in: 1 file left out: 1 .001"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]
    assert aectl("predict", runs["tiny"], "input=in/scan.001", "output=one").status == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["scan.001.png"]
    (tmp_path / "in.zip").write_bytes(b"PK")
    assert "in.zip: is an archive; unpack it" in aectl("predict", runs["tiny"], "input=in.zip", "output=out").err


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


def test_depth_is_kept_and_what_is_lost_is_one_line(aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    values = np.random.default_rng(0).integers(0, 65_536, (24, 24), dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "in" / "scan.tif", dpi=(600, 600))
    frames = [Image.new("RGB", (24, 24), (level, 0, 0)) for level in (0, 90)]
    for name in ("a.webp", "b.webp"):
        frames[0].save(tmp_path / "in" / name, save_all=True, append_images=frames[1:])
    result = aectl("predict", runs["rednet"], "input=in", "output=out")
    assert result.status == 0
    assert result.err.splitlines()[-1] == "aectl predict: 2 pictures lose: animation"
    with Image.open(tmp_path / "out" / "scan.tif") as scan:
        assert scan.mode == "I;16"
        assert scan.info["dpi"] == (600, 600)
        assert len(np.unique(np.asarray(scan) % 257)) > 100
    said = aectl("predict", runs["rednet"], "input=in/scan.tif", "output=out", "format=webp").err
    assert said.splitlines()[-1] == (
        "aectl predict: 1 picture loses: 16-bit depth; 1 picture loses: dpi; format=png keeps 16-bit depth, dpi"
    )


def test_a_reference_that_cannot_be_compared_is_named_and_the_result_written(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        photo(tmp_path / "in" / name, (24, 20))
    photo(tmp_path / "truth" / "a.png", (24, 20))
    photo(tmp_path / "truth" / "b.png", (12, 10))
    result = aectl("predict", runs["rednet"], "input=in", "output=out", "reference=truth")
    assert result.status == 1
    assert (
        "reference=truth/b.png: is 10x12 pixels; expected 20x24 like the result, which was written; "
        "give the original of the same picture at that size"
    ) in result.err.splitlines()
    assert "wrote 3 of 3" in result.out
    assert "mean of 1 of 3" in result.out


def test_paths_may_have_any_signs(aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
    photo(tmp_path / "odd, (1)=x" / "a b,c.png", (24, 20))
    assert aectl("predict", runs["rednet"], "input=odd, (1)=x", "output=o, 2").status == 0
    assert (tmp_path / "o, 2" / "a b,c.png").is_file()


@pytest.mark.parametrize(
    ("output", "message"),
    [("file/deep", "file: could not be written (Not a directory)"), ("n" * 300, "could not be written (File name too")],
)
def test_a_folder_that_cannot_be_made_is_named_in_one_line(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path, output: str, message: str
) -> None:
    photo(tmp_path / "in" / "a.png", (24, 20))
    (tmp_path / "file").write_text("")
    result = aectl("predict", runs["rednet"], "input=in", f"output={output}")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert result.err.startswith(f"aectl predict: output={output}: ")
    assert message in result.err
    assert "give output=FOLDER that can be written" in result.err


@pytest.mark.parametrize("call", [["predict", "input=in", "output=out"], ["sample", "n=1"]])
def test_a_full_disk_is_named_in_one_line(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: list[str]
) -> None:
    photo(tmp_path / "in" / "a.png", (24, 20), channels=1)

    def replace(*paths: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", replace)
    verb, *words = call
    result = aectl(verb, runs["vector"], *words)
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "the disk is full (No space left on device)" in result.err
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".a")]


def test_a_picture_in_tiles_reports_each_of_them(runs: dict[str, Path]) -> None:
    parts: list[float] = []
    trained = package.open(str(runs["rednet"]), accelerator="cpu")
    restore(trained, np.zeros((3, 60, 60), np.uint8), tile=40, advance=parts.append)
    assert len(parts) > 1
    assert sum(parts) == pytest.approx(1)


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


def test_pictures_that_differ_in_their_ending_are_compared_apart(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.png", "a.tif", "b.png")]
    jobs = plan_jobs(tmp_path, files, tmp_path / "out", None, None)
    assert [job.compared.name for job in jobs] == ["a.png-compared.png", "a.tif-compared.png", "b-compared.png"]
