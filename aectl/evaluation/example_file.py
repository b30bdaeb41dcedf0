"""What an evaluation keeps of single examples, `examples.npz`: their scores, and some as the run restores them."""

import math
from pathlib import Path

import numpy as np

from aectl.evaluation.example_figure import inputs_and_targets
from aectl.evaluation.report import Report
from aectl.evaluation.shared_figure import Shown
from aectl.io.npz import save_npz

NAME = "examples.npz"
MOST_VALUES = 2**21
"""Of the pictures of one kind; fewer are kept if they are larger."""


def write_examples(report: Report, folder: Path) -> Path:
    """Writes each metric as (N,) float32 in the order of the split and, of images, some as uint8.

    These are `shown_target` (M, C, H, W), `shown_output` and, where it is another one, `shown_input`: the same examples
    of every run that was evaluated on this split.
    """
    scores = {name: values.astype(np.float32) for name, values in report.example_scores.items()}
    return save_npz(folder / NAME, {**scores, **(pictures(report.shown) if report.shown else {})})


def pictures(shown: Shown) -> dict[str, np.ndarray]:
    rows = {**inputs_and_targets(shown.task, shown.input, shown.target), "output": shown.output}
    n = max(1, MOST_VALUES // math.prod(shown.target.shape[1:]))
    return {f"shown_{name}": (images[:n].clip(0, 1) * 255).round().astype(np.uint8) for name, images in rows.items()}
