"""Writes and reads checkpoint files: whole or not at all, and without running code."""

from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from aectl.io.atomic import write_atomic
from aectl.runs.upgrades import upgrade_checkpoint

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"
BEST, BEST_WHOLE = "best.ckpt", "best_whole_epoch.ckpt"
"""The second is what `best.ckpt` was before an epoch that a time limit cut short; resuming puts it back."""
RESUME_STATE = "place"
"""The key of a checkpoint under which `RunSaver` keeps what a resumed run needs, as version 0.1 named it."""


class DurableIO(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints; the last but one `last.ckpt` is kept as `previous.ckpt`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        path = Path(path)
        backup = path.with_name(PREVIOUS) if path.name == LAST else None
        write_atomic(path, partial(save_keeping_error, checkpoint), durable=True, backup=backup)

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return upgrade_checkpoint(torch.load(path, map_location="cpu", weights_only=True))


class ErrorKeepingFile:
    """A file for torch to write to that keeps the first error of the disk, which torch replaces by one of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        self.file.flush()


def save_keeping_error(checkpoint: dict[str, Any], path: Path) -> None:
    """Writes a checkpoint.

    Raises:
        OSError: the disk is full or broken.
    """
    with path.open("wb") as file:
        sink = ErrorKeepingFile(file)
        try:
            torch.save(checkpoint, cast(BinaryIO, sink))
        except Exception as error:
            raise (sink.error or error) from None
