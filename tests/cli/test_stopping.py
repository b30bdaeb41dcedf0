"""Ctrl-C, signals, time limits and full disks: the run is saved, and resumes to the same bits."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Timer

from aectl.training.checkpointing import RunSaver
from aectl.training.records import MetricsTable, read_rows
from aectl.training.resume import clean_up
from aectl.training.validation_metrics import ReconstructionScores
from tests.conftest import Aectl
from tests.support.kill_and_resume import differences
from tests.support.short_runs import BATCHES, SMALL, epochs, on_step, position, press, summary


def test_ctrl_c_saves_and_prints_how_to_resume(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        on_step(patch, BATCHES + 4, press())
        result = aectl("train", *SMALL, "trainer.max_epochs=3", "hydra.run.dir=outputs/run")
    assert result.status == 130
    assert "stopping after this step and saving; press Ctrl-C again to quit now\n" in result.err
    assert "saved at epoch 2, batch 4 of 13; to resume: aectl train resume=outputs/run\n" in result.out
    assert "best val/loss" not in result.out
    assert position("outputs/run") == (1, 4)
    assert summary("outputs/run")["status"] == "interrupted"
    assert epochs("outputs/run") == [0]
    result = aectl("train", "resume=latest")
    assert result.status == 0
    assert "resuming at epoch 2, batch 4 of 13; later steps are repeated\n" in result.out
    assert summary("outputs/run") | {"status": "done", "epochs": 3} == summary("outputs/run")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    aectl("train", *SMALL, "trainer.max_epochs=3", "hydra.run.dir=whole")
    assert differences(Path("whole"), Path("outputs/run")) == []


def test_a_run_that_is_removed_while_it_is_trained_ends_in_one_line(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_step(monkeypatch, 2, lambda: shutil.rmtree("run"))
    result = aectl("train", *SMALL, "trainer.max_epochs=1", "tracker=none", "hydra.run.dir=run")
    assert result.status == 2
    assert (
        result.err.splitlines()[-1]
        == "aectl train: run: was removed while it was trained; whatever is left there is no run"
    )
    assert not Path("run/summary.json").exists()


def test_second_ctrl_c_quits_at_once(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom aectl.training.interrupts import StopSignals\n"
        "with StopSignals() as signals:\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print(signals.received, flush=True)\n    os.kill(os.getpid(), signal.SIGINT)\n    print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "2\n")


def test_ctrl_c_in_the_last_step_of_an_epoch_waits_for_its_end(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        on_step(patch, BATCHES, press("SIGTERM"))
        result = aectl("train", *SMALL, "trainer.max_epochs=2", "hydra.run.dir=run")
    assert result.status == 143
    assert position("run") == (1, 0)
    assert epochs("run") == [0]
    assert aectl("train", "resume=run").status == 0
    assert epochs("run") == [0, 1]


def test_ctrl_c_ends_a_sweep(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    on_step(monkeypatch, 3, press())
    result = aectl("train", "-m", "seed=0,1,2", *SMALL, "trainer.max_epochs=2", "hydra.sweep.dir=sweep")
    assert result.status == 130
    assert [path.name[0] for path in Path("sweep").glob("*-reconstruct-*")] == ["0"]
    assert aectl("train", f"resume={next(Path('sweep').glob('0-*'))}").status == 0


def test_stop_waits_for_the_end_of_an_accumulated_step(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    halves = (*SMALL, "trainer.max_epochs=2", "trainer.accumulate_grad_batches=4", "trainer.check_val_every_n_epoch=2")
    with monkeypatch.context() as patch:
        on_step(patch, 6, press())
        assert aectl("train", *halves, "hydra.run.dir=run").status == 130
    assert position("run") == (0, 8)
    aectl("train", "resume=run")
    aectl("train", *halves, "hydra.run.dir=whole")
    assert differences(Path("whole"), Path("run")) == []


@pytest.mark.parametrize("augment", ["none", "[flip,turn,shift,gain]"])
def test_run_stopped_by_a_time_limit_resumes_to_the_same_bits(
    augment: str, aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = (*SMALL, f"augment={augment}", "trainer.max_epochs=4", "trainer.max_time=00:01:00:00")
    with monkeypatch.context() as patch:
        on_step(patch, 2 * BATCHES + 5, lambda: patch.setattr(Timer, "time_elapsed", lambda *_: 1e9))
        result = aectl("train", *keys, "hydra.run.dir=outputs/run")
    assert result.status == 0
    assert "saved at epoch 3, batch 5 of 13; to resume: aectl train resume=outputs/run\n" in result.out
    assert "best val/loss" in result.out
    assert position("outputs/run") == (2, 5)
    assert summary("outputs/run")["status"] == "interrupted"
    assert aectl("train", "resume=outputs/run").status == 0
    aectl("train", *keys, "hydra.run.dir=whole")
    assert differences(Path("whole"), Path("outputs/run")) == []


def test_time_limit_in_the_first_epoch_leaves_a_best_checkpoint(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        on_step(patch, 5, lambda: patch.setattr(Timer, "time_elapsed", lambda *_: 1e9))
        aectl("train", *SMALL, "trainer.max_epochs=2", "trainer.max_time=00:01:00:00", "hydra.run.dir=run")
    assert Path("run/checkpoints/best.ckpt").is_file()
    assert epochs("run") == [0]
    aectl("train", "resume=run")
    aectl("train", *SMALL, "trainer.max_epochs=2", "trainer.max_time=00:01:00:00", "hydra.run.dir=whole")
    assert differences(Path("whole"), Path("run")) == []


LIMITED = (*SMALL, "trainer.max_epochs=4", "trainer.max_time=00:01:00:00")


def stop_by_time_in(epoch: int, patch: pytest.MonkeyPatch) -> None:
    """Uses up the time limit in the middle of this epoch, counted from 0."""
    on_step(patch, epoch * BATCHES + 5, lambda: patch.setattr(Timer, "time_elapsed", lambda *_: 1e9))


def scores(run: str) -> list[float]:
    """The validation loss of every epoch."""
    return [float(row["val/loss"]) for row in read_rows(Path(run, "metrics.csv"))]


def stored_epoch(run: str, name: str = "best") -> int:
    return torch.load(Path(run, "checkpoints", f"{name}.ckpt"), weights_only=True)["epoch"]


def test_validation_that_a_time_limit_triggers_counts_for_the_best_checkpoint(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_by_time_in(2, patch)
        result = aectl("train", *LIMITED, "hydra.run.dir=run")
    whole, partial = min(scores("run")[:2]), scores("run")[2]
    assert partial < whole
    assert stored_epoch("run") == 2
    assert stored_epoch("run", "best_whole_epoch") == 1
    assert summary("run")["best"] == summary("run")["metrics"]["val/loss"] == partial
    assert f"best val/loss {partial:.4g} = nll " in result.out


def test_partial_epoch_that_is_no_better_leaves_the_best_checkpoint(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_by_time_in(2, patch)
        on_step(patch, 2 * BATCHES + 1, lambda: spoil(patch))
        aectl("train", *LIMITED, "hydra.run.dir=run")
    assert stored_epoch("run") == 1
    assert not Path("run/checkpoints/best_whole_epoch.ckpt").exists()
    assert summary("run")["best"] == min(scores("run")[:2])


def spoil(patch: pytest.MonkeyPatch) -> None:
    """Makes every later validation worse."""
    loss_and_scores = ReconstructionScores.loss_and_scores

    def worse(*args: Any) -> Any:
        terms, scores, n = loss_and_scores(*args)
        return {**terms, "loss": terms["loss"] + 1e6}, scores, n

    patch.setattr(ReconstructionScores, "loss_and_scores", worse)


def test_resumed_run_without_a_better_epoch_has_the_best_checkpoint_of_the_whole_ones(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Score and file belong together, although the partial epoch was better than all that came after it."""
    with monkeypatch.context() as patch:
        stop_by_time_in(2, patch)
        aectl("train", *LIMITED, "hydra.run.dir=run")
    assert stored_epoch("run") == 2
    with monkeypatch.context() as patch:
        spoil(patch)
        assert aectl("train", "resume=run").status == 0
    assert stored_epoch("run") == 1
    assert summary("run")["best"] == scores("run")[1]
    assert not Path("run/checkpoints/best_whole_epoch.ckpt").exists()


