"""A search with Optuna: the space, and a study that survives whatever ends its processes."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from aectl.errors import UserError
from aectl.search.jobs import Job, Jobs, Outcome
from aectl.search.objectives import USUAL, pareto_front
from aectl.search.options import SweepOptions
from aectl.search.sweeper import work
from aectl.training.validation_metrics import SCORES
from tests.faults import FACTOR
from tests.support.processes import forked

optuna = pytest.importorskip("optuna")

from aectl.search.space import Space  # noqa: E402
from aectl.search.study import OptunaSearch  # noqa: E402

WORDS = ["model=vae", "model.latent_dim=choice(2,8,32)", "optimizer.lr=tag(log,interval(1e-4,1e-2))"]
DONE = Outcome("done")


def parsed(words: list[str]) -> Any:
    return OverridesParser.create().parse_overrides(words)


def search(folder: Path, objectives: dict[str, str] | None = None, **given: Any) -> OptunaSearch:
    options = {"strategy": "optuna", "dir": None, "workers": 1, "retry": 0, "n_trials": 12, "timeout": None}
    options |= {"sampler": "tpe", "pruner": "median", "seed": 0, "objectives": None, **given}
    return OptunaSearch(parsed(WORDS), SweepOptions(**options), objectives or {"val/loss": "min"}, folder)


def train(folder: Path, overrides: list[str]) -> Path:
    """What a training of these overrides leaves, at no cost."""
    values = dict(word.split("=") for word in overrides)
    loss = abs(float(values["optimizer.lr"]) - 3e-3) * 1e3 + float(values["model.latent_dim"]) / 10
    folder.mkdir(exist_ok=True)
    summary = {"status": "done", "metrics": {"val/loss": loss}, "parameters": 10 * int(values["model.latent_dim"])}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def run(study: Callable[[], OptunaSearch], folder: Path, count: int) -> list[list[str]]:
    """The overrides of so many jobs, each trained and learned before the next is proposed."""
    found = []
    for number in range(count):
        overrides = study().propose(number)
        assert overrides
        study().learn(number, train(folder / str(number), overrides), DONE)
        found.append(overrides)
    return found


@pytest.mark.parametrize(
    ("word", "domain"),
    [
        ("a=choice(2,8,32)", optuna.distributions.CategoricalDistribution(("2", "8", "32"))),
        ("net.hidden=[16],[32,8]", optuna.distributions.CategoricalDistribution(("[16]", "[32,8]"))),
        ("a=range(2,10,2)", optuna.distributions.IntDistribution(2, 8, step=2)),
        ("a=range(0,1,0.25)", optuna.distributions.FloatDistribution(0, 0.75, step=0.25)),
        ("a=int(interval(1,8))", optuna.distributions.IntDistribution(1, 8)),
        ("a=interval(0.0,1)", optuna.distributions.FloatDistribution(0, 1)),
        ("a=tag(log,interval(1e-4,1e-2))", optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)),
        ("a=tag(log,int(interval(1,64)))", optuna.distributions.IntDistribution(1, 64, log=True)),
    ],
)
def test_space_is_in_hydras_syntax(word: str, domain: object) -> None:
    assert list(Space(parsed([word])).varied.values()) == [domain]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a=interval(2,1)"], r"a=interval\(2,1\): no interval to search"),
        (["a=tag(log,interval(0,1))"], "no interval to search"),
        (["a=1"], "sweep=optuna: nothing to search"),
    ],
)
def test_space_that_is_none_is_one_line(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Space(parsed(words))


def test_space_knows_its_points(tmp_path: Path) -> None:
    study = search(tmp_path)
    overrides = study.propose(0)
    assert overrides and study.accepts(0, overrides)
    for change in (["model=ae", *overrides[1:]], [*overrides, "seed=1"], [*overrides[:2], "optimizer.lr=5"]):
        assert not study.accepts(0, change)


def test_search_that_is_stopped_after_every_step_proposes_the_same(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    study = search(tmp_path / "whole")
    whole = run(lambda: study, tmp_path / "whole", 12)

    def opened() -> OptunaSearch:
        journal = tmp_path / "stopped" / "study.log"
        if journal.exists():
            with journal.open("a") as file:
                file.write('{"op_code":4,"worker_id":')  # as a killed process leaves it
        return search(tmp_path / "stopped")

    assert run(opened, tmp_path / "stopped", 12) == whole
    assert len({tuple(job) for job in whole}) == 12
    assert all(set(job[0:1]) == {"model=vae"} for job in whole)
    (tmp_path / "other").mkdir()
    assert search(tmp_path / "other", seed=1).propose(0) != whole[0]


def test_trial_without_a_job_is_proposed_again(tmp_path: Path) -> None:
    """As a process leaves it that is killed before it has written the file of the job."""
    first = search(tmp_path).propose(0)
    assert search(tmp_path).propose(0) == first
    assert len(search(tmp_path).study.trials) == 1


def test_job_that_fails_is_no_result_and_may_be_tried_again(tmp_path: Path) -> None:
    study = search(tmp_path)
    overrides = study.propose(0)
    assert overrides
    assert study.learn(0, tmp_path, Outcome("failed", "no luck")) == ("failed", "no luck")
    assert study.learn(0, train(tmp_path / "0", overrides), DONE) == DONE
    assert study.study.trials[0].state.name == "COMPLETE"
    study.learn(0, tmp_path / "0", DONE)


def test_objective_that_the_summary_lacks_is_one_line(tmp_path: Path) -> None:
    study = search(tmp_path, {"val/psnr": "max"})
    overrides = study.propose(0)
    assert overrides
    with pytest.raises(UserError, match=r"sweep.objectives=val/psnr: no such key .* some of val/loss, parameters"):
        study.learn(0, train(tmp_path / "0", overrides), DONE)


def test_hopeless_trial_is_pruned_even_if_it_is_killed_meanwhile(tmp_path: Path) -> None:
    study = search(tmp_path)
    for number in range(6):
        overrides = study.propose(number)
        report = study.reporter(number)
        assert overrides and report
        pruned = [report(epoch, {"val/loss": 1.0 + (number == 5)}) for epoch in range(4)]
        assert any(pruned) == (number == 5)
        if number < 5:
            study.learn(number, train(tmp_path / str(number), overrides), DONE)
    again = search(tmp_path)
    report = again.reporter(5)
    assert report and report(1, {"val/loss": 0.0})
    assert again.learn(5, train(tmp_path / "5", overrides), DONE) == ("pruned", "pruned after epoch 3")
    assert [trial.state.name for trial in again.study.trials] == ["COMPLETE"] * 5 + ["PRUNED"]


def test_several_objectives_are_not_pruned(tmp_path: Path) -> None:
    study = search(tmp_path, {"val/loss": "min", "parameters": "min"})
    overrides = study.propose(0)
    assert overrides and study.reporter(0) is None
    study.learn(0, train(tmp_path / "0", overrides), DONE)
    assert len(study.study.trials[0].values) == 2


def test_search_ends_with_its_time_or_its_trials(tmp_path: Path) -> None:
    short = search(tmp_path, timeout="0.0001s")
    time.sleep(0.01)
    assert not short.has_more(0)
    assert search(tmp_path, timeout="1h").has_more(11)
    assert not search(tmp_path, timeout="1h").has_more(12)


class FakeLaunching:
    """Trains at no cost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def subfolder(self, number: int, overrides: list[str]) -> str:
        return f"{number}-run"

    def run(self, job: Job) -> Outcome:
        train(self.folder / job.folder, job.overrides)
        time.sleep(0.01)
        return DONE


