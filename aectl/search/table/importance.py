"""How much each hyperparameter matters for a metric, by a random forest over the rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aectl.config import spell
from aectl.search.table.flat_config import Value
from aectl.search.table.names import value_of
from aectl.search.table.run_table import Row

FEWEST = 8
MOST = 2_000
TREES, REPEATS = 200, 20


@dataclass(frozen=True)
class Importance:
    """The importance of keys for a metric.

    Arguments:
        metric: its name.
        n: the rows: runs, or means over seeds.
        r2: the share of its variance that the forest explains in rows that a tree has not seen.
        drops: for each key by how much R² falls when its values are shuffled among the rows; the greatest first.
    """

    metric: str
    n: int
    r2: float
    drops: dict[str, float]


def importance(rows: Sequence[Row], keys: Sequence[str], metric: str) -> Importance | None:
    """The permutation importance (Breiman, 2001) of keys; None of too few rows, or without a key that differs.

    It is that of a forest on the rows that it was fitted to, so it says what the forest goes by, not what would happen
    in new runs; an R² near or below 0 means that it has found nothing.
    """
    scored = [(row, found.mean) for row in rows[:MOST] if (found := row.metric(metric)) and np.isfinite(found.mean)]
    values = {key: [value_of(row.best, key) for row, _ in scored] for key in keys}
    kept = [key for key in keys if len(set(values[key])) > 1]
    if len(scored) < FEWEST or not kept:
        return None
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    x = np.column_stack([column(values[key]) for key in kept])
    y = np.array([mean for _, mean in scored])
    forest = RandomForestRegressor(TREES, oob_score=True, random_state=0).fit(x, y)
    found = permutation_importance(forest, x, y, n_repeats=REPEATS, random_state=0).importances_mean
    order = np.argsort(-found, kind="stable")
    drops = {kept[index]: max(0.0, float(found[index])) for index in order}
    return Importance(metric, len(scored), float(forest.oob_score_), drops)


def column(values: Sequence[Value]) -> np.ndarray:
    """Values as numbers (N,): others than numbers by their place in the alphabet; a missing one is below all."""
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        numbers = [float(value) for value in values if value is not None]
        return np.array([min(numbers) - 1 if value is None else float(value) for value in values])
    places = {text: place for place, text in enumerate(sorted({spell(value) for value in values if value is not None}))}
    return np.array([-1.0 if value is None else float(places[spell(value)]) for value in values])