def test_two_names_of_one_best_checkpoint_become_one(tmp_path: Path) -> None:
    """As a kill between keeping the former checkpoint and writing the new one leaves them."""
    (tmp_path / "best.ckpt").write_text("whole")
    (tmp_path / "best_whole_epoch.ckpt").hardlink_to(tmp_path / "best.ckpt")
    clean_up(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["best.ckpt"]


@pytest.mark.parametrize("writer", [(RunSaver, "save"), (MetricsTable, "on_train_epoch_end")])
def test_full_disk_ends_in_one_line_and_the_run_resumes(
    writer: tuple[type, str], aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = writer
    original = getattr(owner, name)
    calls = 0

    def full(*args: Any, **kwargs: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full)
        patch.setattr("aectl.training.checkpointing.MAX_TIME_SHARE", 1e9)
        result = aectl("train", *SMALL, "trainer.max_epochs=3", "hydra.run.dir=run")
    assert result.status == 2
    assert result.err.splitlines()[-1] == (
        "aectl train: run: the disk is full (No space left on device); the last checkpoint is intact; "
        "free some space, then: aectl train resume=run"
    )
    assert summary("run")["status"] == "interrupted"
    assert aectl("train", "resume=run").status == 0
    aectl("train", *SMALL, "trainer.max_epochs=3", "hydra.run.dir=whole")
    assert differences(Path("whole"), Path("run")) == []


def test_other_system_errors_are_not_reported_as_a_full_disk(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError(errno.EIO, "Input/output error")

    on_step(monkeypatch, 2, broken)
    with pytest.raises(OSError, match="Input/output"):
        aectl("train", *SMALL, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert summary("run")["status"] == "interrupted"


def test_run_killed_after_its_last_checkpoint_is_finished(aectl: Aectl) -> None:
    save = RunSaver.save

    def last_words(self: RunSaver, trainer: Trainer, batches: int = 0, done: bool = False) -> None:
        save(self, trainer, batches, done)
        if done:
            os._exit(9)

    if (child := os.fork()) == 0:
        RunSaver.save = last_words  # type: ignore[method-assign]
        aectl("train", *SMALL, "trainer.max_epochs=2", "hydra.run.dir=run")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert "run/ already finished (2 epochs); to train longer: " in aectl("train", "resume=run").out
    aectl("train", *SMALL, "trainer.max_epochs=2", "hydra.run.dir=whole")
    assert differences(Path("whole"), Path("run")) == []
