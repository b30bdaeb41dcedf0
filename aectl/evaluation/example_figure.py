"""A figure of the best, median and worst examples of a run by PSNR."""

import numpy as np
import torch

from aectl.data.loader import Batches
from aectl.evaluation.scores import Scores
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Images
from aectl.plots import figures
from aectl.tasks.baselines.base import Baseline, State

MOST = 20  # columns of each kind, so that the figure fits on a page


def choose_examples(psnr: np.ndarray, each: int) -> dict[str, list[int]]:
    """The indices in (N,) of the best, the median and the worst values: at most `each` of a kind, none twice."""
    order = np.argsort(-psnr, kind="stable")
    each = min(each, max(1, len(order) // 3), MOST)
    middle = (len(order) - each) // 2
    slices = {"best": order[:each], "median": order[middle : middle + each], "worst": order[len(order) - each :]}
    seen: set[int] = set()
    kinds = {}
    for kind, indices in slices.items():
        kinds[kind] = [int(index) for index in indices if int(index) not in seen]
        seen.update(kinds[kind])
    return kinds


@torch.inference_mode()
def draw_examples(
    trained: TrainedRun, batches: Batches, scores: Scores, each: int, baseline: tuple[Baseline, State] | None
) -> figures.Figure | None:
    """A column for each example: input, output, the best baseline, target, and errors; None if these are no images."""
    if not isinstance(trained.modality, Images):
        return None
    kinds = choose_examples(scores["psnr"], each)
    indices = [index for group in kinds.values() for index in group]
    heads = [f"{kind}\n{scores['psnr'][index]:.1f} dB" for kind, group in kinds.items() for index in group]
    input, output, target = gather_examples(trained, batches, indices)
    named = {"input": input, "output": output}
    errors = {"error": error_map(output, target)}
    if baseline:
        method, state = baseline
        restored = np.asarray(method.restore(input, state))
        named[method.name] = restored
        errors[f"error, {method.name}"] = error_map(restored, target)
    if input.shape == target.shape and np.array_equal(input, target):
        del named["input"]
    return figures.image_rows({**named, "target": target}, trained.run.title, heads, errors)


def gather_examples(trained: TrainedRun, batches: Batches, indices: list[int]) -> list[np.ndarray]:
    """Input, output and target of the examples at these indices, with the corruption that they were scored with."""
    parts = []
    for example_index in indices:
        index, row = divmod(example_index, batches.batch_size)
        batch = batches.take(torch.arange(len(batches.split.x)).split(batches.batch_size)[index])
        example = trained.make_example(batch, index)
        cond = None if example.cond is None else example.cond[row : row + 1]
        output = trained.model.reconstruct(example.input[row : row + 1], cond)
        parts.append([example.input[row], output[0], example.target[row]])
    return [torch.stack(column).cpu().numpy() for column in zip(*parts, strict=True)]


def error_map(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The absolute error, averaged over the channels, (N, 1, H, W)."""
    return np.abs(output.clip(0, 1) - target).mean(axis=1, keepdims=True)
