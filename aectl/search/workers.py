"""Several processes that train the jobs of a sweep at once. Each is the same command on the same folder, kept warm."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any

from aectl.errors import UserError
from aectl.io.own_process import python_path, train_command, when_orphaned
from aectl.search.jobs import Jobs, Outcome
from aectl.search.progress import Progress
from aectl.search.strategies import Strategy

PARENT = "AECTL_SWEEP_PARENT"
"""The variable by which a worker knows that it is one: the process that has started it."""
LOGS = "workers"
POLL = 0.2  # seconds
MOST_DEATHS = 3
"""As often may workers die of one job, of too little memory for example, until it counts as failed."""


def is_worker() -> bool:
    return PARENT in os.environ


def follow_parent() -> None:
    """Stops this worker in the usual orderly way when the process that has started it is gone."""
    when_orphaned(int(os.environ[PARENT]), lambda: os.kill(os.getpid(), signal.SIGTERM))


class Pool:
    """The workers of a sweep.

    Arguments:
        jobs: of the sweep.
        strategy: which may have more of them.
        count: of the processes.
        words: the arguments of `aectl train` that they are called with.
    """

    def __init__(self, jobs: Jobs, strategy: Strategy, count: int, words: Sequence[str]) -> None:
        self.jobs = jobs
        self.strategy = strategy
        self.words = words
        self.workers: list[subprocess.Popen[bytes] | None] = [None] * count
        self.deaths: Counter[int] = Counter()
        self.progress = Progress(jobs, strategy)

    def run(self) -> None:
        """Lets the workers train until no job is left to start and theirs have ended.

        Raises:
            UserError: workers end without having trained anything.
            KeyboardInterrupt, SystemExit: Ctrl-C or SIGTERM; the workers have saved their runs and ended.
        """
        with sigterm_raises():
            try:
                while self.fill():
                    time.sleep(POLL)
                    self.reap()
                    self.progress.show()
            finally:
                self.stop()
                self.progress.show()

    def fill(self) -> bool:
        """Starts workers in the free places as long as there are jobs for them; whether any work."""
        places = [place for place, worker in enumerate(self.workers) if worker is None]
        for place in places[: self.num_startable()] if places else ():
            self.workers[place] = self.start(place)
        return any(self.workers)

    def num_startable(self) -> int:
        """How many workers would find a job."""
        jobs = self.jobs.all()
        lost = [job for job in jobs if job.status == "claimed" and not self.jobs.is_held(job.number)]
        pending = [job for job in jobs if job.status == "pending"]
        more = self.strategy.total - len(jobs) if self.strategy.has_more(len(jobs)) else 0
        return len(lost) + len(pending) + more

    def start(self, place: int) -> subprocess.Popen[bytes]:
        """A worker, in a session of its own: Ctrl-C in the terminal reaches this process alone, which stops it."""
        log = self.jobs.folder / LOGS / f"{place}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as file:
            return start_worker([*self.words, "sweep.workers=1"], environment(place, len(self.workers)), file)

    def reap(self) -> None:
        """Notes which workers have ended, and what those that died were working on."""
        for place, worker in enumerate(self.workers):
            if worker is None or worker.poll() is None:
                continue
            self.workers[place] = None
            if worker.returncode:
                self.note_death(worker.returncode, self.jobs.folder / LOGS / f"{place}.log")

    def note_death(self, status: int, log: Path) -> None:
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        lost = [job.number for job in self.jobs.all() if job.status == "claimed" and not self.jobs.is_held(job.number)]
        for number in lost or [-1]:
            self.deaths[number] += 1
            if self.deaths[number] < MOST_DEATHS:
                continue
            if number == -1:
                raise UserError(f"sweep.workers: a worker ended without a job ({how}): {last_line(log)}; see {log}")
            if claim := self.jobs.claim_number(number):
                with claim.held():
                    claim.end(
                        Outcome("failed", f"its worker died {MOST_DEATHS} times ({how}); out of memory? see {log}")
                    )

    def stop(self) -> None:
        """Asks the workers that still train to save and end, and waits; kills them when asked a second time."""
        running = [worker for worker in self.workers if worker and worker.poll() is None]
        if running:
            print(f"\nstopping {len(running)} workers after their step; Ctrl-C again to kill them", file=sys.stderr)
        try:
            for worker in running:
                worker.terminate()
            for worker in running:
                worker.wait()
        except BaseException:
            for worker in running:
                worker.kill()
            raise


def start_worker(words: Sequence[str], variables: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """`aectl train` in a process and a session of its own."""
    return subprocess.Popen(
        train_command(words), env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def environment(place: int, count: int) -> dict[str, str]:
    """The variables of one worker of several: its share of the cores, and a GPU by turns where there are any."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = {"OMP_NUM_THREADS": str(max(1, cores // count)), **os.environ, PARENT: str(os.getpid()), **python_path()}
    if gpus := visible_gpus():
        found["CUDA_VISIBLE_DEVICES"] = gpus[place % len(gpus)]
    return found


def visible_gpus() -> list[str]:
    """The names of the GPUs that this process may use, as CUDA knows them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    if not Path("/proc/driver/nvidia").exists():  # importing torch takes seconds
        return []
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def last_line(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Makes SIGTERM end the program as Ctrl-C does, so that workers are stopped."""

    def end(number: int, _: FrameType | None) -> Any:
        raise SystemExit(128 + number)

    former: Any = None
    with suppress(ValueError):  # not the main thread
        former = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if former is not None:
            signal.signal(signal.SIGTERM, former)
