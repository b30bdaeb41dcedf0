"""aectl in Python: what `aectl.open` gives, a `TrainedRun` that can be evaluated and trained as well."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from aectl import runs
from aectl.config import check
from aectl.data.loader import Batches, Data
from aectl.data.source import SplitName
from aectl.devices import Accelerator, pick
from aectl.example import Example
from aectl.inference import trained_run
from aectl.types import PositiveInt, Seed

if TYPE_CHECKING:
    from aectl.evaluation import Report
    from aectl.evaluation.scores import OwnMetrics
    from aectl.training.system import System


class TrainedRun(trained_run.TrainedRun):
    __doc__ = trained_run.TrainedRun.__doc__

    @property
    def data(self) -> Data:
        """The data set; `data.batches("train")` are batches for Lightning, `data.split("test").x` the examples."""
        return self.run.data

    def batches(self, split: SplitName = "test", batch_size: int = 250) -> Iterator[Example]:
        """Yields a split in order, as the task poses it: input, target, and labels as `cond`, on the device."""
        check({"split": split, "batch_size": batch_size}, {"split": SplitName, "batch_size": PositiveInt})
        batches = Batches(self.data.split(split), batch_size, shuffle=False)
        return (self.make_example(batch, index) for index, batch in enumerate(batches))

    def evaluate(self, metrics: "OwnMetrics | None" = None, **options: Any) -> "Report":
        """Measures the run as `aectl eval` does.

        Arguments:
            metrics: of your own, by name: outputs and targets (B, *shape) in [0, 1] to a number for each example.
            options: the fields of `aectl.evaluation.EvalOptions`: `split="val"`, `samples=0`, ...
        """
        from aectl.evaluation import EvalOptions, evaluate

        return evaluate(self, EvalOptions(**options), metrics=metrics)

    def explore(self, path: str | Path, **options: Any) -> Path:
        """Writes the run as one HTML page that opens offline, as `aectl explore` does.

        Arguments:
            path: the file.
            options: the fields of `aectl.explorer.explore.ExploreOptions`: `n=2000`, `map="units"`, ...
        """
        from aectl.explorer.explore import ExploreOptions, explore

        page, _ = explore(self, Path(path).expanduser(), ExploreOptions(**options))
        return page

    def module(self) -> "System":
        """A copy of the model on its task under its optimizers, for a Lightning `Trainer` of your own.

        Raises:
            UserError: the run has an optimizer, a schedule or callbacks of its own, and was opened without trust.
        """
        from aectl.training.again import module_of

        return module_of(self.run, self.model)

    def train(self, changes: Mapping[str, Any] | None = None, folder: str | Path | None = None) -> "TrainedRun":
        """Trains a new run like this one, and opens it.

        Arguments:
            changes: keys of its config.yaml with other values: `{"seed": 1, "model.beta": 4.0}`.
            folder: where it is written; by default below `outputs/`, as `aectl train` names it.

        Raises:
            UserError: an unknown key, a value out of range, or what `module` raises.
        """
        from aectl.runs.again import training_config, with_changes
        from aectl.training.again import train_again

        config = with_changes(training_config(self.run), changes or {})
        names = config.names
        usual = Path(
            config.outputs, names.task, f"{names.model}-{names.dataset}", f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
        )
        made = train_again(config, Path(folder).expanduser() if folder else usual)
        found = runs.open(made, trust=self.run.trusted)
        return TrainedRun(found, found.load(self.device), self.device, self.seed)


def load(run: str, outputs: str, accelerator: str, seed: int, trust: bool) -> TrainedRun:
    """Does the work of `aectl.open`."""
    check({"accelerator": accelerator, "seed": seed}, {"accelerator": Accelerator, "seed": Seed})
    found = runs.open(run, outputs, trust)
    device = pick(cast(Accelerator, accelerator))
    return TrainedRun(found, found.load(device), device, seed)
