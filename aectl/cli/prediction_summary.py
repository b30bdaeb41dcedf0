"""What `aectl predict` says at the end."""

import math
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from aectl.cli.open_run import print_written
from aectl.modalities.picture_writer import KEEPS


@dataclass
class Tally:
    """What became of the pictures so far.

    Arguments:
        failed: the files that could not be read.
        uncompared: the references that could not be compared with.
        scores: the PSNR of each result that was compared, in dB.
        lost: for each thing that a result may lack, the number of those that do.
    """

    failed: list[Path] = field(default_factory=list)
    uncompared: list[Path] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)


def print_summary(tally: Tally, found: int, done: int, folder: Path) -> None:
    """Prints what was written, what it lost and how good it is: `found` pictures, of which `done` were worked on."""
    failed = len(tally.failed)
    kept = f", {found - done} exist already (overwrite=true writes them again)" if found > done else ""
    unread = f", {failed} could not be read" if failed else ""
    print_written(f"{done - failed} of {found} pictures to {folder}/{kept}{unread}")
    if tally.lost:
        print(f"aectl predict: {describe_lost(tally.lost)}", file=sys.stderr)
    if tally.scores:
        mean = math.fsum(tally.scores) / len(tally.scores)
        print(f"PSNR against the reference: {mean:.2f} dB, mean of {len(tally.scores)} of {done - failed}")


def describe_lost(lost: Counter[str]) -> str:
    """`3 pictures lose: animation`, and which format would keep more."""
    order = sorted(lost.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{n} picture{'s lose' if n > 1 else ' loses'}: {name}" for name, n in order]
    if better := next((name for name in ("png", "tif") if KEEPS[name] & set(lost)), None):
        parts.append(f"format={better} keeps {', '.join(sorted(KEEPS[better] & set(lost)))}")
    return "; ".join(parts)
