"""The names by which a table and its filters call what is known of a run."""

from collections.abc import Iterable, Sequence

from aectl.config import suggest
from aectl.errors import UserError
from aectl.search.table.facts import RunFacts
from aectl.search.table.flat_config import Value

FIELDS = ("name", "path", "status", "epochs", "seconds", "parameters")
SPLITS = ("val/", "test/", "train/")


class Names:
    """What runs can be sorted and filtered by: keys of their configs, metrics, and the fields of a table.

    Arguments:
        runs: the runs that have them.
    """

    def __init__(self, runs: Sequence[RunFacts]) -> None:
        self.keys = list(dict.fromkeys(key for run in runs for key in run.config))
        self.metrics = list(dict.fromkeys(metric for run in runs for metric in run.metrics))

    def resolve(self, name: str, where: str) -> str:
        """The full name of what is called `psnr`, `lr` or `model.beta`; a UserError with `where` if no run has it."""
        known = [*FIELDS, *self.keys, *self.metrics]
        if name in known:
            return name
        split = next((f"{split}{name}" for split in SPLITS if f"{split}{name}" in self.metrics), None)
        leaf = next((key for key in self.keys if key.rpartition(".")[2] == name), None)
        if found := split or leaf:
            return found
        if not self.keys:
            return name
        raise UserError(f"{where}: no run has {name}{suggest(name, [*known, *self.short_names()])}; {self.expected()}")

    def short_names(self) -> Iterable[str]:
        return [name.partition("/")[2] for name in self.metrics] + [key.rpartition(".")[2] for key in self.keys]

    def expected(self) -> str:
        metrics = [name for name in self.metrics if not name.startswith("train/")]
        return (
            f"expected a metric, such as {', '.join([*metrics[:6], *FIELDS[3:]])}, or a key, such as model.latent_dim"
        )


def value_of(run: RunFacts, name: str) -> Value:
    """What a run has by a full name; None if it has nothing."""
    if name in run.metrics:
        return run.metrics[name]
    if name in run.config:
        return run.config[name]
    if name == "path":
        return run.folder
    found = getattr(run, name) if name in FIELDS else None
    return None if found == 0 else found
