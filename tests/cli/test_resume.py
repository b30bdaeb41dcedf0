"""`aectl train resume=`: a stopped run ends in the same bits as one that was not."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from aectl.cli.main import main
from aectl.cli.resume import stored_choices
from aectl.errors import UserError
from aectl.io.locks import run_lock
from aectl.training.system import System
from tests.conftest import Aectl
from tests.faults import FACTOR
from tests.support.kill_and_resume import differences, keep
from tests.support.short_runs import BATCHES, SMALL, epochs, summary


@pytest.fixture(scope="module")
def campaigns() -> dict[str, Any]:
    """What came of stopping and resuming runs of one player and of two."""
    call = [sys.executable, "-m", "tests.support.kill_and_resume", "one,two", str(3 * FACTOR), "3"]
    home = Path(__file__).parents[2]
    return json.loads(subprocess.run(call, cwd=home, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("kind", ["one", "two"])
def test_runs_killed_in_random_steps_and_resumed_end_in_the_same_bits(
    kind: str, campaigns: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    """Weights, optimizers, schedules, early stopping, random state, steps, metrics.csv, curves and pictures."""
    report = campaigns[kind]
    record_property("tried", faults := sum(report["ends"].values()))
    assert faults >= 3 * FACTOR
    assert report["different"] == []
    status = {"SIGKILL": -9, "SIGINT": 130, "SIGTERM": 143, "at a random time": -9}
    assert all(end == f"{fault}: {status[fault]}" for end in report["ends"] for fault in [end.split(":")[0]])


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs."""
    folder = tmp_path_factory.mktemp("two-epochs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYDRA_FULL_ERROR", "1")  # the program sets it itself, and this takes it back
        main(["train", *SMALL, "callbacks=early_stopping", "trainer.max_epochs=2", f"hydra.run.dir={folder / 'run'}"])
    return folder


@pytest.fixture
def done(aectl: Aectl, two_epochs: Path, tmp_path: Path) -> Aectl:
    """The program, in a folder with a run of two epochs."""
    shutil.copytree(two_epochs, tmp_path / "outputs")
    return aectl


def test_finished_run_says_so_until_it_gets_more_epochs(done: Aectl) -> None:
    before = keep(Path("outputs/run"))
    result = done("train", "resume=outputs/run")
    assert result.status == 0
    line = (
        "outputs/run/ already finished (2 epochs); to train longer: aectl train resume=outputs/run trainer.max_epochs="
    )
    assert line in result.out
    assert keep(Path("outputs/run")).keys() == before.keys()
    assert epochs("outputs/run") == [0, 1]
    result = done("train", "resume=outputs/run", "trainer.max_epochs=4", "callbacks.early_stopping.patience=7")
    assert result.status == 0
    assert epochs("outputs/run") == [0, 1, 2, 3]
    assert "max_epochs: 4" in Path("outputs/run/config.yaml").read_text()
    stored = torch.load("outputs/run/checkpoints/last.ckpt", weights_only=True)
    assert "max_epochs: 4" in stored["aectl"]["config"]
    assert next(state for key, state in stored["callbacks"].items() if "Early" in key)["patience"] == 7
    assert "already finished (4 epochs)" in done("train", "resume=outputs/run").out


def test_more_epochs_stretch_the_schedule(done: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = System.training_step

    def training_step(self: System, batch: Any, batch_idx: int) -> Any:
        rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])
        return step(self, batch, batch_idx)

    monkeypatch.setattr(System, "training_step", training_step)
    done("train", *SMALL, "trainer.max_epochs=4", "hydra.run.dir=whole")
    planned, rates[:] = rates[2 * BATCHES :], []
    done("train", "resume=outputs/run", "trainer.max_epochs=4")
    assert rates == planned


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ("model.latent_dim=3", "model.latent_dim=3: the run is trained with 16"),
        ("model=ae", "model=ae: the run is trained with vae"),
        ("dataset=photos", "dataset=photos: the run is trained with digits"),
        ("optimizer.lr=1", "optimizer.lr=1: the run is trained with 0.004"),
        ("seed=4", "seed=4: the run is trained with 0"),
        ("net.hidden=[8]", "net.hidden=[8]: the run is trained with [16]"),
        ("trainer.precision=64-true", "trainer.precision=64-true: the run is trained with 32-true"),
    ],
)
def test_change_of_anything_else_is_refused(given: str, refusal: str, done: Aectl) -> None:
    before = Path("outputs/run/config.yaml").read_text()
    result = done("train", "resume=outputs/run", given)
    assert result.status == 2
    assert result.err.startswith(f"aectl train: {refusal}; only callbacks, tracker, trainer.max_epochs, ")
    assert "may change when it is resumed; for any other change train a new run" in result.err
    assert result.err.count("\n") == 1
    assert Path("outputs/run/config.yaml").read_text() == before


