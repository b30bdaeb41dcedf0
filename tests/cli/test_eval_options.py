"""`aectl eval` on other data and tasks than a run was trained on, and what is not available."""

import re
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from aectl.data.digits import Digits
from aectl.data.photos import Photos
from aectl.inference.latent_flow import fit_flow
from tests.conftest import BARE, COMPARED, QUICK, Aectl, report_of, run_folder

PHOTOS = ("dataset=photos", "dataset.size=16", "dataset.patches_per_photo=10")


class TestNoise:
    @pytest.mark.parametrize("choice", [("model=vae", "task=denoise"), ("model=ae", "task=super-res")])
    def test_the_defaults_beat_the_best_baseline(self, choice: tuple[str, ...], aectl: Aectl) -> None:
        run = run_folder(aectl("train", *choice, "budget.examples=12_000"))
        aectl("eval", run, *COMPARED)
        assert report_of(run)["verdict"]["outcome"] == "beats"

    def test_scores_of_the_untouched_input_depend_only_on_the_noise(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        untouched = {}
        for sigma in (0, 0.3):
            aectl("eval", runs["vae"], "task=denoise", f"task.sigma={sigma}", "slow_images=20", *COMPARED)
            found = report_of(runs["vae"], f"digits-denoise-{sigma}-test")["baselines"]["untouched input"]
            untouched[sigma] = {name: found[name]["mean"] for name in ("psnr", "ssim", "mse")}
        assert untouched[0] == pytest.approx({"psnr": 100, "ssim": 1, "mse": 0}, abs=1e-5)
        assert 0.3**2 / 3 < untouched[0.3]["mse"] < 0.3**2  # values outside [0, 1] are clipped

    def test_slow_baselines_run_only_on_the_first_images(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        aectl("eval", runs["vae"], "slow_images=20", *COMPARED)
        report = report_of(runs["vae"])
        assert report["protocol"]["slow_baselines_run_on"] == 20
        slow = {name for name, found in report["baselines"].items() if found["n"] == 20}
        assert slow == {"total variation", "non-local means"}
        assert {found["n"] for found in report["baselines"].values()} == {20, 359}

    def test_the_seed_decides_the_corruption(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        def psnr(run: Path, *keys: str) -> float:
            aectl("eval", run, *keys, *BARE)
            return report_of(run)["scores"]["psnr"]["mean"]

        assert psnr(runs["vae"]) == psnr(runs["vae"]) != psnr(runs["vae"], "seed=1")
        assert psnr(runs["ae"]) == psnr(runs["ae"], "seed=1")  # nothing is drawn


class TestRun:
    def test_a_lone_checkpoint_is_a_run_too(self, aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
        aectl("eval", runs["vae"], *BARE)
        friend = tmp_path / "elsewhere" / "friend.ckpt"
        friend.parent.mkdir()
        shutil.copy(runs["vae"] / "checkpoints" / "best.ckpt", friend)
        assert aectl("eval", friend, *BARE).status == 0
        assert report_of(friend.with_suffix(""))["scores"] == report_of(runs["vae"])["scores"]

    def test_latest_is_the_run_that_was_started_last(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        (runs["ae"] / "config.yaml").touch()
        assert aectl("eval", "latest", *BARE).out.startswith("run outputs/ae/")
        line = aectl("eval", *BARE).out.splitlines()[0]
        assert re.fullmatch(r"run outputs/ae/ · .* · trained \d{4}-\d\d-\d\d \d\d:\d\d, \d epochs?", line)

    def test_latest_names_a_newer_run_that_broke_off_in_its_first_epoch(
        self, aectl: Aectl, runs: dict[str, Path]
    ) -> None:
        (runs["ae"] / "config.yaml").touch()
        (runs["ae"] / "checkpoints" / "best.ckpt").unlink()
        result = aectl("eval", *BARE)
        assert "run outputs/ae/" not in result.out
        assert "latest: passes over the newer outputs/ae/, which has not finished its first epoch\n" in result.err

    def test_another_task_of_the_same_input_replaces_the_stored_one(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("eval", runs["ae"], "task=denoise_salt_pepper", *BARE)
        assert "denoise-salt-pepper-0.1 · digits, n = 359, seed 0" in result.out
        assert report_of(runs["ae"])["protocol"]["corruption"]["amount"] == 0.1

    def test_baselines_are_fitted_to_the_training_data_of_the_model(self, aectl: Aectl) -> None:
        run = run_folder(aectl("train", "model=ae", "net=mlp", *PHOTOS, *QUICK))
        aectl("eval", run, *PHOTOS[:2], "dataset.patches_per_photo=3", *COMPARED)
        train, test = (Photos(16, n).split(name).x / 255 for n, name in ((10, "train"), (3, "test")))
        off = (test - train.mean(0)).square().mean().item()
        assert report_of(run)["baselines"]["mean image"]["mse"]["mean"] == pytest.approx(off, rel=1e-5)

    def test_samples_are_not_compared_with_another_data_set(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        aectl("eval", runs["vae"], "dataset=digits_28", "dataset.size=8", "baselines=false", "importance_samples=1")
        report = report_of(runs["vae"], "digits_28-*")
        assert "samples" not in report
        assert {"embeddings", "likelihood"} <= report.keys()

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ("dataset=photos", "its output images are 3x48x48, but the model of this run has 1x8x8"),
            ("task=super-res", "its input images are 1x4x4, but the model of this run has 1x8x8"),
        ],
    )
    def test_data_or_a_task_of_another_shape_is_refused(
        self, typed: str, said: str, aectl: Aectl, runs: dict[str, Path]
    ) -> None:
        result = aectl("eval", runs["vae"], typed)
        assert result.status == 2
        assert f"{typed}: {said}" in result.err
        assert result.err.count("\n") == 1
        assert not (runs["vae"] / "eval").exists()


class TestBlackAndWhite:
    @pytest.fixture
    def gray(self, aectl: Aectl) -> Path:
        """A VAE with a Bernoulli likelihood, trained on gray pixels."""
        return run_folder(aectl("train", "model=vae", "net=mlp", "likelihood=bernoulli", *QUICK))

    def test_a_bernoulli_has_a_likelihood_of_binarized_pixels(self, aectl: Aectl, gray: Path) -> None:
        keys = ("baselines=false", "embeddings=false", "samples=0", "importance_samples=2")
        assert "Gray pixels under a Bernoulli are no likelihood" in aectl("eval", gray, *keys).out
        assert "no likelihood" not in aectl("eval", gray, "binarize=fixed", *keys).out
        as_trained, binary = (report_of(gray, f"{name}-reconstruct-test") for name in ("digits", "digits-fixed"))
        assert as_trained["likelihood"]["note"]
        assert binary["likelihood"]["note"] == ""
        assert (as_trained["protocol"]["binarize"], binary["protocol"]["binarize"]) == ("none", "fixed")
        assert binary["scores"]["mse"]["mean"] > as_trained["scores"]["mse"]["mean"]

    def test_baselines_are_fitted_to_binarized_images_too(self, aectl: Aectl, gray: Path) -> None:
        aectl("eval", gray, "binarize=threshold", *COMPARED)
        train, test = (Digits().split(name).x.gt(127).float() for name in ("train", "test"))
        off = (test - train.mean(0)).square().mean().item()
        assert report_of(gray)["baselines"]["mean image"]["mse"]["mean"] == pytest.approx(off, rel=1e-5)


class TestNotAvailable:
    def test_pca_with_more_components_than_values_is_not_available(self, aectl: Aectl) -> None:
        run = run_folder(aectl("train", "model=ae", "net=mlp", "model.latent_dim=100", *QUICK))
        result = aectl("eval", run, *COMPARED)
        assert result.status == 0
        report = report_of(run)
        said = "100 components of 1294 images of 64 values; PCA has at most 64"
        assert report["baselines"]["PCA-100"] == {"error": said}
        assert re.search(rf"\| PCA-100 +\|( +- +\|){{5}} not available: {re.escape(said)} +\|", result.out)
        assert report["verdict"]["best_baseline"] == "mean image"

    def test_a_linear_map_from_few_images_is_not_available(self, aectl: Aectl) -> None:
        run = run_folder(aectl("train", "model=rednet", "model.features=4", "task=super-res", *PHOTOS, *QUICK))
        result = aectl("eval", run, *COMPARED)
        baselines = report_of(run)["baselines"]
        said = "70 training images for 192 input values; it needs more images than values"
        assert baselines.pop("linear map") == {"error": said}
        assert f"not available: {said}" in result.out
        assert all({"psnr", "ssim", "mse", "n"} <= found.keys() for found in baselines.values())
        assert baselines.keys() == {"nearest", "bicubic", "lanczos"}


def test_an_unwritable_cache_only_costs_time(aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert aectl("eval", runs["ae"], "samples=0").status == 0
    expected = report_of(runs["ae"])
    for blocked in ("file", "file/below"):
        result = aectl("eval", runs["ae"], "samples=0", f"cache={tmp_path / blocked}")
        assert (result.status, result.err) == (0, "")
        assert report_of(runs["ae"]) == expected


def test_a_run_without_later_keys_still_opens(aectl: Aectl, runs: dict[str, Path]) -> None:
    aectl("eval", runs["vae"], "samples=0")
    expected = report_of(runs["vae"])
    path = runs["vae"] / "config.yaml"
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    assert config["data"].pop("binarize") == "none"
    assert config["dataset"].pop("size") == 8
    for likelihood in (config["likelihood"], config["model"]["likelihood"]):
        assert likelihood.pop("link") == "sigmoid"
    path.write_text(yaml.safe_dump(config))
    assert aectl("eval", runs["vae"], "samples=0").status == 0
    assert report_of(runs["vae"]) == expected


@pytest.mark.parametrize("typed", ["sample", "sample sampler=prior", "sample sampler=mixture", "plot-latent"])
def test_a_model_without_a_latent_is_refused_and_nothing_is_written(
    typed: str, aectl: Aectl, runs: dict[str, Path]
) -> None:
    verb, *keys = typed.split()
    before = sorted(runs["rednet"].rglob("*"))
    result = aectl(verb, runs["rednet"], *keys)
    assert result.status == 2
    assert result.err == (
        f"aectl {verb}: model=RedNet: has no single latent to decode; expected a run of a model like ae or vae\n"
    )
    assert sorted(runs["rednet"].rglob("*")) == before


class TestSamplers:
    SAMPLES = ("baselines=false", "embeddings=false", "importance_samples=0", "samples=60")

    def test_samplers_are_compared_in_one_table(
        self, aectl: Aectl, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("aectl.inference.sampling.fit_flow", partial(fit_flow, steps=2))
        result = aectl("eval", runs["ae"], *self.SAMPLES, "samplers=[gaussian,kde,flow]")
        assert result.status == 0, result.err
        rows = [line.split("|")[1].strip() for line in result.out.splitlines() if line.startswith("| ")]
        fits = ["a kernel density estimate of the training latents", "a normalizing flow"]
        expected = ["a Gaussian", *fits, "real images (val)"]
        assert rows[rows.index("drawn from") :] == ["drawn from", *expected]
        scores = report_of(runs["ae"])["samples"]
        found = {name for name in scores if name.startswith("samples of")}
        assert found == {
            "samples of a Gaussian fitted to the training latents",
            "samples of a kernel density estimate of the training latents",
            "samples of a normalizing flow fitted to the training latents",
        }

    def test_a_flow_without_its_package_is_refused_before_anything_is_measured(
        self, aectl: Aectl, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "zuko.flows", None)
        result = aectl("eval", runs["ae"], "samplers=[gaussian,flow]")
        assert result.status == 2
        assert result.err.startswith("aectl eval: sampler=flow: the package zuko is not installed; expected it")
        assert result.err.count("\n") == 1

    @pytest.mark.parametrize(
        ("run", "given", "refusal"),
        [
            (
                "ae",
                "[gaussian,prior]",
                "samplers: AE has no prior to sample from; expected some of standard, gaussian,",
            ),
            ("rednet", "[kde]", "model=RedNet: has no single latent to decode"),
            ("ae", "[kdee]", "samplers=['kdee']: expected 'prior', 'standard', 'gaussian', 'mixture', 'kde' or 'flow'"),
        ],
    )
    def test_a_sampler_that_a_model_does_not_have_is_refused_before_anything_is_measured(
        self, run: str, given: str, refusal: str, aectl: Aectl, runs: dict[str, Path]
    ) -> None:
        result = aectl("eval", runs[run], f"samplers={given}")
        assert result.status == 2
        assert result.err.startswith(f"aectl eval: {refusal}")
        assert result.err.count("\n") == 1
