"""encode and decode: pictures and splits to latents, and back."""

from pathlib import Path

import numpy as np
import pytest

import aectl as package
from aectl.io import latent_tables
from aectl.modalities import image_files
from tests.conftest import BARE, Aectl
from tests.support.pictures import photo


@pytest.fixture
def runs(barely_trained: dict[str, Path]) -> dict[str, Path]:
    return barely_trained


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".npy"])
def test_encode_and_decode_compute_what_the_model_does(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path, suffix: str
) -> None:
    assert aectl("encode", runs["vector"], f"output=z{suffix}").status == 0
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
    written = aectl("encode", runs["vector"], "input=in")
    assert f"wrote {runs['vector'] / 'latents' / 'latents.npz'}: 2x3 latents" in written.out
    table = latent_tables.load(runs["vector"] / "latents" / "latents.npz")
    assert table.names == ["a.png", "b/c.png"]
    x = image_files.read_image(tmp_path / "in" / "a.png", 1)
    expected = package.open(str(runs["vector"]), accelerator="cpu").encode(x)
    np.testing.assert_allclose(table.codes[:1], expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [("name,z1\na,1\n", "1 numbers a code, but this model has 3"), ("name,z1,z2,z3\na,1,2,x\n", "not readable"),
     ("", "not readable"), ("name,z1,z2,z3\n../../a,1,2,3\n", "leads out of the output folder")],
)  # fmt: skip
def test_latents_that_do_not_fit_are_refused(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "z.csv").write_text(content)
    result = aectl("decode", runs["vector"], "latents=z.csv", "output=out")
    assert result.status == 2
    assert message in result.err
    assert not (tmp_path / "out").exists()


def test_equal_names_are_numbered(aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
    rows = "".join(f"{name},1,2,3\n" for name in ("a.png", "a-2", "a.jpg", "b/a", "", "a", "all"))
    (tmp_path / "z.csv").write_text(f"name,z1,z2,z3\n{rows}")
    assert aectl("decode", runs["vector"], "latents=z.csv", "output=out").status == 0
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png")}
    assert found == {"a.png", "a-2.png", "a-3.png", "b/a.png", "unnamed.png", "a-4.png", "all.png", "all-2.png"}


def test_output_lies_in_the_current_folder_whatever_the_verb_and_each_of_several_runs_has_its_own(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path
) -> None:
    assert "wrote z-0.csv" in aectl("encode", runs["vector"], runs["vector"], "output=z.csv").out
    for verb, keys in {"plot-latent": ["n=50"], "eval": BARE}.items():
        assert f"wrote {verb}/" in aectl(verb, runs["vector"], *keys, f"output={verb}").out
    assert {path.name for path in tmp_path.iterdir()} == {"plot-latent", "eval", "z-0.csv", "z-1.csv"}
