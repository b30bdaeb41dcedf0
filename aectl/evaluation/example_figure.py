"""A figure of the best, median and worst examples of a run, and of the same examples under several runs."""

import numpy as np
import torch

from aectl.data.loader import Batches
from aectl.evaluation.baseline_comparison import with_known
from aectl.evaluation.scores import Scores
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Images, Tokens
from aectl.plots import figures
from aectl.runs.run import Run
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline, State

MOST = 20  # columns of each kind, so that the figure fits on a page
MOST_WINDOWS, WINDOW_INCHES = 2, 1.4  # of each kind; the width of a piano roll


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
    """A column for each example: input, target, output, the best baseline, and errors; None if these are no images.

    Examples are ranked by the gain over the input: by PSNR alone the best ones would be those that are nearly black.
    """
    if isinstance(trained.modality, Tokens):
        return draw_windows(trained, batches, scores, each, baseline)
    if not isinstance(trained.modality, Images):
        return None
    psnr, gains = scores["psnr"], gains_over_input(trained, batches, scores["psnr"])
    kinds = choose_examples(gains, each)
    columns = [(kind, index) for kind, group in kinds.items() for index in group]
    heads = [f"{kind}\n{psnr[index]:.1f} dB\n{gains[index]:+.1f} dB" for kind, index in columns]
    task = trained.run.task
    input, output, target = gather_examples(trained, batches, [index for _, index in columns])
    named = {**inputs_and_targets(task, input, target), "output": output}
    errors = {"error": error_map(output, target)}
    if baseline:
        method, state = baseline
        of_baseline = with_known(task, method.restore(input, state), input)
        named[method.name] = of_baseline
        errors[f"error, {method.name}"] = error_map(of_baseline, target)
    over = "the input" if task.restores else "a flat image"
    return figures.image_rows(named, f"{describe(trained.run)}: PSNR and its gain over {over}", heads, errors)


def draw_windows(
    trained: TrainedRun, batches: Batches, scores: Scores, each: int, baseline: tuple[Baseline, State] | None
) -> figures.Figure:
    """A column for each window of tokens, ranked by the F1 of its onsets: target, output and the best baseline."""
    f1 = scores[trained.modality.ranked_by]
    columns = [(kind, index) for kind, group in choose_examples(f1, min(each, MOST_WINDOWS)).items() for index in group]
    input, output, target = gather_examples(trained, batches, [index for _, index in columns])
    named = {"target": target, "output": output}
    if baseline:
        method, state = baseline
        named[method.name] = with_known(trained.run.task, method.restore(input, state), input)
    drawn = trained.modality.draw([torch.from_numpy(rows) for rows in named.values()])
    heads = [f"{kind}, F1 {f1[index]:.2f}" for kind, index in columns]
    pictures = {name: rolls.numpy() for name, rolls in zip(named, drawn, strict=True)}
    return figures.image_rows(pictures, f"{describe(trained.run)}: F1 of onsets", heads, inches=WINDOW_INCHES)


def describe(run: Run) -> str:
    """The title of a run, with what it was trained on and for if it is tested on anything else."""
    names, former = run.cfg.names, run.original.names
    on = f", trained on {former.dataset}" if former.dataset != names.dataset else ""
    return f"{run.title}{on}" + (f", trained for {former.task}" if former.task != names.task else "")


def inputs_and_targets(task: Task, input: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of inputs, as the task draws them, and of targets; a single one where both are the same."""
    same = input.shape == target.shape and np.array_equal(input, target)
    return {"target": target} if same else {"input": task.drawn(torch.from_numpy(input)).numpy(), "target": target}


@torch.inference_mode()
def gains_over_input(trained: TrainedRun, batches: Batches, psnr: np.ndarray) -> np.ndarray:
    """By how much each output is better than its input, (N,) dB of PSNR.

    Where the input is the target, by how much it is better than a flat image of the target's mean colour.
    """
    task, parts = trained.run.task, []
    for index, batch in enumerate(batches):
        example = trained.make_example(batch, index)
        untouched = task.untouched(example.input)
        if not task.restores or untouched.shape != example.target.shape:
            untouched = example.target.mean((2, 3), keepdim=True).expand_as(example.target)
        (psnrs,) = trained.modality.score(untouched, example.target, example.weight, names=["psnr"]).values()
        parts.append(psnrs)
    return psnr - torch.cat(parts).cpu().double().numpy()


def gather_examples(trained: TrainedRun, batches: Batches, indices: list[int]) -> list[np.ndarray]:
    """Input, output and target of the examples at these indices, with the corruption that they were scored with."""
    parts = []
    for example_index in indices:
        index, row = divmod(example_index, batches.batch_size)
        batch = batches.take(torch.arange(len(batches.split.x)).split(batches.batch_size)[index])
        example = trained.make_example(batch, index)
        cond = None if example.cond is None else example.cond[row : row + 1]
        one = example.input[row : row + 1]
        output = trained.run.task.keep_known(trained.model.reconstruct(one, cond), one)
        parts.append([example.input[row], output[0], example.target[row]])
    return [torch.stack(column).cpu().numpy() for column in zip(*parts, strict=True)]


def error_map(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The absolute error, averaged over the channels, (N, 1, H, W)."""
    return np.abs(output.clip(0, 1) - target).mean(axis=1, keepdims=True)
