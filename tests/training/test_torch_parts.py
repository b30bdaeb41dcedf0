"""Optimizers and schedulers of torch, and of packages, as they are."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, ReduceLROnPlateau, StepLR

from aectl.errors import UserError
from aectl.training.lr_schedulers import TorchSchedule, build_schedule, check_length, halve_rates
from aectl.training.monitor import Monitor
from aectl.training.preflight import build_optimizers, optimizer_state_ratio
from tests.conftest import BARE, Aectl
from tests.support.kill_and_resume import keep, same
from tests.support.short_runs import SMALL, on_step, press
from tests.support.toy_models import bare_trainer
from tests.training.test_system import BATCHES, Duel, Solo, batches, system

pytestmark = [
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec"),
]
TORCH = "torch.optim.lr_scheduler"
EPOCHS = 4
LR = 2.0**-14


def schedule_of(name: str, **arguments: Any) -> TorchSchedule:
    built = build_schedule({"_target_": f"{TORCH}.{name}", "_partial_": True, **arguments}, Monitor())
    assert isinstance(built, TorchSchedule)
    return built


def rates(model: Solo, schedule: TorchSchedule, epochs: int = EPOCHS) -> list[float]:
    """The learning rate of every step of a training, as a multiple of the first."""
    found: list[float] = []
    recorder = Callback()
    recorder.on_train_batch_start = lambda trainer, *_: found.append(trainer.optimizers[-1].param_groups[0]["lr"])  # type: ignore[method-assign]
    bare_trainer(epochs, callbacks=[recorder]).fit(system(model, lr=LR, schedule=schedule), batches(), batches())
    return [rate / LR for rate in found]


@pytest.mark.parametrize("kind", [Solo, Duel])
class TestSchedulers:
    def test_of_epochs_step_once_an_epoch(self, kind: type[Solo]) -> None:
        found = rates(kind(), schedule_of("StepLR", step_size=1, gamma=0.5))
        assert found == [0.5**epoch for epoch in range(EPOCHS) for _ in range(BATCHES)]

    def test_of_steps_step_once_a_batch(self, kind: type[Solo]) -> None:
        found = rates(kind(), schedule_of("StepLR", step_size=1, gamma=0.5, interval="step"))
        assert found == [0.5**step for step in range(EPOCHS * BATCHES)]

    def test_are_told_how_long_the_run_is(self, kind: type[Solo]) -> None:
        cosine = rates(kind(), schedule_of("CosineAnnealingLR"))
        assert cosine[::BATCHES] == pytest.approx([1.0, 0.8536, 0.5, 0.1464], abs=1e-4)
        one_cycle = rates(kind(), schedule_of("OneCycleLR", max_lr=LR))
        assert len(one_cycle) == EPOCHS * BATCHES
        assert max(one_cycle) == pytest.approx(1.0, abs=0.05)
        assert one_cycle[-1] < 1e-4

    def test_decay_by_the_step_towards_a_floor(self, kind: type[Solo]) -> None:
        node = {"_target_": "aectl.training.lr_schedulers.DecayToFloor", "rate": 0.5, "floor": 0.01}
        found = rates(kind(), build_schedule(node, Monitor("val/loss")))
        assert found == pytest.approx([0.99 * 0.5**step + 0.01 for step in range(EPOCHS * BATCHES)])

    def test_reduce_the_rate_on_a_plateau_of_a_metric(self, kind: type[Solo]) -> None:
        falling = {"factor": 0.5, "patience": 0, "threshold": 1e9, "threshold_mode": "abs"}
        assert rates(kind(), schedule_of("ReduceLROnPlateau", **falling))[::BATCHES] == [1.0, 1.0, 0.5, 0.25]

    def test_of_a_metric_that_is_not_logged_say_which_are(self, kind: type[Solo]) -> None:
        with pytest.raises(UserError, match=r"schedule.monitor=val/los: no such metric; expected one of .*val/loss"):
            rates(kind(), schedule_of("ReduceLROnPlateau", monitor="val/los"))


def test_a_plateau_is_looked_for_in_the_direction_of_its_metric() -> None:
    node = {"_target_": f"{TORCH}.ReduceLROnPlateau"}
    assert build_schedule(node, Monitor("val/psnr")).arguments == {"mode": "max"}
    assert build_schedule({**node, "monitor": "val/loss"}, Monitor("val/psnr")).arguments == {"mode": "min"}
    assert build_schedule({**node, "mode": "min"}, Monitor("val/psnr")).arguments == {"mode": "min"}


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("StepLR", {"interval": "batch"}, "schedule.interval=batch: expected step or epoch"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 3}, "laid out for 3 steps; expected at least the 12 of the run"),
        ("ReduceLROnPlateau", {"factor": 2.0}, r"ReduceLROnPlateau cannot be made: Factor should be < 1.0"),
    ],
)
def test_a_scheduler_that_cannot_be_made_is_one_line(name: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        schedule_of(name, **arguments).make(torch.optim.SGD([nn.Parameter(torch.zeros(1))]), steps=12, epochs=4)


@pytest.mark.parametrize(("name", "stretches"), [("CosineAnnealingLR", False), ("OneCycleLR", False), ("StepLR", True)])
def test_a_scheduler_that_was_told_the_length_of_the_run_is_not_resumed_with_another(
    name: str, stretches: bool
) -> None:
    node, former = {"_target_": f"{TORCH}.{name}"}, {"max_epochs": 4, "max_steps": None}
    check_length(node, former, former)
    check_length({**node, "T_max": 9, "total_steps": 9}, former, {"max_epochs": 6})
    if stretches:
        check_length(node, former, {"max_epochs": 6})
    else:
        with pytest.raises(UserError, match=r"trainer.max_epochs=6: .* was laid out for 4 and cannot be stretched"):
            check_length(node, former, {"max_epochs": 6})


@pytest.mark.parametrize("kind", [LambdaLR, StepLR, CosineAnnealingLR, OneCycleLR, ReduceLROnPlateau])
def test_a_rollback_halves_the_rates_of_every_scheduler_each_time(kind: type) -> None:
    arguments = {
        LambdaLR: [lambda _: 1.0],
        StepLR: [100],
        CosineAnnealingLR: [10**9],
        OneCycleLR: [1.0, 10**9],
        ReduceLROnPlateau: [],
    }[kind]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    scheduler = kind(optimizer, *arguments)
    stored = optimizer.state_dict()
    before = optimizer.param_groups[0]["lr"]
    for _ in range(2):
        optimizer.load_state_dict(stored)
        halve_rates(scheduler, stored["param_groups"])
        optimizer.step()
        scheduler.step(*[0.0] if kind is ReduceLROnPlateau else [])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(before / 4, rel=1e-3)


def test_every_player_has_an_optimizer_of_torchs_with_settings_of_its_own() -> None:
    node = {"_target_": "torch.optim.SGD", "lr": 0.1, "momentum": 0.9, "players": {"critic": {"lr": 0.2}}}
    made = build_optimizers(node, Duel())
    groups = {player: make(list(Duel().parameters())).param_groups[0] for player, make in made.items()}
    assert {player: (group["lr"], group["momentum"]) for player, group in groups.items()} == {
        "autoencoder": (0.1, 0.9),
        "critic": (0.2, 0.9),
    }


def test_an_optimizer_that_cannot_be_made_is_one_line() -> None:
    with pytest.raises(UserError, match=r"optimizer: torch.optim.SGD cannot be made: Nesterov momentum requires"):
        build_optimizers({"_target_": "torch.optim.SGD", "lr": 0.1, "nesterov": True}, Solo())


def test_an_optimizer_that_cannot_be_probed_is_taken_to_keep_two_numbers_a_parameter() -> None:
    assert optimizer_state_ratio(torch.optim.LBFGS) == 2


OWN = """
import torch