def test_devices_may_change(done: Aectl) -> None:
    assert "MASTER_ADDR" in done("train", "resume=outputs/run", "trainer.devices=2", "trainer.num_nodes=2").err
    assert "already finished" in done("train", "resume=outputs/run", "trainer.strategy=ddp").out


def test_repeating_the_config_is_no_change(done: Aectl) -> None:
    result = done("train", "resume=outputs/run", "model=vae", "net=mlp", "seed=0", "data.batch_size=100")
    assert "already finished" in result.out


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (("resume=nowhere",), "resume=nowhere: no such folder; expected the folder of a run"),
        (("resume=latest",), "resume=latest: no run in outputs/; train one first: aectl train"),
    ],
)
def test_missing_run_is_refused(given: tuple[str, ...], refusal: str, aectl: Aectl) -> None:
    result = aectl("train", *given)
    assert result.status == 2
    assert refusal in result.err


def test_trackers_may_change_when_a_run_is_resumed(done: Aectl) -> None:
    result = done("train", "resume=outputs/run", "tracker=csv", "trainer.max_epochs=3")
    assert result.status == 0, result.err
    assert list(yaml.safe_load(Path("outputs/run/config.yaml").read_text())["tracker"]) == ["csv"]
    assert Path("outputs/run/csv").is_dir()


@pytest.mark.parametrize("text", ["a: [", "hydra: 3", "", "- 1", "hydra: {runtime: {choices: [a]}}", "\0"])
def test_damaged_record_of_the_choices_is_ignored(text: str, done: Aectl) -> None:
    Path("outputs/run/.hydra/hydra.yaml").write_text(text)
    assert stored_choices(Path("outputs/run")) == {}
    assert "already finished" in done("train", "resume=outputs/run").out


def test_run_that_was_killed_before_its_first_checkpoint_starts_over(done: Aectl) -> None:
    shutil.rmtree("outputs/run/checkpoints")
    result = done("train", "resume=outputs/run")
    assert result.status == 0, result.err
    assert "no checkpoint yet: starting over in the same folder\n" in result.out


def test_sweep_cannot_resume(done: Aectl) -> None:
    result = done("train", "-m", "resume=latest", "trainer.max_epochs=3,4")
    assert result.status == 2
    assert "leave out -m" in result.err


def test_run_is_trained_by_one_process_at_a_time(done: Aectl) -> None:
    with run_lock(Path("outputs/run")):
        result = done("train", "resume=latest", "trainer.max_epochs=3")
    assert result.status == 2
    assert f"resume=outputs/run: process {os.getpid()} is already training it; wait or stop it first" in result.err
    with run_lock(Path("outputs/run")):
        pass


def test_damaged_checkpoint_is_reported_and_the_previous_one_resumed(done: Aectl) -> None:
    last = Path("outputs/run/checkpoints/last.ckpt")
    last.write_bytes(last.read_bytes()[:5000])
    result = done("train", "resume=latest", "trainer.max_epochs=3")
    assert result.status == 0
    assert "last.ckpt is truncated or damaged" in result.out
    assert "resuming from previous.ckpt, the one before\n" in result.out
    done("train", *SMALL, "callbacks=early_stopping", "trainer.max_epochs=3", "hydra.run.dir=whole")
    assert epochs("outputs/run") == [0, 1, 2]
    assert differences(Path("whole"), Path("outputs/run")) != []  # its first epochs were planned for two in all


def test_moved_run_keeps_its_best_score(done: Aectl) -> None:
    best = summary("outputs/run")["best"]
    Path("outputs/run").rename("moved")
    path = Path("moved/checkpoints/last.ckpt")
    stored = torch.load(path, weights_only=True)
    key = "BestCheckpoint"
    stored["callbacks"][key]["best_model_score"] = torch.tensor(-1e6)
    torch.save(stored, path)
    done("train", "resume=moved", "trainer.max_epochs=3")
    assert summary("moved")["best"] == -1e6 < best
    assert torch.load("moved/checkpoints/best.ckpt", weights_only=True)["epoch"] < 2


def test_second_lock_on_a_run_names_the_process_that_holds_it(tmp_path: Path) -> None:
    with (
        run_lock(tmp_path),
        pytest.raises(UserError, match=f"process {os.getpid()} is already training it"),
        run_lock(tmp_path),
    ):
        pass
