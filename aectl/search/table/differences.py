"""What differs between the configs of runs."""

from collections.abc import Collection, Sequence

from aectl.search.table.facts import RunFacts
from aectl.search.table.flat_config import Value

SEED = "seed"
CIRCUMSTANCES = frozenset(("trainer.threads", "dataset.root", "dataset.cache", "source"))
"""Keys that depend on the machine, which count as a difference only where somebody typed them."""
CHOICES = ("model", "task", "dataset", "likelihood", "net", "experiment")
"""The groups whose choice decides other keys."""


def differing_keys(runs: Sequence[RunFacts]) -> list[str]:
    """The keys whose values differ between runs that have them, the choices first and the seed last.

    A difference that nobody typed and that only goes with another choice, such as the learning rate of another data
    set, is left out.
    """
    values: dict[str, set[Value]] = {}
    for run in runs:
        for key, value in run.config.items():
            values.setdefault(key, set()).add(value)
    differ = [key for key, found in values.items() if len(found) > 1]
    typed = typed_keys(runs)
    kept = [key for key in differ if key in typed or (key not in CIRCUMSTANCES and not goes_with_choices(key, runs))]
    return sorted(kept, key=lambda key: (key == SEED, key not in CHOICES))


def typed_keys(runs: Sequence[RunFacts]) -> set[str]:
    """The keys that somebody typed for a run; of one without a record of that all that may have been."""
    return {key for run in runs for key in (filter(may_be_typed, run.config) if run.typed is None else run.typed)}


def may_be_typed(key: str) -> bool:
    return key not in CIRCUMSTANCES and not key.endswith("._target_")


def goes_with_choices(key: str, runs: Sequence[RunFacts]) -> bool:
    """Whether runs of the same choices all have the same value of a key."""
    if key in CHOICES:
        return False
    found: dict[tuple[Value, ...], Value] = {}
    for run in runs:
        if key in run.config:
            chosen = tuple(run.config.get(choice) for choice in CHOICES)
            if found.setdefault(chosen, run.config[key]) != run.config[key]:
                return False
    return True


def group_seeds(runs: Sequence[RunFacts]) -> list[list[RunFacts]]:
    """Runs that differ in their seed only, together; a run without a seed by itself."""
    typed = typed_keys(runs)
    left_out = {SEED, *(CIRCUMSTANCES - typed)}
    groups: dict[object, list[RunFacts]] = {}
    for run in runs:
        rest = frozenset((key, type(value), value) for key, value in run.config.items() if key not in left_out)
        groups.setdefault((rest, run.monitor) if SEED in run.config else run.folder, []).append(run)
    return [*groups.values()]


def values_of(key: str, runs: Collection[RunFacts]) -> list[Value]:
    """The values of a key in runs that have it, each once, in the order of the runs."""
    return list(dict.fromkeys(run.config[key] for run in runs if key in run.config))
