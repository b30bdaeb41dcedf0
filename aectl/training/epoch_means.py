"""Means over an epoch of what every step gives. Knows only torch."""

from collections.abc import Callable
from math import nan
from typing import Any

import torch
from torch import Tensor

AT_ONCE = 1_000
"""Steps whose terms wait on their device; to sum them one by one would cost as much as a small net's arithmetic."""


Sums = dict[str, dict[str, float]]


class EpochMeans:
    """The means of named terms over all examples of an epoch.

    Arguments:
        only_finite: leave out steps with a term that is not finite, since they change no weight.
        gather: the sums of all processes that share the epoch, from those of this one.
    """

    def __init__(self, only_finite: bool = False, gather: Callable[[Sums], list[Sums]] = lambda own: [own]) -> None:
        self.only_finite = only_finite
        self.gather = gather
        self._waiting: list[tuple[tuple[str, ...], Tensor, int]] = []
        self._sums: dict[str, float] = {}
        self._counts: dict[str, float] = {}

    def update(self, terms: dict[str, Tensor], n: int) -> None:
        """Takes in terms that are means over `n` examples; nothing is read from the device."""
        if not n:
            return
        self._waiting.append((tuple(terms), torch.stack([term.detach() for term in terms.values()]), n))
        if len(self._waiting) >= AT_ONCE:
            self._sum_waiting()

    def compute(self) -> dict[str, float]:
        """The mean of each term since the last call."""
        state = self.state_dict()
        counts = state["counts"]
        self._sums, self._counts = {}, {}
        return {name: total / counts[name] if counts[name] else nan for name, total in state["sums"].items()}

    def state_dict(self) -> dict[str, Any]:
        """The sums over the examples of all processes, and their numbers."""
        self._sum_waiting()
        own: Sums = {"sums": dict(self._sums), "counts": dict(self._counts)}
        return {key: add([each[key] for each in self.gather(own)]) for key in own}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._waiting = []
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])

    def _sum_waiting(self) -> None:
        for names in dict.fromkeys(names for names, *_ in self._waiting):
            steps = [(values, n) for own, values, n in self._waiting if own == names]
            counts = torch.tensor([n for _, n in steps], dtype=torch.float64)
            values = torch.stack([values for values, _ in steps]).cpu().double()
            if self.only_finite:
                finite = values.isfinite().all(1)
                counts, values = counts[finite], values[finite]
            for name, total in zip(names, (counts @ values).tolist(), strict=True):
                self._sums[name] = self._sums.get(name, 0.0) + total
                self._counts[name] = self._counts.get(name, 0) + int(counts.sum())
        self._waiting = []


def add(parts: list[dict[str, float]]) -> dict[str, float]:
    """The sum of numbers by name."""
    first, *others = parts
    return {name: sum([part.get(name, 0) for part in others], first.get(name, 0)) for part in parts for name in part}
