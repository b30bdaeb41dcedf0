"""Opens a run from its files, which may be a stranger's: its checkpoint and its config are verified."""

from contextlib import suppress
from pathlib import Path

from aectl.errors import UserError
from aectl.runs.checkpoint import read_checkpoint
from aectl.runs.index import BEST
from aectl.runs.run import Run
from aectl.runs.stored_config import read_config, safe_config
from aectl.runs.upgrades import name_version_on_error

LEVELS, MOST_FOLDERS = 3, 1_000  # where runs are looked for in a folder that is none
OF_LATEST = ("last", "newest", "recent", "best", "-1")
"""Other names of the run `latest`."""


def open_folder(folder: Path, trust: bool) -> Run:
    """The run in a folder, with its best checkpoint and the config that it was last trained with."""
    if not folder.exists():
        meant = "; did you mean latest?" if str(folder) in OF_LATEST else ""
        raise UserError(f"run={folder}: no such folder or checkpoint; expected a run of `aectl train`{meant}")
    if not (folder / "config.yaml").is_file():
        raise UserError(f"run={folder}: has no config.yaml; expected the folder of a run{name_runs_below(folder)}")
    checkpoint = folder / BEST
    if not checkpoint.is_file():
        raise UserError(
            f"run={folder}: has no checkpoints/best.ckpt: it stopped before the end of its first epoch; to resume: "
            f"aectl train resume={folder}"
        )
    contents = read_checkpoint(checkpoint)
    with name_version_on_error(folder, contents):
        return Run(folder, read_config(folder, trust), checkpoint, contents, trust)


def name_runs_below(folder: Path) -> str:
    """Which run to give instead of a folder that holds runs, or what a run's folder looks like."""
    below = [folder]
    for _ in range(LEVELS):
        below = [child for parent in below for child in subfolders(parent)][:MOST_FOLDERS]
        if run := next((each for each in below if (each / "config.yaml").is_file() and (each / BEST).is_file()), None):
            return f", such as {run} in it"
    return ", such as outputs/denoise/vae-digits/2026-01-31_12-00-00, or latest"


def subfolders(folder: Path) -> list[Path]:
    with suppress(OSError):  # such as a folder without permission
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    return []


def open_checkpoint(path: Path, trust: bool) -> Run:
    """The run of a checkpoint file, in the folder of the run that it lies in, else in one beside it by its name."""
    contents = read_checkpoint(path)
    stored = contents.get("aectl")
    if not isinstance(stored, dict) or not isinstance(stored.get("config"), str):
        raise UserError(f"run={path}: not one of aectl's checkpoints; expected one written by `aectl train`")
    home = path.parent.parent
    inside = path.parent.name == "checkpoints" and (home / "config.yaml").is_file()
    folder = home if inside else path.with_suffix("")
    if not inside and folder.is_symlink():
        raise UserError(f"run={path}: {folder}, where its results would go, is a link; remove or rename it")
    with name_version_on_error(path, contents):
        return Run(folder, safe_config(stored["config"], str(path), trust), path, contents, trust)
