"""A sweep is a folder that the same command continues."""

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import QUICK, Aectl, printed_in
from tests.faults import FACTOR
from tests.support.kill_and_resume import differences, trained
from tests.support.processes import forked
from tests.support.short_runs import SMALL, on_step, press, summary

SWEEP = ("train", "-m", *SMALL, *QUICK, "tracker=none")
TITLE = re.compile(r"cpu · s/(\d)")


def statuses(folder: str = "s") -> list[str]:
    return [json.loads(Path(folder, "jobs", path.name).read_text())["status"] for path in sorted_jobs(folder)]


def sorted_jobs(folder: str) -> list[Path]:
    return sorted(Path(folder, "jobs").glob("*.json"), key=lambda path: int(path.stem))


def test_same_command_trains_only_what_has_not_ended(aectl: Aectl) -> None:
    words = (*SWEEP, "model.latent_dim=-1,2,4", "sweep.dir=s")
    result = aectl(*words)
    assert result.status == 1
    assert TITLE.findall(result.out) == ["1", "2"]
    assert statuses() == ["failed", "done", "done"]
    kept = {path: path.stat().st_mtime_ns for path in Path("s").glob("[12]-*/*")}
    again = aectl(*words)
    assert (again.status, TITLE.findall(again.out), "#" in again.err) == (1, [], False)
    assert "3 jobs, best first" in again.out
    retried = aectl("train", "resume=s", "sweep.retry=1")
    assert retried.err.count("job 0 failed: model.latent_dim=-1: expected a number greater than 0") == 1
    assert "1 of 3 jobs failed; to try again: aectl train resume=s sweep.retry=1\n" in retried.out
    assert {path: path.stat().st_mtime_ns for path in Path("s").glob("[12]-*/*")} == kept


def test_other_command_on_the_folder_is_one_line_and_writes_nothing(aectl: Aectl) -> None:
    aectl(*SWEEP, "seed=1,2", "sweep.dir=s")
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    result = aectl(*SWEEP, "seed=1,2,3", "sweep.dir=s")
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert "aectl train: seed=1,2,3: the sweep in s was started with seed=1,2; expected the same command" in result.err
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before


def test_sweep_of_an_earlier_version_is_continued_and_never_trained_again(aectl: Aectl) -> None:
    words = (*SWEEP, "seed=1,2", "hydra.sweep.dir=s")
    aectl(*words, "hydra/sweeper=basic")
    assert not Path("s/sweep.json").exists()
    assert TITLE.findall(aectl(*words).out) == []
    assert statuses() == ["done", "done"]
    other = aectl(*SWEEP, "seed=1,2", "hydra/sweeper=basic", "hydra.sweep.dir=s")
    assert (other.status, other.err.count("\n")) == (2, 1)
    assert "has a sweep; to continue it, leave out hydra/sweeper=" in other.err


def test_stopped_sweep_says_how_to_continue_and_resumes_the_half_trained_job(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "-m", *SMALL, "seed=0,1", "trainer.max_epochs=2")
    with monkeypatch.context() as patch:
        on_step(patch, 3, press())
        result = aectl(*words, "sweep.dir=s")
    assert result.status == 130
    assert "to continue the sweep: aectl train resume=s\n" in result.err
    assert statuses() == ["pending", "pending"]
    result = aectl("train", "resume=s")
    assert result.status == 0, result.err
    assert "resuming at epoch 1, batch 3 of 13" in result.out
    aectl(*words, "sweep.dir=whole")
    for run in Path("whole").glob("[01]-*"):
        assert differences(run, Path("s", run.name)) == []


def test_job_that_was_killed_before_its_first_checkpoint_starts_over(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "-m", *SMALL, "seed=0", "trainer.max_epochs=1", "tracker=none", "sweep.dir=s")
    with monkeypatch.context() as patch:
        on_step(patch, 3, press())
        aectl(*words)
    shutil.rmtree(next(Path("s").glob("0-*/checkpoints")))
    result = aectl(*words)
    assert (result.status, statuses()) == (0, ["done"]), result.err
    assert "no checkpoint yet: starting over in the same folder" in result.out


