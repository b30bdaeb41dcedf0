"""A figure of the same examples under several runs, a row a run."""

from dataclasses import dataclass

import numpy as np
import torch

from aectl.data.loader import Batches
from aectl.evaluation.example_figure import gather_examples, inputs_and_targets
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Images
from aectl.plots import figures
from aectl.tasks.base import Task

COLUMNS = 10


@dataclass(frozen=True)
class Shown:
    """Examples of a split, evenly spread over it, so that every run shows the same ones."""

    task: Task
    input: np.ndarray  # (N, *input_shape)
    target: np.ndarray  # (N, *shape)
    output: np.ndarray  # (N, *shape)


@torch.inference_mode()
def show_examples(trained: TrainedRun, batches: Batches) -> Shown | None:
    """The examples as the run restores them; None if they are no images."""
    if not isinstance(trained.modality, Images):
        return None
    n = len(batches.split.x)
    indices = np.linspace(0, n - 1, min(COLUMNS, n)).round().astype(int)
    input, output, target = gather_examples(trained, batches, indices.tolist())
    return Shown(trained.run.task, input, target, output)


def draw_runs(named: dict[str, Shown], title: str) -> figures.Figure | None:
    """The inputs and targets, and a row of outputs for each run; None unless all have the same targets."""
    first, *others = named.values()
    if not all(np.array_equal(each.target, first.target) for each in others):
        return None
    outputs = {name: each.output for name, each in named.items()}
    return figures.image_rows({**inputs_and_targets(first.task, first.input, first.target), **outputs}, title)
