"""Finds runs below a folder. Imports nothing heavy."""

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
