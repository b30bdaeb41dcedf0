"""`aectl eval`: measures a run and compares it with classical baselines."""

from dataclasses import replace
from typing import Any, Literal

from hydra.core.hydra_config import HydraConfig

from aectl.cli.open_run import output_folder, print_written, run_command
from aectl.config import to_plain
from aectl.data.loader import Binarize
from aectl.errors import UserError
from aectl.evaluation import EvalOptions, Report, evaluate, tables
from aectl.evaluation.example_file import write_examples
from aectl.inference.trained_run import TrainedRun
from aectl.io.atomic import write_json
from aectl.modalities import Tokens
from aectl.plots import figures
from aectl.runs.run import Run
from aectl.trackers import tensorboard
from aectl.types import format_shape


@run_command
def main(
    trained: TrainedRun,
    dataset: dict[str, Any] | None,
    task: dict[str, Any] | None,
    binarize: Binarize | None,
    report: Literal["short", "full"],
    options: EvalOptions,
    output: str | None,
) -> Report:
    """Prints the report and writes metrics.json, examples.npz and the figures."""
    run = replaced(trained.run, binarize, dataset=dataset, task=task)
    train_run = replaced(trained.run, binarize, task=task) if dataset else None
    found = evaluate(replace(trained, run=run), options, train_run)
    tables.print_report(found, full=report == "full")
    data = f"{found.dataset}-{binarize}" if binarize else found.dataset
    folder = output_folder(run, output, "eval", f"{data}-{found.task}-{options.split}")
    pictures = [figures.save_figure(figure, folder / f"{name}.png") for name, figure in found.figures.items()]
    files = write_json(folder / "metrics.json", found.to_dict()), write_examples(found, folder)
    print_written(*files, *pictures)
    for picture in pictures:
        tensorboard.add_image(picture, f"eval, {options.split}", folder)
    return found


def replaced(run: Run, binarize: Binarize | None, **given: dict[str, Any] | None) -> Run:
    """The run on another data set or task; a UserError if its examples do not fit the model."""
    chosen = {group: node for group, node in given.items() if node is not None}
    choices = HydraConfig.get().runtime.choices
    data = {"data": {**to_plain(run.cfg.data), "binarize": binarize}} if binarize else {}
    other = run.replaced(**chosen, **data, names={group: choices[group] for group in chosen})
    if other.task.restores and isinstance(run.modality, Tokens):
        raise UserError(f"task={choices['task']}: degrades pixels, but the run is on tokens; use task=reconstruct")
    shape = tuple(other.data.source.shape)
    shapes = {
        "output": (shape, run.cfg.model.shape),
        "input": (other.task.input_shape(shape), run.cfg.model.input_shape),
    }
    for side, (found, expected) in shapes.items():
        if tuple(found) != tuple(expected):
            given_as = ", ".join(f"{group}={choices[group]}" for group in chosen)
            raise UserError(
                f"{given_as}: its {side} {run.modality.name} are {format_shape(found)}, "
                f"but the model of this run has {format_shape(expected)}; "
                "choose a data set or task of that shape, or train a run on it"
            )
    return other
