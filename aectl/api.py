"""aectl in Python: what `aectl.open` gives, a `TrainedRun` that can be evaluated as well."""

from typing import cast

from aectl import runs
from aectl.config import check
from aectl.devices import Accelerator, pick
from aectl.inference import trained_run
from aectl.types import Seed


class TrainedRun(trained_run.TrainedRun):
    __doc__ = trained_run.TrainedRun.__doc__


def load(run: str, outputs: str, accelerator: str, seed: int, trust: bool) -> TrainedRun:
    """Does the work of `aectl.open`."""
    check({"accelerator": accelerator, "seed": seed}, {"accelerator": Accelerator, "seed": Seed})
    found = runs.open(run, outputs, trust)
    device = pick(cast(Accelerator, accelerator))
    return TrainedRun(found, found.load(device), device, seed)
