"""Trackers under Lightning, and as the config group `tracker` chooses them."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
import yaml

from aectl.errors import UserError
from aectl.runs.run import Run
from aectl.training.tracking import TrackerLogger, start_trackers
from tests.conftest import Aectl, Result, run_folder
from tests.support.kill_and_resume import same
from tests.support.short_runs import SMALL, on_step, press
from tests.support.toy_tracker import ToyTracker
from tests.support.tracker_readers import read_csv

SHORT = (*SMALL, "trainer.max_epochs=2")


@pytest.mark.parametrize("kind", [RuntimeError, ConnectionResetError])
def test_a_tracker_that_fails_is_left_out_with_a_line(
    kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    sound, broken = ToyTracker(), ToyTracker(kind("no answer\nfrom the server"))
    logger = TrackerLogger([broken, sound])
    for step in (1, 2):
        logger.log_metrics({"val/loss": 1.0}, step)
    assert sound.scalars == [(1, {"val/loss": 1.0}), (2, {"val/loss": 1.0})]
    said = "aectl train: ToyTracker failed (no answer from the server); training continues without it\n"
    assert capsys.readouterr().err == said


def test_a_full_disk_is_not_a_failure_of_the_tracker() -> None:
    with pytest.raises(OSError, match="No space"):
        TrackerLogger([ToyTracker(OSError(28, "No space left on device"))]).log_metrics({"val/loss": 1.0}, 1)


def test_a_tracker_that_does_not_start_is_an_error_of_the_user(tmp_path: Path) -> None:
    class Unreachable(ToyTracker):
        def start(self, folder: Path, name: str, last_step: int) -> None:
            raise ConnectionError("refused")

    run = cast(Run, SimpleNamespace(folder=tmp_path, title="vae"))
    with pytest.raises(UserError, match="tracker=unreachable: refused; check its settings, or use tracker=none"):
        start_trackers([Unreachable()], run, last_step=-1)


def test_without_a_tracker_a_run_is_the_same_but_for_the_events(aectl: Aectl) -> None:
    shown, bare = (run_folder(aectl("train", "net=mlp", *QUIET, tracker)) for tracker in ("seed=0", "tracker=none"))
    assert (shown / "metrics.csv").read_text() == (bare / "metrics.csv").read_text()
    stored = [torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (shown, bare)]
    assert all(same(*(each[part] for each in stored)) for part in ("state_dict", "optimizer_states"))
    names = [{path.name.split(".")[0] for path in run.iterdir()} for run in (shown, bare)]
    assert names[0] - names[1] == {"events", "projector", "projector_config"}


QUIET = ("data.batch_size=100", "net.hidden=[16]", "trainer.max_epochs=1")


def test_several_trackers_at_once_and_the_lines_that_say_how_to_look_at_them(aectl: Aectl) -> None:
    result = aectl("train", *SHORT, "tracker=[csv,tensorboard]")
    run = run_folder(result)
    assert result.out.endswith(f"  aectl plot-latent {run}\n  aectl explore {run}\n  tensorboard --logdir outputs\n")
    curves = read_csv(run).curves
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in rows[0].keys() - {"epoch", "step"}:
        assert [value for _, value in curves[name]] == pytest.approx([float(row[name]) for row in rows], rel=1e-6)
    assert [path.parent for path in run.rglob("*tfevents*")] == [run]


def test_the_summary_has_the_metrics_of_the_best_epoch_and_the_number_of_parameters(aectl: Aectl) -> None:
    run = run_folder(aectl("train", *SHORT, "tracker=csv"))
    summary = json.loads((run / "summary.json").read_text())
    with (run / "metrics.csv").open(newline="") as file:
        best = min(csv.DictReader(file), key=lambda row: float(row["val/loss"]))
    assert summary["metrics"] == {name: float(best[name]) for name in ("val/loss", "val/psnr", "val/ssim")}
    assert summary["best"] == summary["metrics"]["val/loss"]
    weights = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    assert summary["parameters"] == sum(value.numel() for value in weights.values())
    shown = read_csv(run).hyperparameters
    assert {name: float(shown[f"best/{name}"]) for name in summary["metrics"]} == summary["metrics"]


def interrupted(aectl: Aectl, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> Result:
    """A run that is killed by its second signal in its second epoch, and resumed with these overrides."""
    with monkeypatch.context() as patch:
        on_step(patch, 20, press("SIGTERM"))
        assert aectl("train", *SHORT, "hydra.run.dir=run", "tracker=csv").status == 143
    return aectl("train", "resume=run", *overrides)


def test_a_resumed_run_has_the_curves_of_one_that_was_not_stopped(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert interrupted(aectl, monkeypatch).status == 0
    assert aectl("train", *SHORT, "hydra.run.dir=whole", "tracker=csv").status == 0
    for name in ("metrics.csv", "csv/curves.csv", "csv/hyperparameters.csv"):
        assert Path("run", name).read_text() == Path("whole", name).read_text(), name


@pytest.mark.parametrize("given", ["tracker=tensorboard", "tracker=[tensorboard]"])
def test_a_run_is_resumed_with_other_trackers(given: str, aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    result = interrupted(aectl, monkeypatch, given)
    assert result.status == 0, result.err
    assert list(yaml.safe_load(Path("run/config.yaml").read_text())["tracker"]) == ["tensorboard"]
    assert list(Path("run").glob("*tfevents*"))
    assert {step for step, _ in read_csv(Path("run")).curves["val/loss"]} == {12}


def test_a_finished_run_from_before_there_were_trackers_is_still_finished(aectl: Aectl) -> None:
    patience = (
        "callbacks=early_stopping",
        "callbacks.early_stopping.patience=1",
        "callbacks.early_stopping.min_delta=1e9",
    )
    assert aectl("train", *SMALL, *patience, "trainer.max_epochs=9", "hydra.run.dir=run").status == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    del config["tracker"]
    Path("run/config.yaml").write_text(yaml.safe_dump(config))
    assert "already finished (2 epochs)" in aectl("train", "resume=run").out


def test_a_missing_package_ends_the_program_before_there_is_a_run(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    result = aectl("train", *SHORT, "tracker=[csv,wandb]")
    assert result.status == 2
    said = "aectl train: tracker=wandb needs wandb, which is not installed: pip install 'aectl[wandb]'\n"
    assert result.err == said
    assert not list(tmp_path.iterdir())
