"""Claims: every job is trained by one process at a time, and none is lost when that is killed."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aectl.errors import UserError
from aectl.search.jobs import Job, Jobs, Outcome
from tests.faults import FACTOR
from tests.support.processes import forked, note

DONE = Outcome("done")


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    jobs = Jobs(tmp_path)
    for number in range(12):
        jobs.write(Job(number, [f"seed={number}"], f"{number}-run"))
    return jobs


def work(folder: Path, pause: float = 0.0) -> None:
    """Takes jobs until none is left; notes each that another process seems to work on."""
    jobs = Jobs(folder)
    while claim := jobs.claim():
        with claim.held() as job:
            holder = folder / f"holder-{job.number}"
            if holder.exists() and is_alive(int(holder.read_text() or 0)):
                note(folder / "shared", str(job.number))
            holder.write_text(str(os.getpid()))
            time.sleep(pause)
            holder.unlink()
            claim.end(DONE)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return pid > 0


def test_jobs_of_killed_workers_are_taken_up_by_others(
    jobs: Jobs, record_property: Callable[[str, object], None]
) -> None:
    draws, kills = random.Random(0), max(4, FACTOR)
    record_property("tried", kills)
    workers: list[int] = []
    for _ in range(kills):
        while len(workers) < 2:
            workers.append(forked(work, jobs.folder, 0.03))
        time.sleep(draws.uniform(0, 0.06))
        killed = workers.pop(draws.randrange(2))
        os.kill(killed, signal.SIGKILL)
        os.waitpid(killed, 0)
        assert jobs.numbers() == list(range(12))
        assert all(jobs.read(number).number == number for number in range(12)), "no file is torn"
    work(jobs.folder)
    os.waitpid(workers.pop(), 0)
    assert [job.status for job in jobs.all()] == ["done"] * 12
    assert jobs.held() == []
    assert not (jobs.folder / "shared").exists()


def test_no_job_is_worked_on_twice_at_once(jobs: Jobs) -> None:
    workers = [forked(work, jobs.folder, 0.01) for _ in range(3)]
    assert [os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers] == [0, 0, 0]
    assert {job.status for job in Jobs(jobs.folder).all()} == {"done"}
    assert not (jobs.folder / "shared").exists()


def test_job_that_did_not_end_is_pending_again(jobs: Jobs) -> None:
    claim = jobs.claim()
    assert claim
    with pytest.raises(KeyboardInterrupt), claim.held():
        assert jobs.read(0).status == "claimed"
        raise KeyboardInterrupt
    assert jobs.read(0).status == "pending"


def test_failed_job_is_tried_again_as_often_as_is_allowed(jobs: Jobs) -> None:
    tried = []
    for allowed in (0, 2):
        jobs.allow_retries(allowed)
        while claim := jobs.claim():
            with claim.held() as job:
                tried.append((allowed, job.number))
                claim.end(Outcome("failed", "no luck") if job.number == 3 else DONE)
    assert tried == [*((0, number) for number in range(12)), (2, 3), (2, 3)]
    assert (jobs.read(3).status, jobs.read(3).reason) == ("failed", "no luck")


def test_run_whose_folder_leads_out_of_the_sweep_is_refused(
    jobs: Jobs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (jobs.folder / "0-run").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(UserError, match="a link that leads out of the sweep"):
        jobs.claim()


@pytest.mark.parametrize("change", [{"status": "over"}, {"folder": "../x"}, {"folder": "/x"}, {"number": 5}, {"a": 1}])
def test_damaged_job_is_one_line(change: dict[str, object], jobs: Jobs) -> None:
    path = jobs.path(0)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=r"jobs/0\.json: not a job of a sweep .* in another folder"):
        jobs.claim()
