"""`train` and `predict` say whether a run restores better than its input is."""

import json
from pathlib import Path

import pytest

from aectl.cli.restoration_gain import gain_line, warn_without_gain
from aectl.runs.run import Run
from aectl.runs.summary import read_metrics
from tests.conftest import QUICK, Aectl, run_folder
from tests.support.pictures import photo
from tests.support.short_runs import SMALL, summary

REMEDY = "train longer (aectl train resume={} trainer.max_epochs=...), or another model= or net="


def run_with(folder: Path, **metrics: float) -> Run:
    """A run whose best epoch has these metrics."""
    (folder / "summary.json").write_text(json.dumps({"metrics": {f"val/{k}": v for k, v in metrics.items()}}))
    return Run(folder, None, folder)  # type: ignore[arg-type]


def test_gain_is_above_the_untouched_input(tmp_path: Path) -> None:
    line = "best val/psnr 23.41 dB, 7.45 dB above the untouched input\n"
    assert gain_line(run_with(tmp_path, psnr=23.41, psnr_gain=7.45)) == line


@pytest.mark.parametrize("gain", [0.0, -1.25])
def test_loss_is_below_it_with_a_remedy(gain: float, tmp_path: Path) -> None:
    assert gain_line(run_with(tmp_path, psnr=12.5, psnr_gain=gain)) == (
        f"best val/psnr 12.50 dB, {-gain:.2f} dB below the untouched input: the model has not learned to restore; "
        f"{REMEDY.format(tmp_path)}\n"
    )


def test_run_that_restores_nothing_has_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_with(tmp_path, psnr=12.5)
    assert gain_line(run) == ""
    warn_without_gain(run)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("gain", "warned"), [(-0.5, True), (0.0, True), (0.01, False), (float("nan"), False)])
def test_warning_comes_if_the_input_is_as_good(
    gain: float, warned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warn_without_gain(run_with(tmp_path, psnr=12.5, psnr_gain=gain))
    line = f"aectl predict: {tmp_path}: val/psnr_gain is {gain:.2f} dB; expected more than 0: "
    said = capsys.readouterr().err
    assert said.count("\n") == said.startswith(line) == said.endswith(REMEDY.format(tmp_path) + "\n") == warned


@pytest.mark.parametrize(
    "text", ["", "[", "[]", "3", "{}", '{"metrics": 3}', '{"metrics": {"a": "b", "c": null}}', "[" * 100_000, "\xff"]
)
def test_strange_summary_has_no_metrics(text: str, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_bytes(text.encode("latin-1"))
    assert read_metrics(tmp_path / "summary.json") == {}
    assert read_metrics(tmp_path / "missing.json") == {}


def test_denoiser_ends_with_its_gain_and_a_reconstructor_does_not(aectl: Aectl) -> None:
    result = aectl("train", "task=denoise", *SMALL, *QUICK)
    metrics = summary(str(run_folder(result)))["metrics"]
    assert metrics["val/psnr_gain"] < 0
    lines = result.out.partition("\nbest val/loss ")[2].splitlines()
    assert f"{-metrics['val/psnr_gain']:.2f} dB below the untouched input" in lines[1]
    assert lines[2] == "next:"
    assert "untouched" not in aectl("train", *SMALL, *QUICK).out


def test_predict_warns_of_a_run_that_has_not_learned(
    aectl: Aectl, barely_trained: dict[str, Path], tmp_path: Path
) -> None:
    photo(tmp_path / "in" / "a.png", (24, 24))
    said = aectl("predict", barely_trained["grid"], "input=in", "output=out").err
    assert said.count("expected more than 0: on its validation examples the untouched input is closer") == 1
    photo(tmp_path / "gray" / "a.png", (24, 24), channels=1)
    assert "untouched" not in aectl("predict", barely_trained["vector"], "input=gray", "output=out").err
