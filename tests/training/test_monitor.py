"""The metric that chooses the best epoch, the number of steps, and callbacks of the user's own."""

import csv
import json
import math
from pathlib import Path

import pytest
import torch

from aectl.errors import UserError
from aectl.training.callbacks import build_callback, check_callbacks
from aectl.training.monitor import Monitor
from tests.conftest import Aectl
from tests.support.kill_and_resume import differences
from tests.support.short_runs import BATCHES, SMALL, on_step, position, press, summary
from tests.training.test_players import ADVERSARIAL


@pytest.mark.parametrize(
    ("name", "mode", "direction"),
    [
        ("val/loss", None, "min"),
        ("val/nll", None, "min"),
        ("val/psnr", None, "max"),
        ("val/psnr_gain", None, "max"),
        ("val/psnr", "min", "min"),
        ("val/fid", "max", "max"),
    ],
)
def test_what_is_better_follows_from_the_metric_unless_mode_says_it(
    name: str, mode: "str | None", direction: str
) -> None:
    monitor = Monitor(name, mode)  # type: ignore[arg-type]
    assert monitor.direction == direction
    assert monitor.is_better(1.0, 2.0) == (direction == "min")
    assert monitor.is_better(0.0, monitor.worst)
    assert not monitor.is_better(math.nan, 0.0)


def rows(run: str) -> list[dict[str, float]]:
    with Path(run, "metrics.csv").open() as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def test_the_best_epoch_and_early_stopping_go_by_the_monitor(aectl: Aectl) -> None:
    stop = ("callbacks=early_stopping", "callbacks.early_stopping.patience=1")
    result = aectl("train", *SMALL, "monitor=val/kl", "mode=max", *stop, "trainer.max_epochs=3", "hydra.run.dir=run")
    kl = [row["val/kl"] for row in rows("run")]
    best = max(kl)
    assert f"best val/kl {best:.4g}, its val/loss {rows('run')[kl.index(best)]['val/loss']:.4g}" in result.out
    stored = summary("run")
    assert (stored["monitor"], stored["mode"], stored["best"]) == ("val/kl", "max", pytest.approx(best))
    best_state, last = (torch.load(f"run/checkpoints/{name}.ckpt", weights_only=True) for name in ("best", "last"))
    assert best_state["epoch"] == kl.index(best)
    early = next(value for key, value in last["callbacks"].items() if "EarlyStopping" in key)
    assert early["best_score"].item() == pytest.approx(best)


def test_a_sweep_by_psnr_lists_the_highest_first(aectl: Aectl) -> None:
    jobs = ("-m", "model.latent_dim=1,8", "monitor=val/psnr", "trainer.max_epochs=1", "hydra.sweep.dir=s")
    out = aectl("train", *SMALL, *jobs).out
    assert "val/psnr" in out
    shown = [float(line.split("|")[3]) for line in out.splitlines() if line.startswith("|") and "s/" in line]
    assert shown == sorted(shown, reverse=True)
    assert sorted(json.loads(path.read_text())["best"] for path in Path("s").glob("*/summary.json"))[::-1] == (
        pytest.approx(shown, rel=1e-3)
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("monitor=val/psn", "monitor=val/psn: no such metric; expected one of val/kl, val/loss, val/nll"),
        ("monitor=psnr", "monitor=psnr: no such metric; expected one of val/kl"),
        ("callbacks=early_stopping callbacks.early_stopping.monitor=kl", "early_stopping.monitor=kl: no such metric"),
        ("mode=up", "mode=up: expected 'min' or 'max'"),
        ("+callbacks.x.n=3", "callbacks.x={'n': 3}: has no _target_; expected a class of callbacks"),
        ("trainer.max_steps=0", "trainer.max_steps=0: expected a number greater than 0"),
    ],
)
def test_what_cannot_be_monitored_or_called_back_is_one_line(aectl: Aectl, given: str, said: str) -> None:
    result = aectl("train", *SMALL, "trainer.max_epochs=1", *given.split(), "hydra.run.dir=run")
    assert result.status == 2
    (line,) = [line for line in result.err.splitlines() if line.startswith("aectl train: ")]
    assert said in line
    assert not Path("run").exists()


@pytest.mark.parametrize("node", [3, {"n": 1}, {"_target_": "torch.nn.Linear"}])
def test_only_callbacks_are_callbacks(node: object) -> None:
    with pytest.raises(UserError, match=r"callbacks\.x.*: (has no _target_|not a callback); expected"):
        check_callbacks({"x": node})
    check_callbacks({"x": None})
    with pytest.raises(UserError, match="not a callback"):
        build_callback("x", {"_target_": "builtins.dict"})


@pytest.mark.parametrize("players", [1, 2])
@pytest.mark.parametrize("steps", [5, BATCHES, BATCHES + 1, BATCHES + 5])
def test_a_run_takes_as_many_steps_as_it_is_told_and_ends_with_a_validation(
    aectl: Aectl, steps: int, players: int
) -> None:
    model = ("model=vae", *SMALL) if players == 1 else (*ADVERSARIAL, *SMALL)
    assert aectl("train", *model, f"trainer.max_steps={steps}", "hydra.run.dir=run").status == 0
    assert rows("run")[-1]["step"] == steps * players
    assert "val/loss" in rows("run")[-1]
    assert len(rows("run")) == math.ceil(steps / BATCHES)
    assert summary("run")["status"] == "done"


def test_more_steps_give_the_same_bits_as_if_they_had_been_asked_for_at_once(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = (*SMALL, "schedule=constant")
    assert aectl("train", *shared, f"trainer.max_steps={BATCHES + 5}", "hydra.run.dir=whole").status == 0
    assert aectl("train", *shared, "trainer.max_steps=5", "hydra.run.dir=run").status == 0
    finished = aectl("train", "resume=run").out
    assert "run/ already finished (5 steps); to train longer: aectl train resume=run trainer.max_steps=..." in finished
    with monkeypatch.context() as patch:
        on_step(patch, 3, press())
        assert aectl("train", "resume=run", f"trainer.max_steps={BATCHES + 5}").status == 130
    assert position("run") == (0, 8)
    assert aectl("train", "resume=run").status == 0
    assert differences(Path("run"), Path("whole")) == []
