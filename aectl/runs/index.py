"""Finds runs below a folder, and makes folders for new ones. Imports nothing heavy."""

import itertools
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from aectl.errors import UserError

BEST = Path("checkpoints", "best.ckpt")  # where the weights of the best validation lie in a run


def latest_run(outputs: Path, trained: bool = True) -> Path:
    """The run below `outputs` started last, of those with a best checkpoint if `trained`; a UserError if none."""
    configs = (path for path in outputs.rglob("config.yaml") if path.is_file() and path.parent.name != ".hydra")
    config = newest_file(path for path in configs if not trained or (path.parent / BEST).is_file())
    if config is None:
        raise UserError(f"{'run' if trained else 'resume'}=latest: no run in {outputs}/; train one first: aectl train")
    return config.parent


def newest_file(files: Iterable[Path]) -> Path | None:
    """The file that was written last; files deleted during the search are passed over."""
    written: dict[Path, float] = {}
    for file in files:
        with suppress(FileNotFoundError):
            written[file] = file.stat().st_mtime
    return max(written, key=lambda file: written[file], default=None)


def fresh_folder(wanted: Path) -> Path:
    """Makes the folder, or `wanted-2`, `wanted-3`, ... if it is taken; a UserError if it cannot be made."""
    if not wanted.name:
        raise UserError(f"hydra.run.dir={wanted}: expected a folder for this run alone, such as outputs/my-run")
    for number in itertools.count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(
                f"hydra.run.dir={folder}: {error.strerror}; expected a path that can be made: give outputs=FOLDER"
            ) from error
    raise AssertionError("unreachable: the count has no end")
