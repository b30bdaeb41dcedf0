"""The threads of a training: stored in its run, and fewer while other processes keep the cores busy."""

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from aectl.data.loader import Batch
from aectl.training import fit, threads
from aectl.training.system import System
from aectl.training.threads import BusyCores, torch_threads
from tests.conftest import Aectl, run_folder
from tests.support.kill_and_resume import differences
from tests.support.short_runs import SMALL

EVERY, TRIAL = 6, 2
SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=2")
BATCH = {"x": torch.zeros(4, 1, 8, 8)}


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads of each step of the trainings of a test."""
    counts: list[int] = []
    step = System.training_step

    def training_step(self: System, batch: Batch, batch_idx: int) -> object:
        counts.append(torch.get_num_threads())
        return step(self, batch, batch_idx)

    monkeypatch.setattr(System, "training_step", training_step)
    return counts


@pytest.fixture
def _short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, steps in {"EVERY": EVERY, "FIRST": EVERY, "TRIAL": TRIAL}.items():
        monkeypatch.setattr(threads, name, steps)


def stored_threads(run: Path) -> int:
    return OmegaConf.load(run / "config.yaml").trainer.threads


def test_threads_are_set_while_training_only(aectl: Aectl, used: list[int]) -> None:
    before = torch.get_num_threads()
    run = run_folder(aectl("train", *SHORT, "trainer.threads=3"))
    assert set(used) == {3}
    assert torch.get_num_threads() == before
    assert stored_threads(run) == 3


def test_resumed_run_has_the_threads_that_it_began_with(aectl: Aectl, used: list[int]) -> None:
    with torch_threads(2):
        run = run_folder(aectl("train", *SHORT))  # 100 digits of 8x8 a batch
    assert stored_threads(run) == 2
    used.clear()
    aectl("train", f"resume={run}", "trainer.max_epochs=2")
    assert set(used) == {2}


def test_small_batches_are_trained_on_one_thread(aectl: Aectl, used: list[int]) -> None:
    with torch_threads(2):
        run = run_folder(aectl("train", *SHORT, "data.batch_size=64"))
    assert set(used) == {1}
    assert stored_threads(run) == 1


@pytest.mark.usefixtures("_short_trials")
def test_change_of_threads_changes_no_number(aectl: Aectl, used: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "SWITCH_BELOW", float("inf"))  # at every trial
    changing = run_folder(aectl("train", *SMALL, "trainer.max_epochs=2", "trainer.threads=2", "hydra.run.dir=changing"))
    assert {1, 2} == set(used)
    monkeypatch.setattr(fit, "busy_cores", lambda *_, **__: [])
    fixed = run_folder(aectl("train", *SMALL, "trainer.max_epochs=2", "trainer.threads=2", "hydra.run.dir=fixed"))
    assert differences(fixed, changing) == []


class Clock:
    """A clock on which a step takes as long as stated for the number of threads that it runs on."""

    def __init__(self, costs: dict[int, float], same: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.costs, self.same = 0.0, costs, same
        monkeypatch.setattr(threads.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(threads, "step_of_copy", self.step_of_copy)

    def step_of_copy(self, *_: object) -> list[Tensor]:
        self.now += self.costs[torch.get_num_threads()]
        return [torch.tensor(0.0 if self.same else float(torch.get_num_threads()))]

    def train(self, callback: BusyCores, steps: int) -> list[int]:
        """The threads of each step."""
        anything: Any = None
        found = []
        with torch_threads(2):
            for index in range(steps):
                callback.on_train_batch_start(anything, anything, BATCH, index)
                found.append(torch.get_num_threads())
                self.now += self.costs[found[-1]]
                callback.on_train_batch_end(anything)
        return found


@pytest.mark.usefixtures("_short_trials")
@pytest.mark.parametrize(
    ("costs", "then"), [({1: 0.2, 2: 1.0}, [1, 1, 1, 1, 2, 2, 1]), ({1: 0.95, 2: 1.0}, [2, 2, 2, 2, 1, 1, 2])]
)
def test_training_stays_on_what_was_faster(
    costs: dict[int, float], then: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Clock(costs, True, monkeypatch).train(BusyCores(2), 13) == [2, 2, 2, 2, 1, 1, *then]


@pytest.mark.usefixtures("_short_trials")
def test_training_returns_to_all_threads_when_the_cores_are_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, callback = Clock({1: 0.2, 2: 1.0}, True, monkeypatch), BusyCores(2)
    clock.train(callback, EVERY)
    clock.costs = {1: 1.0, 2: 0.6}
    assert clock.train(callback, EVERY + 1) == [1, 1, 1, 1, 2, 2, 2]


@pytest.mark.usefixtures("_short_trials")
def test_threads_stay_and_the_user_is_told_where_the_numbers_would_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(Clock({1: 0.2, 2: 1.0}, False, monkeypatch).train(BusyCores(2), 13)) == {2}
    said = capsys.readouterr().err
    assert said.count("a step on 2 threads takes 5.0 times as long as on one") == 1
    assert "trainer.threads=1" in said
