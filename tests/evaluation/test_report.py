"""`evaluate` and its report: a value, the same from Python and from the command line."""

import ast
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

import aectl
from aectl import evaluation
from aectl.config import CONFIGS, to_plain
from aectl.errors import UserError
from aectl.evaluation import EvalOptions, NotApplicable, evaluate
from aectl.evaluation.cross_table import CrossTable
from aectl.evaluation.embeddings import Embeddings
from aectl.evaluation.log_likelihood import LogLikelihood
from aectl.evaluation.sample_quality import SampleQuality
from tests.conftest import Aectl, report_of
from tests.conftest import train as train_runs

MODULES = sorted(Path(evaluation.__file__).parent.glob("*.py"))
FEW = {"importance_samples": 2, "likelihood_images": 20, "samples": 50, "slow_images": 5}


def test_python_gets_what_metrics_json_holds(aectl: Aectl, runs: dict[str, Path]) -> None:
    assert aectl("eval", runs["vae"], *(f"{name}={value}" for name, value in FEW.items())).status == 0
    report = open_run(runs["vae"]).evaluate(**FEW)
    assert json.loads(json.dumps(report.to_dict())) == report_of(runs["vae"])


def open_run(run: Path) -> "aectl.api.TrainedRun":
    return aectl.open(str(run), accelerator="cpu")


def test_evaluating_prints_nothing_and_writes_nothing_to_the_run(
    runs: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    before = sorted(runs["ae"].rglob("*"))
    report = open_run(runs["ae"]).evaluate(split="val", **FEW)
    assert capfd.readouterr() == ("", "")
    assert sorted(runs["ae"].rglob("*")) == before
    assert report.protocol["split"] == "val"


def test_a_report_holds_every_section_or_the_reason_why_it_does_not_apply(runs: dict[str, Path]) -> None:
    found = open_run(runs["vae"]).evaluate(baselines=False, **FEW)
    sections = (found.embeddings, found.likelihood, found.samples)
    assert [type(section) for section in sections] == [Embeddings, LogLikelihood, SampleQuality]
    assert list(found.figures) == ["pictures"]
    assert (found.baselines, found.verdict) == ([], None)
    skipped = open_run(runs["rednet"]).evaluate(baselines=False, **FEW)
    assert [type(section) for section in (skipped.embeddings, skipped.likelihood, skipped.samples)] == [
        NotApplicable
    ] * 3
    bare = open_run(runs["rednet"]).evaluate(baselines=False, embeddings=False, importance_samples=0, samples=0)
    assert (bare.embeddings, bare.likelihood, bare.samples) == (None, None, None)
    assert {name: mean.mean for name, mean in bare.scores.items()} == {
        name: pytest.approx(values.mean()) for name, values in skipped.example_scores.items()
    }


def test_options_are_the_keys_of_eval_yaml_with_their_defaults() -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = to_plain(compose("eval"))
    options = EvalOptions()
    assert {field.name: config[field.name] for field in fields(options)} == vars(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "tset"}, "split=tset: expected 'train', 'val' or 'test'"),
        ({"batch_size": 0}, "batch_size=0: expected"),
        ({"samples": -1}, "samples=-1: expected"),
    ],
)
def test_an_option_out_of_range_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        EvalOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_only_tables_print(path: Path) -> None:
    tree = ast.parse(path.read_text())
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    printing = {"print", "print_line", "print_table"} & calls or {"rich.table", "aectl.io.tables"} & modules
    assert bool(printing) == (path.name == "tables.py")
    assert not any(str(module).startswith(("hydra", "omegaconf")) for module in modules)


