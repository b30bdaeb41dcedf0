"""Which differences between runs are real."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from aectl.search.table.collect import collect
from aectl.search.table.ranking import rank
from aectl.search.table.run_table import RunTable
from aectl.search.table.significance import Difference, correct
from tests.conftest import BARE, Aectl
from tests.support.synthetic_runs import CONFIG, VAE, write_run

N = 50


def evaluate(run: Path, psnr: np.ndarray, **protocol: object) -> Path:
    """What `aectl eval` would leave of a run with these scores."""
    folder = run / "eval" / "digits-reconstruct-test"
    folder.mkdir(parents=True)
    common = {"split": "test", "n": len(psnr), "seed": 0, "batch_size": 250, "binarize": "none", "examples": "abc"}
    report = {
        "dataset": "digits",
        "trained_on": "digits",
        "protocol": {**common, "corruption": CONFIG["task"], **protocol},
        "scores": {"psnr": {"mean": float(psnr.mean())}},
    }
    (folder / "metrics.json").write_text(json.dumps(report))
    np.savez(folder / "examples.npz", psnr=psnr.astype(np.float32), mse=psnr.astype(np.float32))
    return folder


def differences(folder: Path) -> dict[str, Difference]:
    runs = collect([folder]).runs
    table = RunTable.of(runs, rank(runs), seeds=True).with_differences()
    return {Path(name).name: found for name, found in table.differences.items()}


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(0).normal(20, 5, N)


def test_a_difference_is_paired_over_the_examples_and_corrected(scores: np.ndarray, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 1, (2, N))
    others = {"near": scores - 0.02 + noise[0], "far": scores - 1.5 + noise[1]}
    evaluate(write_run(tmp_path / "best", metrics={**VAE, "val/loss": -99.0}), scores)
    for latent_dim, (name, psnr) in enumerate(others.items()):
        evaluate(write_run(tmp_path / name, {"model.latent_dim": latent_dim}), psnr)
    found = differences(tmp_path)
    expected = {name: stats.ttest_rel(psnr, scores) for name, psnr in others.items()}
    for name, psnr in others.items():
        interval = expected[name].confidence_interval()
        assert found[name].mean == pytest.approx((psnr - scores).mean(), abs=1e-4)
        assert (found[name].low, found[name].high) == pytest.approx((interval.low, interval.high), abs=1e-4)
    assert found["far"].p == pytest.approx(2 * expected["far"].pvalue, rel=1e-3)
    assert found["near"].p == pytest.approx(expected["near"].pvalue, rel=1e-3)
    assert found["far"].is_real and not found["near"].is_real


def test_holm_agrees_with_its_table() -> None:
    p = [0.04, 0.01, 0.02, 0.005]
    corrected = [each.p for each in correct([Difference("psnr", 1, 0, 2, each, 9) for each in p])]
    assert corrected == pytest.approx([0.04, 0.03, 0.04, 0.02])


@pytest.mark.parametrize("protocol", [{"seed": 1}, {"examples": "other"}, {"split": "val"}, {"n": 49}], ids=str)
def test_other_test_examples_are_not_paired(protocol: dict[str, object], scores: np.ndarray, tmp_path: Path) -> None:
    evaluate(write_run(tmp_path / "a"), scores)
    evaluate(write_run(tmp_path / "b", {"model.latent_dim": 2}), scores - 1, **protocol)
    assert differences(tmp_path) == {}


@pytest.mark.parametrize("content", [b"", b"PK\3\4" + bytes(50)], ids=["empty", "cut"])
def test_damaged_scores_are_passed_over(content: bytes, scores: np.ndarray, tmp_path: Path) -> None:
    evaluate(write_run(tmp_path / "a"), scores)
    (evaluate(write_run(tmp_path / "b", {"model.latent_dim": 2}), scores) / "examples.npz").write_bytes(content)
    assert differences(tmp_path) == {}


def test_seeds_of_a_row_are_averaged_and_equal_scores_are_no_difference(scores: np.ndarray, tmp_path: Path) -> None:
    for seed, shift in enumerate((-1, 1)):
        evaluate(write_run(tmp_path / f"a{seed}", {"seed": seed}), scores + shift)
    evaluate(write_run(tmp_path / "b", {"model.latent_dim": 2}, {**VAE, "val/loss": 0.0}), scores)
    (found,) = differences(tmp_path).values()
    assert (found.mean, found.p) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=0.9))


def test_what_eval_keeps_is_what_compare_reads(aectl: Aectl, runs: dict[str, Path]) -> None:
    assert aectl("eval", runs["ae"], *BARE).status == 0
    arrays = np.load(next(runs["ae"].rglob("examples.npz")))
    report = json.loads(next(runs["ae"].rglob("metrics.json")).read_text())
    assert arrays["psnr"].mean() == pytest.approx(report["scores"]["psnr"]["mean"], rel=1e-5)
    assert arrays["shown_output"].shape == arrays["shown_target"].shape == (10, 1, 8, 8)
    out = aectl("compare", runs["ae"], runs["ae"].parent / "vae").out
    assert "| test/psnr |" in out and "test, vs best" not in out
    assert "to learn which differences" not in out  # they are of different tasks
