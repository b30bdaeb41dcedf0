"""Processes that train the jobs of a sweep at once: their share of the machine, and what happens when they die."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aectl.errors import UserError
from aectl.search import workers
from aectl.search.jobs import Job, Jobs
from aectl.search.strategies import Grid
from aectl.search.workers import PARENT, Pool, environment

FAKE = """
import os, signal, sys, time
from pathlib import Path
from aectl.search.jobs import Jobs, Outcome
jobs = Jobs(Path(sys.argv[1]))
while claim := jobs.claim():
    with claim.held() as job:
        if sys.argv[2] == "die" and job.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60 if sys.argv[2] == "last" else 0.05)
        claim.end(Outcome("done"))
"""
"""A worker whose jobs cost nothing."""


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """Two workers for four jobs, which do what their last word says."""
    jobs, strategy = Jobs(tmp_path), Grid([])
    strategy.total, strategy.varied = 4, ["seed"]
    for number in range(4):
        jobs.write(Job(number, [f"seed={number}"], f"{number}-run"))

    def start(words: Sequence[str], variables: dict[str, str], log: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", FAKE, str(tmp_path), words[0]]
        return subprocess.Popen(command, env=variables, stdout=log, stderr=log)

    monkeypatch.setattr(workers, "start_worker", start)
    return Pool(jobs, strategy, 2, ["work"])


def test_workers_share_the_jobs_and_each_end_is_one_line(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    pool.run()
    assert {job.status for job in pool.jobs.all()} == {"done"}
    said = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[0] for line in said] == ["1/4", "2/4", "3/4", "4/4"]
    assert sorted(line.split("  ")[1:3] for line in said) == [[f"job {n}", f"seed={n}"] for n in range(4)]


def test_job_of_which_its_workers_die_fails_and_the_others_are_done(pool: Pool) -> None:
    pool.words = ["die"]
    pool.run()
    assert [job.status for job in pool.jobs.all()] == ["done", "failed", "done", "done"]
    assert pool.jobs.read(1).reason.startswith("its worker died 3 times (SIGKILL); out of memory? see ")


def test_workers_that_cannot_start_are_one_line(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "FAKE", "raise SystemExit(3)")
    with pytest.raises(UserError, match=r"a worker ended without a job \(exit status 3\): .*; see .*\.log"):
        pool.run()


def test_ctrl_c_stops_the_workers(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def press() -> None:
        if any(job.status == "claimed" for job in pool.jobs.all()):
            os.kill(os.getpid(), signal.SIGINT)

    pool.words = ["last"]
    monkeypatch.setattr(pool, "reap", press)
    with pytest.raises(KeyboardInterrupt):
        pool.run()
    assert all(worker and worker.poll() is not None for worker in pool.workers)
    assert "stopping 2 workers after their step; Ctrl-C again to kill them" in capsys.readouterr().err


def test_worker_has_its_share_of_the_cores_and_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-5")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    found = [environment(place, 3) for place in range(3)]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in found] == ["0", "GPU-5", "0"]
    assert {each["OMP_NUM_THREADS"] for each in found} == {"2"}
    assert {each[PARENT] for each in found} == {str(os.getpid())}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert environment(0, 3)["OMP_NUM_THREADS"] == "1"