def test_a_training_that_checks_its_latents_does_not_import_scikit_learn() -> None:
    code = "import sys, aectl.training.health_checks; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_restoring_a_picture_does_not_import_scikit_learn_nor_the_statistics_of_scipy() -> None:
    """They take a second, of the few that a picture takes."""
    modules = "aectl.cli.commands.predict, aectl.data.photos, aectl.data.digits"
    code = f"import sys, {modules}; sys.exit(bool({{'sklearn', 'scipy.stats'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_cross_table_of_reports_has_a_row_for_each_run_and_a_column_for_each_split(runs: dict[str, Path]) -> None:
    bare = {"embeddings": False, "importance_samples": 0, "samples": 0, "slow_images": 5}
    reports = [
        open_run(runs[name]).evaluate(split=split, **bare) for name in ("vae", "rednet") for split in ("val", "test")
    ]
    table = CrossTable(reports)
    assert table.columns == ["denoise-0.2 · digits · split val", "denoise-0.2 · digits · split test"]
    assert [list(row.values()) for row in table.rows.values()] == [reports[:2], reports[2:]]
    assert [cell["psnr"] for cell in table.to_list()] == [report.to_dict()["scores"]["psnr"] for report in reports]


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conditional VAE of digits, trained for an epoch."""
    keys = ["model=cvae", "net=mlp", "trainer.max_epochs=1"]
    return train_runs(tmp_path_factory.mktemp("conditional"), {"conditional": keys}, [])["conditional"]


class TestConditional:
    def test_every_section_applies_to_a_conditional_model(self, conditional: Path) -> None:
        trained = aectl.open(str(conditional), accelerator="cpu")
        report = trained.evaluate(**FEW)
        assert isinstance(report.likelihood, LogLikelihood)
        assert isinstance(report.samples, SampleQuality)
        assert report.verdict is not None

    def test_its_samples_have_the_classes_of_the_held_out_images(
        self, conditional: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trained = aectl.open(str(conditional), accelerator="cpu")
        told: list[torch.Tensor] = []
        sample = type(trained.model).sample

        def record(self: torch.nn.Module, n: int, cond: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
            told.append(cond)
            return sample(self, n, cond, temperature)

        monkeypatch.setattr(type(trained.model), "sample", record)
        evaluate(trained, EvalOptions(baselines=False, embeddings=False, importance_samples=0, samples=150))
        assert torch.equal(torch.cat(told), trained.run.data.split("test").y[: len(trained.run.data.split("val").x)])

    def test_no_classifier_is_scored_on_latents_that_were_given_the_class(self, conditional: Path) -> None:
        trained = aectl.open(str(conditional), accelerator="cpu")
        options = {"baselines": False, "importance_samples": 0, "samples": 0}
        embeddings = trained.evaluate(**options).embeddings
        assert isinstance(embeddings, Embeddings)
        assert embeddings.accuracy == {}
        assert embeddings.note.endswith("accuracy of classifiers left out: the encoder is given the class")


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VAE of labelled vectors on a plane in the unit cube, trained for two epochs."""
    folder, rng = tmp_path_factory.mktemp("vectors"), np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    z = rng.normal(size=(600, 2)) + 4 * np.eye(3, 2)[y]
    x = 1 / (1 + np.exp(-z @ rng.normal(size=(2, 12))))
    np.savez(folder / "vectors.npz", x_train=x.astype(np.float32), y_train=y)
    keys = ["dataset=npz", f"dataset.path={folder / 'vectors.npz'}", "net=mlp", "model.latent_dim=2"]
    models = {"vae": ["model=vae", *keys], "denoiser": ["model=vae", "task=denoise", *keys]}
    train_runs(folder, models, ["trainer.max_epochs=2"])
    return folder


class TestVectors:
    """Data of shape (D,)."""

    @pytest.mark.parametrize("name", ["vae", "denoiser"])
    def test_they_are_scored_by_psnr_and_mse_without_pictures(self, name: str, vectors: Path, aectl: Aectl) -> None:
        result = aectl("eval", vectors / name, "report=full")
        assert (result.status, result.err) == (0, "")
        report = report_of(vectors / name)
        assert list(report["scores"]) == ["psnr", "mse"]
        assert not {"ssim", "ms_ssim"} & report["protocol"].keys()
        assert not any("images" in str(text) for text in report["protocol"].values())
        files = {path.name for path in (vectors / name / "eval").rglob("*") if path.is_file()}
        assert files == {"metrics.json", "examples.npz"}
        assert "SSIM" not in result.out
        assert "images" not in result.out
        assert "vectors" in report["verdict"]["sentence"]
        assert all("error" not in baseline for baseline in report["baselines"].values())

    def test_every_section_applies_to_them(self, vectors: Path) -> None:
        report = open_run(vectors / "vae").evaluate()
        assert report.figures == {}
        assert isinstance(report.embeddings, Embeddings)
        assert list(report.embeddings.accuracy) == ["latents", "PCA-2", "inputs"]
        assert isinstance(report.likelihood, LogLikelihood)
        assert isinstance(report.samples, SampleQuality)
        assert list(report.samples.scores) == ["samples of the prior", "real vectors (val)"]
