"""aectl: train, evaluate and sample autoencoders from the command line; `aectl.open` for notebooks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aectl.api import TrainedRun

__version__ = "0.1.0"


def open(
    run: str = "latest", outputs: str = "outputs", accelerator: str = "auto", seed: int = 0, trust: bool = False
) -> "TrainedRun":
    """Opens a trained run for arrays, tensors and PIL images; only this call imports torch.

    Arguments:
        run: a run's folder, a checkpoint file, or `latest`.
        outputs: where `latest` is looked for.
        accelerator: `auto`, `cpu` or `gpu`.
        seed: fixes what is drawn.
        trust: build whatever classes its config names, which runs the code of whoever wrote it.

    Raises:
        aectl.errors.UserError: there is no such run.
    """
    from aectl.api import load

    return load(run, outputs, accelerator, seed, trust)
