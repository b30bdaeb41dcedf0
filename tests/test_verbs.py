"""eval, sample and plot-latent on runs that were trained once."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from tests.conftest import Aectl, run_folder

EPOCHS = "trainer.max_epochs=3"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A denoising VAE, a plain autoencoder with two latents, and a super-resolver with a latent grid."""
    outputs = tmp_path_factory.mktemp("trained")
    choices = {
        "vae": ["model=vae", "task=denoise"],
        "ae": ["model=ae", "net=mlp", "model.latent_dim=2"],
        "grid": ["model=vae", "task=super-res", "net.latent=grid", "model.latent_dim=4"],
    }
    for name, overrides in choices.items():
        command = [sys.executable, "-m", "aectl", "train", *overrides, EPOCHS, f"hydra.run.dir={outputs / name}"]
        subprocess.run(command, check=True, capture_output=True)
    return {name: outputs / name for name in choices}


@pytest.fixture
def runs(trained: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Copies of the trained runs, to write into."""
    return {name: Path(shutil.copytree(path, tmp_path / "outputs" / name)) for name, path in trained.items()}


def metrics(run: Path) -> dict[str, dict[str, float]]:
    return json.loads(next((run / "eval").rglob("metrics.json")).read_text())


class TestEval:
    def test_it_reports_what_it_measured_and_how(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("eval", runs["vae"])
        assert result.status == 0
        report = metrics(runs["vae"])
        assert report["protocol"]["n"] == report["n"] == 359
        assert report["protocol"]["split"] == "test"
        assert {"torch", "aectl", "python"} <= report["versions"].keys()
        assert report["terms"]["loss"] == pytest.approx(report["terms"]["nll"] + report["terms"]["kl"], rel=1e-5)
        for name in ("psnr", "ssim", "mse"):
            assert f"{report['output'][name]:.4f}" in result.out
            assert f"{report['untouched'][name]:.4f}" in result.out
        assert (next((runs["vae"] / "eval").iterdir()) / "pictures.png").stat().st_size > 5000

    def test_the_untouched_input_scores_by_its_noise_alone(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        aectl("eval", runs["vae"], "task=denoise", "task.sigma=0")
        clean = json.loads((runs["vae"] / "eval" / "digits-denoise-0-test" / "metrics.json").read_text())["untouched"]
        assert clean == pytest.approx({"mse": 0, "psnr": 100, "ssim": 1}, abs=1e-5)
        aectl("eval", runs["vae"], "task=denoise", "task.sigma=0.3")
        noisy = json.loads((runs["vae"] / "eval" / "digits-denoise-0.3-test" / "metrics.json").read_text())["untouched"]
        assert 0.3**2 / 3 < noisy["mse"] < 0.3**2

    def test_the_figures_can_be_had_again(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        aectl("eval", runs["vae"])
        first = metrics(runs["vae"])
        aectl("eval", runs["vae"])
        assert metrics(runs["vae"]) == first
        aectl("eval", runs["vae"], "seed=1")
        assert metrics(runs["vae"])["untouched"] != first["untouched"]

    def test_a_lone_checkpoint_is_a_run_too(self, aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
        aectl("eval", runs["vae"])
        friend = tmp_path / "elsewhere" / "friend.ckpt"
        friend.parent.mkdir()
        shutil.copy(runs["vae"] / "checkpoints" / "best.ckpt", friend)
        assert aectl("eval", friend).status == 0
        assert metrics(friend.with_suffix(""))["output"] == metrics(runs["vae"])["output"]

    def test_latest_is_the_run_that_began_last(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        (runs["ae"] / "config.yaml").touch()
        assert aectl("eval", "latest").out.startswith("run outputs/ae/")
        assert aectl("eval").out.startswith("run outputs/ae/")

    def test_another_task_of_the_same_input_replaces_the_stored_one(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        assert "denoise-salt-pepper-0.1 · digits test" in aectl("eval", runs["ae"], "task=denoise_salt_pepper").out

    @pytest.mark.parametrize(
        ("name", "typed", "said"),
        [
            (
                "vae",
                "dataset=photos",
                "its output images are 3x48x48, but the model of this run has 1x8x8",
            ),
            (
                "vae",
                "task=super-res",
                "its input images are 1x4x4, but the model of this run has 1x8x8",
            ),
        ],
    )
    def test_what_does_not_fit_the_model_is_refused(
        self, name: str, typed: str, said: str, aectl: Aectl, runs: dict[str, Path]
    ) -> None:
        result = aectl("eval", runs[name], typed)
        assert result.status == 2
        assert f"{typed}: {said}" in result.err
        assert not (runs[name] / "eval").exists()

    def test_several_evaluations_run_in_one_call(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        assert aectl("eval", "-m", runs["vae"], "split=val,test").status == 0
        assert {path.name for path in (runs["vae"] / "eval").iterdir()} == {
            "digits-denoise-0.2-val",
            "digits-denoise-0.2-test",
        }

    def test_a_mistake_in_several_evaluations_is_no_success(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("eval", "-m", runs["vae"], "split=tset,test")
        assert result.status == 2
        assert "aectl eval: split=tset: expected 'train', 'val' or 'test'" in result.err


class TestSample:
    def test_a_vae_draws_from_its_prior(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("sample", runs["vae"], "n=10", "seed=4")
        images = np.load(runs["vae"] / "samples" / "prior-seed-4-n-10.npz")["images"]
        assert images.shape == (10, 1, 8, 8)
        assert 0 <= images.min() < images.max() <= 1
        with Image.open(runs["vae"] / "samples" / "prior-seed-4-n-10.png") as grid:
            size = grid.size
        assert size == (8 * (4 * 10 + 2), 8 * (3 * 10 + 2))  # four columns, three rows, gaps of two, eightfold
        assert "walk-seed-4.png" in result.out

    def test_the_seed_fixes_the_samples_and_temperature_zero_draws_one_image(
        self, aectl: Aectl, runs: dict[str, Path]
    ) -> None:
        def draw(*overrides: str) -> np.ndarray:
            found = re.search(r"(\S+\.npz)", aectl("sample", runs["vae"], "n=4", *overrides).out)
            assert found
            return np.load(found[1])["images"]

        assert np.array_equal(draw("seed=1"), draw("seed=1"))
        assert not np.array_equal(draw("seed=1"), draw("seed=2"))
        cold = draw("temperature=0")
        assert np.allclose(cold, cold[:1])

    def test_a_plain_autoencoder_says_what_it_draws_from(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        assert "AE has no prior: drawing from a Gaussian" in aectl("sample", runs["ae"], "n=9").out
        assert (runs["ae"] / "samples" / "gaussian-seed-0-n-9.png").is_file()
        assert aectl("sample", runs["ae"], "n=9", "sampler=mixture").status == 0
        refused = aectl("sample", runs["ae"], "sampler=prior")
        assert refused.status == 2
        assert "AE has no prior to draw from; use sampler=gaussian or sampler=mixture" in refused.err

    def test_more_components_than_latents_are_refused(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("sample", runs["ae"], "sampler=mixture", "components=100000")
        assert "components=100000: more than the 1294 training latents" in result.err

    def test_a_latent_grid_can_be_drawn_from(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        assert "(5, 1, 8, 8)" in aectl("sample", runs["grid"], "n=5").out


class TestPlotLatent:
    def test_two_dimensions_get_a_scatter_and_a_grid(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        assert aectl("plot-latent", runs["ae"], "grid=5").status == 0
        for name in ("scatter-test.png", "grid.png"):
            with Image.open(runs["ae"] / "latent" / name) as picture:
                colours = picture.convert("RGB").getcolors(10**6)
            assert colours is not None
            assert len(colours) > 50, name

    def test_more_dimensions_get_a_scatter_and_traversals(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        for name in ("vae", "grid"):
            result = aectl("plot-latent", runs[name], "n=100")
            assert result.status == 0
            assert {p.name for p in (runs[name] / "latent").iterdir()} == {"scatter-test.png", "traversals.png"}

    def test_the_scatter_has_a_legend_with_every_class(self) -> None:
        from aectl import figures

        points, labels = np.random.default_rng(0).normal(size=(100, 2)), np.arange(100) % 10
        figure = figures.scatter(points, labels, [f"class {i}" for i in range(10)], ["a", "b"])
        legend = figure.axes[0].get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == [f"class {i}" for i in range(10)]
        drawn = np.concatenate([np.asarray(dots.get_offsets()) for dots in figure.axes[0].collections])
        assert np.allclose(np.sort(drawn, 0), np.sort(points, 0))

    def test_one_dimension_and_no_classes_can_be_drawn(self, aectl: Aectl) -> None:
        line = run_folder(aectl("train", "model.latent_dim=1", "net=mlp", EPOCHS, "model=vae", "outputs=line"))
        assert aectl("plot-latent", line).status == 0
        photos = ("dataset=photos", "dataset.patches_per_photo=10", "dataset.size=16", "model.latent_dim=2")
        unlabelled = run_folder(aectl("train", *photos, "net=mlp", EPOCHS, "outputs=photos"))
        assert aectl("plot-latent", unlabelled, "grid=3").status == 0


def test_the_denoiser_is_better_than_its_input_after_the_default_training(aectl: Aectl) -> None:
    run = run_folder(aectl("train", "model=vae", "task=denoise"))
    aectl("eval", run)
    report = metrics(run)
    assert report["output"]["psnr"] > report["untouched"]["psnr"] + 1


def test_digits_are_the_real_ones(aectl: Aectl) -> None:
    from aectl.data.digits import Digits

    parts = [Digits().split(name) for name in ("train", "val", "test")]
    ours = torch.cat([part.x for part in parts]).flatten(1).float().sum(1).sort().values
    real = torch.from_numpy(load_digits().data).float().mul(255 / 16).round().sum(1).sort().values
    assert torch.equal(ours, real)