def test_search_whose_workers_are_killed_has_every_trial_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    draws, kills, options = random.Random(0), max(4, FACTOR), {"n_trials": 16, "sampler": "random"}
    record_property("tried", kills)
    workers: list[int] = []
    jobs: Any = Jobs(tmp_path)
    launching: Any = FakeLaunching(tmp_path)
    for _ in range(kills):
        while len(workers) < 2:
            workers.append(forked(lambda: work(jobs, search(tmp_path, **options), launching, 0, patient=False)))
        time.sleep(draws.uniform(0.02, 0.12))
        killed = workers.pop(draws.randrange(2))
        os.kill(killed, signal.SIGKILL)
        os.waitpid(killed, 0)
    os.waitpid(workers.pop(), 0)
    work(jobs, study := search(tmp_path, **options), launching, 0)
    assert [job.status for job in jobs.all()] == ["done"] * 16
    assert [trial.state.name for trial in study.study.trials] == ["COMPLETE"] * 16


def test_metrics_of_a_summary_are_known_before_a_training() -> None:
    assert ("val/loss", *(f"val/{score}" for score in SCORES)) == USUAL


def test_pareto_front_is_what_nothing_beats() -> None:
    draws = random.Random(0)
    points = [[draws.randrange(6), draws.randrange(6)] for _ in range(30)] + [[float("nan"), 0]]
    front = pareto_front(points, ["max", "min"])
    beaten = [any(x >= a and y <= b and (x, y) != (a, b) for x, y in points) for a, b in points[:-1]]
    assert front == [index for index, is_beaten in enumerate(beaten) if not is_beaten]
