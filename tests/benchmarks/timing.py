"""Ratios of times, measured side by side: absolute ones mean nothing from one machine to another."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAIRS = 7
BUSY = 0.08
"""The share of all cores that other processes may take before a measurement tells nothing."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Arguments:
        work: what was done.
        against: what the peer did.
        ours: median seconds.
        peers: median seconds.
        ratios: peer over ours, one for each pair; above 1 is faster than the peer.
        at_least: what the ratio is to reach.
        others: the share of the cores that other processes took meanwhile.
        unit: of `ours` and `peers`; where it is not seconds, less is better all the same.
    """

    work: str
    against: str
    ours: float
    peers: float
    ratios: list[float]
    at_least: float
    others: float
    unit: str = "s"

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def shown(self, value: float) -> str:
        """A value with its unit."""
        return f"{1000 * value:,.1f} ms" if self.unit == "s" and value < 10 else f"{value:,.2f} {self.unit}"

    @property
    def verdict(self) -> str:
        if self.others > BUSY:
            return f"the machine was too busy to tell ({self.others:.0%} for others)"
        return "reached" if self.ratio >= self.at_least else "missed"


def row(
    work: str, against: str, at_least: float, pairs: list[tuple[float, float]], others: float, unit: str = "s"
) -> Row:
    """A line from pairs of seconds, or of something else that is to be small, ours and the peer's."""
    ours, peers = zip(*pairs, strict=True)
    ratios = [peer / own for own, peer in pairs]
    return Row(work, against, statistics.median(ours), statistics.median(peers), ratios, at_least, others, unit)


def alternated(ours: Callable[[], None], peer: Callable[[], None], pairs: int = PAIRS) -> list[tuple[float, float]]:
    """Seconds of both, one after the other and by turns the other way round, after one call of each to warm up."""
    ours(), peer()
    found = []
    for index in range(pairs):
        if index % 2:
            second, first = seconds(peer), seconds(ours)
        else:
            first, second = seconds(ours), seconds(peer)
        found.append((first, second))
    return found


def seconds(work: Callable[[], None]) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


class Watch:
    """The share of all cores that processes other than this one and its children took since it was made."""

    def __init__(self) -> None:
        self.begun = taken()

    def others(self) -> float:
        busy, own, everything = (now - then for now, then in zip(taken(), self.begun, strict=True))
        return max(0.0, (busy - own) / max(everything, 1))


def taken() -> tuple[int, int, int]:
    """Clock ticks so far: of all processes, of this one and its children, and of all cores."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, idle, wait, *rest = fields
    busy = user + nice + system + sum(rest)
    return busy, sum(map(of_group, Path("/proc").glob("[0-9]*/stat"))), busy + idle + wait


def of_group(stat: Path) -> int:
    """The clock ticks of a process of our group, and of its children that have ended; none of another's."""
    try:
        fields = stat.read_text().rsplit(")", 1)[1].split()
    except OSError:  # it has ended
        return 0
    return sum(int(field) for field in fields[11:15]) if int(fields[2]) == os.getpgrp() else 0
