"""`aectl eval`: how good is a run?"""

import platform
from dataclasses import asdict, replace
from typing import Any

import torch
import torchmetrics
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from aectl import __version__, figures
from aectl.bounds import Count, by
from aectl.commands.on_run import call
from aectl.data.batches import Batches
from aectl.data.source import SplitName
from aectl.errors import UserError
from aectl.evaluation import Evaluation, evaluate
from aectl.files import write_json
from aectl.opened import Opened
from aectl.run import Run, size

UNITS = {"mse": "", "psnr": "dB", "ssim": ""}
PROTOCOL = {
    "range": "images in [0, 1], outputs cut to it",
    "psnr": "mean over the images of 10 log10(1 / MSE), in dB",
    "ssim": "mean over the images, Gaussian window 11x11, sigma 1.5",
    "terms": "mean nats per example, one draw of the latent",
    "untouched": "the input itself; enlarged bicubically where it is smaller",
}


def main(cfg: DictConfig) -> None:
    call(evaluate_run, cfg)


def evaluate_run(
    opened: Opened,
    dataset: dict[str, Any] | None,
    task: dict[str, Any] | None,
    split: SplitName,
    batch_size: Count,
    pictures: Count,
) -> None:
    """Prints the table and leaves metrics.json and a picture in the run."""
    run = replaced(opened.run, dataset=dataset, task=task)
    opened = replace(opened, run=run)
    batches = Batches(run.data.source.split(split), batch_size, shuffle=False)
    result = evaluate(opened, batches)
    protocol = {"split": split, "n": result.n, "seed": opened.seed, "batch_size": batch_size, **PROTOCOL}
    report = {**describe(opened), **asdict(result), "protocol": protocol, "versions": versions()}
    folder = run.folder / "eval" / f"{run.cfg.names.dataset}-{run.task.label}-{split}"
    print_table(f"{run.task.label} · {run.cfg.names.dataset} {split}, n = {result.n:,}, seed {opened.seed}", result)
    print(f"wrote {write_json(folder / 'metrics.json', report)}")
    print(f"      {figures.save(draw(opened, batches, pictures), folder / 'pictures.png')}")


def replaced(run: Run, **given: dict[str, Any] | None) -> Run:
    """The run on another data set or task.

    Raises:
        UserError: its images do not fit the model.
    """
    chosen = {group: node for group, node in given.items() if node is not None}
    choices = HydraConfig.get().runtime.choices
    other = run.replaced(**chosen, names={group: choices[group] for group in chosen})
    shape = tuple(other.data.source.shape)
    shapes = {
        "output": (shape, run.cfg.model.shape),
        "input": (other.task.input_shape(shape), run.cfg.model.input_shape),
    }
    for side, (found, expected) in shapes.items():
        if tuple(found) != tuple(expected):
            given_as = ", ".join(f"{group}={choices[group]}" for group in chosen)
            raise UserError(
                f"{given_as}: its {side} images are {by(found)}, but the model of this run has {by(expected)}; "
                "choose a data set or task of that shape, or train a run on it"
            )
    return other


def describe(opened: Opened) -> dict[str, str | int]:
    """What was measured."""
    run, names = opened.run, opened.run.cfg.names
    return {
        "run": str(run.folder),
        "checkpoint": run.checkpoint.name,
        "model": names.model,
        "parameters": size(opened.model),
        "task": run.task.label,
        "dataset": names.dataset,
    }


def versions() -> dict[str, str]:
    """What the figures may depend on besides the run."""
    return {
        "aectl": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchmetrics": torchmetrics.__version__,
    }


@torch.inference_mode()
def draw(opened: Opened, batches: Batches, n: int) -> figures.Figure:
    """The first `n` examples in rows: input, output, target."""
    example = opened.pose(batches.take(torch.arange(min(n, len(batches.split.x)))))
    output = opened.model.reconstruct(example.input, example.cond)
    images = {"input": example.input, "output": output, "target": example.target}
    return figures.rows({name: image.cpu().numpy() for name, image in images.items()}, opened.run.title)


def print_table(title: str, result: Evaluation) -> None:
    """The metrics beside those of the untouched input, and the loss terms below."""
    print(title)
    table = Table("", "output", "untouched input")
    for name, unit in UNITS.items():
        table.add_row(f"{name.upper()} {unit}", f"{result.output[name]:.4f}", f"{result.untouched[name]:.4f}")
    table.add_section()
    for name, value in result.terms.items():
        table.add_row(f"{name} nats", f"{value:.3f}", "")
    Console().print(table)