class Own(torch.optim.SGD):
    pass
"""


def test_own_optimizers_train_resume_to_the_same_bits_and_need_no_trust_to_be_evaluated(
    aectl: Aectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_optimizers.py").write_text(OWN)
    (tmp_path / "mine" / "optimizer").mkdir(parents=True)
    (tmp_path / "mine" / "optimizer" / "own.yaml").write_text("_target_: own_optimizers.Own\n_partial_: true\nlr: 1e-3")
    own = ("--config-dir", "mine", "optimizer=own", *SMALL, "trainer.max_epochs=3")
    plateau = ("schedule=plateau", "schedule.patience=0", "+schedule.threshold=1e9", "+schedule.threshold_mode=abs")
    assert aectl("train", *own, *plateau, "hydra.run.dir=whole").status == 0
    with monkeypatch.context() as patch:
        on_step(patch, 18, press())
        assert aectl("train", *own, *plateau, "hydra.run.dir=run").status == 130
    assert "optimizer._target_=own_optimizers.Own: not a class that aectl ships" in aectl("train", "resume=run").err
    assert aectl("train", "resume=run", "trust=true").status == 0
    assert same({**keep(Path("run")), "callbacks": 0}, {**keep(Path("whole")), "callbacks": 0})
    assert "5.0000" in (Path("run") / "metrics.csv").read_text().replace("0.0005", "5.0000")
    assert aectl("eval", "run", *BARE).status == 0


def test_torchs_own_optimizers_need_no_trust_to_be_resumed(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        on_step(patch, 5, press())
        started = aectl(
            "train", "optimizer=sgd", "optimizer.lr=1e-4", "schedule=one_cycle", *SMALL, "trainer.max_epochs=2",
            "hydra.run.dir=run",
        )  # fmt: skip
        assert started.status == 130
    refused = aectl("train", "resume=run", "trainer.max_epochs=3")
    assert "trainer.max_epochs=3: OneCycleLR was laid out for 2 and cannot be stretched" in refused.err
    assert aectl("train", "resume=run").status == 0
