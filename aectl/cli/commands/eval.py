"""`aectl eval`: how good is a run, and is it better than what needs no network?"""

import platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from aectl import __version__
from aectl.cli.open_run import run_command
from aectl.config import to_plain
from aectl.data.loader import Batches, Binarize
from aectl.data.source import SplitName
from aectl.errors import UserError
from aectl.evaluation import example_figure
from aectl.evaluation import report as sections
from aectl.evaluation.baseline_comparison import LIBRARIES, VAL_IMAGES, BaselineComparison, best_baseline
from aectl.evaluation.cache import Cache
from aectl.evaluation.measure import measure
from aectl.inference.trained_run import TrainedRun
from aectl.io.atomic import write_json
from aectl.plots import figures
from aectl.runs.run import Run, num_parameters
from aectl.trackers import tensorboard
from aectl.types import NonNegativeInt, PositiveInt, format_shape

Report = dict[str, Any]

CONVENTIONS = {
    "range": "images in [0, 1], outputs cut to it",
    "psnr": "mean over the images of 10 log10(1 / MSE), in dB",
    "ssim": "mean over the images, Gaussian window 11x11, sigma 1.5, where the whole window lies on the image",
    "ms_ssim": "mean over the images of at least 176 pixels a side, five scales, the same window",
    "interval": "95 %, Student's t over the images",
    "terms": "mean nats per example, one draw of the latent",
    "settings": f"of filters: the highest PSNR on {VAL_IMAGES} validation images, never on the test split",
}


def main(cfg: DictConfig) -> Report:
    return run_command(evaluate_run, cfg)


def evaluate_run(
    opened: TrainedRun,
    dataset: dict[str, Any] | None,
    task: dict[str, Any] | None,
    split: SplitName,
    batch_size: PositiveInt,
    binarize: Binarize | None,
    pictures: PositiveInt,
    baselines: bool,
    slow_images: PositiveInt,
    embeddings: bool,
    importance_samples: NonNegativeInt,
    likelihood_images: PositiveInt,
    samples: NonNegativeInt,
    cache: str,
) -> Report:
    """Prints the tables and leaves metrics.json and a picture in the run."""
    home = replace(opened, run=replaced(opened.run, binarize, task=task))
    away = replace(opened, run=replaced(opened.run, binarize, dataset=dataset, task=task))
    run, kept = away.run, Cache(Path(cache).expanduser())
    data = f"{run.cfg.names.dataset}-{binarize}" if binarize else run.cfg.names.dataset
    folder = run.place("eval", f"{data}-{run.task.label}-{split}")
    batches = Batches(run.data.split(split), batch_size, shuffle=False)
    report = described(away, home.run, split, batches, slow_images)

    measured = measure(away, batches)
    contest = BaselineComparison(home, away, kept, slow_images)
    rows = contest.rows(batches, opened.model.latent_size) if baselines else []
    best = best_baseline(rows, measured.scores)
    report |= sections.report_baselines(away, home.run.cfg.names.dataset, measured, rows, best)
    if embeddings:
        report["embeddings"] = sections.report_embeddings(away, split, kept)
    if importance_samples:
        report["likelihood"] = sections.report_likelihood(away, batches, importance_samples, likelihood_images)
    if samples and dataset is None:
        report["samples"] = sections.report_samples(away, split, samples)

    print(f"wrote {write_json(folder / 'metrics.json', report)}")
    restored = (best.baseline, contest.fitted(best.baseline)) if best else None
    figure = example_figure.draw_examples(away, batches, measured.scores, pictures, restored)
    picture = figures.save_figure(figure, folder / "pictures.png")
    tensorboard.add_image(picture, f"eval, {split}", folder)
    print(f"      {picture}")
    return report


def replaced(run: Run, binarize: Binarize | None, **given: dict[str, Any] | None) -> Run:
    """The run on another data set or task.

    Raises:
        UserError: its images do not fit the model.
    """
    chosen = {group: node for group, node in given.items() if node is not None}
    choices = HydraConfig.get().runtime.choices
    data = {"data": {**to_plain(run.cfg.data), "binarize": binarize}} if binarize else {}
    other = run.replaced(**chosen, **data, names={group: choices[group] for group in chosen})
    shape = tuple(other.data.source.shape)
    shapes = {
        "output": (shape, run.cfg.model.shape),
        "input": (other.task.input_shape(shape), run.cfg.model.input_shape),
    }
    for side, (found, expected) in shapes.items():
        if tuple(found) != tuple(expected):
            given_as = ", ".join(f"{group}={choices[group]}" for group in chosen)
            raise UserError(
                f"{given_as}: its {side} images are {format_shape(found)}, "
                f"but the model of this run has {format_shape(expected)}; "
                "choose a data set or task of that shape, or train a run on it"
            )
    return other


def described(opened: TrainedRun, trained: Run, split: SplitName, batches: Batches, slow_images: int) -> Report:
    """What is measured, and how."""
    run, names = opened.run, opened.run.cfg.names
    protocol = {
        "split": split,
        "n": len(batches.split.x),
        "seed": opened.seed,
        "batch_size": batches.batch_size,
        "corruption": to_plain(run.cfg.task),
        "binarize": run.data.binarize,
        "baselines_fitted_on": trained.cfg.names.dataset,
        "slow_baselines_run_on": min(slow_images, len(batches.split.x)),
        **CONVENTIONS,
    }
    return {
        "run": str(run.folder),
        "checkpoint": run.checkpoint.name,
        "model": names.model,
        "parameters": num_parameters(opened.model),
        "task": run.task.label,
        "dataset": names.dataset,
        "trained_on": trained.cfg.names.dataset,
        "protocol": protocol,
        "versions": {
            "aectl": __version__,
            "python": platform.python_version(),
            **{lib: version(lib) for lib in LIBRARIES},
        },
    }
