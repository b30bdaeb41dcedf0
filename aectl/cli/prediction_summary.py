"""What `aectl predict` says at the end."""

import math
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from aectl.cli.open_run import print_written
from aectl.inference.denoising import Strength
from aectl.modalities.picture_writer import KEEPS

MUCH_MORE, MUCH_LESS = 1.3, 0.5  # times the noise that a run was trained on

NoiseRange = tuple[float, float] | None


@dataclass
class Tally:
    """What became of the pictures so far.

    Arguments:
        failed: the files that could not be read.
        uncompared: the references that could not be compared with.
        scores: the PSNR of each result that was compared, in dB.
        hidden_scores: the PSNR of their hidden part, of a run that fills it.
        sigmas: the estimated noise of each picture; NaN for a run that removes none.
        lost: for each thing that a result may lack, the number of those that do.
    """

    failed: list[Path] = field(default_factory=list)
    uncompared: list[Path] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    hidden_scores: list[float] = field(default_factory=list)
    sigmas: list[float] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)


def print_summary(
    tally: Tally, found: int, done: int, folder: Path, trained_on: NoiseRange, strength: Strength
) -> None:
    """Prints what was written, what it lost and how good it is: `found` pictures, of which `done` were worked on."""
    failed = len(tally.failed)
    kept = f", {found - done} exist already (overwrite=true writes them again)" if found > done else ""
    unread = f", {failed} could not be read" if failed else ""
    print_written(f"{done - failed} of {found} pictures to {folder}/{kept}{unread}")
    if trained_on and tally.sigmas:
        for line in describe_noise(tally.sigmas, trained_on, strength):
            print(f"aectl predict: {line}", file=sys.stderr)
    if tally.lost:
        print(f"aectl predict: {describe_lost(tally.lost)}", file=sys.stderr)
    if tally.scores:
        of, hidden = len(tally.scores), math.fsum(tally.hidden_scores) / len(tally.scores)
        apart = f", {hidden:.2f} dB of the hidden part" if tally.hidden_scores else ""
        mean = math.fsum(tally.scores) / of
        print(f"PSNR against the reference: {mean:.2f} dB{apart}, mean of {of} of {done - failed}")


def describe_noise(sigmas: list[float], trained_on: tuple[float, float], strength: Strength) -> list[str]:
    """What to do where the noise of pictures is not what the run was trained on."""
    lowest, highest = trained_on
    known = f"task.sigma={highest}" if lowest == highest else f"task.sigma=[{lowest},{highest}]"
    lines = []
    if more := [sigma for sigma in sigmas if sigma > MUCH_MORE * highest]:
        lines.append(
            f"{count(more)} more noise than the run was trained on ({known}), up to sigma {max(more):.2f}; "
            f"a run for it: task.sigma=[0,{math.ceil(10 * max(more)) / 10:.1f}]"
        )
    if strength != "auto" and (less := [sigma for sigma in sigmas if sigma < MUCH_LESS * lowest]):
        lines.append(
            f"{count(less)} less noise than the run was trained on ({known}), down to sigma {min(less):.2f}; "
            "strength=auto leaves more of them as they are"
        )
    return lines


def count(pictures: list[float]) -> str:
    return f"{len(pictures)} picture{'s have' if len(pictures) > 1 else ' has'}"


def describe_lost(lost: Counter[str]) -> str:
    """`3 pictures lose: animation`, and which format would keep more."""
    order = sorted(lost.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{n} picture{'s lose' if n > 1 else ' loses'}: {name}" for name, n in order]
    if better := next((name for name in ("png", "tif") if KEEPS[name] & set(lost)), None):
        parts.append(f"format={better} keeps {', '.join(sorted(KEEPS[better] & set(lost)))}")
    return "; ".join(parts)
