"""Where a stopped run is resumed: the checkpoint, the batch, the random state."""

import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from aectl.config import to_plain
from aectl.data.loader import Batch, Batches
from aectl.data.sharding import Share
from aectl.devices import num_processes
from aectl.errors import UserError, one_line
from aectl.rng import get_rng_state, set_rng_state
from aectl.runs.checkpoint import check_entries, read_checkpoint
from aectl.runs.run import Run
from aectl.runs.stored_config import safe_config
from aectl.training import processes
from aectl.training.checkpoint_io import BEST, BEST_WHOLE, LAST, PREVIOUS, RESUME_STATE
from aectl.training.lr_schedulers import check_length


class ResumableBatches:
    """The training split, whose first epoch can begin in its middle.

    Arguments:
        batches: the training split.

    Attributes:
        began: the random state before the order of the running epoch was drawn.
        resume_state: where the first epoch begins; none once it has.
        on_skip: called with the number of batches that the first epoch skips.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.began: dict[str, Any] = {}
        self.resume_state: dict[str, Any] | None = None
        self.on_skip: Callable[[int], object] = lambda _: None

    def __len__(self) -> int:
        return len(self.batches)

    def share(self, index: int) -> Share:
        """The share of this process in a batch of the epoch."""
        return self.batches.share(index)

    def __iter__(self) -> Iterator[Batch]:
        state, self.resume_state = self.resume_state, None
        if state:
            set_rng_state(state["began"])
        if num_processes() > 1:  # or they would draw different orders as soon as one has drawn another number
            set_rng_state(processes.from_main(get_rng_state))
        self.began = get_rng_state()
        epoch = iter(self.batches)
        if state and state["batches"]:
            self.on_skip(state["batches"])
            for _ in islice(epoch, state["batches"]):
                pass
            set_rng_state(state["random"])
        yield from epoch


class ResumePoint(NamedTuple):
    """A checkpoint to resume from.

    Arguments:
        path: the file.
        state: the epoch, the trained batches of it, the random state, ...
    """

    path: Path
    state: dict[str, Any]


def find_start(run: Run, batches: int, resume: bool) -> ResumePoint | None:
    """The checkpoint to resume from, none to start over; removes what a stopped run has left half done."""
    point = find_resume_point(run, batches) if resume else None
    clean_up(run.checkpoints)
    return point


def find_resume_point(run: Run, batches: int) -> ResumePoint | None:
    """The checkpoint to resume from, or none for a run that was stopped before its first; says which it is.

    Arguments:
        run: the run.
        batches: the batches of an epoch.

    Raises:
        SystemExit: the run is finished.
        UserError: every checkpoint is damaged.
    """
    found, skipped = newest_intact(run.checkpoints)
    if found is None:
        print("no checkpoint yet: starting over in the same folder")
        return None
    stored = safe_config((run.folder / "config.yaml").read_text(), str(run.folder), trust=True)
    epochs = found.state["epoch"]
    if epochs >= run.cfg.trainer.max_epochs or (stored == run.cfg and found.state["done"]):
        steps = run.cfg.trainer.get("max_steps")
        length, key = (f"{steps} steps", "max_steps") if steps else (f"{epochs} epochs", "max_epochs")
        print(f"{run.folder}/ already finished ({length}); to train longer: {run.resume_command} trainer.{key}=...")
        raise SystemExit(0)
    check_length(*(to_plain(node) for node in (run.cfg.schedule, stored.trainer, run.cfg.trainer)))
    for reason in skipped:
        print(f"{reason}; resuming from {found.path.name}, the one before")
    print(f"resuming at {format_position(found.state, batches)}; later steps are repeated")
    run.write_config()
    return found


def format_position(state: dict[str, Any], batches: int) -> str:
    """The position of a state in the run: the epoch and the trained batches of it."""
    return f"epoch {state['epoch'] + 1}, batch {state['batches']} of {batches}"


def newest_intact(folder: Path) -> tuple[ResumePoint | None, list[str]]:
    """The newest checkpoint to resume from, and what is wrong with each newer one.

    Raises:
        UserError: there are checkpoints, but none to resume from.
    """
    skipped: list[str] = []
    for path in (folder / LAST, folder / PREVIOUS):
        if problem := find_damage(path) if path.is_file() else "is missing":
            skipped.append(f"{path} {problem}")
            continue
        try:
            return ResumePoint(path, read_resume_state(path)), skipped
        except UserError as error:
            skipped.append(str(error).removeprefix("run="))
    if any((folder / name).is_file() for name in (LAST, PREVIOUS)):
        raise UserError(
            f"resume={folder.parent}: {'; '.join(skipped)}; expected an intact checkpoint to resume from, train again"
        )
    return None, skipped


def read_resume_state(path: Path) -> dict[str, Any]:
    """What `RunSaver` keeps in a checkpoint.

    Raises:
        UserError: the checkpoint cannot be read, or is of another program or an early version.
    """
    contents = read_checkpoint(path)
    if RESUME_STATE not in contents:
        raise UserError(f"{path} is foreign: without random state and position in the epoch")
    return contents[RESUME_STATE]


def find_damage(path: Path) -> str | None:
    """What is wrong with the bytes of a checkpoint, or none; reads all of it.

    torch keeps a CRC-32 of every record, and does not look at it when it loads.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_entries(archive.infolist())
            broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        return f"is truncated or damaged ({one_line(error)})"
    return f"is damaged: wrong checksum of {broken}" if broken else None


def clean_up(folder: Path) -> None:
    """Removes what a stopped run left and a resumed one must not see.

    These are half-written files, a damaged last checkpoint, which would replace the previous one, and the best
    checkpoint of an epoch that a time limit cut short.
    """
    for half in folder.glob(".*.ckpt*"):
        half.unlink(missing_ok=True)
    if (whole := folder / BEST_WHOLE).is_file():
        whole.replace(folder / BEST)
        whole.unlink(missing_ok=True)  # rename does nothing where both are names of one file
    last = folder / LAST
    if last.is_file() and find_damage(last):
        last.replace(folder / "damaged.ckpt")
