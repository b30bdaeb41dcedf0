"""Best, median and worst examples of a run: chosen by their PSNR, never by hand."""

import numpy as np
import torch

from aectl.data.loader import Batches
from aectl.evaluation.scores import Scores
from aectl.inference.trained_run import TrainedRun
from aectl.plots import figures
from aectl.tasks.baselines.base import Baseline, State

MOST = 20
"""Columns of each kind, at most: a picture has to fit on a page."""


def choose_examples(psnr: np.ndarray, each: int) -> dict[str, list[int]]:
    """The places in (N,) of the best, the middle and the worst values, `each` of them at most and none twice."""
    order = np.argsort(-psnr, kind="stable")
    each = min(each, max(1, len(order) // 3), MOST)
    middle = (len(order) - each) // 2
    slices = {"best": order[:each], "median": order[middle : middle + each], "worst": order[len(order) - each :]}
    seen: set[int] = set()
    kinds = {}
    for kind, places in slices.items():
        kinds[kind] = [int(place) for place in places if int(place) not in seen]
        seen.update(kinds[kind])
    return kinds


@torch.inference_mode()
def draw_examples(
    opened: TrainedRun, batches: Batches, scores: Scores, each: int, baseline: tuple[Baseline, State] | None
) -> figures.Figure:
    """Columns of examples: input, output, the best baseline, target, and below them how far the outputs are off."""
    kinds = choose_examples(scores["psnr"], each)
    places = [place for group in kinds.values() for place in group]
    heads = [f"{kind}\n{scores['psnr'][place]:.1f} dB" for kind, group in kinds.items() for place in group]
    input, output, target = gather_examples(opened, batches, places)
    named = {"input": input, "output": output}
    errors = {"error": error_map(output, target)}
    if baseline:
        method, state = baseline
        restored = np.asarray(method.restore(input, state))
        named[method.name] = restored
        errors[f"error, {method.name}"] = error_map(restored, target)
    if input.shape == target.shape and np.array_equal(input, target):
        del named["input"]
    return figures.image_rows({**named, "target": target}, opened.run.title, heads, errors)


def gather_examples(opened: TrainedRun, batches: Batches, places: list[int]) -> list[np.ndarray]:
    """Input, output and target of the examples at these places, corrupted as they were when they were scored."""
    parts = []
    for place in places:
        index, row = divmod(place, batches.batch_size)
        first = index * batches.batch_size
        batch = batches.take(torch.arange(first, min(first + batches.batch_size, len(batches.split.x))))
        example = opened.make_example(batch, index)
        cond = None if example.cond is None else example.cond[row : row + 1]
        output = opened.model.reconstruct(example.input[row : row + 1], cond)
        parts.append([example.input[row], output[0], example.target[row]])
    return [torch.stack(column).cpu().numpy() for column in zip(*parts, strict=True)]


def error_map(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The absolute error, averaged over the channels, (N, 1, H, W)."""
    return np.abs(output.clip(0, 1) - target).mean(axis=1, keepdims=True)
