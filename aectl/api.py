"""aectl in Python: what `aectl.open` gives, a `TrainedRun` that can be evaluated as well."""

from typing import TYPE_CHECKING, Any, cast

from aectl import runs
from aectl.config import check
from aectl.devices import Accelerator, pick
from aectl.inference import trained_run
from aectl.types import Seed

if TYPE_CHECKING:
    from aectl.evaluation import Report


class TrainedRun(trained_run.TrainedRun):
    __doc__ = trained_run.TrainedRun.__doc__

    def evaluate(self, **options: Any) -> "Report":
        """Measures the run as `aectl eval` does; the keywords are the fields of `aectl.evaluation.EvalOptions`."""
        from aectl.evaluation import EvalOptions, evaluate

        return evaluate(self, EvalOptions(**options))


def load(run: str, outputs: str, accelerator: str, seed: int, trust: bool) -> TrainedRun:
    """Does the work of `aectl.open`."""
    check({"accelerator": accelerator, "seed": seed}, {"accelerator": Accelerator, "seed": Seed})
    found = runs.open(run, outputs, trust)
    device = pick(cast(Accelerator, accelerator))
    return TrainedRun(found, found.load(device), device, seed)