def test_half_trained_job_of_an_own_class_is_resumed_by_the_command_that_names_it(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ("model=ae", "model._target_=tests.support.toy_adversary.Adversarial", "seed=0", "trainer.max_epochs=1")
    with monkeypatch.context() as patch:
        on_step(patch, 3, press())
        assert aectl("train", "-m", *SMALL, *own, "tracker=none", "sweep.dir=s").status == 130
    refused = aectl("train", "resume=s")
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "could run arbitrary code; if you trust whoever wrote it: trust=true" in refused.err
    result = aectl("train", "-m", *SMALL, *own, "tracker=none", "sweep.dir=s")
    assert result.status == 0, result.err
    assert "resuming at epoch 1" in result.out


def test_job_is_not_resumed_with_a_class_that_the_command_does_not_name(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "-m", *SMALL, "seed=0", "trainer.max_epochs=1", "tracker=none", "sweep.dir=s")
    with monkeypatch.context() as patch:
        on_step(patch, 3, press())
        aectl(*words)
    config = next(Path("s").glob("0-*/config.yaml"))
    config.write_text(config.read_text().replace("aectl.models.vae.VAE", "tests.support.toy_adversary.Adversarial"))
    result = aectl(*words)
    assert result.status == 1
    assert "job 0 failed: run=s/0-reconstruct-vae-digits: refusing to open its config: " in result.err


def test_sweep_whose_worker_is_killed_at_random_ends_in_the_same_bits(
    aectl: Aectl, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    words = [*SMALL, "seed=0,1", "trainer.max_epochs=3", "-m"]
    draws, kills = random.Random(1), FACTOR
    record_property("tried", kills)
    aectl("train", *words, "sweep.dir=whole")
    killed = number = 0
    while killed < kills:
        number += 1
        status = None
        while status != 0:
            fault = draws.choice(["SIGKILL", "at a random time"]) if killed < kills else ""
            status = trained([*words, f"sweep.dir=s{number}"], tmp_path / "log", fault, draws)
            assert status in (0, -9), (tmp_path / "log").read_text()
            killed += status == -9
        assert statuses(f"s{number}") == ["done", "done"]
        for run in Path("whole").glob("[01]-*"):
            assert differences(run, Path(f"s{number}", run.name)) == []


def test_two_processes_share_the_jobs_of_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def sweep(name: str) -> None:
        Path(name).write_text(printed_in(tmp_path, *SWEEP, "seed=range(5)", "sweep.dir=s"))

    workers = [forked(sweep, name) for name in ("one", "other")]
    assert [os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers] == [0, 0]
    said = Path("one").read_text(), Path("other").read_text()
    assert sorted(number for out in said for number in TITLE.findall(out)) == ["0", "1", "2", "3", "4"]
    assert all("5 jobs, best first" in out for out in said)
    assert statuses() == ["done"] * 5


def test_seeds_is_short_for_a_sweep_over_them(aectl: Aectl) -> None:
    result = aectl("train", "seeds=2", *SMALL, *QUICK, "tracker=none", "sweep.dir=s")
    assert "2 jobs, best first" in result.out
    seeds = [json.loads(path.read_text())["overrides"][0] for path in sorted_jobs("s")]
    assert seeds == ["seed=0", "seed=1"]
    assert {summary(str(run))["status"] for run in Path("s").glob("[01]-*")} == {"done"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seeds=0"], "seeds=0: expected how many seeds, from 1 to 1000"),
        (["seeds=x"], "seeds=x: expected how many seeds"),
        (
            ["-m", "seed=1,2", "sweep.workers=0"],
            "sweep.workers=0: expected a number greater than 0; try",
        ),
        (["sweep.dir=s"], "sweep.dir='s': only of several jobs; add -m"),
        (["-m", "seed=1,2", "hydra.sweep.subdir=x"], "hydra.sweep.subdir=x: jobs 0 and 1 would share it"),
        (["-m", "optimizer.lr=interval(1,2)"], "a grid needs single values"),
        (["-m", "seed=1,2", "sweep.objectives={a: b}"], "sweep.objectives={'a': 'b'}: expected"),
        (["sweep=optuna", "seed=1,2", "sweep.objectives={val/psn: max}"], "no such key in the summary of a run"),
        (["sweep=optuna", "model=ae,vea"], "model=vea: no such model"),
        (["-m", "seed=1,2", "hydra/launcher=nowhere"], "launcher/nowhere"),
        (["-m", "seed=1,2", "sweep.dir=/dev/null"], "sweep.dir=/dev/null: File exists; expected a folder"),
        (["-m", "seed=1,2", "sweep.dir=/dev/null/x"], "sweep.dir=/dev/null/x: Not a directory; expected a folder"),
        (["sweep=optuna", "seeds=3"], "seeds=3: a search has one seed a job"),
    ],
)
def test_mistake_in_a_sweep_is_one_line_and_writes_nothing(words: list[str], message: str, aectl: Aectl) -> None:
    result = aectl("train", *words)
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert message in result.err
    assert not list(Path().iterdir())


def test_workers_train_the_jobs_of_a_sweep(aectl: Aectl) -> None:
    result = aectl(*SWEEP, "seed=0,1", "sweep.dir=s", "sweep.workers=2")
    assert result.status == 0, result.err
    assert [line.split("  ")[0] for line in result.err.splitlines()] == ["1/2", "2/2"]
    assert re.search(r"^2/2  job \d  seed=\d  val/loss [\d.]+  [\d.]+ s$", result.err, re.MULTILINE)
    assert "2 jobs, best first" in result.out
    assert statuses() == ["done"] * 2
    said = "".join(path.read_text() for path in Path("s/workers").iterdir())
    assert sorted(TITLE.findall(said)) == ["0", "1"]
    assert "best first" not in said


def test_search_has_a_job_for_every_trial_and_a_pareto_front(aectl: Aectl) -> None:
    pytest.importorskip("optuna")
    words = ("train", "-m", "sweep=optuna", "model.latent_dim=choice(2,8)", *SMALL, *QUICK, "tracker=none")
    goal = ("sweep.objectives={val/psnr: max, parameters: min}", "sweep.dir=s")
    result = aectl(*words, *goal, "sweep.n_trials=2")
    assert result.status == 0, result.err
    assert TITLE.findall(result.out) == ["0", "1"]
    assert "jobs are on the Pareto front" in result.out
    assert "Pareto front: s/pareto.png\n" in result.out
    assert Path("s/pareto.png").is_file()
    assert TITLE.findall(aectl("train", "resume=s", "sweep.n_trials=3").out) == ["2"]
    assert TITLE.findall(aectl("train", "resume=s").out) == [], "the number of trials is remembered"
    changed = aectl(*(word.replace("2,8", "2,9") for word in words), *goal)
    assert (changed.status, changed.err.count("\n")) == (2, 1)
    assert "model.latent_dim=choice(2,9): the sweep in s was started with model.latent_dim=choice(2,8)" in changed.err


def test_objective_that_a_job_does_not_have_fails_it_before_it_trains(aectl: Aectl) -> None:
    pytest.importorskip("optuna")
    words = ("sweep=optuna", "seed=1,2", *SMALL, *QUICK, "sweep.n_trials=1", "sweep.dir=s")
    result = aectl("train", *words, "sweep.objectives={val/psnr_gain: max, seconds: min}")
    assert (result.status, TITLE.findall(result.out)) == (1, [])
    assert "job 0 failed: sweep.objectives=val/psnr_gain: no such metric; expected one of " in result.err


def test_hopeless_job_of_a_search_is_pruned(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    study = pytest.importorskip("aectl.search.study")
    pruner = study.optuna.pruners.ThresholdPruner
    monkeypatch.setitem(study.PRUNERS, "median", lambda: pruner(upper=0, n_warmup_steps=1))
    words = ("sweep=optuna", "seed=1,2", *SMALL, "trainer.max_epochs=4", "tracker=none", "sweep.dir=s")
    result = aectl("train", "-m", *words, "sweep.n_trials=1")
    assert result.status == 0, result.err
    assert "aectl train: pruned after epoch 2: others were better by then\n" in result.err
    assert json.loads(Path("s/jobs/0.json").read_text())["status"] == "pruned"
    assert summary(str(next(Path("s").glob("0-*"))))["epochs"] == 2
    assert "best val/loss " in result.out


@pytest.mark.parametrize(
    ("launcher", "words"), [("joblib", ["hydra.launcher.n_jobs=1"]), ("submitit_local", []), ("ray", [])]
)
def test_launchers_of_hydra_train_what_is_left_under_its_own_number(
    launcher: str, words: list[str], aectl: Aectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    aectl(*SWEEP, "seed=0,1", "sweep.dir=s")
    job = json.loads(Path("s/jobs/1.json").read_text())
    Path("s/jobs/1.json").write_text(json.dumps(job | {"status": "pending"}))
    shutil.rmtree(Path("s", job["folder"]))
    kept = {path: path.stat().st_mtime_ns for path in Path("s").glob("0-*/*")}
    result = aectl("train", "resume=s", f"hydra/launcher={launcher}", *words)
    assert result.status == 0, result.err
    assert statuses() == ["done", "done"]
    assert summary(f"s/{job['folder']}")["status"] == "done"
    assert {path: path.stat().st_mtime_ns for path in Path("s").glob("0-*/*")} == kept


@pytest.mark.parametrize("word", ["sweep=optuna", "sweep.workers=2"])
def test_launcher_has_jobs_and_workers_of_its_own(word: str, aectl: Aectl) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    result = aectl("train", "-m", "seed=1,2", word, "hydra/launcher=joblib")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "hydra/launcher=joblib: " in result.err
    assert not list(Path().iterdir())
