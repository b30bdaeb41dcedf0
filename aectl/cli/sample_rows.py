"""How samples are laid out in a picture: one class a row, or a square."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aectl.inference.labels import Labels
from aectl.inference.trained_run import TrainedRun
from aectl.models.capabilities import IsConditional
from aectl.plots.contact_sheet import shorten

LONGEST_NAME = 16  # letters of a class beside its row


class Rows(NamedTuple):
    """How samples are laid out.

    Arguments:
        n: how many there are.
        labels: their classes, or the class of all, for a conditional model.
        columns: of the grid.
        names: of its rows, if they are classes.
    """

    n: int
    labels: Labels | None
    columns: int
    names: Sequence[str]


def lay_out(trained: TrainedRun, n: int, label: int | None) -> Rows:
    """One class a row for a conditional model that is told no label, else a square of `n` samples."""
    if label is not None or not isinstance(trained.model, IsConditional):
        return Rows(n, label, math.ceil(math.sqrt(n)), ())
    names = trained.run.data.split("test").classes or list(map(str, range(trained.model.num_classes)))
    shown = [shorten(name, LONGEST_NAME) for name in names[:n]]
    if len(shown) < len(names):
        print(f"the first {len(shown)} of {len(names):,} classes; label=NUMBER chooses one, a larger n shows more")
    columns = math.ceil(n / len(shown))
    return Rows(columns * len(shown), np.arange(len(shown)).repeat(columns), columns, shown)
