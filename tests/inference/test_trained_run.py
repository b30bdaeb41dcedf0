"""What `aectl.open` gives: a run that takes arrays, tensors and pictures."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import aectl as package
from aectl.errors import UserError
from aectl.inference.export import load
from tests.support.pictures import photo


@pytest.fixture
def runs(barely_trained: dict[str, Path]) -> dict[str, Path]:
    return barely_trained


def test_importing_aectl_imports_neither_torch_nor_numpy_nor_hydra() -> None:
    code = "import aectl, sys; sys.exit(bool({'torch', 'numpy', 'hydra'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_arrays_tensors_and_pictures_give_the_same_latents(runs: dict[str, Path]) -> None:
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


def test_a_picture_in_any_form_is_restored_alike(runs: dict[str, Path], tmp_path: Path) -> None:
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


def test_exported_files_compute_what_the_run_does(runs: dict[str, Path], tmp_path: Path) -> None:
    run = package.open(str(runs["vector"]), accelerator="cpu")
    paths = run.export(tmp_path / "files")
    assert [path.name for path in paths] == ["whole.pt2", "encoder.pt2", "decoder.pt2"]
    x = torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(load("torch_export", paths[0])(x), run.reconstruct(x), atol=1e-4, rtol=0)


def test_samples_come_from_the_sampler_that_is_named(runs: dict[str, Path]) -> None:
    run = package.open(str(runs["vector"]), accelerator="cpu")
    prior, gaussian, mixture = (run.sample(4, sampler=name) for name in ("prior", "gaussian", "mixture"))
    assert torch.equal(run.sample(4), prior)
    assert prior.shape == gaussian.shape == mixture.shape == (4, 1, 8, 8)
    assert not torch.equal(prior, gaussian)
    assert not torch.equal(gaussian, mixture)
