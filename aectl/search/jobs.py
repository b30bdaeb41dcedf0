"""The jobs of a sweep: one small file each in its folder, and claims that end with the process that holds them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from aectl.errors import UserError
from aectl.io.archives import read_text
from aectl.io.atomic import write_json
from aectl.io.locks import try_lock

Status = Literal["pending", "claimed", "done", "pruned", "failed"]
ENDED = ("done", "pruned", "failed")
FOLDER = "jobs"
MAX_BYTES = 10**6


class Outcome(NamedTuple):
    """How a job has ended: `done`, `pruned` or `failed`, with the reason in one line."""

    status: Status
    reason: str = ""


@dataclass(frozen=True)
class Job:
    """A job of a sweep, as its file says.

    Arguments:
        number: from 0.
        overrides: what it is trained with.
        folder: of its run, relative to the folder of the sweep.
        status: `claimed`, without a process that holds its lock, is a job whose process was killed.
        reason: why it failed or was pruned.
        retries: how often it is tried again if it fails.
    """

    number: int
    overrides: list[str] = field(default_factory=list)
    folder: str = ""
    status: Status = "pending"
    reason: str = ""
    retries: int = 0

    def __post_init__(self) -> None:
        words = isinstance(self.overrides, list) and all(isinstance(word, str) for word in self.overrides)
        if not words or self.status not in get_args(Status):
            raise ValueError(f"status {self.status!r}, overrides {self.overrides!r}")
        if not self.folder or Path(self.folder).is_absolute() or ".." in Path(self.folder).parts:
            raise ValueError(f"folder {self.folder!r}")


class Jobs:
    """The jobs in the folder of a sweep.

    Arguments:
        folder: of the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ended: dict[int, Job] = {}  # as they were read

    def path(self, number: int) -> Path:
        return self.folder / FOLDER / f"{number}.json"

    def run_folder(self, job: Job) -> Path:
        return self.folder / job.folder

    def numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self.path(0).parent.glob("*.json") if path.stem.isdecimal())

    def all(self) -> list[Job]:
        """Every job, by number."""
        return [self.ended.get(number) or self.read(number) for number in self.numbers()]

    def read(self, number: int) -> Job:
        """A job as it stands; a UserError if its file is damaged."""
        path = self.path(number)
        try:
            job = Job(**json.loads(read_text(path, MAX_BYTES)))
            if job.number != number:
                raise ValueError(f"number {job.number!r}")
            if not self.run_folder(job).resolve().is_relative_to(self.folder.resolve()):
                raise ValueError(f"folder {job.folder!r} is a link that leads out of the sweep")
        except (ValueError, TypeError, RecursionError) as error:
            raise UserError(f"{path}: not a job of a sweep ({error}); start the sweep in another folder") from error
        if job.status in ENDED:
            self.ended[number] = job
        return job

    def write(self, job: Job) -> None:
        self.ended.pop(job.number, None)
        write_json(self.path(job.number), asdict(job))

    def claim(self) -> "Claim | None":
        """The first job that has not ended and that no other process works on; None if there is none."""
        for job in self.all():
            if job.status not in ENDED and (claim := self.claim_number(job.number)):
                return claim
        return None

    def claim_number(self, number: int) -> "Claim | None":
        """The job of this number, unless it has ended or another process works on it."""
        release = try_lock(self.path(number))
        if release is None:
            return None
        job = self.read(number)
        if job.status in ENDED:
            release()
            return None
        return Claim(self, job, release)

    def held(self) -> list[int]:
        """The numbers of the jobs that other processes work on."""
        return [job.number for job in self.all() if job.status == "claimed" and self.is_held(job.number)]

    def is_held(self, number: int) -> bool:
        release = try_lock(self.path(number))
        if release:
            release()
        return release is None

    def allow_retries(self, count: int) -> None:
        """Lets every job that fails be tried again so many times; those that have failed count as having done so."""
        for job in self.all():
            if job.status in ("done", "pruned") or not (release := try_lock(self.path(job.number))):
                continue
            again = count > 0 and job.status == "failed"
            changed = replace(job, status="pending" if again else job.status, retries=count - again)
            if changed != job:
                self.write(changed)
            release()


class Claim:
    """A job that this process works on, and no other one until the job or the process ends.

    Arguments:
        jobs: of the sweep.
        job: which.
        release: frees its lock.
    """

    def __init__(self, jobs: Jobs, job: Job, release: Callable[[], object]) -> None:
        self.jobs = jobs
        self.job = replace(job, status="claimed")
        self.release = release
        jobs.write(self.job)

    def end(self, outcome: Outcome) -> None:
        """Says how the job has ended; one that failed and may be tried again is pending."""
        again = outcome.status == "failed" and self.job.retries > 0
        status: Status = "pending" if again else outcome.status
        self.job = replace(self.job, status=status, reason=outcome.reason, retries=self.job.retries - again)

    @contextmanager
    def held(self) -> Iterator[Job]:
        """Holds the job, and writes down how it has ended; one that has not is pending again."""
        try:
            yield self.job
        finally:
            if self.job.status == "claimed":
                self.job = replace(self.job, status="pending")
            self.jobs.write(self.job)
            self.release()
