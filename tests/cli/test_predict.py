"""predict, encode and decode on real files, and the same from Python."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import aectl as package
from aectl.errors import UserError
from aectl.io import latent_tables
from aectl.io.latent_tables import LatentTable
from aectl.modalities import image_files
from aectl.modalities.image_metrics import psnr
from tests.conftest import Aectl


@pytest.fixture
def runs(barely_trained: dict[str, Path]) -> dict[str, Path]:
    return barely_trained


def photo(path: Path, size: tuple[int, int] = (50, 70), channels: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 256, (*size, channels), dtype=np.uint8)
    Image.fromarray(values if channels == 3 else values[:, :, 0]).save(path)
    return path


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


def test_names_folders_and_formats_stay_and_nothing_is_written_twice(
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


def test_what_cannot_be_read_is_reported_and_the_rest_done(aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
    photo(tmp_path / "in" / "good.png")
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    result = aectl("predict", runs["rednet"], "input=in", "output=out")
    assert result.status == 1
    assert "bad.png: not a picture" in result.err
    assert "wrote 1 of 2" in result.out
    assert (tmp_path / "out" / "good.png").is_file()


def test_a_reference_is_measured_and_shown(aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
    source = photo(tmp_path / "in" / "a.png", (40, 40))
    result = aectl(*("predict", runs["rednet"], "input=in", "output=out"), "reference=in", "compare=true")
    output, truth = (image_files.read_image(path) for path in (tmp_path / "out" / "a.png", source))
    expected = psnr(*(torch.from_numpy(array).float().div(255).unsqueeze(0) for array in (output, truth)))
    assert f"{float(expected):.2f} dB" in result.out
    assert image_files.read_image(tmp_path / "out" / "a-compared.png").shape[2] > 4 * 40


@pytest.mark.parametrize(
    ("words", "said"),
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
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("in/a.png", "twice/a.png", "twice/a.jpg"):
        photo(tmp_path / name)
    result = aectl("predict", runs["rednet"], *words)
    assert result.status == 2
    assert said in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


TABLE = LatentTable(["a", "b/c"], np.array([[1.5, -2.25, 1e-7], [0.1, 3e8, -0.0]], np.float32), ["x", "y, z"])


@pytest.mark.parametrize("suffix", latent_tables.SUFFIXES)
@pytest.mark.parametrize("labels", [True, False])
def test_latents_come_back_exactly(tmp_path: Path, suffix: str, labels: bool) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    table = TABLE if labels else TABLE._replace(labels=None)
    found = latent_tables.load(latent_tables.save(table, tmp_path / f"latents{suffix}"))
    np.testing.assert_array_equal(found.codes, table.codes)
    if suffix != ".npy":
        assert (found.names, found.labels) == (table.names, table.labels)


def test_parquet_without_its_library_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"aectl\[parquet\]"):
        latent_tables.save(TABLE, tmp_path / "latents.parquet")


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".npy"])
def test_encode_and_decode_are_the_model(aectl: Aectl, runs: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    assert aectl("encode", runs["vector"], f"output=./z{suffix}").status == 0
    table = latent_tables.load(tmp_path / f"z{suffix}")
    assert table.codes.shape == (359, 3)
    result = aectl("decode", runs["vector"], f"latents=z{suffix}", "output=out")
    assert result.status == 0, result.err
    expected = package.open(str(runs["vector"]), accelerator="cpu").decode(table.codes[:1])[0]
    found = image_files.read_image(tmp_path / "out" / f"{table.names[0]}.png")
    assert np.abs(found - 255 * expected.numpy()).max() <= 0.51
    assert aectl("decode", runs["vector"], f"latents=z{suffix}", "output=out").status == 2


def test_pictures_are_encoded_under_their_names(aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
    for name in ("in/a.png", "in/b/c.png"):
        photo(tmp_path / name, (8, 8), channels=1)
    assert aectl("encode", runs["vector"], "input=in").status == 0
    table = latent_tables.load(runs["vector"] / "latents" / "latents.npz")
    assert table.names == ["a.png", "b/c.png"]
    x = image_files.read_image(tmp_path / "in" / "a.png", 1)
    expected = package.open(str(runs["vector"]), accelerator="cpu").encode(x)
    np.testing.assert_allclose(table.codes[:1], expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "said"),
    [("name,z1\na,1\n", "1 numbers a code, but this model has 3"), ("name,z1,z2,z3\na,1,2,x\n", "not readable"),
     ("", "not readable"), ("name,z1,z2,z3\n../../a,1,2,3\n", "lead out of the output folder"),
     ("name,z1,z2,z3\na,1,2,3\na,1,2,3\n", "not all different")],
)  # fmt: skip
def test_latents_that_do_not_fit_are_refused(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "z.csv").write_text(content)
    result = aectl("decode", runs["vector"], "latents=z.csv", "output=out")
    assert result.status == 2
    assert said in result.err
    assert not (tmp_path / "out").exists()


def test_importing_aectl_is_light() -> None:
    code = "import aectl, sys; sys.exit(bool({'torch', 'numpy', 'hydra'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_python_takes_arrays_tensors_and_pictures(runs: dict[str, Path]) -> None:
    run = package.open(str(runs["vector"]), accelerator="cpu")
    assert "vae" in repr(run)
    gray = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    kinds = [gray, gray[None], gray[None, None], torch.from_numpy(gray), Image.fromarray(gray), gray / 255, [gray]]
    found = [run.encode(kind) for kind in kinds]
    assert all(torch.allclose(code, found[0], atol=1e-6) for code in found)
    assert torch.allclose(run.decode(found[0]), run.reconstruct(gray), atol=1e-6)
    assert torch.equal(run.sample(5), run.sample(5))
    assert run.predict(Image.fromarray(gray)).size == (8, 8)
    for bad, message in ((gray.astype(int), "int64"), (gray.astype(float), "to 248"), (gray / 255 * np.nan, "nan")):
        with pytest.raises(UserError, match=f"{message}.*expected uint8, or floating point from 0 to 1"):
            run.encode(bad)
    with pytest.raises(UserError, match="expected"):
        run.encode(np.zeros((3, 9, 9)))
    with pytest.raises(UserError, match="accelerator"):
        package.open(str(runs["vector"]), accelerator="tpu")


def test_python_restores_a_picture_in_whatever_form_it_comes(runs: dict[str, Path], tmp_path: Path) -> None:
    run = package.open(str(runs["rednet"]), accelerator="cpu")
    file = photo(tmp_path / "a.png", (20, 30))
    picture = Image.open(file)
    rows = np.asarray(picture)
    planes = torch.from_numpy(rows.copy()).permute(2, 0, 1)
    expected = np.asarray(run.predict(file))
    assert expected.shape == (20, 30, 3)
    for kind in (str(file), picture, rows, rows / 255, planes, planes.float() / 255, planes[None]):
        assert np.array_equal(run.predict(kind), expected)
    assert torch.equal(run.encode(rows), run.encode(planes))
