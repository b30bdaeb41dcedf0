"""Says whether a run restores: its PSNR against that of the untouched input, from its summary."""

import sys

from aectl.runs.run import Run
from aectl.runs.summary import read_metrics

GAIN = "val/psnr_gain"


def gain_line(run: Run) -> str:
    """The PSNR of the best epoch and its gain, a line to print when training ends; empty if the task restores nothing.

    A run that is worse than its input is told what to do.
    """
    metrics = read_metrics(run.summary)
    if not {"val/psnr", GAIN} <= metrics.keys():
        return ""
    gain, line = metrics[GAIN], f"best val/psnr {metrics['val/psnr']:.2f} dB"
    if gain > 0:
        return f"{line}, {gain:.2f} dB above the untouched input\n"
    return f"{line}, {-gain:.2f} dB below the untouched input: the model has not learned to restore; {remedy(run)}\n"


def warn_without_gain(run: Run) -> None:
    """Says on standard error, in one line, that the run does not beat its input."""
    gain = read_metrics(run.summary).get(GAIN)
    if gain is not None and gain <= 0:
        print(
            f"aectl predict: {run.folder}: {GAIN} is {gain:.2f} dB; expected more than 0: on its validation examples "
            f"the untouched input is closer to the target than what the model makes of it; {remedy(run)}",
            file=sys.stderr,
        )


def remedy(run: Run) -> str:
    return f"train longer (aectl train resume={run.folder} trainer.max_epochs=...), or another model= or net="
