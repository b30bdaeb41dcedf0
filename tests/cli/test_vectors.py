"""Data of shape (D,) from training to plots."""

from pathlib import Path

import numpy as np
import pytest

import aectl as package
from aectl.errors import UserError
from aectl.io import latent_tables
from tests.conftest import QUICK, Aectl, train
from tests.support.pictures import photo

NUM_VALUES = 5


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    rng = np.random.default_rng(0)
    path = folder / "vectors.npz"
    np.savez(path, x_train=rng.random((300, NUM_VALUES)), y_train=rng.integers(0, 3, 300))
    overrides = ["model=vae", "net=mlp", "model.latent_dim=2", "dataset=npz", f"dataset.path={path}"]
    return train(folder, {"vae": overrides}, QUICK)["vae"]


def test_samples_are_rows_of_numbers(aectl: Aectl, run: Path) -> None:
    result = aectl("sample", run, "n=7")
    assert result.status == 0, result.err
    found = np.load(run / "samples" / "prior-seed-0-n-7.npz")["vectors"]
    assert found.shape == (7, NUM_VALUES)
    assert ((found >= 0) & (found <= 1)).all()
    assert not list((run / "samples").glob("*.png"))
    assert "vectors have no picture" in result.out


def test_latents_decode_to_an_npz_file(aectl: Aectl, run: Path, tmp_path: Path) -> None:
    assert aectl("encode", run, "output=z.csv").status == 0
    table = latent_tables.load(tmp_path / "z.csv")
    result = aectl("decode", run, "latents=z.csv", "output=out")
    assert result.status == 0, result.err
    found = np.load(tmp_path / "out" / "vectors.npz")
    trained = package.open(str(run), accelerator="cpu")
    np.testing.assert_allclose(found["vectors"], trained.decode(table.codes), atol=1e-6)
    assert found["names"].tolist() == table.names
    assert "overwrite=true" in aectl("decode", run, "latents=z.csv", "output=out").err


def test_the_latent_space_is_a_scatter_alone(aectl: Aectl, run: Path) -> None:
    result = aectl("plot-latent", run, "n=50")
    assert result.status == 0, result.err
    assert {path.name for path in (run / "latent").iterdir()} == {"scatter-test.png"}


def test_vectors_are_exported(aectl: Aectl, run: Path) -> None:
    result = aectl("export", run, "output=files")
    assert result.status == 0, result.err
    assert "float32 vectors (batch, values) in [0, 1]" in Path("files/description.json").read_text()


@pytest.mark.parametrize("verb", ["predict", "encode"])
def test_pictures_are_refused_in_one_line(aectl: Aectl, run: Path, tmp_path: Path, verb: str) -> None:
    result = aectl(verb, run, f"input={photo(tmp_path / 'a.png')}")
    assert result.status == 2
    assert "trained on vectors of 5 values, not on images" in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_python_takes_one_vector_or_many(run: Path) -> None:
    trained = package.open(str(run), accelerator="cpu")
    x = np.random.default_rng(0).random((4, NUM_VALUES))
    assert trained.encode(x).shape == (4, 2)
    assert trained.reconstruct(x[0]).shape == (1, NUM_VALUES)
    assert trained.sample(3).shape == (3, NUM_VALUES)
    with pytest.raises(UserError, match="trained on vectors"):
        trained.predict(x[0])
    with pytest.raises(UserError, match="expected"):
        trained.encode(x[:, :3])
